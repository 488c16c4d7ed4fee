// One commit and its files. It is fetched without its history; large files are fetched one by one, when they are read.

import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';

import { finalFailure, passingFailure, success } from '../../core/version/failure.ts';
import type { Outcome } from '../../core/version/failure.ts';
import { isCommit, parseTreeEntry } from '../../core/version/gitObjects.ts';
import type { TreeEntry } from '../../core/version/gitObjects.ts';
import { quote } from '../../core/version/text.ts';
import { codeOf, errorOf } from '../error.ts';
import { interrupted } from '../request.ts';
import type { Body } from '../source.ts';
import { BIG_FILE_BYTES, runGit, startGit } from './program.ts';
import { fetchInto, gitFailure, guarded, lines, REFSPECS, SHALLOW, tryFetch, type Store } from './scratch.ts';

/** A commit that was fetched. */
export interface Commit {
  readonly id: string;
  /** Bare repository that holds it, with all objects but large files. */
  readonly folder: string;
  /** The bytes of the commit, or of the tag that was fetched with it. */
  readonly object: (id: string) => Promise<Outcome<Buffer>>;
  /** A setting in a file of Git's own form ('.lfsconfig'), as `lfs.url`; undefined when it is not there. */
  readonly setting: (path: string, name: string) => Promise<Outcome<string | undefined>>;
  /**
   * The entries at and below a path ('' for all), each with its whole path, in Git's order; where the path leads through something that is
   * no folder, that. Empty when there is nothing. Fails when there are more than `most`.
   */
  readonly list: (path: string, most?: number) => Promise<Outcome<readonly TreeEntry[]>>;
  /** A file's bytes; undefined when there is no such file. Fails when it is none, or has more than `most` bytes. */
  readonly readFile: (path: string, most: number) => Promise<Outcome<Buffer | undefined>>;
  /** A file's bytes as a stream; they are checked to be those that the entry names. */
  readonly open: (entry: TreeEntry) => Promise<Outcome<Body>>;
}

/** Of the whole tree, which is read to its end. */
const MAX_ENTRIES = 1_000_000;
const NOT_ADVERTISED = /unadvertised object/i;

/** Fetches a commit, and the annotated tag that leads to it, if one is given. */
export async function fetchCommit(store: Store, commit: string, tag?: string): Promise<Outcome<Commit>> {
  if (!isCommit(commit)) return finalFailure('InvalidSource', `${quote(commit)} is not the whole name of a commit.`);
  const folder = await fetchOne(store, commit, 'commit', [`--filter=blob:limit=${BIG_FILE_BYTES}`], tag);
  const { output } = await runGit({ arguments: ['cat-file', '-t', commit], repository: folder }, 1024, store.folder, store.context);
  const type = output.toString('latin1').trim();
  if (type !== 'commit') {
    const what = type === '' ? 'does not have' : `has as a ${type}, which is no commit,`;
    return finalFailure('NotFound', `${store.address.shown} ${what} ${commit}. Check ${store.field} and the revision.`);
  }
  const list: Commit['list'] = (path, most = MAX_ENTRIES) => guarded(() => listTree(store, folder, commit, path, most));
  let all: Promise<string> | undefined;
  const whole = (): Promise<string> => (all ??= fetchOne(store, commit, 'whole', []));
  const open = (entry: TreeEntry): Promise<Outcome<Body>> => guarded(() => openFile(store, folder, entry, whole));
  return success({
    id: commit,
    folder,
    list,
    open,
    object: (id) => guarded(() => readObject(store, folder, id)),
    setting: (path, name) => guarded(() => readSetting(store, folder, `${commit}:${path}`, name)),
    readFile: (path, most) => guarded(() => readFile(path, most, list, open)),
  });
}

/** Fetches one commit without its history; where the server gives only what a branch or a tag points to, the history with it. */
async function fetchOne(store: Store, commit: string, kind: string, flags: readonly string[], tag?: string): Promise<string> {
  const wanted = tag === undefined ? [commit] : [commit, tag];
  const { repository, ended } = await tryFetch(store, kind, commit.length, [SHALLOW, ...flags], wanted);
  if (ended.code === 0) return repository;
  if (/not our ref|want \S+ not valid/i.test(ended.words)) throw errorOf(goneFailure(store, commit));
  if (!NOT_ADVERTISED.test(ended.words) && !/does not support shallow/i.test(ended.words)) throw errorOf(gitFailure(store, ended));
  store.context.log(`${store.address.shown} gives commit ${commit} only with the whole history`);
  return fetchInto(store, kind, commit.length, flags, REFSPECS);
}

async function readObject(store: Store, repository: string, id: string): Promise<Outcome<Buffer>> {
  const { output } = await runGit(
    { arguments: ['cat-file', '--batch'], repository, input: lines([id]) },
    BIG_FILE_BYTES,
    store.folder,
    store.context,
  );
  const end = output.indexOf('\n');
  const size = Number(output.toString('latin1', 0, end).split(' ')[2]);
  return Number.isSafeInteger(size)
    ? success(output.subarray(end + 1, end + 1 + size))
    : passingFailure('SourceFailed', `${store.address.shown} did not send ${id}.`);
}

async function readSetting(store: Store, repository: string, blob: string, name: string): Promise<Outcome<string | undefined>> {
  const run = { arguments: ['config', '--no-includes', '--blob', blob, '--get', name], repository };
  const { code, output } = await runGit(run, 64 * 1024, store.folder, store.context);
  return success(code === 0 ? output.toString('utf8').replace(/\n$/, '') : undefined);
}

