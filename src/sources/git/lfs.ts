// Files that Git LFS keeps beside a repository. What stands in Git is a pointer; the file is got by the batch API, or out of the claim, and
// is held against the sha256 and size of its pointer. A pointer is never served.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

import { finalFailure, passingFailure, success } from '../../core/version/failure.ts';
import type { Outcome } from '../../core/version/failure.ts';
import { batchRequest, lfsEndpoint, MAX_POINTER_BYTES, parseAuthenticate, parseBatch, parsePointer } from '../../core/version/lfs.ts';
import type { TreeEntry } from '../../core/version/gitObjects.ts';
import type { LfsLink, LfsPointer } from '../../core/version/lfs.ts';
import { quote } from '../../core/version/text.ts';
import { NO_ACCESS, type Access } from '../access.ts';
import { checkedBody, type Check } from '../body.ts';
import { bodyOf, statusFailure } from '../download.ts';
import { errorOf } from '../error.ts';
import { claimSource } from '../pvc.ts';
import { describeUrl, readText, send } from '../request.ts';
import type { Body, SourceContext } from '../source.ts';
import { gitCredentials } from './http.ts';
import type { Commit } from './commit.ts';
import type { Repository } from './repository.ts';

const JSON_TYPE = 'application/vnd.git-lfs+json';
const MOST_ANSWER_BYTES = 1024 ** 2;

/** Where the files of a commit are kept. */
export interface LfsStore {
  readonly open: (pointer: LfsPointer, path: string) => Promise<Outcome<Body>>;
}

interface Place {
  readonly repository: Repository;
  readonly commit: Commit;
  readonly access: Access;
  /** Where the repository's address is written. */
  readonly field: string;
}

/** The LFS store of a commit. Nothing is asked before the first file. */
export function lfsStore(place: Place, context: SourceContext): LfsStore {
  let setting: Promise<Outcome<string | undefined>> | undefined;
  return {
    open: async (pointer, path) => {
      const configured = await (setting ??= place.commit.setting('.lfsconfig', 'lfs.url'));
      if (!configured.ok) return configured;
      const body = await openObject(place, configured.value, pointer, path, context);
      return body.ok ? checked(body.value, pointer, path) : body;
    },
  };
}

async function openObject(
  { repository, access, field }: Place,
  configured: string | undefined,
  pointer: LfsPointer,
  path: string,
  context: SourceContext,
): Promise<Outcome<Body>> {
  if (configured === undefined && repository.folder !== undefined) return openLocal(repository.folder, pointer, path, context);
  const server = configured === undefined ? await ownServer(repository) : configuredServer(configured);
  if (!server.ok) return server;
  const own = originOf(repository) === server.value.url.origin ? gitCredentials(access) : trustOf(access);
  const link = await ask(server.value, own, pointer, path, context);
  return link.ok
    ? download(link.value, server.value.url.origin === link.value.url.origin ? own : trustOf(access), path, field, context)
    : link;
}

/** The server that goes with the repository: beside it on the web, or the one that its SSH server names. */
async function ownServer(repository: Repository): Promise<Outcome<LfsLink>> {
  const { address } = repository;
  if (address.kind === 'http') return success({ url: lfsEndpoint(address.url), headers: {} });
  const said = await repository.command('git-lfs-authenticate', 'download');
  if (!said.ok) return said;
  return parseAuthenticate(said.value) ?? finalFailure('SourceRefused', `${address.shown} does not say where its LFS server is.`);
}

function configuredServer(text: string): Outcome<LfsLink> {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '') {
    return success({ url, headers: {} });
  }
  return finalFailure('SourceRefused', 'lfs.url in .lfsconfig of the repository is no https or http URL without credentials.');
}

function originOf({ address }: Repository): string | undefined {
  return address.kind === 'http' ? address.url.origin : undefined;
}

/** Of the Secret, what is no credential: other servers may be vouched for by the same authorities. */
function trustOf({ tls }: Access): Access {
  return tls?.ca === undefined ? NO_ACCESS : { ...NO_ACCESS, tls: { ca: tls.ca, client: undefined } };
}

/** Asks where one file is, and what is to be shown there. */
async function ask(
  { url, headers }: LfsLink,
  access: Access,
  pointer: LfsPointer,
  path: string,
  context: SourceContext,
): Promise<Outcome<LfsLink>> {
  const batch = new URL(`${url.href.replace(/\/+$/, '')}/objects/batch`);
  const call = {
    url: batch,
    method: 'POST',
    headers: { ...headers, accept: JSON_TYPE, 'content-type': JSON_TYPE },
    body: batchRequest(pointer),
    access,
  } as const;
  const answer = await send(call, context);
  if (!answer.ok) return answer;
  const problem = batchFailure(batch, access, answer.value.statusCode ?? 0);
  if (problem !== undefined) {
    answer.value.destroy();
    return problem;
  }
  const text = await readText(batch, answer.value, MOST_ANSWER_BYTES);
  return text.ok ? parseBatch(text.value, pointer, `the file ${quote(path)}`) : text;
}

