// A programmable Prometheus in the test's own process: what it answers to which query is a function of time, so that instant and range
// queries agree as they do in the real one.
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly path: '/api/v1/query' | '/api/v1/query_range';
  /** As requested, with whatever path stands before the API's. */
  readonly url: string;
  readonly method: string;
  readonly query: string;
  /** Instant queries: both are the time. */
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly headers: IncomingHttpHeaders;
  /** All fields of the form. */
  readonly form: Readonly<Record<string, string>>;
}

/** A value is a number, or text to be sent as it is ("banana"). */
export interface FakeSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | string;
}

/** `stamp`: the time that is written beside a value asked for at a time; that time itself when absent. */
export interface Samples {
  readonly kind: 'samples';
  readonly at: (atMs: number) => readonly FakeSample[];
  readonly warnings?: readonly string[];
  readonly stamp?: (atMs: number) => number;
  /** Ranges come with their newest points first. */
  readonly backwards?: boolean;
}

export type FakeAnswer =
  | Samples
  | { readonly kind: 'scalar'; readonly at: (atMs: number) => number | string }
  /** Any status and text: errors, HTML, truncated JSON. */
  | { readonly kind: 'text'; readonly status: number; readonly text: string }
  /** Headers and the beginning of a body, then the connection closes. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'hangUp' }
  | { readonly kind: 'silence' };

export interface FakePrometheus {
  readonly url: string;
  /** Everything that was asked, oldest first; tests may empty it. */
  readonly asked: Asked[];
  /** Answers queries that contain the text; the newest matching rule wins. Without one a query gets an empty vector. */
  answer(containing: string, answer: FakeAnswer): void;
  /** Forgets all rules. */
  reset(): void;
  /** Accepts connections again on the same port after `stop`. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export const EMPTY: FakeAnswer = { kind: 'samples', at: () => [] };

/** The same samples at all times. */
export function always(...samples: readonly FakeSample[]): FakeAnswer {
  return { kind: 'samples', at: () => samples };
}

/** Answers that no client may take for one number, by name. */
export const HOSTILE: Readonly<Record<string, FakeAnswer>> = {
  'an empty vector': EMPTY,
  'NaN': always({ labels: {}, value: NaN }),
  'plus infinity': always({ labels: {}, value: Infinity }),
  'minus infinity': always({ labels: {}, value: -Infinity }),
  'text for a number': always({ labels: {}, value: 'banana' }),
  'two series': always({ labels: { a: '1' }, value: 1 }, { labels: { a: '2' }, value: 2 }),
  'a warning beside the data': { kind: 'samples', at: () => [{ labels: {}, value: 1 }], warnings: ['store 10.0.0.7 is not available'] },
  'an answer without a part of the storage': {
    kind: 'text',
    status: 200,
    text: '{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}',
  },
  'status 500': { kind: 'text', status: 500, text: 'internal error' },
  'status 503': { kind: 'text', status: 503, text: '{"status":"error","errorType":"timeout","error":"query timed out"}' },
  'status 422': { kind: 'text', status: 422, text: '{"status":"error","errorType":"execution","error":"too many samples"}' },
  'status 401': { kind: 'text', status: 401, text: 'Unauthorized' },
  'a redirect': { kind: 'text', status: 302, text: '' },
  'HTML': { kind: 'text', status: 200, text: '<html><body>Please log in</body></html>' },
  'truncated JSON': { kind: 'text', status: 200, text: '{"status":"success","data":{"resultType":"vector","result":[{"met' },
  'JSON of another shape': { kind: 'text', status: 200, text: '[1,2,3]' },
  'no result': { kind: 'text', status: 200, text: '{"status":"success","data":{"resultType":"vector"}}' },
  'a number that is no text': {
    kind: 'text',
    status: 200,
    text: '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}}',
  },
  'a string result': { kind: 'text', status: 200, text: '{"status":"success","data":{"resultType":"string","result":[1,"7"]}}' },
  'a native histogram': {
    kind: 'text',
    status: 200,
    text: '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"1","sum":"1"}]}]}}',
  },
  'a connection cut in the middle': { kind: 'cut' },
  'a connection closed without an answer': { kind: 'hangUp' },
  'silence': { kind: 'silence' },
};