function goneFailure({ address }: Store, commit: string): ReturnType<typeof finalFailure> {
  return finalFailure(
    'NotFound',
    `${address.shown} does not have commit ${commit} (any more): no branch or tag leads to it, as after a forced push. ` +
      'Push it again, with a tag so that it stays.',
  );
}

async function listTree(
  store: Store,
  repository: string,
  commit: string,
  path: string,
  most: number,
): Promise<Outcome<readonly TreeEntry[]>> {
  const run = { arguments: ['ls-tree', '-r', '-l', '-z', '--full-tree', commit], repository };
  const running = startGit(run, store.folder, store.context);
  const { shown } = store.address;
  const entries: TreeEntry[] = [];
  let count = 0;
  try {
    for await (const record of records(running.output)) {
      count += 1;
      if (count > MAX_ENTRIES) return finalFailure('TooLarge', `${shown} has more than ${MAX_ENTRIES} files in commit ${commit}.`);
      const entry = parseTreeEntry(record.toString('utf8'));
      if (entry === undefined) return finalFailure('SourceRefused', `Commit ${commit} of ${shown} has an entry that is not of Git's form.`);
      const isThere = path === '' || entry.path === path || entry.path.startsWith(`${path}/`) || path.startsWith(`${entry.path}/`);
      if (isThere) entries.push(entry);
      if (entries.length > most)
        return finalFailure('TooLarge', `${shown} has more than ${most} files there. If it is meant, raise limits.files.`);
    }
  } finally {
    running.kill();
  }
  const ended = await running.ended;
  if (store.context.signal.aborted) return interrupted(store.context.signal);
  return ended.code === 0 ? success(entries) : gitFailure(store, ended);
}

/** What lies between the zeros of a stream. */
async function* records(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    rest = Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = rest.indexOf(0); end !== -1; end = rest.indexOf(0, from)) {
      yield rest.subarray(from, end);
      from = end + 1;
    }
    rest = rest.subarray(from);
  }
}

async function readFile(path: string, most: number, list: Commit['list'], open: Commit['open']): Promise<Outcome<Buffer | undefined>> {
  const entries = await list(path);
  if (!entries.ok) return entries;
  const entry = entries.value.find((each) => each.path === path);
  if (entry === undefined) return success(undefined);
  if (entry.kind !== 'file')
    return finalFailure('SourceRefused', `${quote(path)} is a ${entry.kind === 'link' ? 'symbolic link' : 'submodule'}.`);
  const opened = await open(entry);
  if (!opened.ok) return opened;
  const { stream, length = 0 } = opened.value;
  if (length > most) {
    stream.destroy();
    return finalFailure('TooLarge', `${quote(path)} has ${length} bytes; at most ${most} are read.`);
  }
  return success(Buffer.concat((await stream.toArray()) as Buffer[]));
}

/**
 * A large file is fetched when it is read, and thrown away afterwards. Servers of old leave large files out, but do not give them alone:
 * then `whole` fetches the commit with all its files.
 */
async function openFile(store: Store, folder: string, entry: TreeEntry, whole: () => Promise<string>): Promise<Outcome<Body>> {
  const { id, bytes, path } = entry;
  if (bytes !== undefined) return success(bodyOf(store, folder, entry, bytes, () => Promise.resolve()));
  const alone = await tryFetch(store, 'file', id.length, ['--filter=blob:none'], [id]);
  const isAlone = alone.ended.code === 0;
  if (!isAlone && !NOT_ADVERTISED.test(alone.ended.words)) return gitFailure(store, alone.ended);
  const repository = isAlone ? alone.repository : await whole();
  const close = (): Promise<void> => (isAlone ? rm(repository, { recursive: true, force: true }) : Promise.resolve());
  const { output } = await runGit({ arguments: ['cat-file', '-s', id], repository }, 1024, store.folder, store.context);
  const size = Number(output.toString('latin1').trim() || 'none');
  if (Number.isSafeInteger(size)) return success(bodyOf(store, repository, entry, size, close));
  await close();
  return passingFailure('SourceFailed', `${store.address.shown} does not give the file ${quote(path)}.`);
}

function bodyOf(store: Store, repository: string, entry: TreeEntry, length: number, close: () => Promise<void>): Body {
  const closed = (): Promise<void> =>
    close().catch((error: unknown) => store.context.log(`${repository} could not be removed (${codeOf(error)})`));
  const stream = Readable.from(contentOf(store, repository, entry, length, closed), { objectMode: false, highWaterMark: 256 * 1024 });
  // A stream that nobody has begun to read ends without a word to what it would have read from.
  stream.once('close', () => void closed());
  return { stream, length };
}

/** The bytes; throws at their end when they are not those of which the entry holds the hash. */
async function* contentOf(
  store: Store,
  repository: string,
  entry: TreeEntry,
  length: number,
  close: () => Promise<void>,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash(entry.id.length === 64 ? 'sha256' : 'sha1').update(`blob ${length}\0`);
  const running = startGit({ arguments: ['cat-file', 'blob', entry.id], repository }, store.folder, store.context);
  try {
    for await (const chunk of running.output) {
      hash.update(chunk as Buffer);
      yield chunk as Buffer;
    }
    const ended = await running.ended;
    if (store.context.signal.aborted) throw errorOf(interrupted(store.context.signal));
    if (ended.code === 0 && hash.digest('hex') === entry.id) return;
    throw errorOf(passingFailure('SourceFailed', `The file ${quote(entry.path)} of ${store.address.shown} did not come whole.`));
  } finally {
    running.kill();
    await close();
  }
}
