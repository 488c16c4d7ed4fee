// Gets a version from any source into a sink, and says what came: the one way for bytes to enter.

import type { FileHandle } from 'node:fs/promises';

import { finalFailure, success } from '../core/version/failure.ts';
import type { Failure, Outcome } from '../core/version/failure.ts';
import type { FileDigest } from '../core/version/digest.ts';
import { modelDigest } from '../core/version/digest.ts';
import type { Cover } from '../core/version/layers.ts';
import type { Limits } from '../core/version/limits.ts';
import type { Metadata } from '../core/version/metadata.ts';
import type { Pins } from '../core/version/pins.ts';
import { pathSet } from '../core/version/paths.ts';
import { quote } from '../core/version/text.ts';
import { unpack, visibleFiles } from './archive.ts';
import type { Take } from './archive.ts';
import { errorOf, failureOf, valueOf } from './error.ts';
import { namelessFile } from './localFile.ts';
import { retrying } from './retry.ts';
import type { RetryContext } from './retry.ts';
import { storageError } from './sink.ts';
import type { Sink } from './sink.ts';
import type { Body, Part, Pinned, Source, SourceContext } from './source.ts';
import { badName, emptyAccount, Taker, tooLarge, tooMany, type Account, type TransferredFile } from './taker.ts';
import { unzip } from './zip.ts';

export type TransferContext = SourceContext & RetryContext;

/** A version that came: every file with the digest of the bytes that the sink was given. */
export interface Transferred {
  readonly uri: string;
  readonly pins?: Pins | undefined;
  readonly metadata?: Metadata | undefined;
  readonly files: readonly TransferredFile[];
  readonly bytes: number;
}

/** Files that come at the same time. More would only share the same line, and each holds buffers. */
const LANES = 4;

/**
 * Resolves `source` and gives all its files to `sink`, in constant memory, several files at a time, archives one after the other. A part that
 * fails on the way is removed from the sink and tried again from its beginning; after a failure the sink may hold files and must be thrown
 * away.
 */
export async function transfer(source: Source, sink: Sink, context: TransferContext): Promise<Outcome<Transferred>> {
  const { retryMs } = context.timeouts;
  const pinned = await retrying(() => source.resolve(context), retryMs, context);
  if (!pinned.ok) return pinned;
  const parts = await retrying(() => pinned.value.list(), retryMs, context);
  if (!parts.ok) return parts;
  const account = emptyAccount();
  const areFiles = parts.value.every(({ kind }) => kind === 'file');
  const problem = areFiles ? checkNames(parts.value, context.limits) : undefined;
  if (problem !== undefined) return problem;
  const files = await takeParts(pinned.value, parts.value, areFiles ? LANES : 1, sink, account, context);
  if (!files.ok) return files;
  const { uri, pins, metadata } = pinned.value;
  if (files.value.length === 0) return finalFailure('EmptyModel', `${uri} holds not one file.`);
  return success({ uri, pins, metadata, files: files.value, bytes: account.bytes });
}

/** Where all names are known beforehand they are refused before one byte is read. */
function checkNames(parts: readonly Part[], limits: Limits): { readonly ok: false; readonly failure: Failure } | undefined {
  const paths = pathSet();
  for (const [index, part] of parts.entries()) {
    if (index >= limits.files) return tooMany(limits);
    const problem = part.kind === 'file' ? paths.add(part.path) : undefined;
    if (part.kind === 'file' && problem !== undefined) return badName(part.path, problem);
  }
  return undefined;
}

