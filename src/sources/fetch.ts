// Program `fetch`: brings a version's bytes into the volume that the model server reads. What is not verified is never at the
// place where a server looks: the bytes grow in model.partial, and become model by one rename after their digest was found right.

import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { modelDigest, sha256Listing } from '../core/version/digest.ts';
import type { FileDigest } from '../core/version/digest.ts';
import { success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { CHECKSUMS, MODEL_FOLDER, MODEL_SETTINGS, modelSettings } from '../core/version/formats.ts';
import type { ModelSettings } from '../core/version/formats.ts';
import { runJob } from './job.ts';
import type { JobIo } from './job.ts';
import type { FetchOptions } from './options.ts';
import { folderSink } from './sink.ts';
import { readCopy } from './store.ts';
import { transfer, verify } from './transfer.ts';
import type { Transferred, TransferContext } from './transfer.ts';
import { hashTree, removeTree, sealTree } from './tree.ts';

const SPOOL = '.spool';

/**
 * Makes `<to>/model` hold exactly the bytes of `digest`, and for preset mlserver `<to>/model-settings.json` beside it unless the
 * version brings its own. A complete folder from an earlier start is verified and kept. Returns the exit code, 0 or 1; after 1
 * nothing is at `<to>/model` that was not verified. Never throws.
 */
export async function runFetch(options: Outcome<FetchOptions>, io: JobIo): Promise<number> {
  // The pod's own volume: the root of its file system is read-only.
  const spool = options.ok ? join(options.value.to, SPOOL) : '';
  return runJob(options, io, spool, async (context) => {
    if (!options.ok) return options;
    const fetched = await fetchInto(options.value, context);
    if (!fetched.ok) return fetched;
    io.log(`verified ${options.value.digest}`);
    return success({ termination: '' });
  });
}

async function fetchInto(options: FetchOptions, context: TransferContext): Promise<Outcome<undefined>> {
  const model = join(options.to, MODEL_FOLDER);
  const partial = `${model}.partial`;
  await removeTree(partial);
  const kept = await hashTree(model);
  if (kept !== undefined && kept.length > 0 && modelDigest(kept) === options.digest) {
    context.log(`${model} is complete from an earlier start and was verified again`);
    return writeBeside(options, kept);
  }
  await removeTree(model);
  await mkdir(partial, { recursive: true });
  const settled = await fill(partial, options, context);
  if (!settled.ok) {
    await removeTree(partial);
    return settled;
  }
  await sealTree(partial);
  await rename(partial, model);
  return settled;
}

/** Fills `partial` and verifies; the settings are written last, when nothing else can go wrong. */
async function fill(partial: string, options: FetchOptions, context: TransferContext): Promise<Outcome<undefined>> {
  const started = context.now();
  const came = await bring(partial, options, context);
  if (!came.ok) return came;
  const { files, bytes, uri } = came.value;
  context.log(`read ${files.length} files, ${bytes} bytes from ${uri} in ${((context.now() - started) / 1000).toFixed(1)} s`);
  const digest = verify(files, options.digest);
  return digest.ok ? writeBeside(options, files) : digest;
}

/**
 * Takes the copy in our own claim if there is a good one, else what the source has. The bytes are hashed on their way into the pod's own
 * volume, so what becomes of the claim afterwards does not matter.
 */
async function bring(partial: string, options: FetchOptions, context: TransferContext): Promise<Outcome<Transferred>> {
  const { storage, digest } = options;
  if (storage === undefined) return transfer(options.source, folderSink(partial), context);
  const copy = await readCopy(storage, digest, folderSink(partial), context);
  if (copy?.ok === true) return copy;
  const { claim } = storage;
  const why = copy === undefined ? `claim ${claim} holds no copy of it` : `the copy in claim ${claim} is no good: ${copy.failure.message}`;
  context.log(`${why}; the source is read instead`);
  await removeTree(partial);
  await mkdir(partial, { recursive: true });
  const came = await transfer(options.source, folderSink(partial), context);
  return came.ok ? came : { ok: false, failure: { ...came.failure, message: `${came.failure.message} And ${why}` } };
}

/** Beside the files: what an auditor checks them by, and model-settings.json where the server wants one. Those of another version go. */
async function writeBeside(options: FetchOptions, files: readonly FileDigest[]): Promise<Outcome<undefined>> {
  const settings = settingsOf(options, files);
  for (const name of [CHECKSUMS, MODEL_SETTINGS]) await rm(join(options.to, name), { force: true });
  if (!settings.ok) return settings;
  await writeReadable(join(options.to, CHECKSUMS), sha256Listing(files));
  if (settings.value) await writeReadable(join(options.to, MODEL_SETTINGS), `${JSON.stringify(settings.value, undefined, 2)}\n`);
  return success(undefined);
}

function settingsOf({ model, version, format, preset }: FetchOptions, files: readonly FileDigest[]): Outcome<ModelSettings | undefined> {
  if (preset === 'custom' || format === undefined) return success(undefined);
  return modelSettings({ model, version, format, paths: files.map((file) => file.path) });
}

/** For the server's user to read, and for nobody to change. */
async function writeReadable(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o444);
}
