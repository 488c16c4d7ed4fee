// One HTTP request to the API server: authentication and TLS come from the kubeconfig, the deadline and the error shape from here.

import type { KubeConfig, ResponseContext } from '@kubernetes/client-node';
import { IsomorphicFetchHttpLibrary, RequestContext } from '@kubernetes/client-node';

import type { CallReport } from './client.ts';
import type { Clock } from './clock.ts';
import type { CredentialSource } from './credentials.ts';
import { createCredentials } from './credentials.ts';
import { startDeadline } from './deadline.ts';
import { errorFromNetwork, errorFromResponse, KubeError } from './errors.ts';
import type { TokenBucket } from './tokenBucket.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What to send. `path` starts with `/api` or `/apis`; `query` members that are undefined are left out; `body` is sent as JSON. */
export type HttpCall = {
  readonly method: Method;
  readonly verb: CallReport['verb'];
  /** Plural, for metrics. */
  readonly resource: string;
  /** For people, in error messages: `get deployments risk/fraud-a`. */
  readonly title: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | number | undefined>>;
  readonly contentType?: string;
  readonly body?: unknown;
};

export type Patience = { readonly signal: AbortSignal | undefined; readonly deadlineMs: number; readonly priority: boolean };

export type Transport = {
  /** The answer's text. Rejects with KubeError for any status but 2xx, and when there is no answer in time. */
  readonly send: (call: HttpCall, patience: Patience) => Promise<string>;
  /** The answer's body as it comes. The deadline covers the time until the headers are here; `signal` ends the body too. */
  readonly open: (call: HttpCall, patience: Patience & { readonly signal: AbortSignal }) => Promise<ReadableStream<Uint8Array>>;
};

type TransportOptions = {
  readonly kubeConfig: KubeConfig;
  readonly clock: Clock;
  readonly bucket: TokenBucket;
  readonly userAgent: string;
  readonly onCall: (report: CallReport) => void;
};

const http = new IsomorphicFetchHttpLibrary();

/** A transport to the current cluster of `kubeConfig`. Throws when there is none. */
export function createTransport(options: TransportOptions): Transport {
  const credentials = createCredentials(options.kubeConfig, options.clock);
  return {
    send: (call, patience) =>
      attempt(options, credentials, call, patience, async (signal) => {
        const response = await request(options, credentials, call, signal, patience.priority);
        return [response.httpStatusCode, await response.body.text()];
      }),
    open: (call, patience) =>
      attempt(options, credentials, call, patience, async (signal) => {
        // Two signals: the deadline's matters until the headers are here, the caller's for as long as the body is read.
        const connection = new AbortController();
        linkAbort(signal, connection);
        linkAbort(patience.signal, connection);
        const response = await request(options, credentials, call, connection.signal, patience.priority);
        const stream = response.body.stream();
        if (stream === null) throw new Error('the answer has no body');
        return [response.httpStatusCode, stream];
      }),
  };
}

/** Runs `work` under the deadline, gives its error the common shape and reports how it went. */
async function attempt<T>(
  { clock, onCall }: TransportOptions,
  credentials: CredentialSource,
  call: HttpCall,
  patience: Patience,
  work: (signal: AbortSignal) => Promise<readonly [code: number, result: T]>,
): Promise<T> {
  const started = clock.monotonic();
  const report = (code: CallReport['code']): void =>
    onCall({ verb: call.verb, resource: call.resource, code, seconds: (clock.monotonic() - started) / 1000 });
  const deadline = startDeadline(clock, patience.deadlineMs, patience.signal);
  try {
    const [code, result] = await Promise.race([work(deadline.signal), deadline.passed]);
    report(code);
    return result;
  } catch (cause) {
    const error = explain(call, patience, deadline.why(), cause);
    if (error.kind === 'Network' || error.kind === 'Unauthorized') credentials.forget();
    report(error.code ?? (error.kind === 'Timeout' ? 'timeout' : error.kind === 'Aborted' ? 'aborted' : 'network'));
    throw error;
  } finally {
    deadline.stop();
  }
}

/** Waits for its turn, sends, and rejects with KubeError for any status but 2xx. */
async function request(
  options: TransportOptions,
  credentials: CredentialSource,
  call: HttpCall,
  signal: AbortSignal,
  priority: boolean,
): Promise<ResponseContext> {
  await options.bucket.take(signal, priority);
  signal.throwIfAborted();
  const { server, headers, dispatcher } = await credentials.read();
  const context = new RequestContext(urlOf(server, call), call.method);
  for (const [name, value] of Object.entries(headers)) context.setHeaderParam(name, value);
  context.setHeaderParam('Accept', 'application/json');
  context.setHeaderParam('User-Agent', options.userAgent);
  if (call.contentType !== undefined) context.setHeaderParam('Content-Type', call.contentType);
  if (call.body !== undefined) context.setBody(JSON.stringify(call.body));
  if (dispatcher !== undefined) context.setDispatcher(dispatcher);
  context.setSignal(signal);
  const response = await http.send(context).toPromise();
  if (response.httpStatusCode >= 200 && response.httpStatusCode < 300) return response;
  const body = await response.body.text();
  throw errorFromResponse(call.title, response.httpStatusCode, body, response.headers['retry-after'], options.clock.now());
}

function urlOf(server: string, call: HttpCall): string {
  const url = new URL(server.replace(/\/$/, '') + call.path);
  for (const [name, value] of Object.entries(call.query)) if (value !== undefined) url.searchParams.set(name, String(value));
  return url.toString();
}

/** Each controller here lives for one call only, so listeners on a short-lived signal need no removal; the caller of `open` ends its own. */
function linkAbort(from: AbortSignal, to: AbortController): void {
  if (from.aborted) to.abort(from.reason);
  else from.addEventListener('abort', () => to.abort(from.reason), { once: true });
}

function explain(call: HttpCall, patience: Patience, why: 'timeout' | 'aborted' | undefined, cause: unknown): KubeError {
  if (cause instanceof KubeError) return cause;
  if (why === 'timeout') return new KubeError('Timeout', `${call.title}: no answer within ${patience.deadlineMs} ms`);
  if (why === 'aborted') return new KubeError('Aborted', `${call.title}: given up by the caller`);
  return errorFromNetwork(call.title, cause);
}