/** Takes the parts in their order, `lanes` at a time; the first failure ends it. */
async function takeParts(
  pinned: Pinned,
  parts: readonly Part[],
  lanes: number,
  sink: Sink,
  account: Account,
  context: TransferContext,
): Promise<Outcome<readonly TransferredFile[]>> {
  const taken: (readonly TransferredFile[])[] = [];
  const next = parts.entries();
  const lane = async (): Promise<void> => {
    for (const [index, part] of next) {
      const files = await retrying(() => attempt(pinned, part, sink, account, context), context.timeouts.retryMs, context);
      if (files.ok) taken[index] = files.value;
      else if (account.failure === undefined) {
        account.failure = files;
        for (const stream of account.streams) stream.destroy();
      }
      if (account.failure !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return account.failure ?? success(taken.flat());
}

/** Compares what came with the digest that was recorded, if one was. */
export function verify(files: readonly FileDigest[], expected: string | undefined): Outcome<string> {
  const digest = modelDigest(files);
  if (expected === undefined || expected === digest) return success(digest);
  return finalFailure(
    'DigestMismatch',
    `The bytes are not the recorded ones: expected ${expected}, got ${digest}. Nothing of them is served. ` +
      'Bring the recorded bytes back to the source, or make a new ModelVersion for the new ones.',
  );
}

/** One attempt at one part. */
async function attempt(
  pinned: Pinned,
  part: Part,
  sink: Sink,
  account: Account,
  context: TransferContext,
): Promise<Outcome<readonly TransferredFile[]>> {
  const ended = endOf(account);
  if (ended !== undefined) return ended;
  const taker = new Taker(sink, account, context.limits);
  const opened = await pinned.open(part);
  if (!opened.ok) return opened;
  const { stream } = opened.value;
  account.streams.add(stream);
  try {
    valueOf(checkAnnounced(opened.value, part, taker.room()));
    const take: Take = (path, content) => taker.take(path, content);
    const limits = { ...context.limits, bytes: taker.room() };
    if (part.kind === 'file') await take(part.path, opened.value.lend?.() ?? stream);
    else if (part.kind === 'layer') await unpackLayer(stream, part, limits, take, account.cover);
    else if (part.encoding === 'zip') await unzipBody(opened.value, limits, take, context);
    else await unpack(stream, part.encoding, limits, take);
    return success(taker.commit());
  } catch (error) {
    await taker.undo();
    return endOf(account) ?? failureOf(error);
  } finally {
    account.streams.delete(stream);
    stream.destroy();
  }
}

/** What another part failed of in the meantime. */
function endOf({ failure }: Account): Account['failure'] {
  return failure;
}

/** What the layer hides counts only once it has come as a whole. */
async function unpackLayer(
  stream: Body['stream'],
  { encoding, folder }: Part & { readonly kind: 'layer' },
  limits: Limits,
  take: Take,
  cover: Cover,
): Promise<void> {
  const layer = cover.layer(folder);
  await unpack(stream, encoding, limits, take, visibleFiles(layer, limits));
  layer.keep();
}

/** A zip is read from its end: one that comes as a stream is first kept as a whole. */
async function unzipBody({ stream, file }: Body, limits: Limits, take: Take, context: TransferContext): Promise<void> {
  if (file !== undefined) {
    await unzip(file, limits, take);
    return;
  }
  const kept = await keepWhole(stream, limits, context.spool);
  try {
    await unzip(kept, limits, take);
  } finally {
    await kept.close();
  }
}

async function keepWhole(stream: Body['stream'], limits: Limits, spool: string): Promise<FileHandle> {
  try {
    return await namelessFile(spool, limited(stream, limits));
  } catch (error) {
    throw storageError('The packed archive', error);
  }
}

async function* limited(content: AsyncIterable<Uint8Array>, limits: Limits): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > limits.bytes) throw errorOf(tooLarge(limits));
    yield chunk;
  }
}

/** Refuses by the announced length before a byte is read. An archive's packed size is held to the same bound: it only grows. */
function checkAnnounced(body: Body, part: Part, room: number): Outcome<undefined> {
  if (body.length === undefined || body.length <= room) return success(undefined);
  const what = part.kind === 'file' ? `The file ${quote(part.path)}` : part.kind === 'layer' ? 'A layer' : 'The archive';
  return finalFailure('TooLarge', `${what} has ${body.length} bytes, but only ${room} are allowed. If it is meant, raise limits.bytes.`);
}
