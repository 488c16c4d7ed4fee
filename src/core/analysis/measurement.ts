// What a release wants measured, and what comes back: the contract between the plan (core) and src/metrics. Types only.
import type { CountingServer } from './servers.ts';

/** One of the two backendRefs that every route of ours has for ever: a = backendRefs[0], b = backendRefs[1]. */
export type Slot = 'a' | 'b';

/** The two versions that are compared, as the gateway counts them: a route, and who sits in which slot. */
export interface RouteArms {
  readonly namespace: string;
  readonly route: string;
  readonly stable: Slot;
  readonly candidate: Slot;
}

/** The two versions that are compared, as their own pods count them: a deployment, and two of its revisions. */
export interface PodArms {
  readonly namespace: string;
  readonly deployment: string;
  readonly stable: string;
  readonly candidate: string;
  /** Whose counters they have. */
  readonly server: CountingServer;
}

export type Arms = RouteArms | PodArms;

/** PromQL of the user's own by the column that its counters fill, placeholders already substituted (promql.ts). */
export type Columns = Readonly<Record<string, string>>;

/**
 * What to count. `requests` asks for no more than their number, which everybody tells; `bad` then means nothing. `latencies` is the whole
 * histogram; `counters` are the user's own, of both versions, with one column for each value of the label `bin` if it is given; `value` is
 * one number of the user's own.
 */
export type Measurand =
  | { readonly type: 'requests'; readonly arms: Arms }
  | { readonly type: 'errors'; readonly arms: Arms }
  | { readonly type: 'slowerThan'; readonly arms: Arms; readonly thresholdMs: number }
  | { readonly type: 'latencies'; readonly arms: Arms }
  | { readonly type: 'counters'; readonly stable: Columns; readonly candidate: Columns; readonly bin?: string }
  | { readonly type: 'value'; readonly promql: string };

/** One check's wish. Looks lie on the multiples of `intervalMs` since 1970; the first one wanted is the first at or after `fromMs`. */
export interface MeasureRequest {
  readonly check: string;
  readonly measurand: Measurand;
  readonly intervalMs: number;
  readonly fromMs: number;
  /** Built-in series are read from the servers that show them, without any Prometheus. */
  readonly scrape?: boolean;
}

/** Cumulative counts as scraped: bad = failed requests (`errors`) or requests slower than the boundary (`slowerThan`). NaN = unreadable. */
export interface Counter {
  readonly requests: number;
  readonly bad: number;
}

/** Counters of one arm by scraped gateway or, of pods that count themselves, by pod; {} = the query worked and found no series of this arm. */
export type ArmSample = Readonly<Record<string, Counter>>;

/** Cumulative counters of one arm by series: a number for each column, NaN where a series has no such column or none that can be read. */
export type ArmVectors = Readonly<Record<string, readonly number[]>>;

/** Cumulative counters of both arms, in columns: buckets of a histogram by their upper boundary (`250`, `Infinity`), bins, parts of a score. */
export interface Vectors {
  readonly columns: readonly string[];
  readonly stable: ArmVectors;
  readonly candidate: ArmVectors;
}

/** One look. null = no data (not asked, query failed, unusable answer), as opposed to data that say 'no traffic'. */
export interface Tick {
  readonly atMs: number;
  readonly stable: ArmSample | null;
  readonly candidate: ArmSample | null;
  readonly value: number | null;
  /** `latencies` and `counters` only. */
  readonly vectors?: Vectors;
}

/** Everything measured for one check: one tick for each grid point from the first wanted to the newest, oldest first, without holes. */
export interface CheckSamples {
  readonly check: string;
  readonly ticks: readonly Tick[];
  /** `slowerThan` only: the histogram boundary that is used, the first one at or above the threshold. Absent while unknown. */
  readonly boundaryMs?: number;
  /** A sentence for people: why the newest tick has no data. Absent when it has. */
  readonly problem?: string;
}
