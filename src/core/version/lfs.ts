// Git LFS, as far as files are got by it: https://github.com/git-lfs/git-lfs/tree/main/docs (spec.md, api/batch.md).

import { finalFailure, passingFailure, success } from './failure.ts';
import type { Outcome } from './failure.ts';
import { quote } from './text.ts';

/** What stands in Git for a file that is kept elsewhere. `oid` is its sha256 in hexadecimal. */
export interface LfsPointer {
  readonly oid: string;
  readonly bytes: number;
}

/** No pointer is longer. */
export const MAX_POINTER_BYTES = 1024;

const VERSION = /^version https:\/\/(git-lfs|hawser)\.github\.com\/spec\/v1$/;

/**
 * Reads a file of at most MAX_POINTER_BYTES: undefined when it is no pointer. Fails for a pointer that cannot be followed, which is never
 * taken for the file itself.
 */
export function parsePointer(text: string, path: string): Outcome<LfsPointer | undefined> {
  if (!text.startsWith('version https://git-lfs.github.com/spec/') && !text.startsWith('version https://hawser.github.com/spec/')) {
    return success(undefined);
  }
  const lines = text.split('\n');
  const refused = (problem: string): ReturnType<typeof finalFailure> =>
    finalFailure('SourceRefused', `The Git LFS pointer ${quote(path)} ${problem}; the pointer itself is not served.`);
  if (!VERSION.test(lines[0] ?? '')) return refused('is of a version of Git LFS that is not known');
  if (lines.some((line) => line.startsWith('ext-'))) return refused('needs an extension of Git LFS, which is a program and is not run');
  const oid = /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
  const size = /^size (\d{1,15})$/m.exec(text)?.[1];
  if (oid === undefined || size === undefined) return refused('holds no sha256 and size');
  return success({ oid, bytes: Number(size) });
}

/** Where the LFS server of a repository on a web server is, when nothing else is said. */
export function lfsEndpoint(repository: URL): URL {
  return new URL(`${repository.origin}${repository.pathname.replace(/(\.git)?$/, '.git')}/info/lfs`);
}

/** An address that an LFS server has told, and what has to be shown there. */
export interface LfsLink {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** The body of the request for one object. */
export function batchRequest({ oid, bytes }: LfsPointer): string {
  return JSON.stringify({ operation: 'download', transfers: ['basic'], objects: [{ oid, size: bytes }], hash_algo: 'sha256' });
}

/** Reads the answer to batchRequest. `what` is the file, for people. */
export function parseBatch(text: string, { oid }: LfsPointer, what: string): Outcome<LfsLink> {
  const document = recordOf(parse(text));
  const transfer = typeof document['transfer'] === 'string' ? document['transfer'] : 'basic';
  if (transfer !== 'basic') {
    return finalFailure('SourceRefused', `The LFS server offers ${what} only by the transfer ${quote(transfer)}; basic is understood.`);
  }
  const objects: readonly unknown[] = Array.isArray(document['objects']) ? document['objects'] : [];
  const object = recordOf(objects.find((each) => recordOf(each)['oid'] === oid));
  if (object['error'] !== undefined) {
    const { code } = recordOf(object['error']);
    if (code === 404 || code === 410) {
      return finalFailure(
        'NotFound',
        `The LFS server does not have ${what} (sha256 ${oid}). Whoever has it may do \`git lfs push --all\`.`,
      );
    }
    const said = `The LFS server answered ${typeof code === 'number' ? code : 'no number'} for ${what}.`;
    return typeof code === 'number' && code >= 500 ? passingFailure('SourceFailed', said) : finalFailure('SourceRefused', said);
  }
  const download = recordOf(recordOf(object['actions'])['download']);
  return parseLink(download) ?? finalFailure('NotFound', `The LFS server names no address for ${what} (sha256 ${oid}).`);
}

/** Reads `{href, header}`; undefined when there is none. Fails when it is not usable. */
export function parseLink({ href, header }: Readonly<Record<string, unknown>>): Outcome<LfsLink> | undefined {
  if (href === undefined) return undefined;
  const url = typeof href === 'string' ? URL.parse(href) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return finalFailure('SourceRefused', 'The LFS server names an address that is neither https nor http.');
  }
  const headers = Object.entries(recordOf(header));
  if (headers.length > 32 || !headers.every(([name, value]) => isHeader(name, value))) {
    return finalFailure('SourceRefused', 'The LFS server asks for headers that no request may have.');
  }
  url.username = '';
  url.password = '';
  return success({ url, headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), String(value)])) });
}

/** What `git-lfs-authenticate` prints: where the LFS server is, and what to show there. */
export function parseAuthenticate(text: string): Outcome<LfsLink> | undefined {
  return parseLink(recordOf(parse(text)));
}

const OURS =
  /^(connection|content-length|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|range|if-range|accept-encoding)$/i;

function isHeader(name: string, value: unknown): boolean {
  return /^[A-Za-z0-9-]{1,128}$/.test(name) && !OURS.test(name) && typeof value === 'string' && /^[\x20-\x7e]{0,8192}$/.test(value);
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {};
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
