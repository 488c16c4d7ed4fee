// A Git repository as a place to read from: its branches and tags, and the files of one commit. As little as possible is fetched: one commit
// without its history, large files one by one when they are read. Each fetch goes into a bare repository of its own in the job's spool.

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { finalFailure, passingFailure, success } from '../../core/version/failure.ts';
import type { Outcome } from '../../core/version/failure.ts';
import { parseGitAddress, type GitAddress } from '../../core/version/gitAddress.ts';
import { chooseRevision, isCommit, parseRefs, parseTag, parseTreeEntry } from '../../core/version/gitObjects.ts';
import type { GitRef, Signer, TreeEntry } from '../../core/version/gitObjects.ts';
import { quote } from '../../core/version/text.ts';
import type { Access } from '../access.ts';
import { codeOf, errorOf, failureOf } from '../error.ts';
import { interrupted } from '../request.ts';
import { storageError } from '../sink.ts';
import type { Body, SourceContext } from '../source.ts';
import { removeTree } from '../tree.ts';
import { gitCredentials, httpWire } from './http.ts';
import { fileWire, sshWire } from './process.ts';
import { BIG_FILE_BYTES, lastWords, runGit, startGit, type Ended } from './program.ts';
import type { Wire } from './wire.ts';

/** Where a repository is, and what goes with it. `field` is where `repository` is written, as 'spec.source.git.repository'. */
export interface RepositoryPlace {
  readonly repository: string;
  readonly field: string;
  readonly access: Access;
  /** Folder of the mounted claim that file:/// is about. */
  readonly sourceDir: string | undefined;
}

/** A tag. Only an annotated one is an object of its own and knows who made it, and when. */
export interface Tag {
  /** Without 'refs/tags/'. */
  readonly name: string;
  readonly object: string;
  readonly commit: string;
  readonly isAnnotated: boolean;
  readonly tagger: Signer | undefined;
}

/** What a revision is now. `ref` is the branch or tag that said so. */
export interface Found {
  readonly commit: string;
  readonly ref: GitRef | undefined;
}

export interface Repository {
  readonly address: GitAddress;
  /** Follows a branch, a tag, or the beginning of a commit's name, which is written in `field`. A whole name is taken as it is. */
  readonly commitOf: (revision: string, field: string) => Promise<Outcome<Found>>;
  readonly tags: () => Promise<Outcome<readonly Tag[]>>;
  /** Fetches a commit, of which the whole name is given. */
  readonly fetch: (commit: string) => Promise<Outcome<Commit>>;
}

/** A commit that was fetched. */
export interface Commit {
  readonly id: string;
  /** Bare repository that holds it, with all objects but large files. */
  readonly folder: string;
  /**
   * The entries at and below a path ('' for all), each with its whole path, in Git's order; where the path leads through something that is no
   * folder, that. Empty when there is nothing.
   */
  readonly list: (path: string) => Promise<Outcome<readonly TreeEntry[]>>;
  /** A file's bytes; undefined when there is no such file. Fails when it is none, or has more than `most` bytes. */
  readonly readFile: (path: string, most: number) => Promise<Outcome<Buffer | undefined>>;
  /** A file's bytes as a stream; they are checked to be those that the entry names. */
  readonly open: (entry: TreeEntry) => Promise<Outcome<Body>>;
}

