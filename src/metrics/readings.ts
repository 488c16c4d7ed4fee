// Questions to Prometheus and what the answers say, at one look or, to catch up, at all looks of a span.
import type { Arms, ArmVectors, Tick } from '../core/analysis/measurement.ts';
import { hasData } from '../core/analysis/rows.ts';
import { ENVOY_GATEWAY, seriesFor as slotsOf } from './envoyGateway.ts';
import { MLSERVER, seriesFor as podsOf } from './mlserver.ts';
import type { Prometheus } from './prometheus.ts';
import type { QueryFailure, QueryResult, Series } from './prometheusAnswer.ts';
import type { HistogramSamples, SeriesQuery, SeriesSamples, SeriesSource } from './series.ts';

/** Looks from `fromMs` to `toMs`, both included; one look when they are equal. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** Counters wanted of two arms: requests that failed or, with a boundary, requests slower than it. */
export interface ArmsWish {
  readonly arms: Arms;
  readonly boundaryMs?: number;
}

/** One tick for each look of the span, or none when the question failed. `problem` says why the newest look has no data. */
export interface Reading {
  readonly ticks: readonly Tick[];
  readonly problem?: string;
}

/** Where the counters of two arms are found. */
interface Place {
  readonly source: SeriesSource;
  readonly stable: string;
  readonly candidate: string;
}

