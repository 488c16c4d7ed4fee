// Several metrics, one decision.

import type { Judgement, Verdict } from './analyse.ts';
import { logMean } from './kernel.ts';
import { isSuspicious, NOTHING_SEEN, rejects, stepEvidence } from './rejection.ts';

/** What all metrics of a release say together. */
export interface Decision {
  readonly verdict: Verdict;
  /** ln of the combined e-value after the last row. */
  readonly logE: number;
  /** Index of the metric with the most evidence against the candidate, the one to name; null when there is none. */
  readonly index: number | null;
}

/** What a decision needs of each metric. All series have one entry for each look, at the same looks. */
export type Voice = Pick<Judgement, 'verdict' | 'series' | 'tolerated'>;

/**
 * Combines metrics at level `alpha` for all together: the combined e-value is the mean of theirs, look by look. The mean of
 * e-values is an e-value whatever their dependence, and never weaker than giving each metric alpha / K. A metric that is
 * tolerated counts with min(ln e, 0). Only the combined series may roll back; a metric's own `abort` is a doubt here.
 * A pass needs every metric to pass, and no metrics at all are no data, never a success.
 * Throws when the series differ in length: the looks would be mixed up.
 */
export function decide(metrics: readonly Voice[], alpha: number): Decision {
  if (metrics.length === 0) return { verdict: 'nodata', logE: 0, index: null };
  const live = metrics.map(heard);
  const evidence = combine(live).reduce(stepEvidence, NOTHING_SEEN);
  const last = live.map((series) => series.at(-1) ?? 0);
  const index = last.indexOf(Math.max(...last));
  const kinds = metrics.map(({ verdict }) => verdict);
  return { verdict: overall(kinds, rejects(evidence, alpha), isSuspicious(evidence.logE, alpha)), logE: evidence.logE, index };
}

/**
 * Whether all metrics together rejected at any look so far. The bound on false alarms holds for the whole course, not for its last look: so
 * what was rejected once stays rejected, also for an operator that was away at that look and reads it later.
 */
export function hasRejected(metrics: readonly Voice[], alpha: number): boolean {
  if (metrics.length === 0) return false;
  let evidence = NOTHING_SEEN;
  return combine(metrics.map(heard)).some((logE) => {
    evidence = stepEvidence(evidence, logE);
    return rejects(evidence, alpha);
  });
}

/** The series of a metric as it counts: a tolerated one speaks for the candidate only. */
function heard({ series, tolerated }: Voice): readonly number[] {
  return tolerated ? series.map((logE) => Math.min(logE, 0)) : series;
}

/** ln of the mean of the e-values at every look. */
export function combine(series: readonly (readonly number[])[]): number[] {
  const looks = series[0]?.length ?? 0;
  if (series.some(({ length }) => length !== looks)) {
    const lengths = series.map(({ length }) => length).join(', ');
    throw new RangeError(`series of one release differ in length (${lengths}): keep unusable rows as null`);
  }
  return Array.from({ length: looks }, (_, look) => logMean(series.map((values) => values[look] ?? 0)));
}

function overall(kinds: readonly Verdict[], rejected: boolean, suspicious: boolean): Verdict {
  if (rejected) return 'abort';
  if (kinds.includes('nodata')) return 'nodata';
  if (suspicious || kinds.includes('suspect') || kinds.includes('abort')) return 'suspect';
  return kinds.every((kind) => kind === 'pass') ? 'pass' : 'continue';
}
