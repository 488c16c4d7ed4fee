// One check of one release in the measurement service: its looks, and what is known about how to ask for them.
import type { CheckSamples, MeasureRequest, Measurand } from '../core/analysis/measurement.ts';
import { readBuiltIn } from './builtin.ts';
import type { BuiltIn, BuiltInReading, BuiltInWish } from './builtin.ts';
import { createLooks } from './looks.ts';
import type { Looks } from './looks.ts';
import { readCounters, type CountersWish } from './counters.ts';
import type { Prometheus } from './prometheus.ts';
import type { Reading, Span } from './span.ts';
import type { SeriesStore } from './store.ts';
import { readValue } from './value.ts';

export interface Subscription {
  readonly key: string;
  request: MeasureRequest;
  readonly looks: Looks;
  /** The histogram boundary to ask for, and the one that the kept looks were counted at. */
  boundaryMs: number | undefined;
  looksBoundaryMs: number | undefined;
  problem: string | undefined;
  /** Newest look that was asked for. */
  askedMs: number;
  /** The looks before the wish were asked for once. */
  ready: boolean;
  live: 'unknown' | 'works' | 'fails';
  catchingUp: boolean;
  failures: number;
  retryMs: number;
}

/** A check of which nothing is known yet; its looks up to `askedMs` are missing. */
export function subscribe(key: string, request: MeasureRequest, askedMs: number): Subscription {
  const looks = createLooks(request.intervalMs, request.fromMs);
  looks.reach(askedMs);
  return {
    key,
    request,
    looks,
    boundaryMs: undefined,
    looksBoundaryMs: undefined,
    problem: 'Nothing has been measured yet.',
    askedMs,
    ready: false,
    live: 'unknown',
    catchingUp: false,
    failures: 0,
    retryMs: 0,
  };
}

/** Looks counted at another boundary than the new ones cannot be continued: they are forgotten, and asked for again at the new one. */
export function remember(sub: Subscription, reading: BuiltInReading): void {
  if (reading.ticks.length > 0) sub.boundaryMs = reading.boundaryMs;
  if (reading.boundaryMs !== undefined) {
    if (sub.looksBoundaryMs !== undefined && sub.looksBoundaryMs !== reading.boundaryMs) sub.looks.forgetAll();
    sub.looksBoundaryMs = reading.boundaryMs;
  }
  sub.looks.put(reading.ticks);
}

/** Why a look has no data; with a clock that differs from ours by more than an interval as what may be behind it. */
export function problemOf({ problem, aheadMs }: Reading, { request }: Subscription): string | undefined {
  if (problem === undefined || aheadMs === undefined || Math.abs(aheadMs) <= request.intervalMs) return problem;
  const seconds = String(Math.round(Math.abs(aheadMs) / 1000));
  return `${problem} The clock of Prometheus is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the operator's: set both right.`;
}

/** Who is asked. */
export interface Stores {
  /** Users' queries. */
  readonly prometheus: Prometheus;
  readonly series: SeriesStore;
  /** In place of `series`, where a request says so. */
  readonly servers: SeriesStore;
}

export function storeOf({ series, servers }: Stores, { request }: Subscription): SeriesStore {
  return request.scrape === true ? servers : series;
}

/** The looks of a span, with one question. */
export async function readPast(stores: Stores, span: Span, sub: Subscription): Promise<BuiltInReading> {
  const { measurand } = sub.request;
  if (isOwn(measurand)) return readOwn(stores.prometheus, span, measurand);
  const [reading] = await readBuiltIn(storeOf(stores, sub), span, [wishOf(measurand, sub)]);
  return reading ?? { ticks: [] };
}

/** What is asked in PromQL of the user's own. */
export type Own = CountersWish | Extract<Measurand, { readonly type: 'value' }>;

function isOwn(measurand: Measurand): measurand is Own {
  return measurand.type === 'value' || measurand.type === 'counters';
}

export async function readOwn(prometheus: Prometheus, span: Span, own: Own): Promise<BuiltInReading> {
  return own.type === 'value' ? await readValue(prometheus, span, own.promql) : await readCounters(prometheus, span, own);
}

/** What to ask for a built-in check; undefined for a user's query. */
export function builtInWish(sub: Subscription): BuiltInWish | undefined {
  const { measurand } = sub.request;
  return isOwn(measurand) ? undefined : wishOf(measurand, sub);
}

/** The user's queries; undefined for a built-in check. */
export function ownOf(sub: Subscription): Own | undefined {
  return isOwn(sub.request.measurand) ? sub.request.measurand : undefined;
}

/** Whether looks for `a` are looks for `b`, as far as both want them. */
export function sameQuestion(a: MeasureRequest, b: MeasureRequest): boolean {
  return a.intervalMs === b.intervalMs && a.scrape === b.scrape && JSON.stringify(a.measurand) === JSON.stringify(b.measurand);
}

/** What the core gets to see. */
export function toSamples(sub: Subscription): CheckSamples {
  return {
    check: sub.request.check,
    ticks: sub.ready ? sub.looks.ticks() : [],
    ...(sub.looksBoundaryMs === undefined ? {} : { boundaryMs: sub.looksBoundaryMs }),
    ...(sub.problem === undefined ? {} : { problem: sub.problem }),
  };
}

function wishOf(measurand: BuiltIn, { request: { intervalMs }, boundaryMs }: Subscription): BuiltInWish {
  return boundaryMs === undefined ? { measurand, intervalMs } : { measurand, intervalMs, boundaryMs };
}
