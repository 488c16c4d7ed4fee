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

/**
 * What to count. `requests` asks for no more than their number, which everybody tells; `bad` then means nothing. `value` is one number of
 * the user's own PromQL, placeholders already substituted (promql.ts).
 */
export type Measurand =
  | { readonly type: 'requests'; readonly arms: Arms }
  | { readonly type: 'errors'; readonly arms: Arms }
  | { readonly type: 'slowerThan'; readonly arms: Arms; readonly thresholdMs: number }
  | { readonly type: 'value'; readonly promql: string };

/** One check's wish. Looks lie on the multiples of `intervalMs` since 1970; the first one wanted is the first at or after `fromMs`. */
export interface MeasureRequest {
  readonly check: string;
  readonly measurand: Measurand;
  readonly intervalMs: number;
  readonly fromMs: number;
}

/** Cumulative counts as scraped: bad = failed requests (`errors`) or requests slower than the boundary (`slowerThan`). NaN = unreadable. */
export interface Counter {
  readonly requests: number;
  readonly bad: number;
}

/** Counters of one arm by scraped gateway or, of pods that count themselves, by pod; {} = the query worked and found no series of this arm. */
export type ArmSample = Readonly<Record<string, Counter>>;

/** One look. null = no data (not asked, query failed, unusable answer), as opposed to data that say 'no traffic'. */
export interface Tick {
  readonly atMs: number;
  readonly stable: ArmSample | null;
  readonly candidate: ArmSample | null;
  readonly value: number | null;
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
