// Open-loop load: requests leave by a schedule of their own, whether or not earlier ones were answered, as users do.
// A client that waits for answers sends less to a slow version and so hides how slow it is (coordinated omission).
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Tally, type LoadFigures, type LoadRecord } from './figures.ts';
import { askWho } from './introduction.ts';

/** What to send, where to, and how often. */
export interface LoadOptions {
  /** Address of the gateway. Default 127.0.0.1. */
  readonly address?: string;
  readonly port: number;
  /** `Host` header: a host name of the route. */
  readonly host: string;
  /** Name of the model in the path of the inference request. */
  readonly model: string;
  /** Requests per second. */
  readonly rate: number;
  /** Rows sent in order, from the first again after the last. */
  readonly rows: readonly (readonly number[])[];
  /** Right answers of the rows. With them each prediction is compared. */
  readonly labels?: readonly number[];
  /** Open connections at most; more requests wait, and the wait counts as latency. Default 256. */
  readonly maxConnections?: number;
  /** A request without a byte for so long is given up and counted as ETIMEDOUT. Default 15000. */
  readonly timeoutMs?: number;
  /** Response header that names the revision. Default `plimsoll-revision`. */
  readonly revisionHeader?: string;
  /**
   * Behind a Service nobody names the revision, least of all in a failure. With this each request has a connection of its own, over which
   * the server is first asked which version it has; that takes the place of the revision, and counts as latency.
   */
  readonly asksVersion?: boolean;
  /** Good answers slower than this count as slow, and as bad for `firstBadAt`. Default: none does. */
  readonly slowerThanMs?: number;
  /** Told each record as it is complete. */
  readonly onRecord?: (record: LoadRecord) => void;
}

/** A run under way. */
export interface Load {
  /** Totals so far, for a live account. Sorts all latencies: once a second is fine, per request is not. */
  figures(): LoadFigures;
  /** Changes the rate from the next request on. */
  setRate(perSecond: number): void;
  /** Sends nothing more, waits for what is under way, and returns the totals. A second call returns the same. */
  stop(): Promise<LoadFigures>;
}

const MAX_ERROR_TEXT = 300;
const DEFAULT_ADDRESS = '127.0.0.1';
const DEFAULT_TIMEOUT_MS = 15_000;

function inferenceBody(row: readonly number[]): Buffer {
  const input = { name: 'predict', shape: [1, row.length], datatype: 'FP64', data: row };
  return Buffer.from(JSON.stringify({ inputs: [input] }));
}

/** First number of a V2 response's first output; undefined if the text is no such response. */
function prediction(text: string): number | undefined {
  try {
    const data = (JSON.parse(text) as { outputs?: { data?: unknown[] }[] }).outputs?.[0]?.data?.[0];
    return typeof data === 'number' ? data : undefined;
  } catch {
    return undefined;
  }
}

/** `ECONNRESET`; of an error without a code its message. */
function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));
}

interface Answer {
  readonly status: number;
  readonly revision: string;
  readonly correct?: boolean;
  readonly error?: string;
}

/** Sends one request; `done` is called exactly once. */
type Send = (index: number, done: (answer: Answer) => void) => void;

/** As Send, over a connection of `agent`. `who`: its other end, as it has said over the only connection that there is. */
type Post = (agent: Agent, index: number, done: (answer: Answer) => void, who?: string) => void;

/** Each request over a connection of its own, whose other end has said which version it is. */
function introducedSender(options: LoadOptions, post: Post): Send {
  const { address = DEFAULT_ADDRESS, port, host, model, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  return (index, done) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const finish = (answer: Answer): void => {
      agent.destroy();
      done(answer);
    };
    askWho({ agent, address, port, host, model, timeoutMs }).then(
      (version) => post(agent, index, finish, version),
      (error: unknown) => finish({ status: 0, revision: '', error: codeOf(error) }),
    );
  };
}

