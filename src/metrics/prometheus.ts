// Client of Prometheus's HTTP API, and of everything that speaks it (Thanos, Mimir, VictoriaMetrics).
import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { failure, readAnswer } from './prometheusAnswer.ts';
import type { FailureReason, QueryFailure, QueryResult } from './prometheusAnswer.ts';

export interface PrometheusOptions {
  /** Base URL; a path is kept (`http://mimir/prometheus`). */
  readonly url: string;
  /** Milliseconds of a monotone or wall clock; only differences are used. */
  readonly now: () => number;
  /** Milliseconds since 1970, for what a server's clock is held against. Without it nothing is said about clocks. */
  readonly wallNow?: () => number;
  /** Files are read again for each request, because tokens and certificates are rotated. */
  readonly tokenFile?: string;
  readonly caFile?: string;
  /** The client's own certificate and its key, PEM, for servers that demand one. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** For example the tenant: { 'X-Scope-OrgID': 'team-a' }. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whole request, connection to last byte. Default 5,000. */
  readonly timeoutMs?: number;
  /** A longer answer is dropped. Default 16 MiB. */
  readonly maxBytes?: number;
  /** Circuit breaker: opens after so many failures of the transport in a row (default 3) … */
  readonly breakAfter?: number;
  /** … and then lets one request through in this time (default 4,000: one for each tick of a 5 s grid). */
  readonly probeEveryMs?: number;
}

export interface Prometheus {
  /** Evaluates at `atMs`, as the series were then. Never rejects. */
  instant(query: string, atMs: number): Promise<QueryResult>;
  /** Evaluates at startMs, startMs + stepMs, … up to endMs, both included. Never rejects. */
  range(query: string, startMs: number, endMs: number, stepMs: number): Promise<QueryResult>;
  /** Closes idle connections. */
  close(): void;
}

/** Where there is none. */
export const NO_PROMETHEUS: Prometheus = {
  instant: () => Promise.resolve(NOWHERE),
  range: () => Promise.resolve(NOWHERE),
  close: () => undefined,
};

const NOWHERE = failure(
  'skipped',
  'The operator has no Prometheus: set its PLIMSOLL_PROMETHEUS_URL, or give spec.analysis.metrics.scrape, with checks that need no query.',
);

/** @throws TypeError when the URL cannot be read or is not http or https: a mistake in the operator's own settings. */
export function createPrometheus(options: PrometheusOptions): Prometheus {
  const base = new URL(options.url);
  if (base.protocol !== 'http:' && base.protocol !== 'https:') {
    throw new TypeError(`The Prometheus URL ${options.url} is neither http:// nor https://.`);
  }
  const timeoutMs = options.timeoutMs ?? 5_000;
  const breaker = createBreaker(options);
  const connection = createConnection(base, options);

  async function ask(path: string, form: Readonly<Record<string, string>>): Promise<QueryResult> {
    const waiting = breaker.refuses();
    if (waiting !== undefined) return failure('skipped', waiting);
    const body = new URLSearchParams({ ...form, ...EXACTLY, timeout: `${String(timeoutMs)}ms` }).toString();
    const result = await connection(path)
      .then((target) => post(target, body, { timeoutMs, maxBytes: options.maxBytes ?? 16 * 1024 * 1024, wallNow: options.wallNow }))
      .catch((error: unknown) => failure('unreachable', `Prometheus at ${base.host} cannot be asked: ${reasonOf(error)}.`));
    breaker.report(result);
    return result;
  }

  return {
    instant: (query, atMs) => ask('api/v1/query', { query, time: seconds(atMs) }),
    range: (query, startMs, endMs, stepMs) =>
      ask('api/v1/query_range', { query, start: seconds(startMs), end: seconds(endMs), step: seconds(stepMs) }),
    close: () => connection.close(),
  };
}

/**
 * What others need to answer as Prometheus does, which does not know these: Thanos is not to leave out stores that do not answer, and
 * VictoriaMetrics neither to move the times of looks into its cache's grid or out of the last 30 s, nor to repeat older points in these.
 */
const EXACTLY = { partial_response: 'false', nocache: '1', latency_offset: '1ms' } as const;

interface Breaker {
  /** A sentence when the request must not be made now. */
  refuses(): string | undefined;
  report(result: QueryResult): void;
}

