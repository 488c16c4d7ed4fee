// Prometheus as the operator asks it, with the truth of the bench behind it: what every slot of every route counts is a function of time,
// so whatever is asked, live or afterwards, gets the same answer.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { LATENCY, REQUESTS } from '../../src/metrics/envoyGateway.ts';

/** Requests per second of every slot. */
const RATE = 20;
/** Of the requests of a slot that is bad. */
const BAD_SHARE = 0.5;
/** Since when every counter counts. */
const BOUNDARIES = ['25', '50', '100', '250', '500', '1000'];
const INSTANCE = 'envoy:19001';

/** One question that was answered. */
export interface Question {
  /** Newest look that it asked about. */
  readonly atMs: number;
  /** About one look; else about many. */
  readonly isLive: boolean;
  readonly about: 'errors' | 'latency' | 'boundaries' | 'alerts';
  readonly answeredMs: number;
}

export interface Responder {
  readonly url: string;
  /** Oldest first. */
  readonly questions: readonly Question[];
  /** From `atMs` on half of the requests fail that this Envoy cluster gets. */
  readonly breakAt: (cluster: string, atMs: number) => void;
  readonly stop: () => Promise<void>;
}

/** Listens on a free port of 127.0.0.1. `now` is milliseconds since the epoch. */
export async function startResponder(now: () => number): Promise<Responder> {
  const questions: Question[] = [];
  const broken = new Map<string, number>();
  const startedMs = now() - 3_600_000;
  const server = createServer((request, response) => {
    answer(request, response, (cluster, atMs) => countsAt(atMs, startedMs, broken.get(cluster))).then(
      (question) => questions.push({ ...question, answeredMs: now() }),
      (error: unknown) => send(response, 400, { status: 'error', errorType: 'bad_data', error: String(error) }),
    );
  });
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    questions,
    breakAt: (cluster, atMs) => void broken.set(cluster, atMs),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Counts {
  readonly requests: number;
  readonly bad: number;
}

function countsAt(atMs: number, startedMs: number, brokenMs = Infinity): Counts {
  const count = (sinceMs: number): number => Math.floor((Math.max(0, atMs - sinceMs) / 1000) * RATE);
  return { requests: count(startedMs), bad: Math.floor(count(brokenMs) * BAD_SHARE) };
}

type Truth = (cluster: string, atMs: number) => Counts;

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: (atMs: number) => number;
}

async function answer(request: IncomingMessage, response: ServerResponse, truth: Truth): Promise<Omit<Question, 'answeredMs'>> {
  const form = new URLSearchParams(await text(request));
  const isLive = request.url === '/api/v1/query';
  const ms = (name: string): number => Math.round(Number(form.get(name)) * 1000);
  const [about, samples] = samplesOf(form.get('query') ?? '', truth);
  const [fromMs, toMs, stepMs] = isLive ? [ms('time'), ms('time'), 1] : [ms('start'), ms('end'), ms('step')];
  const times = Array.from({ length: Math.floor((toMs - fromMs) / stepMs) + 1 }, (_, index) => fromMs + index * stepMs);
  const point = ({ value }: Sample, atMs: number): readonly [number, string] => [atMs / 1000, String(value(atMs))];
  const result = samples.map((sample) =>
    isLive
      ? { metric: sample.metric, value: point(sample, toMs) }
      : { metric: sample.metric, values: times.map((atMs) => point(sample, atMs)) },
  );
  await send(response, 200, { status: 'success', data: { resultType: isLive ? 'vector' : 'matrix', result } });
  return { atMs: toMs, isLive, about };
}

/** Resolves when all of it is handed over to the kernel. */
function send(response: ServerResponse, status: number, body: object): Promise<void> {
  return new Promise((resolve) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body), resolve));
}

/** Understands the few forms of question that src/metrics asks, and no other. */
function samplesOf(query: string, truth: Truth): readonly [Question['about'], readonly Sample[]] {
  if (query.startsWith('ALERTS_FOR_STATE')) return ['alerts', []];
  const clusters = alternatives(query, 'envoy_cluster_name');
  const sample = (cluster: string, labels: Readonly<Record<string, string>>, value: (counts: Counts) => number): Sample => ({
    metric: { envoy_cluster_name: cluster, ...labels },
    value: (atMs) => value(truth(cluster, atMs)),
  });
  const instance = INSTANCE;
  if (query.includes(`(${REQUESTS}{`)) {
    const classes = (cluster: string): readonly Sample[] => [
      sample(cluster, { envoy_response_code_class: '2', instance }, ({ requests, bad }) => requests - bad),
      sample(cluster, { envoy_response_code_class: '5', instance }, ({ bad }) => bad),
    ];
    return ['errors', clusters.flatMap(classes)];
  }
  if (!query.includes(`(${LATENCY}{`)) throw new Error(`the bench has no answer to ${query}`);
  if (query.startsWith('group by')) {
    return ['boundaries', clusters.flatMap((cluster) => [...BOUNDARIES, '+Inf'].map((le) => sample(cluster, { le }, () => 1)))];
  }
  // Everybody is quick: every request is within the lowest boundary.
  const wanted = alternatives(query, 'le').filter((le) => le === '+Inf' || BOUNDARIES.includes(le));
  return ['latency', clusters.flatMap((cluster) => wanted.map((le) => sample(cluster, { le, instance }, ({ requests }) => requests)))];
}

/** The texts that `label=~"a|b"` allows. */
function alternatives(query: string, label: string): readonly string[] {
  const literal = new RegExp(`[{,]${label}=~("(?:[^"\\\\]|\\\\.)*")`).exec(query)?.[1];
  if (literal === undefined) throw new Error(`no ${label} is asked for in ${query}`);
  return (JSON.parse(literal) as string).split('|').map((alternative) => alternative.replaceAll(/\\(.)/g, '$1'));
}
