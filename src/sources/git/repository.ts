// A Git repository as a place to read from: its branches and tags, and the files of one commit. As little as possible is fetched.

import { mkdtemp, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

import { finalFailure, passingFailure, success } from '../../core/version/failure.ts';
import type { Outcome } from '../../core/version/failure.ts';
import { parseGitAddress, type GitAddress } from '../../core/version/gitAddress.ts';
import { quote } from '../../core/version/text.ts';
import type { Access } from '../access.ts';
import { codeOf, errorOf } from '../error.ts';
import type { SourceContext } from '../source.ts';
import { fetchCommit, type Commit } from './commit.ts';
import { gitCredentials, httpWire } from './http.ts';
import { fileWire, quoted, runOverSsh, sshWire } from './process.ts';
import { commitOf, readTags, type Found, type Tag } from './refs.ts';
import { guarded, type Store } from './scratch.ts';
import type { Wire } from './wire.ts';

/** Where a repository is, and what goes with it. `field` is where `repository` is written, as 'spec.source.git.repository'. */
export interface RepositoryPlace {
  readonly repository: string;
  readonly field: string;
  readonly access: Access;
  /** Folder of the mounted claim that file:/// is about. */
  readonly sourceDir: string | undefined;
}

export interface Repository {
  readonly address: GitAddress;
  /** Where Git keeps it, when it is in a claim. */
  readonly folder: string | undefined;
  /** Follows a revision, which is written in `field`: see refs.ts. */
  readonly commitOf: (revision: string, field: string) => Promise<Outcome<Found>>;
  readonly tags: () => Promise<Outcome<readonly Tag[]>>;
  /** Fetches a commit, and with it the object of an annotated tag that leads to it. Of both the whole names are given. */
  readonly fetch: (commit: string, tag?: string) => Promise<Outcome<Commit>>;
  /** Asks the server of an SSH repository to run a program of its own with the repository's path; gives what it prints. */
  readonly command: (program: string, ...words: readonly string[]) => Promise<Outcome<string>>;
}

/** Reads an address and prepares to read the repository; nothing is connected to yet. */
export async function openRepository(place: RepositoryPlace, context: SourceContext): Promise<Outcome<Repository>> {
  const address = parseGitAddress(place.repository, place.field);
  if (!address.ok) return address;
  return guarded(async () => {
    const local = address.value.kind === 'file' ? await folderInClaim(address.value, place.sourceDir, place.field) : undefined;
    const wire = wireTo(address.value, place, local ?? '');
    const folder = await mkdtemp(join(context.spool, 'git-'));
    const store: Store = { address: address.value, field: place.field, wire, folder, context };
    return success({
      address: address.value,
      folder: local,
      commitOf: (revision, field) => guarded(() => commitOf(store, revision, field)),
      tags: () => guarded(() => readTags(store)),
      command: (program, ...words) => guarded(() => askServer(place, address.value, program, words, context)),
      fetch: (commit, tag) => guarded(() => fetchCommit(store, commit, tag)),
    });
  });
}

function wireTo(address: GitAddress, { field, access }: RepositoryPlace, folder: string): Wire {
  switch (address.kind) {
    case 'http':
      return httpWire({ url: address.url, access: gitCredentials(access), field });
    case 'ssh':
      return sshWire({ address, access, field });
    case 'file':
      return fileWire({ folder, shown: address.shown, field });
  }
}

/** Where Git keeps a repository: its folder, or .git in that. Refused when a link leads out of the claim. */
async function folderInClaim(
  { path, shown }: { path: string; shown: string },
  sourceDir: string | undefined,
  field: string,
): Promise<string> {
  if (sourceDir === undefined) {
    throw errorOf(finalFailure('InvalidSource', `${field} is ${shown}, a path in a claim, but no claim is named.`));
  }
  const root = await realpath(sourceDir);
  try {
    const named = await realpath(join(root, path));
    const folder = (await readdir(named)).includes('.git') ? await realpath(join(named, '.git')) : named;
    if (folder === root || folder.startsWith(`${root}/`)) return folder;
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      throw errorOf(passingFailure('SourceFailed', `${shown} could not be read (${code}).`), error);
    throw errorOf(finalFailure('NotFound', `The claim holds no Git repository ${quote(path)}. Check ${field}.`), error);
  }
  throw errorOf(finalFailure('SourceRefused', `${shown} leads out of the claim by a symbolic link.`));
}

async function askServer(
  { access, field }: RepositoryPlace,
  address: GitAddress,
  program: string,
  words: readonly string[],
  context: SourceContext,
): Promise<Outcome<string>> {
  if (address.kind !== 'ssh') throw new Error('only servers reached by SSH run programs');
  return success(await runOverSsh({ address, access, field }, [program, quoted(address.path), ...words].join(' '), context));
}
