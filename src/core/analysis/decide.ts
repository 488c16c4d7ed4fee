// Several metrics, one decision.

import type { Judgement, Verdict } from './analyse.ts';
import { growing, type Memory } from './growing.ts';
import { logMean } from './kernel.ts';
import { isSuspicious, NOTHING_SEEN, rejects, stepEvidence, type Evidence } from './rejection.ts';

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
export function decide(metrics: readonly Voice[], alpha: number, memory: Memory = {}): Decision {
  if (metrics.length === 0) return { verdict: 'nodata', logE: 0, index: null };
  const { evidence } = follow(metrics, alpha, memory);
  const last = metrics.map((metric) => heard(metric, metric.series.length - 1));
  const index = last.indexOf(Math.max(...last));
  const kinds = metrics.map(({ verdict }) => verdict);
  return { verdict: overall(kinds, rejects(evidence, alpha), isSuspicious(evidence.logE, alpha)), logE: evidence.logE, index };
}

/**
 * Whether all metrics together rejected at any look so far. The bound on false alarms holds for the whole course, not for its last look: so
 * what was rejected once stays rejected, also for an operator that was away at that look and reads it later.
 */
export function hasRejected(metrics: readonly Voice[], alpha: number, memory: Memory = {}): boolean {
  return follow(metrics, alpha, memory).hasRejected;
}

/** The combined series so far. */
interface Course {
  readonly evidence: Evidence;
  readonly hasRejected: boolean;
}

const growCourse = growing<Course>();

function follow(metrics: readonly Voice[], alpha: number, memory: Memory): Course {
  const lists = metrics.map(({ series }) => series);
  const looks = lists[0]?.length ?? 0;
  if (lists.some(({ length }) => length !== looks)) {
    const lengths = lists.map(({ length }) => length).join(', ');
    throw new RangeError(`series of one release differ in length (${lengths}): keep unusable rows as null`);
  }
  const basis = [alpha, ...metrics.map(({ tolerated }) => tolerated)];
  return growCourse(memory, basis, lists, () => ({ evidence: NOTHING_SEEN, hasRejected: false }), (before, from) => {
    let { evidence, hasRejected } = before;
    for (let look = from; look < looks; look += 1) {
      evidence = stepEvidence(evidence, logMean(metrics.map((metric) => heard(metric, look))));
      hasRejected ||= rejects(evidence, alpha);
    }
    return { evidence, hasRejected };
  });
}

/** ln e of a metric at a look as it counts: a tolerated one speaks for the candidate only. */
function heard({ series, tolerated }: Voice, look: number): number {
  const logE = series[look] ?? 0;
  return tolerated ? Math.min(logE, 0) : logE;
}

function overall(kinds: readonly Verdict[], rejected: boolean, suspicious: boolean): Verdict {
  if (rejected) return 'abort';
  if (kinds.includes('nodata')) return 'nodata';
  if (suspicious || kinds.includes('suspect') || kinds.includes('abort')) return 'suspect';
  return kinds.every((kind) => kind === 'pass') ? 'pass' : 'continue';
}
