// One HTTP request with everything that a hostile or broken server must not be able to do: lead elsewhere, stall, or lie about lengths.
// Node's own client is used rather than fetch, because its lookup option is where the address of a connection can be checked.

import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { rootCertificates } from 'node:tls';

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Failure, Outcome } from '../core/version/failure.ts';
import type { Access, Tls } from './access.ts';
import { checkHost, guardedLookup } from './address.ts';
import { codeOf, errorOf, SourceError } from './error.ts';
import { ONREAD } from './landing.ts';
import type { SourceContext } from './source.ts';

/** An import would read all that the module has, and with it load a client that takes 9 MiB and is not used here. */
const http = process.getBuiltinModule('node:http');

const MAX_REDIRECTS = 5;
const HARMLESS: ReadonlySet<string> = new Set(['accept', 'range', 'if-range']);
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** TLS failures that trying again does not mend. */
const TLS_FAILURE = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_|ERR_SSL_|INVALID_CA|HOSTNAME_MISMATCH|EPROTO)/;

/** A URL for people: scheme, host and path. Userinfo and query can hold credentials and are never shown. */
export function describeUrl(url: URL): string {
  const text = `${url.origin}${url.pathname}`;
  return text.length <= 300 ? text : `${text.slice(0, 299)}…`;
}

/**
 * A request. `access` goes to the URL's own origin only, and so does what `sign` makes; of `headers`, which may hold what is as good as a
 * password, a redirect elsewhere gets those that ask for a range.
 */
export interface Call {
  readonly url: URL;
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly access?: Access;
  /** Headers that are good for one request only, made anew for each: those of a signature, which holds the request and its time. */
  readonly sign?: (call: Call) => Promise<Outcome<Readonly<Record<string, string>>>>;
  /** A redirect is an answer like any other: what was signed for one address means nothing at the next. */
  readonly stay?: boolean;
}

/**
 * Sends a request and follows at most five redirects. Succeeds with any status that is no redirect; the caller must consume or destroy the
 * response.
 */
export async function send(call: Call, context: SourceContext): Promise<Outcome<IncomingMessage>> {
  const { url, stay = false } = call;
  let current = call;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const host = checkHost(current.url);
    if (!host.ok) return host;
    const signed = await signedCall(current);
    if (!signed.ok) return signed;
    const answer = await requestOnce(signed.value, context);
    if (!answer.ok || stay || !REDIRECTS.has(answer.value.statusCode ?? 0)) return answer;
    answer.value.destroy();
    const next = redirectTarget(current.url, answer.value.headers.location);
    if (!next.ok) return next;
    const { method = 'GET', headers = {}, access, sign, body } = call;
    if (method !== 'GET' && method !== 'HEAD') {
      return finalFailure('RedirectRefused', `${describeUrl(url)} redirects a ${method} request. Give the URL to which it leads.`);
    }
    const isHome = next.value.origin === url.origin;
    const own = isHome && { ...(access && { access }), ...(sign && { sign }) };
    current = { url: next.value, method, ...(body && { body }), headers: isHome ? headers : harmless(headers), ...own };
  }
  return finalFailure(
    'RedirectRefused',
    `${describeUrl(url)} redirects more than ${MAX_REDIRECTS} times. Give the URL where the redirects end.`,
  );
}

/** The headers that say which bytes are asked for: they go along to wherever those are kept. */
function harmless(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS.has(name)));
}

async function signedCall(call: Call): Promise<Outcome<Call>> {
  if (call.sign === undefined) return success(call);
  const signature = await call.sign(call);
  return signature.ok ? success({ ...call, headers: { ...call.headers, ...signature.value } }) : signature;
}

/** Where a redirect leads, without credentials in it; refused when that is no longer http(s), or less safe than before. */
function redirectTarget(from: URL, location: string | undefined): Outcome<URL> {
  const shown = describeUrl(from);
  const target = location === undefined ? null : URL.parse(location, from.href);
  if (target === null) return finalFailure('RedirectRefused', `${shown} answered with a redirect that names no valid URL.`);
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    return finalFailure(
      'RedirectRefused',
      `${shown} redirects to a ${target.protocol.slice(0, 20)} URL; only http and https are followed.`,
    );
  }
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    return finalFailure('RedirectRefused', `${shown} redirects from https to http, where anyone on the way could change the bytes.`);
  }
  target.username = '';
  target.password = '';
  return success(target);
}

