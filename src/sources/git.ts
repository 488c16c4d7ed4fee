// Source git: a file, a folder or an archive in one commit of a repository. A branch or a tag is followed once; from then on the commit is
// the version. What stands in Git LFS is fetched from there.

import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import type { GitAddress } from '../core/version/gitAddress.ts';
import { addressUri, parseGitAddress } from '../core/version/gitAddress.ts';
import { parseTag, type GitRef, type TagObject, type TreeEntry } from '../core/version/gitObjects.ts';
import type { Metadata } from '../core/version/metadata.ts';
import { checkPath } from '../core/version/paths.ts';
import { quote } from '../core/version/text.ts';
import { NO_ACCESS, readAccess, type Access, type Credential } from './access.ts';
import { fieldsOf, optionalTextOf, Problem, textOf, type Fields, type Place } from './fields.ts';
import { lfsStore, openFile, type LfsStore } from './git/lfs.ts';
import type { Commit } from './git/commit.ts';
import type { Found } from './git/refs.ts';
import { openRepository, type Repository } from './git/repository.ts';
import { checkSignature } from './git/signature.ts';
import { namedPart } from './source.ts';
import type { Part, Pinned, Source, SourceContext } from './source.ts';

const FIELD = 'spec.source.git.repository';

/** What has to be signed. */
type Signature = 'Commit' | 'Tag';

interface Wanted {
  readonly repository: string;
  readonly revision: string;
  /** '' for the whole repository. */
  readonly path: string;
  readonly signature: Signature | undefined;
}

/** A source that reads one commit of a Git repository. */
export function gitSource(member: Fields, { accessDir, sourceDir, pins }: Place): Source {
  const wanted: Wanted = {
    repository: textOf(member, 'repository', 'source.git.repository'),
    revision: textOf(member, 'revision', 'source.git.revision'),
    path: (optionalTextOf(member, 'path', 'source.git.path') ?? '').replace(/^(\.\/+)+/, '').replace(/^\.$|\/+$/g, ''),
    signature: signatureOf(member),
  };
  return {
    resolve: async (context) => {
      const problem = wanted.path === '' ? undefined : checkPath(wanted.path);
      if (problem !== undefined) return finalFailure('InvalidSource', `spec.source.git.path ${quote(wanted.path)} ${problem}.`);
      const address = parseGitAddress(wanted.repository, FIELD);
      if (!address.ok) return address;
      const access = await accessTo(address.value, wanted.signature, accessDir);
      if (!access.ok) return access;
      const place = { repository: wanted.repository, field: FIELD, access: access.value, sourceDir };
      const repository = await openRepository(place, context);
      return repository.ok ? resolve(wanted, repository.value, access.value, pins?.['commit'], context) : repository;
    },
  };
}

function signatureOf(member: Fields): Signature | undefined {
  if (member['verify'] === undefined) return undefined;
  const signature = textOf(fieldsOf(member['verify'], 'source.git.verify'), 'signature', 'source.git.verify.signature');
  if (signature !== 'Commit' && signature !== 'Tag') throw new Problem('source.git.verify.signature must be Commit or Tag');
  return signature;
}

const USABLE: Readonly<Record<GitAddress['kind'], readonly Credential[]>> = { http: ['authorization', 'tls'], ssh: ['ssh'], file: [] };

function accessTo({ kind }: GitAddress, signature: Signature | undefined, accessDir: string | undefined): Promise<Outcome<Access>> {
  const usable: readonly Credential[] = [...USABLE[kind], ...(signature === undefined ? [] : (['signers'] as const))];
  return usable.length === 0 ? Promise.resolve(success(NO_ACCESS)) : readAccess(accessDir, usable);
}

async function resolve(
  wanted: Wanted,
  repository: Repository,
  access: Access,
  pinned: string | undefined,
  context: SourceContext,
): Promise<Outcome<Pinned>> {
  const found =
    pinned === undefined
      ? await repository.commitOf(wanted.revision, 'spec.source.git.revision')
      : success({ commit: pinned, ref: undefined });
  if (!found.ok) return found;
  const { ref } = found.value;
  const commit = await repository.fetch(found.value.commit, ref?.peeled === undefined ? undefined : ref.object);
  if (!commit.ok) return commit;
  // What is pinned was looked at when it was resolved; its digest holds the bytes.
  const history = pinned === undefined ? await historyOf(wanted, repository, found.value, commit.value, access, context) : success({});
  if (!history.ok) return history;
  const lfs = lfsStore({ repository, commit: commit.value, access, field: FIELD }, context);
  return success({ ...pinnedParts(wanted.path, context.limits.files, repository, commit.value, lfs), metadata: history.value });
}

