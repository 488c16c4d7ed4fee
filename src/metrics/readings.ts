// Questions to Prometheus and what the answers say, at one look or, to catch up, at all looks of a span.
import type { Arms, ArmSample, ArmVectors, Tick } from '../core/analysis/measurement.ts';
import { hasData } from '../core/analysis/rows.ts';
import type { CountingServer } from '../core/analysis/servers.ts';
import { ENVOY_GATEWAY, seriesFor as slotsOf } from './envoyGateway.ts';
import { KSERVE } from './kserve.ts';
import { MLSERVER } from './mlserver.ts';
import { seriesFor as podsOf } from './pods.ts';
import type { Prometheus } from './prometheus.ts';
import type { QueryFailure, QueryResult, Series } from './prometheusAnswer.ts';
import { readScrapeTimes } from './series.ts';
import type { HistogramSamples, SeriesQuery, SeriesSamples, SeriesSource } from './series.ts';
import { TENSORFLOW_SERVING } from './tensorflowServing.ts';
import { TRITON } from './triton.ts';
import { VLLM } from './vllm.ts';

/** Looks from `fromMs` to `toMs`, both included; one look when they are equal. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** `intervalMs`: between two looks of who wants it, 15 s by default; samples may be as old as three of them. */
interface ArmsWish {
  readonly arms: Arms;
  readonly intervalMs?: number;
}

/** Counters wanted of two arms: requests and failed ones, or their number alone. */
export interface CountWish extends ArmsWish {
  readonly type: 'errors' | 'requests';
}

/** Counters wanted of two arms: requests, and those slower than a boundary of their histogram. */
export interface SlowWish extends ArmsWish {
  readonly boundaryMs: number;
}

/**
 * One tick for each look of the span, or none when the question failed or a single look is too early. `problem` says why the newest look has
 * no data; `aheadMs` is by how much the clock of the server that was asked is ahead of ours, where that is known.
 */
export interface Reading {
  readonly ticks: readonly Tick[];
  readonly problem?: string;
  readonly aheadMs?: number;
}

/** Where the counters of two arms are found. */
interface Place {
  readonly source: SeriesSource;
  readonly stable: string;
  readonly candidate: string;
}

export const SERVERS: Readonly<Record<CountingServer, SeriesSource>> = {
  MLServer: MLSERVER,
  Triton: TRITON,
  TensorFlowServing: TENSORFLOW_SERVING,
  VLLM: VLLM,
  KServe: KSERVE,
};

function placeOf(arms: Arms): Place {
  return 'deployment' in arms ? { source: SERVERS[arms.server], ...podsOf(arms) } : { source: ENVOY_GATEWAY, ...slotsOf(arms) };
}

/** One question to each source that is asked for at all; the answers in the order of the wishes. */
async function bySource<Wish extends { readonly arms: Arms }, Answer>(
  wishes: readonly Wish[],
  read: (source: SeriesSource, wishes: readonly Wish[]) => Promise<readonly Answer[]>,
): Promise<readonly Answer[]> {
  const groups = [...Map.groupBy(wishes, ({ arms }) => placeOf(arms).source)];
  const found = await Promise.all(
    groups.map(async ([source, same]) => {
      const answers = await read(source, same);
      return same.map((wish, index) => [wish, answers[index] as Answer] as const);
    }),
  );
  const answers = new Map(found.flat());
  return wishes.map((wish) => answers.get(wish) as Answer);
}

/** Requests of all these arms, in one query of each source (more only when the names do not fit into one); one reading for each wish. */
export async function readCountArms(prometheus: Prometheus, span: Span, wishes: readonly CountWish[]): Promise<readonly Reading[]> {
  return await bySource(wishes, async (source, same) => {
    const told = source.errorQueries !== undefined;
    const names = same.filter(({ type }) => told || type === 'requests').flatMap(namesOf);
    const answers = await askAll(prometheus, span, source, told ? source.errorQueries(names) : source.requestQueries(names));
    const samples = told ? source.readErrors(answers.series) : source.readRequests(answers.series);
    return same.map((wish) =>
      told || wish.type === 'requests'
        ? toReading(span, wish, answers, { metric: source.requests, ...countsFrom(samples) })
        : { ticks: [], problem: `The model servers count requests in ${source.requests}, but do not tell which of them failed.` },
    );
  });
}