/** Listens on a free port of 127.0.0.1. */
export async function startFakePrometheus(): Promise<FakePrometheus> {
  const rules: { readonly containing: string; readonly answer: FakeAnswer }[] = [];
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://fake');
      const form = new URLSearchParams(request.method === 'POST' ? Buffer.concat(chunks).toString() : url.search);
      const one = readQuestion(url.pathname, request.method ?? '', form, request.headers);
      asked.push(one);
      send(response, rules.findLast((rule) => one.query.includes(rule.containing))?.answer ?? EMPTY, one);
    });
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    asked,
    answer: (containing, answer) => void rules.push({ containing, answer }),
    reset: () => void rules.splice(0),
    restart: () => listen(port),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function readQuestion(path: string, method: string, form: URLSearchParams, headers: IncomingHttpHeaders): Asked {
  const ms = (name: string): number => Math.round(Number(form.get(name)) * 1000);
  const range = path.endsWith('query_range');
  return {
    path: range ? '/api/v1/query_range' : '/api/v1/query',
    url: path,
    method,
    query: form.get('query') ?? '',
    startMs: ms(range ? 'start' : 'time'),
    endMs: ms(range ? 'end' : 'time'),
    stepMs: range ? ms('step') : 0,
    headers,
    form: Object.fromEntries(form),
  };
}

function send(response: ServerResponse, answer: FakeAnswer, asked: Asked): void {
  switch (answer.kind) {
    case 'samples':
      sendJson(response, toResult(answer, asked), answer.warnings);
      return;
    case 'scalar': {
      const { at } = answer;
      const instant = { resultType: 'scalar', result: [asked.endMs / 1000, goNumber(at(asked.endMs))] };
      sendJson(response, asked.path === '/api/v1/query' ? instant : toResult({ at: (ms) => [{ labels: {}, value: at(ms) }] }, asked));
      return;
    }
    case 'text':
      response.writeHead(answer.status, answer.status === 302 ? { location: '/login' } : {}).end(answer.text);
      return;
    case 'cut':
      response.writeHead(200, { 'content-length': '1000' }).write('{"status":"success"');
      setTimeout(() => response.destroy(), 20);
      return;
    case 'hangUp':
      response.destroy();
      return;
    case 'silence':
      return;
  }
}

/** Series with the same labels stay apart: nothing that is said twice is lost. */
function toResult({ at, stamp = (atMs) => atMs, backwards = false }: Omit<Samples, 'kind'>, asked: Asked): object {
  const point = (atMs: number, sample: FakeSample): [number, string] => [stamp(atMs) / 1000, goNumber(sample.value)];
  if (asked.path === '/api/v1/query') {
    const result = at(asked.endMs).map((sample) => ({ metric: sample.labels, value: point(asked.endMs, sample) }));
    return { resultType: 'vector', result };
  }
  const series = new Map<string, { metric: object; values: [number, string][] }>();
  for (let atMs = asked.startMs; atMs <= asked.endMs; atMs += asked.stepMs) {
    const times = new Map<string, number>();
    for (const sample of at(atMs)) {
      const labels = JSON.stringify(sample.labels);
      const time = (times.get(labels) ?? 0) + 1;
      times.set(labels, time);
      const key = `${time} ${labels}`;
      const known = series.get(key) ?? { metric: sample.labels, values: [] };
      if (backwards) known.values.unshift(point(atMs, sample));
      else known.values.push(point(atMs, sample));
      series.set(key, known);
    }
  }
  return { resultType: 'matrix', result: [...series.values()] };
}

function sendJson(response: ServerResponse, data: object, warnings?: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ status: 'success', data, warnings }));
}

function goNumber(value: number | string): string {
  if (typeof value === 'string' || Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
