// Our own copy of a version in a claim: <claim>/sha256/<hex of the digest>/, whole or not there at all. It grows under another name beside
// its place and gets there by one rename, after every byte has reached the disk. Two that fill at once both may: one of them wins.

import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readdir, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sha256Listing, type FileDigest } from '../core/version/digest.ts';
import { CHECKSUMS } from '../core/version/formats.ts';
import { finalFailure, passingFailure } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { codeOf, errorOf, failureOf } from './error.ts';
import { claimSource } from './pvc.ts';
import { discardSink, folderSink, storageError, type Sink, type Volume } from './sink.ts';
import type { Source } from './source.ts';
import { transfer, verify } from './transfer.ts';
import type { Transferred, TransferContext } from './transfer.ts';
import { foldersOf, removeTree, sealTree } from './tree.ts';

/** A claim of ours, and the folder where it is mounted. */
export interface Store {
  readonly claim: string;
  readonly mountedAt: string;
}

const FOLDER = 'sha256';
const PARTIAL = '.partial-';
const DISCARDED = '.discarded-';
const LEFTOVER = /^\.(partial|discarded)-/;
const HEARTBEAT_MS = 30_000;
/** A filler that lives touches its folder every 30 s; one that has not for this long was killed. */
const ABANDONED_MS = 15 * 60_000;

function volumeOf({ claim }: Store): Volume {
  return {
    name: `claim ${claim}`,
    room: `give it more room, or remove copies that nobody needs from its folder ${FOLDER}`,
  };
}

function placeOf(digest: string): string {
  return `${FOLDER}/${digest.replace(/^sha256:/, '')}`;
}

/**
 * The copy of a digest, read into `sink` and verified; undefined when there is none. After a failure the sink may hold files and must be
 * thrown away.
 */
export async function readCopy(
  { claim, mountedAt }: Store,
  digest: string,
  sink: Sink,
  context: TransferContext,
): Promise<Outcome<Transferred> | undefined> {
  if (!(await exists(join(mountedAt, placeOf(digest))))) return undefined;
  const source = claimSource({ claim, path: placeOf(digest), mountedAt });
  // There is another place to go to: no time is spent on trying again.
  const came = await transfer(source, sink, { ...context, timeouts: { ...context.timeouts, retryMs: 0 } });
  if (!came.ok) return came;
  return verify(came.value.files, digest).ok ? came : finalFailure('DigestMismatch', 'The bytes are not the recorded ones.');
}

/**
 * Makes the claim hold a whole copy of what `source` brings, and says what that is. When `digest` is given, nothing else is kept, and a
 * copy that is there already is enough: then the source is not asked. `over` is laid over each sink that the files go into.
 */
export async function fillStore(
  store: Store,
  source: Source,
  digest: string | undefined,
  context: TransferContext,
  over: (sink: Sink) => Sink = (sink) => sink,
): Promise<Outcome<Transferred>> {
  try {
    await mkdir(join(store.mountedAt, FOLDER), { recursive: true, mode: 0o755 });
    await sweep(store, context);
    const kept = digest === undefined ? undefined : await readCopy(store, digest, over(discardSink()), context);
    if (kept?.ok === true) {
      if (digest !== undefined) await writeChecksums(store, digest, kept.value.files);
      context.log(`claim ${store.claim} holds a whole copy already`);
      return kept;
    }
    if (kept !== undefined) context.log(`the copy in claim ${store.claim} is replaced: ${kept.failure.message}`);
    return await makeCopy(store, source, digest, context, over);
  } catch (error) {
    return failureOf(storageError('The copy', error, volumeOf(store)));
  }
}

