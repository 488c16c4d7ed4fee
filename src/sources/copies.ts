// The folder of a claim where copies of ours lie side by side: what is called how in it, and how something goes out of the way.

import { randomUUID } from 'node:crypto';
import { lstat, rename, utimes } from 'node:fs/promises';
import { join } from 'node:path';

import { CHECKSUMS } from '../core/version/formats.ts';
import type { Allowance } from '../core/version/room.ts';
import { codeOf } from './error.ts';
import type { Volume } from './sink.ts';
import { removeTree } from './tree.ts';
import type { TransferContext } from './transfer.ts';

/** A claim of ours, the folder where it is mounted, and how much it may hold. */
export interface Store {
  readonly claim: string;
  readonly mountedAt: string;
  readonly allowance: Allowance | undefined;
}

const FOLDER = 'sha256';
const PARTIAL = '.partial-';
const DISCARDED = '.discarded-';
const COPY = /^[0-9a-f]{64}$/;

/** What a name in the folder stands for; undefined for what is none of ours, and for lists of checksums. */
export type Kind = 'copy' | 'partial' | 'discarded' | undefined;

export function kindOf(name: string): Kind {
  if (COPY.test(name)) return 'copy';
  return name.startsWith(PARTIAL) ? 'partial' : name.startsWith(DISCARDED) ? 'discarded' : undefined;
}

export function folderOf({ mountedAt }: Store): string {
  return join(mountedAt, FOLDER);
}

/** Where something grows before it is whole. */
export function newPartial(store: Store): string {
  return join(folderOf(store), `${PARTIAL}${randomUUID()}`);
}

/** The place of a copy, from the root of the claim. */
export function placeOf(digest: string): string {
  return `${FOLDER}/${digest.replace(/^sha256:/, '')}`;
}

/** The list of checksums is beside its copy, since nothing may be in that which is not of the version. */
export function checksumsOf({ mountedAt }: Store, digest: string): string {
  return join(mountedAt, `${placeOf(digest)}.${CHECKSUMS}`);
}

export function volumeOf({ claim }: Store): Volume {
  return {
    name: `claim ${claim}`,
    room: 'give it more room, or set spec.storage.limit below what it has, and copies that nobody needs are removed',
  };
}

/** When something in the folder was touched last; undefined when it is not there. */
export async function touchedAt(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).mtimeMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Marks it as used, or as growing. What is gone needs no mark: whoever goes on to use it will see. */
export async function touch(path: string, { now }: TransferContext): Promise<void> {
  const time = now() / 1000;
  await utimes(path, time, time).catch(() => undefined);
}

/** Moves it out of the way: whoever still fills or reads it meets a missing folder, not half of one. Undefined when it is gone already. */
export async function putAway(store: Store, path: string): Promise<string | undefined> {
  const away = join(folderOf(store), `${DISCARDED}${randomUUID()}`);
  try {
    await rename(path, away);
    return away;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export async function discard(store: Store, path: string): Promise<void> {
  const away = await putAway(store, path);
  if (away !== undefined) await removeTree(away);
}
