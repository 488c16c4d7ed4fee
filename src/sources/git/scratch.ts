// Bare repositories in the job's spool, each for one fetch: what it brings, it brings alone, and what has failed leaves nothing behind.

import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { passingFailure } from '../../core/version/failure.ts';
import type { Outcome } from '../../core/version/failure.ts';
import type { GitAddress } from '../../core/version/gitAddress.ts';
import { errorOf, failureOf } from '../error.ts';
import { storageError } from '../sink.ts';
import type { SourceContext } from '../source.ts';
import { removeTree } from '../tree.ts';
import { cause, runGit, type Ended } from './program.ts';
import type { Wire } from './wire.ts';

/** A repository elsewhere, the way to it, and the folder for what comes from there. */
export interface Store {
  readonly address: GitAddress;
  readonly field: string;
  readonly wire: Wire;
  readonly folder: string;
  readonly context: SourceContext;
}

/** All branches and tags. */
export const REFSPECS = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];
/** Without the history. */
export const SHALLOW = '--depth=1';
const FETCH = ['fetch', '--progress', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--stdin'];

/** The bare repository into which it was fetched; throws a SourceError when that failed. */
export async function fetchInto(
  store: Store,
  kind: string,
  idLength: number,
  flags: readonly string[],
  wanted: readonly string[],
): Promise<string> {
  const { repository, ended } = await tryFetch(store, kind, idLength, flags, wanted);
  if (ended.code !== 0) throw errorOf(gitFailure(store, ended));
  return repository;
}

/**
 * Fetches objects by their names, or refs, into a fresh bare repository, of which nothing stays after a failure. `idLength` is that of the
 * names of objects. What the wire meets is thrown; that `git` gave up is said in `ended`.
 */
export async function tryFetch(
  store: Store,
  kind: string,
  idLength: number,
  flags: readonly string[],
  wanted: readonly string[],
): Promise<{ readonly repository: string; readonly ended: Ended }> {
  const repository = join(store.folder, `${kind}-${randomUUID()}`);
  let ended: Ended = { code: -1, words: '' };
  try {
    await makeBare(repository, idLength);
    const run = { arguments: [...FETCH, ...flags, 'origin'], repository, input: lines(wanted), wire: store.wire };
    ended = await runGit(run, 1024, store.folder, store.context);
    // It notes there that objects were left out and could be had later, which it would then try by itself.
    await writeSettings(repository, idLength);
  } finally {
    if (ended.code !== 0) await removeTree(repository);
  }
  return { repository, ended };
}

async function makeBare(folder: string, idLength: number): Promise<void> {
  await mkdir(join(folder, 'objects'), { recursive: true });
  await mkdir(join(folder, 'refs'));
  await writeFile(join(folder, 'HEAD'), 'ref: refs/heads/main\n');
  await writeSettings(folder, idLength);
}

function writeSettings(folder: string, idLength: number): Promise<void> {
  const objectFormat = idLength === 64 ? 'sha256' : 'sha1';
  return writeFile(
    join(folder, 'config'),
    `[core]\nrepositoryformatversion = 1\nbare = true\n[extensions]\nobjectformat = ${objectFormat}\n`,
  );
}

/** Why `git` itself gave up, where the wire had nothing to say. */
export function gitFailure({ address }: Store, { words }: Ended): ReturnType<typeof passingFailure> {
  // A server that was shown credentials may repeat them.
  const said =
    address.kind === 'http' && /remote error|protocol error|ERR /.test(words)
      ? "the server's answer is an error, or not Git's"
      : cause(words);
  if (/no space left|disk quota/i.test(words)) {
    return passingFailure('StorageFailed', `What ${address.shown} sends could not be kept: the volume is full. Give it more room.`);
  }
  return passingFailure('SourceFailed', `${address.shown} could not be read by git (${said ?? 'it said nothing'}).`);
}

/** One word a line, for the input of a program. */
export function lines(words: readonly string[]): string {
  return words.map((word) => `${word}\n`).join('');
}

/** Failures on the way, and a volume that cannot be written, as values. */
export async function guarded<T>(step: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await step();
  } catch (error) {
    return failureOf(storageError('The repository', error));
  }
}
