// Our own copy of a version in a claim: <claim>/sha256/<hex of the digest>/, whole or not there at all. It grows under another name beside
// its place and gets there by one rename, after every byte has reached the disk. Two that fill at once both may: one of them wins.

import { lstat, mkdir, open, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sha256Listing, type FileDigest } from '../core/version/digest.ts';
import { finalFailure, passingFailure } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { checksumsOf, discard, folderOf, kindOf, newPartial, placeOf, touch, volumeOf, type Store } from './copies.ts';
import { codeOf, errorOf, failureOf } from './error.ts';
import { claimSource } from './pvc.ts';
import { roomFor } from './room.ts';
import { discardSink, folderSink, storageError, type Sink } from './sink.ts';
import type { Source } from './source.ts';
import { transfer, verify } from './transfer.ts';
import type { Transferred, TransferContext } from './transfer.ts';
import { foldersOf, removeTree, sealTree } from './tree.ts';

const HEARTBEAT_MS = 30_000;
/** A filler that lives touches its folder every 30 s; one that has not for this long was killed. */
const ABANDONED_MS = 15 * 60_000;

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
    await mkdir(folderOf(store), { recursive: true, mode: 0o755 });
    await sweep(store, context);
    const kept = digest === undefined ? undefined : await useCopy(store, digest, over(discardSink()), context);
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

/**
 * Looks whether there is a whole copy to be used. It counts as used before that, so that it is not removed meanwhile; one that is wrong for
 * certain goes, so that it does not take the room of a right one.
 */
async function useCopy(store: Store, digest: string, sink: Sink, context: TransferContext): Promise<Outcome<Transferred> | undefined> {
  const place = join(store.mountedAt, placeOf(digest));
  await touch(place, context);
  const found = await readCopy(store, digest, sink, context);
  if (found?.ok === false && found.failure.reason === 'DigestMismatch') await discard(store, place);
  return found;
}

async function makeCopy(
  store: Store,
  source: Source,
  digest: string | undefined,
  context: TransferContext,
  over: (sink: Sink) => Sink,
): Promise<Outcome<Transferred>> {
  const partial = newPartial(store);
  await mkdir(partial, { mode: 0o755 });
  const beating = setInterval(() => void touch(partial, context), HEARTBEAT_MS);
  try {
    await touch(partial, context);
    const room = roomFor(store, partial, context);
    const sink = room.around(folderSink(partial, { volume: volumeOf(store), durable: true }));
    const came = await transfer(source, over(sink), context);
    if (!came.ok) return came;
    const verified = verify(came.value.files, digest);
    if (!verified.ok) return verified;
    // Another version may have the same files: then nothing has to go for this one.
    const shared = digest === undefined ? await useCopy(store, verified.value, discardSink(), context) : undefined;
    if (shared?.ok !== true) {
      const fits = await room.fits();
      if (!fits.ok) return fits;
      await sealTree(partial);
      for (const folder of await foldersOf(partial)) await syncFolder(folder);
      await putInPlace(store, partial, verified.value, context);
    }
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
      await syncFolder(folderOf(store));
      return;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw errorOf(sweptAway(), error);
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(codeOf(error))) throw error;
    }
    const found = await useCopy(store, digest, discardSink(), context);
    if (found?.ok === true) return;
    await discard(store, place);
  }
  throw errorOf(passingFailure('StorageFailed', `Others keep writing ${placeOf(digest)} in claim ${store.claim}.`));
}

/** Two that write it write the same. */
async function writeChecksums(store: Store, digest: string, files: readonly FileDigest[]): Promise<void> {
  const partial = newPartial(store);
  await writeFile(partial, sha256Listing(files), { mode: 0o444, flush: true });
  await rename(partial, checksumsOf(store, digest));
}

function sweptAway(): ReturnType<typeof passingFailure> {
  return passingFailure('StorageFailed', 'The copy was removed while it grew: this Job had stood still for too long.');
}

/** Removes what fillers that were killed have left. What cannot be removed is left to the next one. */
async function sweep(store: Store, context: TransferContext): Promise<void> {
  const folder = folderOf(store);
  for (const name of (await readdir(folder)).filter((entry) => ['partial', 'discarded'].includes(kindOf(entry) ?? ''))) {
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
