// What a repository has: its branches and tags, and the commits that they, or the beginning of a name, lead to.

import { finalFailure, success } from '../../core/version/failure.ts';
import type { Outcome } from '../../core/version/failure.ts';
import { chooseRevision, isCommit, parseRefs, parseTag } from '../../core/version/gitObjects.ts';
import type { GitRef, Signer } from '../../core/version/gitObjects.ts';
import { quote } from '../../core/version/text.ts';
import { errorOf } from '../error.ts';
import { removeTree } from '../tree.ts';
import { runGit } from './program.ts';
import { fetchInto, gitFailure, lines, REFSPECS, SHALLOW, type Store } from './scratch.ts';

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

const MAX_REFS_BYTES = 64 * 1024 ** 2;

async function readRefs(store: Store): Promise<readonly GitRef[]> {
  const run = { arguments: ['ls-remote', '--quiet', '--heads', '--tags', 'origin'], wire: store.wire };
  const ended = await runGit(run, MAX_REFS_BYTES, store.folder, store.context);
  if (ended.code !== 0) throw errorOf(gitFailure(store, ended));
  const refs = parseRefs(ended.output.toString('utf8'));
  if (refs === undefined)
    throw errorOf(finalFailure('SourceRefused', `${store.address.shown} lists its branches in a form that is not Git's.`));
  return refs;
}

/**
 * Follows a branch, a tag, HEAD (the server's own choice of a branch), or the beginning of a commit's name, which is written in `field`. A
 * whole name is taken as it is.
 */
export async function commitOf(store: Store, revision: string, field: string): Promise<Outcome<Found>> {
  if (isCommit(revision)) return success({ commit: revision, ref: undefined });
  if (revision === 'HEAD') return commitOfHead(store, field);
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

async function commitOfHead(store: Store, field: string): Promise<Outcome<Found>> {
  const run = { arguments: ['ls-remote', '--quiet', 'origin', 'HEAD'], wire: store.wire };
  const ended = await runGit(run, MAX_REFS_BYTES, store.folder, store.context);
  if (ended.code !== 0) throw errorOf(gitFailure(store, ended));
  const found = ended.output
    .toString('utf8')
    .split('\n')
    .map((line) => line.split('\t'));
  const [commit] = found.find(([object = '', name]) => name === 'HEAD' && isCommit(object)) ?? [];
  if (commit !== undefined) return success({ commit, ref: undefined });
  return finalFailure('NotFound', `${store.address.shown} has no commit in its default branch. Name a branch, tag or commit in ${field}.`);
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

/** All tags. Of annotated ones the objects are fetched, for their taggers. */
export async function readTags(store: Store): Promise<Outcome<readonly Tag[]>> {
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
