// A file over HTTP: its bytes to the last one, or a sentence that says why not. A connection that breaks off is taken up where it broke,
// where the server can.

import { setTimeout as sleep } from 'node:timers/promises';
import type { IncomingMessage } from 'node:http';

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Failure, Outcome } from '../core/version/failure.ts';
import { quote } from '../core/version/text.ts';
import { lentBody } from './body.ts';
import { codeOf, errorOf, SourceError } from './error.ts';
import { lentChunks } from './landing.ts';
import { describeUrl, interrupted, networkFailure, send, type Call } from './request.ts';
import type { Body, SourceContext } from './source.ts';

export interface Download extends Call {
  /** The field that says where this is, for whoever has to look there: `spec.source.http.url`. */
  readonly field: string;
  /** Content-Encoding of answers that are the file as it is stored; 'identity' always is. */
  readonly encodings?: readonly string[];
  /** Its size in bytes, where a listing told it before. */
  readonly bytes?: number | undefined;
}

/** Cuts in a row, without one byte in between, after which the part is given up. */
const CUTS_IN_A_ROW = 5;
const WAIT_MS = 500;

/** Opens a file that is to be had at a URL. */
export async function download(what: Download, context: SourceContext): Promise<Outcome<Body>> {
  const answer = await send(what, context);
  if (!answer.ok) return answer;
  const response = answer.value;
  const problem = statusFailure(what, response.statusCode ?? 0) ?? contentFailure(what, response);
  if (problem !== undefined) {
    response.destroy();
    return { ok: false, failure: problem };
  }
  return success(bodyOf(what, response, context, what.bytes));
}

/**
 * The body of an answer that was found to be the file. `call` is what was asked: the rest of a body that breaks off is asked for as well.
 * `bytes` is its size if the answer itself announces none.
 */
export function bodyOf(call: Call, response: IncomingMessage, context: SourceContext, bytes?: number): Body {
  const length = announcedLength(response) ?? bytes;
  const line: Line = { response, closed: false };
  const lend = (): AsyncIterable<Uint8Array> => bytesOf(call, line, length, context);
  const close = (): void => {
    line.closed = true;
    line.response.destroy();
  };
  return lentBody(lend, close, length);
}

/** The connection that the bytes come by now. */
interface Line {
  response: IncomingMessage;
  closed: boolean;
}

/** Why an answer with this status brings no file; undefined for 200, the only one that does. */
export function statusFailure({ url, access, field }: Download, status: number): Failure | undefined {
  const shown = describeUrl(url);
  if (status === 200) return undefined;
  if (status === 401 || status === 403) {
    const wayOut = hasCredentials(access)
      ? 'The credentials of spec.access.secretRef are not enough for it.'
      : 'If it needs credentials, put them into a Secret (token, or username and password) and name it in spec.access.secretRef.';
    return finalFailure('AccessDenied', `${shown} answered ${status}. ${wayOut}`).failure;
  }
  if (status === 404 || status === 410) {
    return finalFailure('NotFound', `${shown} answered ${status}: there is no such file. Check ${field}.`).failure;
  }
  if (status === 408 || status === 425 || status === 429) {
    return passingFailure('SourceFailed', `${shown} answered ${status}: it asks to come back later.`).failure;
  }
  if (status >= 500) return passingFailure('SourceFailed', `${shown} answered ${status}: the server is in trouble.`).failure;
  return finalFailure('SourceRefused', `${shown} answered ${status}, which brings no file. Check ${field}.`).failure;
}

function hasCredentials(access: Call['access']): boolean {
  return access !== undefined && Object.values(access).some((credential) => credential !== undefined);
}

/** Answers that are 200 and yet not the file: a login page, a compressed form that nobody asked for, or a file that has changed meanwhile. */
function contentFailure({ url, encodings = [], bytes }: Download, response: IncomingMessage): Failure | undefined {
  const shown = describeUrl(url);
  const isAttached = /^attachment\b/i.test(response.headers['content-disposition'] ?? '');
  if (/^text\/html\b/i.test(response.headers['content-type'] ?? '') && !isAttached) {
    return finalFailure('SourceRefused', `${shown} answered with a web page, often a login page. Give a URL that leads to the file itself.`)
      .failure;
  }
  const encoding = response.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity' && !encodings.includes(encoding)) {
    return finalFailure('SourceRefused', `${shown} came compressed (Content-Encoding ${quote(encoding)}) though it was asked for plain.`)
      .failure;
  }
  const length = announcedLength(response);
  if (bytes === undefined || length === undefined || length === bytes) return undefined;
  return passingFailure('Truncated', `${shown} had ${bytes} bytes when its folder was listed, and has ${length} now.`).failure;
}

function announcedLength(response: IncomingMessage): number | undefined {
  const text = response.headers['content-length'];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The bytes, one connection after the other until all are there; throws a SourceError when their number is not the announced one. */
async function* bytesOf(
  what: Call,
  line: Line,
  length: number | undefined,
  context: SourceContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  const mark = resumeMark(line.response, length);
  let received = 0;
  for (let cuts = 0; ;) {
    const before = received;
    let failure: SourceError;
    try {
      for await (const chunk of lentChunks(line.response)) {
        received += chunk.length;
        yield chunk;
      }
      if (length === undefined || received === length) return;
      failure = errorOf(truncated(what.url, received, length));
    } catch (error) {
      failure = inOurWords(what.url, error, received, length);
    } finally {
      line.response.destroy();
    }
    cuts = received > before ? 0 : cuts + 1;
    const next = mark !== undefined && !line.closed && cuts < CUTS_IN_A_ROW ? await resume(what, mark, received, failure, context) : undefined;
    if (next === undefined) throw failure;
    line.response = next;
  }
}

/** By what the rest of the same file is told from the rest of another one; undefined where the server cannot resume. */
function resumeMark({ headers }: IncomingMessage, length: number | undefined): string | undefined {
  const isPlain = length !== undefined && headers['content-encoding'] === undefined;
  const etag = headers.etag?.startsWith('"') === true ? headers.etag : undefined;
  return isPlain && headers['accept-ranges'] === 'bytes' ? (etag ?? headers['last-modified']) : undefined;
}

/** The rest of the file from byte `from` on; undefined when the server has no such rest, or not of this file. */
async function resume(
  what: Call,
  mark: string,
  from: number,
  failure: SourceError,
  context: SourceContext,
): Promise<IncomingMessage | undefined> {
  if (!failure.failure.retryable || context.signal.aborted) return undefined;
  context.log(`${failure.message} Going on from byte ${from}.`);
  const waited = await sleep(WAIT_MS, true, { signal: context.signal }).catch(() => false);
  if (!waited) throw errorOf(interrupted(context.signal));
  const answer = await send({ ...what, headers: { ...what.headers, range: `bytes=${from}-`, 'if-range': mark } }, context);
  if (!answer.ok) return undefined;
  const { statusCode, headers } = answer.value;
  if (statusCode === 206 && headers['content-range']?.startsWith(`bytes ${from}-`) === true) return answer.value;
  answer.value.destroy();
  return undefined;
}

function inOurWords(url: URL, error: unknown, received: number, length: number | undefined): SourceError {
  if (error instanceof SourceError) return error;
  const isCut = length !== undefined && received < length && !codeOf(error).startsWith('HPE_');
  if (isCut) return errorOf(truncated(url, received, length), error);
  return new SourceError(networkFailure(url, error), { cause: error });
}

function truncated(url: URL, received: number, length: number): ReturnType<typeof passingFailure> {
  return passingFailure('Truncated', `${describeUrl(url)} announced ${length} bytes, but ${received} came before the connection ended.`);
}