async function makeCopy(
  store: Store,
  source: Source,
  digest: string | undefined,
  context: TransferContext,
  over: (sink: Sink) => Sink,
): Promise<Outcome<Transferred>> {
  const partial = join(store.mountedAt, FOLDER, `${PARTIAL}${randomUUID()}`);
  await mkdir(partial, { mode: 0o755 });
  const beating = setInterval(() => void touch(partial, context), HEARTBEAT_MS);
  try {
    await touch(partial, context);
    const came = await transfer(source, over(folderSink(partial, { volume: volumeOf(store), durable: true })), context);
    if (!came.ok) return came;
    const verified = verify(came.value.files, digest);
    if (!verified.ok) return verified;
    await sealTree(partial);
    for (const folder of await foldersOf(partial)) await syncFolder(folder);
    await putInPlace(store, partial, verified.value, context);
    await writeChecksums(store, verified.value, came.value.files);
    context.log(`claim ${store.claim} holds a whole copy in ${placeOf(verified.value)}`);
    return came;
  } finally {
    clearInterval(beating);
    await removeTree(partial).catch((error: unknown) => context.log(`${partial} could not be removed (${codeOf(error)})`));
  }
}

/** The rename that makes a copy of it. Where another filler was first its copy is kept, if it is whole. */
async function putInPlace(store: Store, partial: string, digest: string, context: TransferContext): Promise<void> {
  const place = join(store.mountedAt, placeOf(digest));
  for (let tries = 1; tries <= 3; tries += 1) {
    try {
      await rename(partial, place);
      await syncFolder(join(store.mountedAt, FOLDER));
      return;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw errorOf(sweptAway(), error);
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(codeOf(error))) throw error;
    }
    const found = await readCopy(store, digest, discardSink(), context);
    if (found?.ok === true) return;
    await discard(store, place);
  }
  throw errorOf(passingFailure('StorageFailed', `Others keep writing ${placeOf(digest)} in claim ${store.claim}.`));
}

/** Beside the copy, since nothing may be in it that is not of the version. Two that write it write the same. */
async function writeChecksums({ mountedAt }: Store, digest: string, files: readonly FileDigest[]): Promise<void> {
  const partial = join(mountedAt, FOLDER, `${PARTIAL}${randomUUID()}`);
  await writeFile(partial, sha256Listing(files), { mode: 0o444, flush: true });
  await rename(partial, join(mountedAt, `${placeOf(digest)}.${CHECKSUMS}`));
}

function sweptAway(): ReturnType<typeof passingFailure> {
  return passingFailure('StorageFailed', 'The copy was removed while it grew: this Job had stood still for too long.');
}

/** Out of the way by one rename: whoever still fills or reads it meets a missing folder, not half of one. */
async function discard(store: Store, path: string): Promise<void> {
  const away = join(store.mountedAt, FOLDER, `${DISCARDED}${randomUUID()}`);
  try {
    await rename(path, away);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  await removeTree(away);
}

/** Removes what fillers that were killed have left. What cannot be removed is left to the next one. */
async function sweep(store: Store, context: TransferContext): Promise<void> {
  const folder = join(store.mountedAt, FOLDER);
  for (const name of (await readdir(folder)).filter((entry) => LEFTOVER.test(entry))) {
    try {
      const { mtimeMs } = await lstat(join(folder, name));
      if (context.now() - mtimeMs < ABANDONED_MS) continue;
      await discard(store, join(folder, name));
      context.log(`removed what an earlier Job has left in claim ${store.claim}: ${name}`);
    } catch (error) {
      context.log(`${name} in claim ${store.claim} could not be removed (${codeOf(error)})`);
    }
  }
}

async function touch(folder: string, { now }: TransferContext): Promise<void> {
  const time = now() / 1000;
  // Gone when it was swept away; then the rename says so.
  await utimes(folder, time, time).catch(() => undefined);
}

/** Makes the names in a folder last. Some network file systems cannot be asked for that and do it by themselves. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP'].includes(codeOf(error))) throw error;
  } finally {
    await folder.close();
  }
}

/** False only for certain: whatever else is wrong with the place, reading it will say. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ENOENT';
  }
}