function createBreaker(options: PrometheusOptions): Breaker {
  const breakAfter = options.breakAfter ?? 3;
  const probeEveryMs = options.probeEveryMs ?? 4_000;
  let failures = 0;
  let lastProbeMs = -Infinity;
  let last: QueryFailure | undefined;
  return {
    refuses() {
      if (failures < breakAfter || last === undefined) return undefined;
      if (options.now() - lastProbeMs < probeEveryMs) return `Prometheus failed ${String(failures)} times in a row. ${last.sentence}`;
      lastProbeMs = options.now();
      return undefined;
    },
    report(result) {
      if (result.ok || !TRANSPORT.has(result.reason)) {
        failures = 0;
        return;
      }
      last = result;
      failures += 1;
      if (failures === breakAfter) lastProbeMs = options.now();
    },
  };
}

const TRANSPORT: ReadonlySet<FailureReason> = new Set(['unreachable', 'timeout', 'unavailable']);

interface Target {
  readonly module: typeof http | typeof https;
  readonly url: URL;
  readonly options: https.RequestOptions;
}

type Connection = ((path: string) => Promise<Target>) & { close(): void };

function createConnection(base: URL, options: PrometheusOptions): Connection {
  const secure = base.protocol === 'https:';
  const module = secure ? https : http;
  let known = '';
  let agent: http.Agent | https.Agent = new module.Agent({ keepAlive: true });

  /** Another agent when a file has changed: a connection keeps the certificates that it was made with. */
  async function useFiles(): Promise<void> {
    if (!secure) return;
    const [ca, cert, key] = await Promise.all([read(options.caFile), read(options.certFile), read(options.keyFile)]);
    const now = JSON.stringify([ca, cert, key]);
    if (now === known || (ca ?? cert ?? key) === undefined) return;
    agent.destroy();
    agent = new https.Agent({ keepAlive: true, ca, cert, key });
    known = now;
  }

  async function target(path: string): Promise<Target> {
    const token = (await read(options.tokenFile))?.trim();
    await useFiles();
    const headers: Record<string, string> = { ...options.headers, 'content-type': 'application/x-www-form-urlencoded' };
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    return { module, url: new URL(path, withSlash(base)), options: { method: 'POST', agent, headers } };
  }

  return Object.assign(target, { close: () => agent.destroy() });
}

async function read(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : await readFile(file, 'utf8');
}

interface Limits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly wallNow: (() => number) | undefined;
}

/** One POST; redirects are not followed, since they would carry the token elsewhere. Rejects on failures of the connection only. */
function post(target: Target, body: string, { timeoutMs, maxBytes, wallNow }: Limits): Promise<QueryResult> {
  return new Promise((resolve, reject) => {
    const beganMs = wallNow?.() ?? 0;
    const request = target.module.request(target.url, target.options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > maxBytes) finish(failure('tooLarge', `The answer is longer than ${String(maxBytes)} bytes: ask for fewer series.`));
      });
      response.on('end', () => {
        const result = readAnswer(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'));
        finish({ ...result, ...(wallNow === undefined ? {} : clockOf(response.headers.date, beganMs, wallNow())) });
      });
      response.on('error', reject);
    });
    const timer = setTimeout(
      () => finish(failure('timeout', `Prometheus at ${target.url.host} did not answer within ${String(timeoutMs)} ms.`)),
      timeoutMs,
    );
    const finish = (result: QueryResult): void => {
      resolve(result);
      if (!result.ok && (result.reason === 'timeout' || result.reason === 'tooLarge')) request.destroy();
    };
    request.on('error', reject);
    request.on('close', () => clearTimeout(timer));
    request.end(body);
  });
}

/** A server dates its answer to the second, some time between the question and its end: what that can explain is no difference. */
function clockOf(date: string | undefined, beganMs: number, endedMs: number): { readonly aheadMs?: number } {
  const ms = Date.parse(date ?? '');
  if (Number.isNaN(ms)) return {};
  if (ms > endedMs) return { aheadMs: ms - endedMs };
  return { aheadMs: ms + 1000 < beganMs ? ms + 1000 - beganMs : 0 };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return error.message === '' && code !== undefined ? code : error.message;
}

function withSlash(base: URL): URL {
  return base.pathname.endsWith('/') ? base : new URL(`${base.pathname}/`, base);
}

/** Seconds with milliseconds, as the API takes times and steps. */
function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