function poster(options: LoadOptions): Post {
  const bodies = options.rows.map(inferenceBody);
  const header = options.revisionHeader ?? 'plimsoll-revision';
  const common = {
    host: options.address ?? DEFAULT_ADDRESS,
    port: options.port,
    method: 'POST',
    path: `/v2/models/${options.model}/infer`,
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  };
  const read = (index: number, response: IncomingMessage, done: (answer: Answer) => void): void => {
    const status = response.statusCode ?? 0;
    const named = response.headers[header];
    const revision = typeof named === 'string' ? named : '';
    const label = options.labels?.[index % bodies.length];
    let text = '';
    if (status === 200 && label === undefined) response.resume();
    else
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
    response.on('end', () => {
      if (status !== 200) done({ status, revision, error: text.slice(0, MAX_ERROR_TEXT) });
      else if (label === undefined) done({ status, revision });
      else done({ status, revision, correct: prediction(text) === label });
    });
    response.on('error', (error: NodeJS.ErrnoException) => done({ status: 0, revision, error: error.code ?? error.message }));
  };
  return (agent, index, done, who) => {
    const body = bodies[index % bodies.length]!;
    let finished = false;
    const finish = (answer: Answer): void => {
      // Over a second connection somebody else may have answered.
      if (!finished) done(who === undefined ? answer : { ...answer, revision: request.reusedSocket ? who : '' });
      finished = true;
    };
    const headers = { host: options.host, 'content-type': 'application/json', 'content-length': body.length };
    const request = httpRequest({ ...common, agent, headers }, (response) => read(index, response, finish));
    request.on('timeout', () => request.destroy(Object.assign(new Error('no byte in time'), { code: 'ETIMEDOUT' })));
    request.on('error', (error: NodeJS.ErrnoException) => finish({ status: 0, revision: '', error: error.code ?? error.message }));
    request.end(body);
  };
}

/** Calls `fire` with the moment (performance.now) at which each request is due; what was missed while the machine was busy is made up for. */
function startSchedule(rate: number, fire: (dueAt: number) => void): { setRate: (perSecond: number) => void; stop: () => void } {
  let period = 1000 / rate;
  let next = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const tick = (): void => {
    for (const now = performance.now(); next <= now; next += period) fire(next);
    timer = setTimeout(tick, Math.max(0, next - performance.now()));
  };
  tick();
  return {
    setRate: (perSecond) => {
      period = 1000 / perSecond;
    },
    stop: () => clearTimeout(timer),
  };
}

/** Starts sending at once. Nothing is ever tried again: an error is an error. */
export function startLoad(options: LoadOptions): Load {
  if (options.rows.length === 0) throw new Error('There must be at least one row to send.');
  const agent = new Agent({ keepAlive: true, maxSockets: options.maxConnections ?? 256, maxFreeSockets: options.maxConnections ?? 256 });
  const post = poster(options);
  const send: Send = options.asksVersion === true ? introducedSender(options, post) : (index, done) => post(agent, index, done);
  const tally = new Tally(options.slowerThanMs);
  const wallClock = performance.timeOrigin;
  let sent = 0;
  let open = 0;
  let longestLagMs = 0;
  let idle: (() => void) | undefined;
  const schedule = startSchedule(options.rate, (dueAt) => {
    const index = sent;
    const start = performance.now();
    sent += 1;
    open += 1;
    longestLagMs = Math.max(longestLagMs, start - dueAt);
    send(index, (answer) => {
      const end = performance.now();
      const record: LoadRecord = { index, sentAt: wallClock + start, receivedAt: wallClock + end, latencyMs: end - dueAt, ...answer };
      tally.add(record);
      options.onRecord?.(record);
      open -= 1;
      if (open === 0) idle?.();
    });
  });
  const finish = async (): Promise<LoadFigures> => {
    schedule.stop();
    if (open > 0)
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
    agent.destroy();
    return tally.figures(sent, longestLagMs);
  };
  let stopped: Promise<LoadFigures> | undefined;
  return {
    figures: () => tally.figures(sent, longestLagMs),
    setRate: schedule.setRate,
    stop: () => (stopped ??= finish()),
  };
}