function batchFailure(url: URL, access: Access, status: number): ReturnType<typeof finalFailure> | undefined {
  const shown = describeUrl(url);
  if (status === 200) return undefined;
  if (status === 401 || status === 403) {
    const why =
      access.authorization === undefined ? 'It was asked without credentials' : 'The credentials of spec.access.secretRef are not enough';
    return finalFailure('AccessDenied', `The LFS server ${shown} answered ${status}. ${why}.`);
  }
  if (status === 404 || status === 410)
    return finalFailure('NotFound', `There is no LFS server at ${shown} (${status}), but the commit has LFS pointers.`);
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    return passingFailure('SourceFailed', `The LFS server ${shown} answered ${status}: it is in trouble, or asks to come back later.`);
  }
  return finalFailure('SourceRefused', `The LFS server ${shown} answered ${status}.`);
}

async function download(
  { url, headers }: LfsLink,
  access: Access,
  path: string,
  field: string,
  context: SourceContext,
): Promise<Outcome<Body>> {
  const isTold = Object.hasOwn(headers, 'authorization');
  const call = { url, headers, access: isTold ? { ...access, authorization: undefined } : access };
  const answer = await send(call, context);
  if (!answer.ok) return answer;
  const problem = statusFailure({ ...call, field }, answer.value.statusCode ?? 0);
  if (problem === undefined) return success(bodyOf(call, answer.value, context));
  answer.value.destroy();
  return { ok: false, failure: { ...problem, message: `The LFS object of ${quote(path)} did not come: ${problem.message}` } };
}

/** In a claim the objects lie beside the repository, as `git lfs push` to a folder puts them there. */
async function openLocal(folder: string, { oid }: LfsPointer, path: string, context: SourceContext): Promise<Outcome<Body>> {
  const place = `lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`;
  const found = await claimSource({ claim: 'of the repository', path: place, mountedAt: folder }).resolve(context);
  if (found.ok) return found.value.open({ kind: 'file', path: oid });
  if (found.failure.reason !== 'NotFound') return found;
  return finalFailure(
    'NotFound',
    `The repository in the claim does not have the file ${quote(path)}: there is no ${place}. Do \`git lfs push --all\`.`,
  );
}

/** The bytes; fails at their end when they are not those of the pointer. */
function checked(body: Body, { oid, bytes }: LfsPointer, path: string): Outcome<Body> {
  const what = `the file ${quote(path)}`;
  const other = (came: string): ReturnType<typeof finalFailure> =>
    finalFailure(
      'DigestMismatch',
      `The LFS server sent other bytes for ${what} than its pointer names: ${came}. Nothing of them is served.`,
    );
  if (body.length !== undefined && body.length !== bytes) {
    body.stream.destroy();
    return other(`${body.length} bytes instead of ${bytes}`);
  }
  const hash = createHash('sha256');
  let received = 0;
  const check: Check = {
    update: (chunk) => {
      received += chunk.length;
      hash.update(chunk);
      if (received > bytes) throw errorOf(other(`more than ${bytes} bytes`));
    },
    end: () => {
      if (received < bytes) throw errorOf(passingFailure('Truncated', `The LFS server sent ${received} of ${bytes} bytes of ${what}.`));
      const came = hash.digest('hex');
      if (came !== oid) throw errorOf(other(`sha256 ${came} instead of ${oid}`));
    },
  };
  return success(checkedBody(body, bytes, check));
}

/** A file's bytes; those of the file that is meant where it is a pointer of Git LFS. */
export async function openFile(entry: TreeEntry, commit: Commit, lfs: LfsStore): Promise<Outcome<Body>> {
  const body = await commit.open(entry);
  if (!body.ok || body.value.length === undefined || body.value.length > MAX_POINTER_BYTES) return body;
  const bytes = Buffer.concat((await body.value.stream.toArray()) as Buffer[]);
  const pointer = parsePointer(bytes.toString('utf8'), entry.path);
  if (!pointer.ok) return pointer;
  if (pointer.value !== undefined) return lfs.open(pointer.value, entry.path);
  return success({ stream: Readable.from([bytes], { objectMode: false }), length: bytes.length });
}