/** Slow requests of all these arms, in one query of each source, whatever their boundaries. */
export async function readSlowArms(
  prometheus: Prometheus,
  span: Span,
  wishes: readonly SlowWish[],
): Promise<readonly Reading[]> {
  return await bySource(wishes, async (source, same) => {
    const boundaries = [...new Set(same.map((wish) => wish.boundaryMs))];
    const answers = await askAll(prometheus, span, source, source.latencyQueries(same.flatMap(namesOf), boundaries));
    const samples = new Map(boundaries.map((boundary) => [boundary, source.readSlower(answers.series, boundary)]));
    const histogram = { metric: source.latency, needs: source.latencyNeeds };
    return same.map((wish) => toReading(span, wish, answers, { ...histogram, ...countsFrom(samples.get(wish.boundaryMs) ?? new Map()) }));
  });
}

/** Whole histograms of all these arms, in one query of each source. */
export async function readLatencyArms(prometheus: Prometheus, span: Span, wishes: readonly ArmsWish[]): Promise<readonly Reading[]> {
  return await bySource(wishes, async (source, same) => {
    const answers = await askAll(prometheus, span, source, source.latencyQueries(same.flatMap(namesOf)));
    const asked: Asked = { metric: source.latency, needs: source.latencyNeeds, ...histogramsFrom(source.readHistogram(answers.series)) };
    return same.map((wish) => toReading(span, wish, answers, asked));
  });
}

/** A histogram boundary, or why there is none. */
export type Boundary = { readonly ms: number } | { readonly problem: string };

/** For each of the arms the first boundary of its histogram at or above its threshold. */
export async function findBoundaries(
  prometheus: Prometheus,
  atMs: number,
  wishes: readonly { readonly arms: Arms; readonly thresholdMs: number }[],
): Promise<readonly Boundary[]> {
  return await bySource(wishes, async (source, same) => {
    const span = { fromMs: atMs, toMs: atMs, stepMs: 0 };
    const answers = await askAll(prometheus, span, source, source.boundaryQueries(same.flatMap(namesOf)));
    const known = source.readBoundaries(answers.series);
    return same.map((wish) => firstBoundary(wish, answers.failures, known));
  });
}

function firstBoundary(
  { arms, thresholdMs }: { readonly arms: Arms; readonly thresholdMs: number },
  failures: Answers['failures'],
  known: ReadonlyMap<string, readonly number[]>,
): Boundary {
  const { source, stable, candidate } = placeOf(arms);
  const failed = failures.get(stable);
  if (failed !== undefined) return { problem: failed.sentence };
  const boundaries = known.get(stable) ?? known.get(candidate);
  if (boundaries === undefined) return { problem: noSeries(source.latency, arms, source.latencyNeeds) };
  const ms = boundaries.find((boundary) => boundary >= thresholdMs);
  if (ms !== undefined) return { ms };
  const whose = 'deployment' in arms ? "model server's" : "gateway's";
  const highest = String(boundaries.at(-1) ?? 0);
  return { problem: `The threshold of ${String(thresholdMs)} ms is above ${highest} ms, the last boundary of the ${whose} histogram.` };
}

export const RANGE_VECTOR = 'The query gives a range vector: wrap it in a function such as rate() or max_over_time().';