const MAX_REFS_BYTES = 64 * 1024 ** 2;
/** Of the whole tree, which is read to its end. */
const MAX_ENTRIES = 1_000_000;
const REFSPECS = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];
const FETCH = ['fetch', '--progress', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--stdin'];
const SHALLOW = '--depth=1';
const NOT_ADVERTISED = /unadvertised object/i;

interface Store {
  readonly address: GitAddress;
  readonly field: string;
  readonly wire: Wire;
  readonly folder: string;
  readonly context: SourceContext;
}

/** Reads an address and prepares to read the repository; nothing is connected to yet. */
export async function openRepository(place: RepositoryPlace, context: SourceContext): Promise<Outcome<Repository>> {
  const address = parseGitAddress(place.repository, place.field);
  if (!address.ok) return address;
  return guarded(async () => {
    const wire = await wireTo(address.value, place);
    const folder = await mkdtemp(join(context.spool, 'git-'));
    const store: Store = { address: address.value, field: place.field, wire, folder, context };
    return success({
      address: address.value,
      commitOf: (revision, field) => guarded(() => commitOf(store, revision, field)),
      tags: () => guarded(() => readTags(store)),
      fetch: (commit) => guarded(() => fetchCommit(store, commit)),
    });
  });
}

async function wireTo(address: GitAddress, { field, access, sourceDir }: RepositoryPlace): Promise<Wire> {
  switch (address.kind) {
    case 'http':
      return httpWire({ url: address.url, access: gitCredentials(access), field });
    case 'ssh':
      return sshWire({ address, access, field });
    case 'file':
      return fileWire({ folder: await folderInClaim(address, sourceDir, field), shown: address.shown, field });
  }
}

/** The repository's folder; refused when a link leads out of the claim. */
async function folderInClaim({ path, shown }: { path: string; shown: string }, sourceDir: string | undefined, field: string): Promise<string> {
  if (sourceDir === undefined) {
    throw errorOf(finalFailure('InvalidSource', `${field} is ${shown}, a path in a claim, but no claim is named.`));
  }
  const root = await realpath(sourceDir);
  try {
    const folder = await realpath(join(root, path));
    if (folder === root || folder.startsWith(`${root}/`)) return folder;
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw errorOf(passingFailure('SourceFailed', `${shown} could not be read (${code}).`), error);
    throw errorOf(finalFailure('NotFound', `The claim holds no ${quote(path)}. Check ${field}.`), error);
  }
  throw errorOf(finalFailure('SourceRefused', `${shown} leads out of the claim by a symbolic link.`));
}

async function readRefs(store: Store): Promise<readonly GitRef[]> {
  const run = { arguments: ['ls-remote', '--quiet', '--heads', '--tags', 'origin'], wire: store.wire };
  const ended = await runGit(run, MAX_REFS_BYTES, store.folder, store.context);
  if (ended.code !== 0) throw errorOf(gitFailure(store, ended));
  const refs = parseRefs(ended.output.toString('utf8'));
  if (refs === undefined) throw errorOf(finalFailure('SourceRefused', `${store.address.shown} lists its branches in a form that is not Git's.`));
  return refs;
}

async function commitOf(store: Store, revision: string, field: string): Promise<Outcome<Found>> {
  if (isCommit(revision)) return success({ commit: revision, ref: undefined });
  const refs = await readRefs(store);
  const found = chooseRevision(revision, refs, field, store.address.shown);
  if (!found.ok) return found;
  switch (found.value.kind) {
    case 'commit':
      return success({ commit: found.value.commit, ref: undefined });
    case 'ref': {
      const { ref } = found.value;
      return success({ commit: ref.peeled ?? ref.object, ref });
    }
    case 'short':
      return commitByPrefix(store, found.value.prefix, refs[0]?.object.length ?? 40, field);
  }
}

/** Only the history tells which commit begins so, and whether another does. Of that, commits alone are fetched. */
async function commitByPrefix(store: Store, prefix: string, idLength: number, field: string): Promise<Outcome<Found>> {
  store.context.log(`the history of ${store.address.shown} is read to find commit ${prefix}: its whole name would spare that`);
  const repository = await fetchInto(store, 'history', idLength, ['--filter=tree:0'], REFSPECS);
  const run = { arguments: ['rev-parse', '--verify', '--end-of-options', `${prefix}^{commit}`], repository };
  const ended = await runGit(run, 1024, store.folder, store.context);
  await removeTree(repository);
  const commit = ended.output.toString('latin1').trim();
  if (ended.code === 0 && isCommit(commit)) return success({ commit, ref: undefined });
  const what = /ambiguous/.test(ended.words) ? 'more than one commit that begins with' : 'no branch, tag or commit';
  return finalFailure('NotFound', `${store.address.shown} has ${what} ${quote(prefix)}. Check ${field}.`);
}

async function readTags(store: Store): Promise<Outcome<readonly Tag[]>> {
  const refs = (await readRefs(store)).filter(({ name }) => name.startsWith('refs/tags/'));
  const annotated = [...new Set(refs.filter(({ peeled }) => peeled !== undefined).map(({ object }) => object))];
  const taggers = annotated.length === 0 ? new Map<string, Signer | undefined>() : await readTaggers(store, annotated);
  return success(
    refs.map(({ name, object, peeled }) => ({
      name: name.slice('refs/tags/'.length),
      object,
      commit: peeled ?? object,
      isAnnotated: peeled !== undefined,
      tagger: taggers.get(object),
    })),
  );
}

async function readTaggers(store: Store, tags: readonly string[]): Promise<ReadonlyMap<string, Signer | undefined>> {
  const repository = await fetchInto(store, 'tags', tags[0]?.length ?? 40, [SHALLOW, '--filter=tree:0'], tags);
  const run = { arguments: ['cat-file', '--batch'], repository, input: lines(tags) };
  const { output } = await runGit(run, MAX_REFS_BYTES, store.folder, store.context);
  await removeTree(repository);
  return new Map([...batchOf(output)].map(([id, text]) => [id, parseTag(text)?.tagger]));
}

/** The objects in what `cat-file --batch` prints: `<id> <type> <bytes>\n<content>\n` each. */
function* batchOf(output: Buffer): Generator<readonly [string, string], void, undefined> {
  for (let at = 0; at < output.length;) {
    const end = output.indexOf('\n', at);
    const [id = '', , size] = output.toString('latin1', at, end).split(' ');
    const bytes = Number(size);
    // One that is missing has no size.
    if (!Number.isSafeInteger(bytes)) throw new Error(`git left out the tag ${id}`);
    yield [id, output.toString('utf8', end + 1, end + 1 + bytes)];
    at = end + 1 + bytes + 1;
  }
}

async function fetchCommit(store: Store, commit: string): Promise<Outcome<Commit>> {
  if (!isCommit(commit)) return finalFailure('InvalidSource', `${quote(commit)} is not the whole name of a commit.`);
  const folder = await fetchOne(store, commit, 'commit', [`--filter=blob:limit=${BIG_FILE_BYTES}`]);
  const { output } = await runGit({ arguments: ['cat-file', '-t', commit], repository: folder }, 1024, store.folder, store.context);
  const type = output.toString('latin1').trim();
  if (type !== 'commit') {
    const what = type === '' ? 'does not have' : `has as a ${type}, which is no commit,`;
    return finalFailure('NotFound', `${store.address.shown} ${what} ${commit}. Check ${store.field} and the revision.`);
  }
  const list = (path: string): Promise<Outcome<readonly TreeEntry[]>> => guarded(() => listTree(store, folder, commit, path));
  let all: Promise<string> | undefined;
  const whole = (): Promise<string> => (all ??= fetchOne(store, commit, 'whole', []));
  const open = (entry: TreeEntry): Promise<Outcome<Body>> => guarded(() => openFile(store, folder, entry, whole));
  return success({
    id: commit,
    folder,
    list,
    open,
    readFile: (path, most) => guarded(() => readFile(path, most, list, open)),
  });
}

/** Fetches one commit without its history; where the server gives only what a branch or a tag points to, the history with it. */
async function fetchOne(store: Store, commit: string, kind: string, flags: readonly string[]): Promise<string> {
  const { repository, ended } = await tryFetch(store, kind, commit.length, [SHALLOW, ...flags], [commit]);
  if (ended.code === 0) return repository;
  if (/not our ref|not valid/i.test(ended.words)) throw errorOf(goneFailure(store, commit));
  if (!NOT_ADVERTISED.test(ended.words) && !/does not support shallow/i.test(ended.words)) throw errorOf(gitFailure(store, ended));
  store.context.log(`${store.address.shown} gives commit ${commit} only with the whole history`);
  return fetchInto(store, kind, commit.length, flags, REFSPECS);
}

function goneFailure({ address }: Store, commit: string): ReturnType<typeof finalFailure> {
  return finalFailure(
    'NotFound',
    `${address.shown} does not have commit ${commit} (any more): no branch or tag leads to it, as after a forced push. ` +
      'Push it again, with a tag so that it stays.',
  );
}

async function fetchInto(
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

/** Fetches into a fresh bare repository, of which nothing stays after a failure. */
async function tryFetch(
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
  return writeFile(join(folder, 'config'), `[core]\nrepositoryformatversion = 1\nbare = true\n[extensions]\nobjectformat = ${objectFormat}\n`);
}

async function listTree(store: Store, repository: string, commit: string, path: string): Promise<Outcome<readonly TreeEntry[]>> {
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
  if (entry.kind !== 'file') return finalFailure('SourceRefused', `${quote(path)} is a ${entry.kind === 'link' ? 'symbolic link' : 'submodule'}.`);
  const opened = await open(entry);
  if (!opened.ok) return opened;
  const { stream, length = 0 } = opened.value;
  if (length > most) {
    stream.destroy();
    return finalFailure('TooLarge', `${quote(path)} has ${length} bytes; at most ${most} are read.`);
  }
  return success(Buffer.concat(await stream.toArray() as Buffer[]));
}

/**
 * A large file is fetched when it is read, and thrown away afterwards. Servers of old leave large files out, but do not give them alone: then
 * `whole` fetches the commit with all its files.
 */
async function openFile(store: Store, folder: string, entry: TreeEntry, whole: () => Promise<string>): Promise<Outcome<Body>> {
  const { id, bytes, path } = entry;
  if (bytes !== undefined) return success(bodyOf(store, folder, entry, bytes, () => Promise.resolve()));
  const alone = await tryFetch(store, 'file', id.length, ['--filter=blob:none'], [id]);
  const isAlone = alone.ended.code === 0;
  if (!isAlone && !NOT_ADVERTISED.test(alone.ended.words)) return gitFailure(store, alone.ended);
  const repository = isAlone ? alone.repository : await whole();
  const close = (): Promise<void> => (isAlone ? removeTree(repository) : Promise.resolve());
  const { output } = await runGit({ arguments: ['cat-file', '-s', id], repository }, 1024, store.folder, store.context);
  const size = Number(output.toString('latin1').trim() || 'none');
  if (Number.isSafeInteger(size)) return success(bodyOf(store, repository, entry, size, close));
  await close();
  return passingFailure('SourceFailed', `${store.address.shown} does not give the file ${quote(path)}.`);
}

function bodyOf(store: Store, repository: string, entry: TreeEntry, length: number, close: () => Promise<void>): Body {
  const stream = Readable.from(contentOf(store, repository, entry, length), { objectMode: false, highWaterMark: 256 * 1024 });
  stream.once('close', () => void close().catch((error: unknown) => store.context.log(`${repository} could not be removed (${codeOf(error)})`)));
  return { stream, length };
}

/** The bytes; throws at their end when they are not those of which the entry holds the hash. */
async function* contentOf(store: Store, repository: string, entry: TreeEntry, length: number): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash(entry.id.length === 64 ? 'sha256' : 'sha1').update(`blob ${length}\0`);
  const running = startGit({ arguments: ['cat-file', 'blob', entry.id], repository }, store.folder, store.context);
  try {
    for await (const chunk of running.output) {
      hash.update(chunk as Buffer);
      yield chunk as Buffer;
    }
  } finally {
    running.kill();
  }
  const ended = await running.ended;
  if (store.context.signal.aborted) throw errorOf(interrupted(store.context.signal));
  if (ended.code === 0 && hash.digest('hex') === entry.id) return;
  throw errorOf(passingFailure('SourceFailed', `The file ${quote(entry.path)} of ${store.address.shown} did not come whole.`));
}

/** Why `git` itself gave up, where the wire had nothing to say. */
function gitFailure({ address }: Store, { words }: Ended): { readonly ok: false; readonly failure: ReturnType<typeof finalFailure>['failure'] } {
  const said = lastWords(words) ?? 'it said nothing';
  if (/no space left|disk quota/i.test(words)) {
    return passingFailure('StorageFailed', `What ${address.shown} sends could not be kept: the volume is full. Give it more room.`);
  }
  return passingFailure('SourceFailed', `${address.shown} could not be read by git (${said}).`);
}

function lines(words: readonly string[]): string {
  return words.map((word) => `${word}\n`).join('');
}

/** Failures on the way, and a volume that cannot be written, as values. */
async function guarded<T>(step: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await step();
  } catch (error) {
    return failureOf(storageError('The repository', error));
  }
}
