// Questions to MLflow's REST API, and what its refusals mean. It answers errors as JSON with a code, which says more than the status: an
// alias that does not exist is a 400.

import { finalFailure } from '../core/version/failure.ts';
import type { Failure } from '../core/version/failure.ts';
import { readError } from '../core/version/mlflowAnswers.ts';
import { quote } from '../core/version/text.ts';
import type { Access } from './access.ts';
import { statusFailure } from './download.ts';
import { errorOf, SourceError, valueOf } from './error.ts';
import { describeUrl, readText, send, type Call } from './request.ts';
import type { SourceContext } from './source.ts';

/** A server, by its address without a slash at its end, and what is shown to it. */
export interface Server {
  readonly address: string;
  readonly access: Access;
  readonly context: SourceContext;
  /** Base URL of the store that its s3:// artifacts are in, if that is not AWS's own. */
  readonly s3Endpoint: string | undefined;
}

/** A GET of `path` below /api/2.0/, or a call that says something. `absent` is a sentence for when what it is about is not there. */
export interface Question {
  readonly path: string;
  readonly method?: 'POST' | 'DELETE';
  readonly body?: object;
  readonly query?: Readonly<Record<string, string>>;
  readonly absent: string;
}

/** A run with thousands of metrics stays below; the profile of a data set can be larger. */
const MAX_ANSWER_BYTES = 4 * 1024 ** 2;

/** An answer with any status that is no redirect. */
interface Answer {
  readonly status: number;
  readonly text: string;
}

/** An answer of at most `most` bytes; throws a SourceError. */
export async function readAnswer(call: Call, most: number, context: SourceContext): Promise<Answer> {
  const response = valueOf(await send(call, context));
  return { status: response.statusCode ?? 0, text: valueOf(await readText(call.url, response, most)) };
}

/** The document that a server answers; throws a SourceError when it refuses, or answers no JSON. */
export async function ask({ address, access, context }: Server, question: Question): Promise<unknown> {
  const { path, method, query = {}, absent } = question;
  const url = new URL(`${address}/api/2.0/${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const body = question.body && JSON.stringify(question.body);
  // Of a DELETE with a body Node itself does not say how long that is.
  const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
  const answer = await readAnswer({ url, access, headers, ...(method && { method }), ...(body && { body }) }, MAX_ANSWER_BYTES, context);
  const failure = refusalOf(url, access, answer, absent);
  if (failure !== undefined) throw errorOf({ failure });
  const document = parseJson(answer.text);
  if (document === undefined) throw strange(url);
  return document;
}

/** A part of the document that has to be there. */
export function needed<T>(part: T | undefined, { address }: Server, { path }: Question): T {
  if (part === undefined) throw strange(new URL(`${address}/api/2.0/${path}`));
  return part;
}

/** The answer to a question of which nothing depends; undefined, and a line in the log, when it is refused for good. */
export async function askInPassing(server: Server, question: Question): Promise<unknown> {
  return ask(server, question).catch((error: unknown) => passOver(error, server.context));
}

/** Logs a final failure; throws any other error, since a version is recorded once and what is missing then is missing for ever. */
export function passOver(error: unknown, context: SourceContext): undefined {
  if (!(error instanceof SourceError) || error.failure.retryable) throw error;
  context.log(`${error.message} The version's metadata is without it.`);
}

function strange(url: URL): SourceError {
  const message = `${describeUrl(url)} answered with something that is not MLflow's. Check spec.source.mlflow.server.`;
  return errorOf(finalFailure('SourceRefused', message));
}

/** What an answer refuses; undefined for one that does not. */
function refusalOf(url: URL, access: Access, { status, text }: Answer, absent: string): Failure | undefined {
  const shown = describeUrl(url);
  const error = status === 200 ? undefined : readError(parseJson(text));
  if (error !== undefined && isAbsent(error)) return finalFailure('NotFound', absent).failure;
  if (error !== undefined && status === 400) {
    // Not its message, in which a server may repeat what it was sent.
    const code = /^[A-Z][A-Z_]{0,63}$/.test(error.code) ? ` (${error.code})` : '';
    return finalFailure('SourceRefused', `${shown} answered ${status}${code}. Check spec.source.mlflow.`).failure;
  }
  if (status === 403 && text.startsWith('Invalid Host header')) {
    const wayOut = `Start the server with --allowed-hosts ${quote(url.host)}, beside the names that it has already.`;
    return finalFailure('AccessDenied', `${shown}: MLflow does not answer to this host name. ${wayOut}`).failure;
  }
  if (status === 404) {
    return finalFailure('NotFound', `${shown} answered 404, and not as MLflow does. Check spec.source.mlflow.server.`).failure;
  }
  if (status === 503 && text.includes('--no-serve-artifacts')) {
    const message = `${shown}: the server runs with --no-serve-artifacts, and what it keeps cannot be read through it.`;
    return finalFailure('SourceRefused', message).failure;
  }
  return statusFailure({ url, access, field: 'spec.source.mlflow.server' }, status);
}

function isAbsent({ code, message }: NonNullable<ReturnType<typeof readError>>): boolean {
  return (
    code === 'RESOURCE_DOES_NOT_EXIST' || code === 'NOT_FOUND' || (code === 'INVALID_PARAMETER_VALUE' && / not found\.?$/.test(message))
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
