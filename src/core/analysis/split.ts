// Whether the traffic is split as the weight says: a gateway that did not take a weight over, or a balancer that splits something else.

import { NO_EVIDENCE, stepProcess, type ProcessState, type Term } from './eprocess.ts';
import { growing, type Memory } from './growing.ts';
import { logMean } from './kernel.ts';
import type { Row } from './row.ts';

/** Odds factors of the alternatives "more than its share", each with weight 1/6; their reciprocals are those of "less". */
const X_SPLIT = [1.1, 1.25, 1.5, 2, 4, 10] as const;
const X_SPLIT_DOWN = X_SPLIT.map((x) => 1 / x);

/** Level at which a split is called wrong: e >= 1000. Nothing is rolled back for it, and a false word about it is dear. */
export const SPLIT_ALPHA = 0.001;

/**
 * ln e after every row against "the odds of a request to reach the candidate are within a factor 1 + tolerance of those of its weight", in
 * either direction; `weights` are those of the rows, in [0, 1]. Round robin only makes e smaller. Where a balancer works by connection or by
 * session the split is coarser than by request, and healthy splits are called wrong.
 */
export function splitSeries(rows: readonly Row[], weights: readonly number[], tolerance: number, memory: Memory = {}): readonly number[] {
  const start = (): Course => ({ more: NO_EVIDENCE, less: NO_EVIDENCE, series: [] });
  return growCourse(memory, [tolerance], [rows, weights], start, (before, from) => {
    let { more, less } = before;
    const added = rows.slice(from).map((row, index) => {
      const weight = weights[from + index] ?? 0;
      more = stepProcess(more, splitTerm(row, weight, 1 + tolerance), X_SPLIT);
      less = stepProcess(less, splitTerm(row, weight, 1 / (1 + tolerance)), X_SPLIT_DOWN);
      return logMean([more.logE, less.logE]);
    });
    return { more, less, series: [...before.series, ...added] };
  }).series;
}

interface Course {
  readonly more: ProcessState;
  readonly less: ProcessState;
  readonly series: readonly number[];
}

const growCourse = growing<Course>();

/** Of all requests, those of the candidate; null share = the weight's, with its odds times `factor`. */
function splitTerm(row: Row, weight: number, factor: number): Term {
  if (row === null || weight <= 0 || weight >= 1) return null;
  const m = row.stable.requests + row.candidate.requests;
  return m > 0 ? { k: row.candidate.requests, m, q: (weight * factor) / (1 - weight + weight * factor) } : null;
}
