// What Git says of a repository, as its own commands print it: refs, trees, tags and commits.

import { finalFailure, success } from './failure.ts';
import type { Outcome } from './failure.ts';
import { quote } from './text.ts';

/** The name of an object: 40 hexadecimal characters (SHA-1), or 64 (SHA-256). */
export const OBJECT_ID = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
/** Fewer characters of a commit's name are as good as a guess. */
const SHORT_ID = /^[0-9a-f]{7,63}$/;

/** A branch or a tag: its full name ('refs/tags/v1'), what it points to, and for an annotated tag what that points to in the end. */
export interface GitRef {
  readonly name: string;
  readonly object: string;
  readonly peeled?: string;
}

/** The lines of `git ls-remote`: `<object>\t<name>`, and after an annotated tag `<commit>\t<name>^{}`. Undefined for anything else. */
export function parseRefs(text: string): readonly GitRef[] | undefined {
  const refs = new Map<string, GitRef>();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [object = '', name = '', ...more] = line.split('\t');
    if (!OBJECT_ID.test(object) || !name.startsWith('refs/') || more.length > 0) return undefined;
    if (!name.endsWith('^{}')) {
      refs.set(name, { name, object });
      continue;
    }
    const tag = refs.get(name.slice(0, -'^{}'.length));
    if (tag === undefined) return undefined;
    refs.set(tag.name, { ...tag, peeled: object });
  }
  return [...refs.values()];
}

/** What a revision is: a ref, a commit, or the beginning of one, which only the history can tell. */
export type Revision =
  | { readonly kind: 'ref'; readonly ref: GitRef }
  | { readonly kind: 'commit'; readonly commit: string }
  | { readonly kind: 'short'; readonly prefix: string };

/** Whether a revision is the full name of a commit, for which no server has to be asked. */
export function isCommit(revision: string): boolean {
  return OBJECT_ID.test(revision);
}

/** Finds a revision among the branches and tags. `field` is where it is written; `shown` is the repository. */
export function chooseRevision(revision: string, refs: readonly GitRef[], field: string, shown: string): Outcome<Revision> {
  if (isCommit(revision)) return success({ kind: 'commit', commit: revision });
  const named = (name: string): GitRef | undefined => refs.find((ref) => ref.name === name);
  const full = /^refs\/(heads|tags)\//.test(revision) ? named(revision) : undefined;
  if (full) return success({ kind: 'ref', ref: full });
  const [branch, tag] = [named(`refs/heads/${revision}`), named(`refs/tags/${revision}`)];
  if (branch && tag) {
    const wayOut = `Write ${branch.name} or ${tag.name} into ${field}.`;
    return finalFailure('InvalidSource', `${shown} has both a branch and a tag ${quote(revision)}. ${wayOut}`);
  }
  const ref = tag ?? branch;
  if (ref) return success({ kind: 'ref', ref });
  if (SHORT_ID.test(revision)) return success({ kind: 'short', prefix: revision });
  return finalFailure('NotFound', `${shown} has no branch, tag or commit ${quote(revision)}. Check ${field}.`);
}

/** One entry of a tree, with its whole path. `bytes` is undefined where the content was not fetched yet. */
export interface TreeEntry {
  readonly path: string;
  readonly kind: 'file' | 'link' | 'submodule';
  readonly id: string;
  readonly bytes: number | undefined;
}

const KINDS: Readonly<Record<string, TreeEntry['kind']>> = { '120000': 'link', '160000': 'submodule' };
const TREE_LINE = /^(\d{6}) (?:blob|commit) ([0-9a-f]{40,64}) +(\d+|-|BAD)\t(.+)$/su;

/** One record of `git ls-tree -r -l -z`: `<mode> <type> <object> <size>\t<path>`. Undefined when it is not of that form. */
export function parseTreeEntry(record: string): TreeEntry | undefined {
  const [, mode = '', id = '', size = '', path = ''] = TREE_LINE.exec(record) ?? [];
  if (mode === '') return undefined;
  return { path, kind: KINDS[mode] ?? 'file', id, bytes: /^\d+$/.test(size) ? Number(size) : undefined };
}

/** Who put his name to a tag or a commit, and when. `time` is in seconds since 1970. */
export interface Signer {
  readonly name: string;
  readonly email: string;
  readonly time: number;
}

/** An annotated tag as an object: what it points to, and who made it when, where it says so. */
export interface TagObject {
  readonly object: string;
  readonly type: string;
  readonly tag: string;
  readonly tagger: Signer | undefined;
}

/** Reads the text of a tag object; undefined when it is none. */
export function parseTag(text: string): TagObject | undefined {
  const headers = new Map(
    (text.split('\n\n', 1)[0] ?? '').split('\n').map((line) => {
      const end = line.indexOf(' ');
      return [line.slice(0, end), line.slice(end + 1)] as const;
    }),
  );
  const [object, type, tag] = [headers.get('object'), headers.get('type'), headers.get('tag')];
  if (object === undefined || !OBJECT_ID.test(object) || type === undefined || tag === undefined) return undefined;
  return { object, type, tag, tagger: parseSigner(headers.get('tagger') ?? '') };
}

function parseSigner(text: string): Signer | undefined {
  const [, name, email, time] = /^(.*?) ?<([^<>]*)> (\d{1,12}) [+-]\d{4}$/.exec(text) ?? [];
  return name === undefined || email === undefined || time === undefined ? undefined : { name, email, time: Number(time) };
}
