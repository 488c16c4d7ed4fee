// Git over HTTP: what `git` says is sent as requests of our own, in protocol version 2 (https://git-scm.com/docs/protocol-v2), or in the
// first one with servers that know no other (https://git-scm.com/docs/pack-protocol).

import type { IncomingMessage } from 'node:http';

import { finalFailure, passingFailure, success } from '../../core/version/failure.ts';
import type { Outcome } from '../../core/version/failure.ts';
import { basicAuthorization, type Access } from '../access.ts';
import { errorOf, SourceError, valueOf } from '../error.ts';
import { describeUrl, networkFailure, send } from '../request.ts';
import type { SourceContext } from '../source.ts';
import { isFlush, packets, textOf, type Wire } from './wire.ts';

export interface HttpRepository {
  readonly url: URL;
  readonly access: Access;
  /** The field that holds its address. */
  readonly field: string;
}

const SERVICE = 'git-upload-pack';

/** What Git servers take: a token is the password of any user. */
export function gitCredentials(access: Access): Access {
  const { token } = access;
  return token === undefined ? access : { ...access, authorization: basicAuthorization({ username: 'x-access-token', password: token }) };
}

/** A wire to a repository on a web server. */
export function httpWire(repository: HttpRepository): Wire {
  return async function* converse(requests, context) {
    const answer = await ask(repository, context);
    const advertised = packets(answer);
    let isVersion2 = false;
    let isFirst = true;
    for await (const packet of advertised) {
      if (isFirst && textOf(packet) === `# service=${SERVICE}`) {
        await advertised.next();
        continue;
      }
      isVersion2 ||= isFirst && textOf(packet) === 'version 2';
      isFirst = false;
      yield packet;
    }
    yield* isVersion2 ? answerEach(repository, requests, context) : answerOnce(repository, requests, context);
  };
}

/** The server's first words: its branches and tags, or what it can do. */
async function ask(repository: HttpRepository, context: SourceContext): Promise<AsyncIterable<Buffer>> {
  const url = new URL(`${repository.url.href}/info/refs?service=${SERVICE}`);
  const headers = { 'git-protocol': 'version=2' };
  const answer = await send({ url, headers, access: repository.access, stay: true }, context);
  return bodyOf(repository, valueOf(answer), `application/x-${SERVICE}-advertisement`);
}

/** Each request of protocol 2 ends with a flush, and is answered by itself. */
async function* answerEach(
  repository: HttpRepository,
  requests: AsyncIterable<Buffer>,
  context: SourceContext,
): AsyncGenerator<Buffer, void, undefined> {
  let request: Buffer[] = [];
  for await (const packet of packets(requests)) {
    request.push(packet);
    if (!isFlush(packet)) continue;
    if (request.length > 1) yield* await post(repository, request, 'version=2', context);
    request = [];
  }
}

/**
 * A conversation of the first protocol: what is wanted, up to a flush, then `done`. HTTP has no memory of the first when the second comes,
 * so it is sent again; and when only a part of the history is wanted the server says its limits each time.
 */
async function* answerOnce(
  repository: HttpRepository,
  requests: AsyncIterable<Buffer>,
  context: SourceContext,
): AsyncGenerator<Buffer, void, undefined> {
  const wanted: Buffer[] = [];
  let isShallow = false;
  for await (const packet of packets(requests)) {
    wanted.push(packet);
    isShallow ||= textOf(packet).startsWith('deepen ');
    if (isFlush(packet) && isShallow) yield* throughFlush(packets(await post(repository, wanted, undefined, context)));
    if (textOf(packet) === 'done') {
      const answer = packets(await post(repository, wanted, undefined, context));
      if (isShallow) for await (const _said of throughFlush(answer));
      yield* answer;
      return;
    }
  }
}

/** The packets up to the next flush; what follows stays to be read. */
async function* throughFlush(answer: AsyncGenerator<Buffer, void, undefined>): AsyncGenerator<Buffer, void, undefined> {
  for (let next = await answer.next(); next.done !== true; next = await answer.next()) {
    yield next.value;
    if (isFlush(next.value)) return;
  }
}

async function post(
  repository: HttpRepository,
  request: readonly Buffer[],
  version: string | undefined,
  context: SourceContext,
): Promise<AsyncIterable<Buffer>> {
  const { url, access } = repository;
  const headers = { 'content-type': `application/x-${SERVICE}-request`, ...(version && { 'git-protocol': version }) };
  const call = {
    url: new URL(`${url.href}/${SERVICE}`),
    method: 'POST',
    headers,
    body: Buffer.concat(request).toString('latin1'),
    access,
  } as const;
  return bodyOf(repository, valueOf(await send({ ...call, stay: true }, context)), `application/x-${SERVICE}-result`);
}

/** The bytes of a good answer; throws a SourceError for any other. */
function bodyOf(repository: HttpRepository, answer: IncomingMessage, type: string): AsyncIterable<Buffer> {
  const problem = failureOf(repository, answer, type);
  if (problem.ok) return inOurWords(repository.url, answer);
  answer.destroy();
  throw errorOf(problem);
}

async function* inOurWords(url: URL, answer: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of answer) yield chunk as Buffer;
  } catch (error) {
    throw new SourceError(networkFailure(url, error), { cause: error });
  } finally {
    answer.destroy();
  }
}

function failureOf({ url, access, field }: HttpRepository, { statusCode = 0, headers }: IncomingMessage, type: string): Outcome<undefined> {
  const shown = describeUrl(url);
  if (statusCode >= 300 && statusCode < 400) {
    // A server that was shown credentials may write them there.
    const target = access.authorization === undefined ? URL.parse(headers.location ?? '', url.href) : null;
    const to = target === null ? 'elsewhere' : `to ${describeUrl(target).replace(/\/info\/refs$/, '')}`;
    return finalFailure('RedirectRefused', `${shown} redirects ${to}. If the repository is there, write that into ${field}.`);
  }
  if (statusCode === 401 || statusCode === 403) {
    const wayOut =
      access.authorization === undefined
        ? 'If it needs credentials, put them into a Secret (token, or username and password) and name it in spec.access.secretRef.'
        : 'The credentials of spec.access.secretRef are not enough for it.';
    return finalFailure('AccessDenied', `The repository ${shown} answered ${statusCode}. ${wayOut}`);
  }
  if (statusCode === 404 || statusCode === 410) {
    const hint = access.authorization === undefined ? ' Many servers answer the same for a repository that needs credentials.' : '';
    return finalFailure('NotFound', `${shown} answered ${statusCode}: there is no such repository. Check ${field}.${hint}`);
  }
  if (statusCode === 408 || statusCode === 425 || statusCode === 429 || statusCode >= 500) {
    return passingFailure('SourceFailed', `The repository ${shown} answered ${statusCode}: the server is in trouble.`);
  }
  if (statusCode !== 200) return finalFailure('SourceRefused', `The repository ${shown} answered ${statusCode}. Check ${field}.`);
  if (headers['content-type'] !== type) {
    return finalFailure('SourceRefused', `${shown} is no Git repository: it does not answer in Git's protocol. Check ${field}.`);
  }
  return success(undefined);
}