/** One number of a user's query: a scalar, or an instant vector with exactly one element. Anything else is no data. */
export async function readValue(prometheus: Prometheus, span: Span, promql: string): Promise<Reading> {
  const result = await askSpan(prometheus, span, promql);
  const clock = result.aheadMs === undefined ? {} : { aheadMs: result.aheadMs };
  if (!result.ok) return { ticks: [], problem: result.sentence, ...clock };
  if (result.type === 'matrix' && span.fromMs === span.toMs) {
    return { ticks: [], problem: RANGE_VECTOR };
  }
  const found = new Map<number, number[]>();
  for (const { points } of result.series) for (const { atMs, value } of points) found.set(atMs, [...(found.get(atMs) ?? []), value]);
  const ticks = looks(span).map((atMs) => ({ ...empty(atMs), value: onlyFinite(found.get(atMs) ?? []) }));
  return ticks.at(-1)?.value === null ? { ticks, problem: whyNoValue(found.get(span.toMs) ?? []), ...clock } : { ticks, ...clock };
}

function whyNoValue(values: readonly number[]): string {
  if (values.length === 0) return 'The query gives no series.';
  if (values.length > 1) return `The query gives ${String(values.length)} series: aggregate them to one, for example with sum() or max().`;
  return `The query gives ${String(values[0])}, which is no number to compare.`;
}

function onlyFinite(values: readonly number[]): number | null {
  const [value] = values;
  return values.length === 1 && value !== undefined && Number.isFinite(value) ? value : null;
}

interface Answers {
  readonly series: readonly Series[];
  /** By name: the failure of the query that asked about it. */
  readonly failures: ReadonlyMap<string, QueryFailure>;
  /** By time and name: when the newest sample was scraped. */
  readonly scraped: ReadonlyMap<number, ReadonlyMap<string, number>>;
  readonly aheadMs?: number;
}

async function askAll(prometheus: Prometheus, span: Span, { locate }: SeriesSource, queries: readonly SeriesQuery[]): Promise<Answers> {
  const asked = queries.map(async ({ promql, names }) => ({ names, result: await askSpan(prometheus, span, promql) }));
  const results = await Promise.all(asked);
  const series: Series[] = [];
  const failures = new Map<string, QueryFailure>();
  for (const { names, result } of results) {
    if (result.ok) for (const one of result.series) series.push(one);
    else for (const name of names) failures.set(name, result);
  }
  const aheadMs = results.find(({ result }) => result.aheadMs !== undefined)?.result.aheadMs;
  return { series, failures, scraped: readScrapeTimes(series, locate), ...(aheadMs === undefined ? {} : { aheadMs }) };
}

/** A query at one look or at all looks of a span. */
export function askSpan(prometheus: Prometheus, span: Span, promql: string): Promise<QueryResult> {
  const { fromMs, toMs, stepMs } = span;
  return fromMs === toMs ? prometheus.instant(promql, fromMs) : prometheus.range(promql, fromMs, toMs, stepMs);
}

/** What was asked for, for sentences, and what of it was found. */
interface Asked extends Found {
  readonly metric: string;
  readonly needs?: string | undefined;
}

interface Found {
  readonly has: (atMs: number, name: string) => boolean;
  readonly armsAt: (atMs: number, stable: string, candidate: string) => Partial<Tick>;
}

function countsFrom(samples: ReadonlyMap<number, SeriesSamples>): Found {
  const arm = (atMs: number, name: string): ArmSample => samples.get(atMs)?.get(name) ?? {};
  return {
    has: (atMs, name) => samples.get(atMs)?.has(name) === true,
    armsAt: (atMs, stable, candidate) => ({ stable: arm(atMs, stable), candidate: arm(atMs, candidate) }),
  };
}

function histogramsFrom(samples: ReadonlyMap<number, HistogramSamples>): Found {
  const arm = (atMs: number, name: string): ArmVectors => samples.get(atMs)?.names.get(name) ?? {};
  return {
    has: (atMs, name) => samples.get(atMs)?.names.has(name) === true,
    armsAt: (atMs, stable, candidate) => ({
      vectors: { columns: samples.get(atMs)?.columns ?? [], stable: arm(atMs, stable), candidate: arm(atMs, candidate) },
    }),
  };
}

