// Keeps a claim within its limit while a copy grows in it. What lies there is added up, and copies that nobody needs go before more is
// written. Others may do the same at once: each sees what the others have written, so the last one to finish sees all of it.

import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { success, type Outcome } from '../core/version/failure.ts';
import { copiesToRemove, excessOf, isRecent, noRoom, type Allowance, type HeldCopy, type Holding } from '../core/version/room.ts';
import { checksumsOf, folderOf, kindOf, placeOf, putAway, touchedAt, type Store } from './copies.ts';
import { codeOf, valueOf } from './error.ts';
import { interrupted } from './request.ts';
import type { Sink, SinkFile } from './sink.ts';
import type { TransferContext } from './transfer.ts';
import { foldersOf, removeTree } from './tree.ts';

/** The room for one copy that grows. */
export interface Room {
  /** A sink that fails when there is no room for what it is given. */
  readonly around: (sink: Sink) => Sink;
  /** Whether the copy that has come fits, now that all of it is there. */
  readonly fits: () => Promise<Outcome<number>>;
}

const UNLIMITED: Room = { around: (sink) => sink, fits: () => Promise.resolve(success(Infinity)) };

/** Room for the copy that grows at `partial`. */
export function roomFor(store: Store, partial: string, context: TransferContext): Room {
  const { allowance } = store;
  return allowance === undefined ? UNLIMITED : limitedRoom({ store, allowance, own: basename(partial), context, sizes: new Map() });
}

/** Ten seconds: a source that is not read from for longer counts as silent. */
const MOST_LOOKS = 21;
const PAUSE_MS = 500;

interface Claim {
  readonly store: Store;
  readonly allowance: Allowance;
  /** Name of the copy that grows: it is counted by what was taken for it. */
  readonly own: string;
  readonly context: TransferContext;
  /** Of whole copies, which do not change. */
  readonly sizes: Map<string, number>;
}

function limitedRoom(claim: Claim): Room {
  const taken = new Map<string, number>();
  let free = 0;
  let turn: Promise<unknown> = Promise.resolve();
  /** Files come several at a time, and only one of them may look for room. */
  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const mine = turn.then(step);
    turn = mine.catch(() => undefined);
    return mine;
  };
  const total = (): number => [...taken.values()].reduce((sum, bytes) => sum + bytes, 0);
  const take = async (path: string, bytes: number): Promise<void> => {
    if (free < bytes) free = bytes + valueOf(await makeRoom(claim, total() + bytes));
    free -= bytes;
    taken.set(path, (taken.get(path) ?? 0) + bytes);
  };
  return {
    around: (sink) => ({
      create: async (path) => {
        const file = await sink.create(path);
        const write: SinkFile['write'] = async (chunk) => {
          await inTurn(() => take(path, chunk.length));
          await file.write(chunk);
        };
        return { ...file, write };
      },
      remove: async (path) => {
        await sink.remove(path);
        free += taken.get(path) ?? 0;
        taken.delete(path);
      },
    }),
    fits: () => inTurn(() => makeRoom(claim, total())),
  };
}

/**
 * Removes what has to go so that `own` bytes fit, and says how many more would. Of several Jobs that are in each other's way all but one give
 * up at once, and that one waits for them a little.
 */
async function makeRoom(claim: Claim, own: number): Promise<Outcome<number>> {
  const { store, allowance, context } = claim;
  let looks = 1;
  for (;;) {
    const { isFirst, ...holding } = await holdingOf(claim);
    const excess = excessOf(holding, own, allowance);
    if (excess <= 0) return success(0 - excess);
    const going = copiesToRemove(holding, excess, allowance);
    for (const copy of going) await remove(claim, copy);
    if (going.length > 0) continue;
    if (excess > holding.growing || !isFirst || looks === MOST_LOOKS) return noRoom(store.claim, holding, allowance);
    looks += 1;
    await sleep(PAUSE_MS, undefined, { signal: context.signal }).catch(() => undefined);
    if (context.signal.aborted) return interrupted(context.signal);
  }
}

/**
 * What lies in the claim, and whether the copy that grows is the first of those that do, by its name. Whatever was put away does not count:
 * somebody is removing it.
 */
async function holdingOf(claim: Claim): Promise<Holding & { readonly isFirst: boolean }> {
  const { store, own } = claim;
  const folder = folderOf(store);
  const copies: HeldCopy[] = [];
  let [growing, isFirst] = [0, true];
  for (const name of await readdir(folder)) {
    const kind = name === own ? undefined : kindOf(name);
    if (kind === 'copy') {
      const copy = await heldCopy(claim, name);
      if (copy !== undefined) copies.push(copy);
    } else if (kind === 'partial') {
      const bytes = await bytesIn(join(folder, name));
      // It may have become a copy that was not there when the names were read.
      if (bytes === undefined) return holdingOf(claim);
      growing += bytes;
      isFirst &&= own < name;
    }
  }
  return { copies, growing, isFirst };
}

async function heldCopy({ store, sizes }: Claim, name: string): Promise<HeldCopy | undefined> {
  const path = join(folderOf(store), name);
  const usedAtMs = await touchedAt(path);
  const bytes = sizes.get(name) ?? (await bytesIn(path));
  if (usedAtMs === undefined || bytes === undefined) return undefined;
  sizes.set(name, bytes);
  return { digest: `sha256:${name}`, bytes, usedAtMs };
}

/**
 * Removes a copy, by a rename first. Whoever takes a copy for a version marks it as used before looking whether it is whole, and here the mark
 * is looked at after the rename: one of the two sees the other.
 */
async function remove({ store, allowance, context }: Claim, { digest, bytes, usedAtMs }: HeldCopy): Promise<void> {
  const place = join(store.mountedAt, placeOf(digest));
  await rm(checksumsOf(store, digest), { force: true });
  const away = await putAway(store, place);
  if (away === undefined) return;
  const touched = await touchedAt(away);
  if (touched !== undefined && isRecent(touched, allowance) && (await putBack(away, place))) return;
  const { claim } = store;
  const used = new Date(usedAtMs).toISOString();
  context.log(`removed the copy ${digest} (${bytes} bytes, last used ${used}) from claim ${claim}, which is full; no ModelVersion names it`);
  // Another Job may help with it.
  await removeTree(away).catch((error: unknown) => context.log(`${away} could not be removed wholly (${codeOf(error)})`));
}

/** False when there is another copy at its place by now. */
async function putBack(away: string, place: string): Promise<boolean> {
  try {
    await rename(away, place);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EISDIR', 'ENOENT'].includes(codeOf(error))) return false;
    throw error;
  }
}

/** Bytes of a file, or of all files below a folder; undefined when it is gone, or goes while they are counted. */
async function bytesIn(path: string): Promise<number | undefined> {
  try {
    const found = await lstat(path);
    if (!found.isDirectory()) return found.size;
    let bytes = 0;
    for (const folder of await foldersOf(path)) {
      const entries = (await readdir(folder, { withFileTypes: true })).filter((entry) => !entry.isDirectory());
      const sizes = await Promise.all(entries.map(async ({ name }) => (await lstat(join(folder, name))).size));
      bytes = sizes.reduce((sum, size) => sum + size, bytes);
    }
    return bytes;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