function placeOf(arms: Arms): Place {
  return 'deployment' in arms ? { source: MLSERVER, ...podsOf(arms) } : { source: ENVOY_GATEWAY, ...slotsOf(arms) };
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

/** Failed requests of all these arms, in one query of each source (more only when the names do not fit into one); one reading for each wish. */
export async function readErrorArms(prometheus: Prometheus, span: Span, wishes: readonly ArmsWish[]): Promise<readonly Reading[]> {
  return await bySource(wishes, async (source, same) => {
    const answers = await askAll(prometheus, span, source.errorQueries(same.flatMap(namesOf)));
    const samples = source.readErrors(answers.series);
    return same.map((wish) => toReading(span, wish, answers.failures, samples, source.requests));
  });
}

/** Slow requests of all these arms, in one query of each source, whatever their boundaries. */
export async function readSlowArms(
  prometheus: Prometheus,
  span: Span,
  wishes: readonly Required<ArmsWish>[],
): Promise<readonly Reading[]> {
  return await bySource(wishes, async (source, same) => {
    const boundaries = [...new Set(same.map((wish) => wish.boundaryMs))];
    const answers = await askAll(prometheus, span, source.latencyQueries(same.flatMap(namesOf), boundaries));
    const samples = new Map(boundaries.map((boundary) => [boundary, source.readSlower(answers.series, boundary)]));
    return same.map((wish) => toReading(span, wish, answers.failures, samples.get(wish.boundaryMs) ?? new Map(), source.latency));
  });
}

/** Whole histograms of all these arms, in one query of each source. */
export async function readLatencyArms(prometheus: Prometheus, span: Span, wishes: readonly ArmsWish[]): Promise<readonly Reading[]> {
  return await bySource(wishes, async (source, same) => {
    const answers = await askAll(prometheus, span, source.latencyQueries(same.flatMap(namesOf)));
    const samples = source.readHistogram(answers.series);
    return same.map((wish) => toHistogram(span, wish, answers.failures, samples, source.latency));
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
    const answers = await askAll(prometheus, { fromMs: atMs, toMs: atMs, stepMs: 0 }, source.boundaryQueries(same.flatMap(namesOf)));
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
  if (boundaries === undefined) return { problem: noSeries(source.latency, arms) };
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
  if (!result.ok) return { ticks: [], problem: result.sentence };
  if (result.type === 'matrix' && span.fromMs === span.toMs) {
    return { ticks: [], problem: RANGE_VECTOR };
  }
  const found = new Map<number, number[]>();
  for (const { points } of result.series) for (const { atMs, value } of points) found.set(atMs, [...(found.get(atMs) ?? []), value]);
  const ticks = looks(span).map((atMs) => ({ ...empty(atMs), value: onlyFinite(found.get(atMs) ?? []) }));
  return ticks.at(-1)?.value === null ? { ticks, problem: whyNoValue(found.get(span.toMs) ?? []) } : { ticks };
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
}

async function askAll(prometheus: Prometheus, span: Span, queries: readonly SeriesQuery[]): Promise<Answers> {
  const asked = queries.map(async ({ promql, names }) => ({ names, result: await askSpan(prometheus, span, promql) }));
  const results = await Promise.all(asked);
  const series: Series[] = [];
  const failures = new Map<string, QueryFailure>();
  for (const { names, result } of results) {
    if (result.ok) for (const one of result.series) series.push(one);
    else for (const name of names) failures.set(name, result);
  }
  return { series, failures };
}

/** A query at one look or at all looks of a span. */
export function askSpan(prometheus: Prometheus, span: Span, promql: string): Promise<QueryResult> {
  const { fromMs, toMs, stepMs } = span;
  return fromMs === toMs ? prometheus.instant(promql, fromMs) : prometheus.range(promql, fromMs, toMs, stepMs);
}

function toReading(
  span: Span,
  wish: ArmsWish,
  failures: Answers['failures'],
  samples: ReadonlyMap<number, SeriesSamples>,
  metric: string,
): Reading {
  const { stable, candidate } = placeOf(wish.arms);
  const failed = failures.get(stable) ?? failures.get(candidate);
  if (failed !== undefined) return { ticks: [], problem: failed.sentence };
  const ticks = looks(span).map((atMs): Tick => {
    const names = samples.get(atMs);
    return { ...empty(atMs), stable: names?.get(stable) ?? {}, candidate: names?.get(candidate) ?? {} };
  });
  return withProblem(ticks, metric, wish.arms, samples.get(span.toMs));
}

/** Says why the newest look has no data, if it has none: `names` are those that it found series of. */
function withProblem(ticks: readonly Tick[], metric: string, arms: Arms, names: ReadonlyMap<string, unknown> | undefined): Reading {
  const newest = ticks.at(-1);
  if (newest === undefined || hasData(newest)) return { ticks };
  const { stable, candidate } = placeOf(arms);
  const isSeen = names?.has(stable) === true || names?.has(candidate) === true;
  return { ticks, problem: isSeen ? unreadable(metric, arms) : noSeries(metric, arms) };
}

/** There are series, but what they say is NaN, infinite or negative. */
function unreadable(metric: string, arms: Arms): string {
  const whose = 'deployment' in arms ? `pods of ${arms.namespace}/${arms.deployment}` : `route ${arms.namespace}/${arms.route}`;
  return `Prometheus has no usable numbers in ${metric} of the ${whose}: a counter of one of its versions is not a number, infinite or negative.`;
}

function toHistogram(
  span: Span,
  wish: ArmsWish,
  failures: Answers['failures'],
  samples: ReadonlyMap<number, HistogramSamples>,
  metric: string,
): Reading {
  const { stable, candidate } = placeOf(wish.arms);
  const failed = failures.get(stable) ?? failures.get(candidate);
  if (failed !== undefined) return { ticks: [], problem: failed.sentence };
  const ticks = looks(span).map((atMs): Tick => {
    const { columns = [], names } = samples.get(atMs) ?? {};
    const arm = (name: string): ArmVectors => names?.get(name) ?? {};
    return { ...empty(atMs), vectors: { columns, stable: arm(stable), candidate: arm(candidate) } };
  });
  return withProblem(ticks, metric, wish.arms, samples.get(span.toMs)?.names);
}

function noSeries(metric: string, arms: Arms): string {
  if ('deployment' in arms) {
    const pods = `pods of ${arms.namespace}/${arms.deployment}`;
    return `Prometheus has no ${metric} of the ${pods}: no request came yet, or the pods are not scraped with the labels namespace and pod.`;
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