function toReading(span: Span, wish: ArmsWish, { failures, scraped, aheadMs }: Answers, { metric, needs, has, armsAt }: Asked): Reading {
  const { stable, candidate } = placeOf(wish.arms);
  const clock = aheadMs === undefined ? {} : { aheadMs };
  const failed = failures.get(stable) ?? failures.get(candidate);
  if (failed !== undefined) return { ticks: [], problem: failed.sentence, ...clock };
  const ageOf = (atMs: number): number => Math.max(...[stable, candidate].map((name) => atMs - (scraped.get(atMs)?.get(name) ?? atMs)));
  const oldest = Math.max(OLDEST_MS, 3 * (wish.intervalMs ?? DEFAULT_INTERVAL_MS));
  const age = ageOf(span.toMs);
  const problem = age > oldest ? stale(metric, wish.arms, age, oldest) : undefined;
  // One look that is too early may still get its samples: it is asked for again.
  if (problem !== undefined && span.fromMs === span.toMs) return { ticks: [], problem, ...clock };
  const ticks = looks(span).map((atMs): Tick => {
    if (ageOf(atMs) > oldest) return empty(atMs);
    return { ...empty(atMs), ...armsAt(atMs, stable, candidate) };
  });
  if (problem !== undefined) return { ticks, problem, ...clock };
  const newest = ticks.at(-1);
  if (newest === undefined || hasData(newest)) return { ticks, ...clock };
  const isSeen = has(span.toMs, stable) || has(span.toMs, candidate);
  return { ticks, problem: isSeen ? unreadable(metric, wish.arms) : noSeries(metric, wish.arms, needs), ...clock };
}

/** There are series, but what they say is NaN, infinite or negative. */
function unreadable(metric: string, arms: Arms): string {
  const whose = 'deployment' in arms ? `pods of ${arms.namespace}/${arms.deployment}` : `route ${arms.namespace}/${arms.route}`;
  return `Prometheus has no usable numbers in ${metric} of the ${whose}: a counter of one of its versions is not a number, infinite or negative.`;
}

/** What is older is no data, whatever the interval. */
const OLDEST_MS = 60_000;
const DEFAULT_INTERVAL_MS = 15_000;

function stale(metric: string, arms: Arms, ageMs: number, oldestMs: number): string {
  const whose = 'deployment' in arms ? `the pods of ${arms.namespace}/${arms.deployment}` : `the route ${arms.namespace}/${arms.route}`;
  const [age, oldest] = [ageMs, oldestMs].map((ms) => String(Math.round(ms / 1000)));
  return `The newest sample of ${metric} of ${whose} is ${age} s old, and more than ${oldest} s is no data: it is scraped no more, or arrives late.`;
}

function noSeries(metric: string, arms: Arms, needs?: string): string {
  if ('deployment' in arms) {
    const pods = `pods of ${arms.namespace}/${arms.deployment}`;
    const more = needs === undefined ? '' : ` ${needs}`;
    return `Prometheus has no ${metric} of the ${pods}: no request came yet, or the pods are not scraped with the labels namespace and pod.${more}`;
  }
  const route = `${arms.namespace}/${arms.route}`;
  return `Prometheus has no ${metric} of the route ${route}: no request came yet, or the gateway's Envoy is not scraped.`;
}

/** Times of the looks of a span. */
export function looks(span: Span): readonly number[] {
  const times: number[] = [];
  for (let atMs = span.fromMs; atMs <= span.toMs; atMs += Math.max(1, span.stepMs)) times.push(atMs);
  return times;
}

/** A look of which nothing is known. */
export function empty(atMs: number): Tick {
  return { atMs, stable: null, candidate: null, value: null };
}

function namesOf({ arms }: { readonly arms: Arms }): readonly string[] {
  const { stable, candidate } = placeOf(arms);
  return [stable, candidate];
}
