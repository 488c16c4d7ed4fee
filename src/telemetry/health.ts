// /healthz, /readyz and /metrics for the kubelet and Prometheus. Plain HTTP: nothing here is secret, and nothing can be changed.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Says what is wrong in a few words, or undefined when all is well. It must answer at once, from what is known already. */
export type HealthCheck = () => string | undefined;

export interface HealthOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Address to listen on; all addresses when absent. */
  readonly host?: string | undefined;
  /** Decide /readyz, by name: `caches`, for example, until every cache has its first list. */
  readonly readiness: Readonly<Record<string, HealthCheck>>;
  /** Decide /healthz beside the answer itself, which already shows that the event loop turns. A restart must mend what they find. */
  readonly liveness?: Readonly<Record<string, HealthCheck>> | undefined;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  /** Told when /metrics could not be rendered. */
  readonly onError: (error: unknown) => void;
}

export interface HealthServer {
  readonly port: number;
  /** Answers what is being answered, for at most `graceMs` (2 s when absent), then closes every connection. */
  readonly close: (graceMs?: number) => Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const TEXT = 'text/plain; charset=utf-8';
const REQUEST_TIMEOUT_MS = 10_000;
const CLOSE_GRACE_MS = 2000;

/** Starts to listen. Rejects with a message that names the port when that is not possible. */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void respond(options, request, response);
  });
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    close: (graceMs = CLOSE_GRACE_MS) => closeServer(server, graceMs),
  };
}

async function listen(server: Server, { port, host }: HealthOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new Error(`The health server cannot listen on port ${port}: ${cause.message}. Choose a free port.`, { cause }));
    });
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  });
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const grace = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeIdleConnections();
  });
  clearTimeout(grace);
}

async function respond(options: HealthOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = await answerTo(options, request).catch((error: unknown): Answer => {
    options.onError(error);
    return { status: 500, contentType: TEXT, body: 'The metrics could not be written; the log says why.\n' };
  });
  response.writeHead(answer.status, {
    'content-type': answer.contentType,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    ...(answer.status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

async function answerTo(options: HealthOptions, request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, contentType: TEXT, body: 'Only GET and HEAD are answered.\n' };
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/healthz':
      return answerOfChecks(options.liveness ?? {});
    case '/readyz':
      return answerOfChecks(options.readiness);
    case '/metrics':
      return { status: 200, ...(await options.metrics()) };
    default:
      return { status: 404, contentType: TEXT, body: 'There is /healthz, /readyz and /metrics.\n' };
  }
}

/** One line for each check, those that fail with their reason; the status is 503 if any does. */
function answerOfChecks(checks: Readonly<Record<string, HealthCheck>>): Answer {
  const results = Object.entries(checks).map(([name, check]) => ({ name, problem: runCheck(check) }));
  const healthy = results.every(({ problem }) => problem === undefined);
  const lines = results.map(({ name, problem }) => (problem === undefined ? `[+] ${name}: ok` : `[-] ${name}: ${problem}`));
  return { status: healthy ? 200 : 503, contentType: TEXT, body: `${[...lines, healthy ? 'ok' : 'not ok'].join('\n')}\n` };
}

/** A check that throws has failed. */
function runCheck(check: HealthCheck): string | undefined {
  try {
    return check();
  } catch (error) {
    return `the check itself failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}
