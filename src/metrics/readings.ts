// Questions to Prometheus and what the answers say, at one look or, to catch up, at all looks of a span.
import type { Arms, Tick } from '../core/analysis/measurement.ts';
import { boundaryQueries, errorQueries, LATENCY, latencyQueries, REQUESTS } from './envoyGateway.ts';
import { readBoundaries, readErrors, readSlower, seriesFor } from './envoyGateway.ts';
import type { ClusterQuery, ClusterSamples } from './envoyGateway.ts';
import type { Prometheus } from './prometheus.ts';
import type { QueryFailure, QueryResult, Series } from './prometheusAnswer.ts';

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

/** Failed requests of all these arms, in one query (more only when the names do not fit into one); one reading for each wish. */
export async function readErrorArms(prometheus: Prometheus, span: Span, wishes: readonly ArmsWish[]): Promise<readonly Reading[]> {
  const answers = await askAll(prometheus, span, errorQueries(wishes.flatMap(clustersOf)));
  const samples = readErrors(answers.series);
  return wishes.map((wish) => toReading(span, wish, answers.failures, samples, REQUESTS));
}

/** Slow requests of all these arms, in one query, whatever their boundaries. */
export async function readSlowArms(
  prometheus: Prometheus,
  span: Span,
  wishes: readonly Required<ArmsWish>[],
): Promise<readonly Reading[]> {
  const boundaries = [...new Set(wishes.map((wish) => wish.boundaryMs))];
  const answers = await askAll(prometheus, span, latencyQueries(wishes.flatMap(clustersOf), boundaries));
  const samples = new Map(boundaries.map((boundary) => [boundary, readSlower(answers.series, boundary)]));
  return wishes.map((wish) => toReading(span, wish, answers.failures, samples.get(wish.boundaryMs) ?? new Map(), LATENCY));
}

/** A histogram boundary, or why there is none. */
export type Boundary = { readonly ms: number } | { readonly problem: string };

/** For each of the arms the first boundary of its histogram at or above its threshold. */
export async function findBoundaries(
  prometheus: Prometheus,
  atMs: number,
  wishes: readonly { readonly arms: Arms; readonly thresholdMs: number }[],
): Promise<readonly Boundary[]> {
  const answers = await askAll(prometheus, { fromMs: atMs, toMs: atMs, stepMs: 0 }, boundaryQueries(wishes.flatMap(clustersOf)));
  const known = readBoundaries(answers.series);
  return wishes.map(({ arms, thresholdMs }) => {
    const { stable, candidate } = seriesFor(arms);
    const failed = answers.failures.get(stable);
    if (failed !== undefined) return { problem: failed.sentence };
    const boundaries = known.get(stable) ?? known.get(candidate);
    if (boundaries === undefined) return { problem: noSeries(LATENCY, arms) };
    const ms = boundaries.find((boundary) => boundary >= thresholdMs);
    if (ms !== undefined) return { ms };
    const highest = String(boundaries.at(-1) ?? 0);
    return { problem: `The threshold of ${String(thresholdMs)} ms is above ${highest} ms, the last boundary of the gateway's histogram.` };
  });
}

/** One number of a user's query: a scalar, or an instant vector with exactly one element. Anything else is no data. */
export async function readValue(prometheus: Prometheus, span: Span, promql: string): Promise<Reading> {
  const result = await ask(prometheus, span, promql);
  if (!result.ok) return { ticks: [], problem: result.sentence };
  if (result.type === 'matrix' && span.fromMs === span.toMs) {
    return { ticks: [], problem: 'The query gives a range vector: wrap it in a function such as rate() or max_over_time().' };
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
  /** By cluster: the failure of the query that asked about it. */
  readonly failures: ReadonlyMap<string, QueryFailure>;
}

async function askAll(prometheus: Prometheus, span: Span, queries: readonly ClusterQuery[]): Promise<Answers> {
  const asked = queries.map(async ({ promql, clusters }) => ({ clusters, result: await ask(prometheus, span, promql) }));
  const results = await Promise.all(asked);
  const series: Series[] = [];
  const failures = new Map<string, QueryFailure>();
  for (const { clusters, result } of results) {
    if (result.ok) for (const one of result.series) series.push(one);
    else for (const cluster of clusters) failures.set(cluster, result);
  }
  return { series, failures };
}

function ask(prometheus: Prometheus, span: Span, promql: string): Promise<QueryResult> {
  const { fromMs, toMs, stepMs } = span;
  return fromMs === toMs ? prometheus.instant(promql, fromMs) : prometheus.range(promql, fromMs, toMs, stepMs);
}

function toReading(
  span: Span,
  wish: ArmsWish,
  failures: Answers['failures'],
  samples: ReadonlyMap<number, ClusterSamples>,
  metric: string,
): Reading {
  const { stable, candidate } = seriesFor(wish.arms);
  const failed = failures.get(stable) ?? failures.get(candidate);
  if (failed !== undefined) return { ticks: [], problem: failed.sentence };
  const ticks = looks(span).map((atMs): Tick => {
    const clusters = samples.get(atMs);
    return { ...empty(atMs), stable: clusters?.get(stable) ?? {}, candidate: clusters?.get(candidate) ?? {} };
  });
  const newest = samples.get(span.toMs);
  return newest?.has(stable) === true || newest?.has(candidate) === true ? { ticks } : { ticks, problem: noSeries(metric, wish.arms) };
}

function noSeries(metric: string, arms: Arms): string {
  const route = `${arms.namespace}/${arms.route}`;
  return `Prometheus has no ${metric} of the route ${route}: no request came yet, or the gateway's Envoy is not scraped.`;
}

function looks(span: Span): readonly number[] {
  const times: number[] = [];
  for (let atMs = span.fromMs; atMs <= span.toMs; atMs += Math.max(1, span.stepMs)) times.push(atMs);
  return times;
}

function empty(atMs: number): Tick {
  return { atMs, stable: null, candidate: null, value: null };
}

function clustersOf(wish: { readonly arms: Arms }): readonly string[] {
  return Object.values(seriesFor(wish.arms));
}
