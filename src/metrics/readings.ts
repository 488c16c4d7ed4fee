// Questions about built-in series and what the answers say, at one look or, to catch up, at all looks of a span.
import type { Arms, ArmSample, ArmVectors, Tick } from '../core/analysis/measurement.ts';
import { hasData } from '../core/analysis/rows.ts';
import { readScrapeTimes } from './series.ts';
import type { HistogramSamples, SeriesQuery, SeriesSamples, SeriesSource } from './series.ts';
import { armNames, sourceOf } from './sources.ts';
import { empty, looks, type Reading, type Span } from './span.ts';
import type { Answers, Keeper, SeriesStore } from './store.ts';

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

/** One question to each source that is asked for at all; the answers in the order of the wishes. */
async function bySource<Wish extends { readonly arms: Arms }, Answer>(
  wishes: readonly Wish[],
  read: (source: SeriesSource, wishes: readonly Wish[]) => Promise<readonly Answer[]>,
): Promise<readonly Answer[]> {
  const groups = [...Map.groupBy(wishes, ({ arms }) => sourceOf(arms))];
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
export async function readCountArms(store: SeriesStore, span: Span, wishes: readonly CountWish[]): Promise<readonly Reading[]> {
  return await bySource(wishes, async (source, same) => {
    const told = source.errorQueries !== undefined;
    const asked = same.filter(({ type }) => told || type === 'requests');
    const answers = await askAll(store, span, asked, told ? source.errorQueries : source.requestQueries);
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
  store: SeriesStore,
  span: Span,
  wishes: readonly SlowWish[],
): Promise<readonly Reading[]> {
  return await bySource(wishes, async (source, same) => {
    const boundaries = [...new Set(same.map((wish) => wish.boundaryMs))];
    const answers = await askAll(store, span, same, (names) => source.latencyQueries(names, boundaries));
    const samples = new Map(boundaries.map((boundary) => [boundary, source.readSlower(answers.series, boundary)]));
    const histogram = { metric: source.latency, needs: source.latencyNeeds };
    return same.map((wish) => toReading(span, wish, answers, { ...histogram, ...countsFrom(samples.get(wish.boundaryMs) ?? new Map()) }));
  });
}

/** Whole histograms of all these arms, in one query of each source. */
export async function readLatencyArms(store: SeriesStore, span: Span, wishes: readonly ArmsWish[]): Promise<readonly Reading[]> {
  return await bySource(wishes, async (source, same) => {
    const answers = await askAll(store, span, same, source.latencyQueries);
    const asked: Asked = { metric: source.latency, needs: source.latencyNeeds, ...histogramsFrom(source.readHistogram(answers.series)) };
    return same.map((wish) => toReading(span, wish, answers, asked));
  });
}

/** A histogram boundary, or why there is none. */
export type Boundary = { readonly ms: number } | { readonly problem: string };

/** For each of the arms the first boundary of its histogram at or above its threshold. */
export async function findBoundaries(
  store: SeriesStore,
  atMs: number,
  wishes: readonly { readonly arms: Arms; readonly thresholdMs: number }[],
): Promise<readonly Boundary[]> {
  return await bySource(wishes, async (source, same) => {
    const span = { fromMs: atMs, toMs: atMs, stepMs: 0 };
    const answers = await askAll(store, span, same, source.boundaryQueries);
    const known = source.readBoundaries(answers.series);
    return same.map((wish) => firstBoundary(wish, answers, known));
  });
}

function firstBoundary(
  { arms, thresholdMs }: { readonly arms: Arms; readonly thresholdMs: number },
  { failures, keeper }: Asking,
  known: ReadonlyMap<string, readonly number[]>,
): Boundary {
  const source = sourceOf(arms);
  const { stable, candidate } = armNames(arms);
  const failed = failures.get(stable);
  if (failed !== undefined) return { problem: failed };
  const boundaries = known.get(stable) ?? known.get(candidate);
  if (boundaries === undefined) return { problem: noSeries(keeper, source.latency, arms, source.latencyNeeds) };
  const ms = boundaries.find((boundary) => boundary >= thresholdMs);
  if (ms !== undefined) return { ms };
  const whose = 'deployment' in arms ? "model server's" : "gateway's";
  const highest = String(boundaries.at(-1) ?? 0);
  return { problem: `The threshold of ${String(thresholdMs)} ms is above ${highest} ms, the last boundary of the ${whose} histogram.` };
}

/** Answers about arms, and who gave them. */
interface Asking extends Answers {
  readonly keeper: Keeper;
  /** By time and name: when the newest sample was scraped, where it is known. */
  readonly scraped: ReadonlyMap<number, ReadonlyMap<string, number>>;
}

async function askAll(
  store: SeriesStore,
  span: Span,
  wishes: readonly { readonly arms: Arms }[],
  queriesOf: (names: readonly string[]) => readonly SeriesQuery[],
): Promise<Asking> {
  const arms = wishes.map((wish) => wish.arms);
  const answers = await store.ask(span, queriesOf(arms.flatMap((one) => Object.values(armNames(one)))), arms);
  const scraped = arms[0] === undefined ? new Map<never, never>() : readScrapeTimes(answers.series, sourceOf(arms[0]).locate);
  return { ...answers, keeper: store.keeper, scraped };
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

function toReading(span: Span, wish: ArmsWish, { failures, scraped, aheadMs, keeper }: Asking, { metric, needs, has, armsAt }: Asked): Reading {
  const { stable, candidate } = armNames(wish.arms);
  const clock = aheadMs === undefined ? {} : { aheadMs };
  const failed = failures.get(stable) ?? failures.get(candidate);
  if (failed !== undefined) return { ticks: [], problem: failed, ...clock };
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
  return { ticks, problem: isSeen ? unreadable(keeper, metric, wish.arms) : noSeries(keeper, metric, wish.arms, needs), ...clock };
}

/** There are series, but what they say is NaN, infinite or negative. */
function unreadable(keeper: Keeper, metric: string, arms: Arms): string {
  const whose = 'deployment' in arms ? `pods of ${arms.namespace}/${arms.deployment}` : `route ${arms.namespace}/${arms.route}`;
  const who = keeper === 'Prometheus' ? 'Prometheus has' : 'There are';
  return `${who} no usable numbers in ${metric} of the ${whose}: a counter of one of its versions is not a number, infinite or negative.`;
}

/** What is older is no data, whatever the interval. */
const OLDEST_MS = 60_000;
const DEFAULT_INTERVAL_MS = 15_000;

function stale(metric: string, arms: Arms, ageMs: number, oldestMs: number): string {
  const whose = 'deployment' in arms ? `the pods of ${arms.namespace}/${arms.deployment}` : `the route ${arms.namespace}/${arms.route}`;
  const [age, oldest] = [ageMs, oldestMs].map((ms) => String(Math.round(ms / 1000)));
  return `The newest sample of ${metric} of ${whose} is ${age} s old, and more than ${oldest} s is no data: it is scraped no more, or arrives late.`;
}

function noSeries(keeper: Keeper, metric: string, arms: Arms, needs?: string): string {
  const isKept = keeper === 'Prometheus';
  if ('deployment' in arms) {
    const pods = `pods of ${arms.namespace}/${arms.deployment}`;
    const more = needs === undefined ? '' : ` ${needs}`;
    if (!isKept) return `The ${pods} show no ${metric}: no request came yet.${more}`;
    return `Prometheus has no ${metric} of the ${pods}: no request came yet, or the pods are not scraped with the labels namespace and pod.${more}`;
  }
  const route = `${arms.namespace}/${arms.route}`;
  if (!isKept) return `The gateway's Envoys show no ${metric} of the route ${route}: no request came yet.`;
  return `Prometheus has no ${metric} of the route ${route}: no request came yet, or the gateway's Envoy is not scraped.`;
}