/** One request and its response's head. The connection is this request's alone, and is given up when it stalls or `signal` fires. */
function requestOnce({ url, method = 'GET', headers, body, access }: Call, context: SourceContext): Promise<Outcome<IncomingMessage>> {
  const { timeouts, signal } = context;
  const secure = url.protocol === 'https:';
  const all = {
    accept: '*/*',
    'accept-encoding': 'identity', // the digest is of the file as it is stored
    'user-agent': 'plimsoll',
    ...(access?.authorization === undefined ? {} : { authorization: access.authorization }),
    ...headers,
  };
  return new Promise((resolve) => {
    let response: IncomingMessage | undefined;
    const options = {
      method,
      agent: false,
      headers: all,
      ...(secure ? tlsOptions(access?.tls) : {}),
      lookup: guardedLookup(context.lookup),
      timeout: timeouts.idleMs,
      onread: ONREAD,
    };
    const request = (secure ? https : http).request(url, options);
    // After the response's head only the response can carry the reason to whoever reads it: destroying the request then says 'aborted'.
    const giveUp = (error: SourceError) => (response ?? request).destroy(error);
    const stop = () => giveUp(errorOf(interrupted(signal)));
    const connecting = setTimeout(
      () => giveUp(errorOf(tooSlow(url, 'could not be connected to within', timeouts.connectMs))),
      timeouts.connectMs,
    );
    request.on('socket', (socket) => socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(connecting)));
    request.on('timeout', () => giveUp(errorOf(tooSlow(url, 'has sent nothing for', timeouts.idleMs))));
    request.on('close', () => {
      clearTimeout(connecting);
      signal.removeEventListener('abort', stop);
    });
    request.on('error', (error) => {
      // Once there is a response, such an error says that the server sent more than it announced, or no valid HTTP any more.
      response?.destroy(new SourceError(networkFailure(url, error), { cause: error }));
      resolve({ ok: false, failure: networkFailure(url, error) });
    });
    request.on('response', (head) => {
      response = head;
      resolve(success(head));
    });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    request.end(body);
  });
}

function tlsOptions(tls: Tls | undefined): https.RequestOptions {
  return {
    // What is given replaces what Node trusts by itself, so both are.
    ...(tls?.ca === undefined ? {} : { ca: [...rootCertificates, tls.ca] }),
    ...(tls?.client === undefined ? {} : { cert: tls.client.certificate, key: tls.client.key }),
  };
}

/** The text of an answer; see readBytes. */
export async function readText(url: URL, response: IncomingMessage, most: number): Promise<Outcome<string>> {
  const bytes = await readBytes(url, response, most);
  return bytes.ok ? success(bytes.value.toString('utf8')) : bytes;
}

/** The body of an answer, which is refused when it has more than `most` bytes; a connection that breaks off is a failure, too. */
export async function readBytes(url: URL, response: IncomingMessage, most: number): Promise<Outcome<Buffer>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > most) return finalFailure('SourceRefused', `${describeUrl(url)} answered with more than ${most} bytes.`);
      chunks.push(chunk);
    }
    return success(Buffer.concat(chunks));
  } catch (error) {
    return { ok: false, failure: networkFailure(url, error) };
  } finally {
    response.destroy();
  }
}

/** What a network error means for people. An error of ours keeps its own words. */
export function networkFailure(url: URL, error: unknown): Failure {
  if (error instanceof SourceError) return error.failure;
  const shown = describeUrl(url);
  const code = codeOf(error);
  if (TLS_FAILURE.test(code)) {
    return finalFailure('SourceUnreachable', `No trusted TLS connection to ${url.host} could be made (${code}); wanted: ${shown}.`).failure;
  }
  return passingFailure('SourceUnreachable', `${shown} could not be read: ${meaningOf(code)}.`).failure;
}

function meaningOf(code: string): string {
  if (code.startsWith('HPE_')) return 'the answer is not valid HTTP, or longer than announced';
  return MEANINGS[code] ?? `the connection failed (${code === '' ? 'no code' : code})`;
}

const MEANINGS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name could not be resolved just now',
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ECONNRESET: 'the server broke the connection off',
  EPIPE: 'the server broke the connection off',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the host',
};

/** Why `signal` fired: the job's own time limit, or whoever runs the job. */
export function interrupted(signal: AbortSignal): ReturnType<typeof finalFailure> {
  const timedOut = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
  const why = timedOut ? 'The download did not end in the time given for it (timeouts.totalMs).' : 'The download was told to stop.';
  return passingFailure('Interrupted', why);
}

function tooSlow(url: URL, what: string, milliseconds: number): ReturnType<typeof passingFailure> {
  return passingFailure('SourceUnreachable', `${describeUrl(url)} ${what} ${milliseconds / 1000} s.`);
}