/** What the repository knows of the commit, when whatever has to be signed is. */
async function historyOf(
  { signature, revision }: Wanted,
  repository: Repository,
  { ref }: Found,
  commit: Commit,
  access: Access,
  context: SourceContext,
): Promise<Outcome<Metadata>> {
  const { shown } = repository.address;
  const signed = { commit, shown, access, context };
  const tag = ref?.peeled === undefined ? success(undefined) : await tagOf(ref, commit);
  if (!tag.ok) return tag;
  const checked =
    signature === undefined
      ? success(undefined)
      : signature === 'Commit'
        ? await checkCommit(signed)
        : await checkTag(signed, ref, tag.value, revision);
  if (!checked.ok) return checked;
  const { tagger } = tag.value ?? {};
  return success({
    code: { repository: shown, commit: commit.id },
    tags: {
      ...(ref && { [ref.name.startsWith('refs/tags/') ? 'tag' : 'branch']: ref.name.replace(/^refs\/(tags|heads)\//, '') }),
      ...(tagger && { tagger: `${tagger.name} <${tagger.email}>`, taggedAt: new Date(tagger.time * 1000).toISOString() }),
      ...(checked.value !== undefined && { signedBy: checked.value }),
    },
  });
}

interface Signed {
  readonly commit: Commit;
  readonly shown: string;
  readonly access: Access;
  readonly context: SourceContext;
}

const NO_SIGNERS = { ssh: undefined, openPgp: undefined };

async function tagOf({ name, object }: GitRef, commit: Commit): Promise<Outcome<TagObject>> {
  const bytes = await commit.object(object);
  if (!bytes.ok) return bytes;
  const tag = parseTag(bytes.value.toString('utf8'));
  return tag === undefined ? finalFailure('SourceRefused', `The tag ${quote(name)} is not of Git's form.`) : success(tag);
}

async function checkCommit({ commit, shown, access, context }: Signed): Promise<Outcome<string>> {
  const object = await commit.object(commit.id);
  if (!object.ok) return object;
  return checkSignature(
    { type: 'commit', object: object.value, shown: `Commit ${commit.id} of ${shown}` },
    access.signers ?? NO_SIGNERS,
    context,
  );
}

/** A signature is of the name and the commit in the tag, so these have to be the ones that were asked for. */
async function checkTag(signed: Signed, ref: GitRef | undefined, tag: TagObject | undefined, revision: string): Promise<Outcome<string>> {
  const { commit, shown, access, context } = signed;
  if (ref === undefined || tag === undefined || !ref.name.startsWith('refs/tags/')) {
    const wayOut = 'Name such a tag in spec.source.git.revision, or set verify.signature to Commit.';
    return finalFailure('SignatureRefused', `${quote(revision)} of ${shown} is no annotated tag, which alone can be signed. ${wayOut}`);
  }
  const name = ref.name.slice('refs/tags/'.length);
  if (tag.tag !== name || tag.object !== commit.id || tag.type !== 'commit') {
    const what = `${quote(name)} of ${shown} is a tag that was made as ${quote(tag.tag)} of ${tag.type} ${tag.object}`;
    return finalFailure('SignatureRefused', `${what}, so its signature says nothing of commit ${commit.id} under this name.`);
  }
  const object = await commit.object(ref.object);
  if (!object.ok) return object;
  return checkSignature(
    { type: 'tag', object: object.value, shown: `Tag ${quote(name)} of ${shown}` },
    access.signers ?? NO_SIGNERS,
    context,
  );
}

/** The files of the commit as parts, at most so many. */
function pinnedParts(path: string, most: number, repository: Repository, commit: Commit, lfs: LfsStore): Pinned {
  const { shown } = repository.address;
  const entries = new Map<Part, TreeEntry>();
  return {
    uri: `git+${addressUri(repository.address)}@${commit.id}${path === '' ? '' : `#${path}`}`,
    pins: { commit: commit.id },
    list: async () => {
      const listed = await commit.list(path, most);
      if (!listed.ok) return listed;
      const problem = refusal(listed.value, path, `commit ${commit.id} of ${shown}`);
      if (problem !== undefined) return problem;
      entries.clear();
      for (const entry of listed.value) {
        const part = partOf(entry, path);
        if (!part.ok) return part;
        entries.set(part.value, entry);
      }
      return success([...entries.keys()]);
    },
    open: async (part) => {
      const entry = entries.get(part);
      if (entry === undefined) throw new Error('the part is not one of this commit');
      return openFile(entry, commit, lfs);
    },
  };
}

function partOf(entry: TreeEntry, path: string): Outcome<Part> {
  if (entry.path === path) return namedPart(path.slice(path.lastIndexOf('/') + 1));
  return success({ kind: 'file', path: path === '' ? entry.path : entry.path.slice(path.length + 1) });
}

/** What keeps the entries from being a version. */
function refusal(entries: readonly TreeEntry[], path: string, where: string): ReturnType<typeof finalFailure> | undefined {
  if (entries.length === 0) {
    if (path === '') return finalFailure('EmptyModel', `There is not one file in ${where}.`);
    return finalFailure('NotFound', `There is no ${quote(path)} in ${where}. Check spec.source.git.path.`);
  }
  const bad = entries.find(({ kind, path: at }) => kind !== 'file' || (path !== '' && at.length < path.length));
  switch (bad?.kind) {
    case undefined:
      return undefined;
    case 'file':
      return finalFailure('NotFound', `There is no ${quote(path)} in ${where}: ${quote(bad.path)} is a file. Check spec.source.git.path.`);
    case 'link': {
      const wayOut = 'Put the file itself there, or leave the link out of spec.source.git.path.';
      return finalFailure('SourceRefused', `${quote(bad.path)} in ${where} is a symbolic link; only files and folders are read. ${wayOut}`);
    }
    case 'submodule': {
      const wayOut = 'Name that repository in spec.source.git.repository, or leave the submodule out of spec.source.git.path.';
      return finalFailure('SourceRefused', `${quote(bad.path)} in ${where} is a submodule, that is, another repository. ${wayOut}`);
    }
  }
}
