// Source http: one file, or one archive that is unpacked. The URL is the pointer and the place at once: HTTP has no names that
// cannot change, so what pins the version is its digest.

import { pipeline, Transform } from 'node:stream';
import type { IncomingMessage } from 'node:http';

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Failure, Outcome } from '../core/version/failure.ts';
import { checkPath } from '../core/version/paths.ts';
import { quote } from '../core/version/text.ts';
import { readAuthorization } from './credentials.ts';
import { errorOf, SourceError } from './error.ts';
import { describeUrl, get, networkFailure } from './request.ts';
import { namedPart } from './source.ts';
import type { Body, Part, Source, SourceContext } from './source.ts';

/** Where the file is, and the folder of the mounted Secret with the credentials for it. */
export interface HttpSourceOptions {
  readonly url: string;
  readonly accessDir: string | undefined;
}

/** A source that gets its bytes from `url`. */
export function httpSource(options: HttpSourceOptions): Source {
  return {
    resolve: async (context) => {
      const url = checkUrl(options.url);
      if (!url.ok) return url;
      const part = partOf(url.value);
      if (!part.ok) return part;
      const authorization = await readAuthorization(options.accessDir);
      if (!authorization.ok) return authorization;
      return success({
        uri: `${url.value.origin}${url.value.pathname}`,
        list: () => Promise.resolve(success([part.value])),
        open: (wanted) => open(url.value, wanted, authorization.value, context),
      });
    },
  };
}

/** The URL, when it is one that can be got. */
function checkUrl(text: string): Outcome<URL> {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return finalFailure('InvalidSource', 'spec.source.http.url must be a URL that begins with http:// or https://.');
  }
  if (url.username !== '' || url.password !== '') {
    return finalFailure(
      'InvalidSource',
      'spec.source.http.url holds credentials, which everybody can read there. Put them into a Secret, name it in ' +
        `spec.access.secretRef, and write ${describeUrl(url)}.`,
    );
  }
  return success(url);
}

/** What the last segment of the URL's path says: the name of the file, or an archive. */
function partOf(url: URL): Outcome<Part> {
  const name = decode(url.pathname.slice(url.pathname.lastIndexOf('/') + 1));
  if (name === undefined || name === '') {
    return finalFailure(
      'InvalidSource',
      `${describeUrl(url)} ends in no file name. Give the URL of one file or of an archive (.tar.gz, .tar, .zip).`,
    );
  }
  const part = namedPart(name);
  if (!part.ok || part.value.kind === 'archive') return part;
  const problem = name.includes('/') ? 'holds an escaped slash' : checkPath(name);
  if (problem !== undefined) return finalFailure('InvalidSource', `The file name ${quote(name)} at the end of the URL ${problem}.`);
  return part;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

async function open(url: URL, part: Part, authorization: string | undefined, context: SourceContext): Promise<Outcome<Body>> {
  const answer = await get(url, authorization, context);
  if (!answer.ok) return answer;
  const response = answer.value;
  const problem = statusFailure(url, response.statusCode ?? 0, authorization !== undefined) ?? contentFailure(url, part, response);
  if (problem !== undefined) {
    response.destroy();
    return { ok: false, failure: problem };
  }
  const length = announcedLength(response);
  return success({ stream: checkedBody(url, response, length), length });
}

/** Why an answer with this status brings no file; undefined for 200, the only one that does. */
function statusFailure(url: URL, status: number, authorized: boolean): Failure | undefined {
  const shown = describeUrl(url);
  if (status === 200) return undefined;
  if (status === 401 || status === 403) {
    const wayOut = authorized
      ? 'The credentials of spec.access.secretRef are not enough for it.'
      : 'If it needs credentials, put them into a Secret (token, or username and password) and name it in spec.access.secretRef.';
    return finalFailure('AccessDenied', `${shown} answered ${status}. ${wayOut}`).failure;
  }
  if (status === 404 || status === 410) {
    return finalFailure('NotFound', `${shown} answered ${status}: there is no such file. Check spec.source.http.url.`).failure;
  }
  if (status === 408 || status === 425 || status === 429) {
    return passingFailure('SourceFailed', `${shown} answered ${status}: it asks to come back later.`).failure;
  }
  if (status >= 500) return passingFailure('SourceFailed', `${shown} answered ${status}: the server is in trouble.`).failure;
  return finalFailure('SourceRefused', `${shown} answered ${status}, which brings no file. Check spec.source.http.url.`).failure;
}

/** Answers that are 200 and yet not the file: a login page, or the file in a compressed form that nobody asked for. */
function contentFailure(url: URL, part: Part, response: IncomingMessage): Failure | undefined {
  const shown = describeUrl(url);
  if (/^text\/html\b/i.test(response.headers['content-type'] ?? '')) {
    return finalFailure('SourceRefused', `${shown} answered with a web page, often a login page. Give a URL that leads to the file itself.`)
      .failure;
  }
  // Servers that label x.tar.gz as 'Content-Encoding: gzip' send the archive as it is stored.
  const encoding = response.headers['content-encoding']?.toLowerCase() ?? 'identity';
  const expected = part.kind === 'archive' && part.encoding === 'tar.gz' ? ['identity', 'gzip', 'x-gzip'] : ['identity'];
  if (expected.includes(encoding)) return undefined;
  return finalFailure('SourceRefused', `${shown} came compressed (Content-Encoding ${quote(encoding)}) though it was asked for plain.`)
    .failure;
}

function announcedLength(response: IncomingMessage): number | undefined {
  const text = response.headers['content-length'];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The response's bytes; fails when their number is not the announced one, and in our words when the network fails. */
function checkedBody(url: URL, response: IncomingMessage, length: number | undefined): Transform {
  let received = 0;
  const body = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      received += chunk.length;
      done(null, chunk);
    },
    flush: (done) => done(length === undefined || received === length ? null : errorOf(truncated(url, received, length))),
    destroy: (error, done) => done(error === null ? null : inOurWords(url, error, received, length)),
  });
  return pipeline(response, body, () => undefined);
}

function inOurWords(url: URL, error: Error, received: number, length: number | undefined): SourceError {
  if (error instanceof SourceError) return error;
  if (length !== undefined && received < length) return errorOf(truncated(url, received, length), error);
  return new SourceError(networkFailure(url, error), { cause: error });
}

function truncated(url: URL, received: number, length: number): ReturnType<typeof passingFailure> {
  return passingFailure('Truncated', `${describeUrl(url)} announced ${length} bytes, but ${received} came before the connection ended.`);
}
