// What a comparison could have seen: the regression that it would have caught on the requests that there were.

import { judgeState, startMetric, stepMetric } from './analyse.ts';
import type { AnalysisConfig } from './config.ts';
import { cleanCounts, cleanRow, type RawCounts, type RawRow, type Row } from './row.ts';

/** A candidate worse than this is caught by anything. */
const WORST = 100;
/** Ratios are found to this part of themselves. */
const PRECISION = 0.01;
/** The 10 % quantile of a normal variable, and its share of the skewness (Cornish and Fisher's first term). */
const Z10 = -1.2816;
const SKEWED = (Z10 * Z10 - 1) / 6;

/**
 * The smallest r such that a candidate with r times stable's rate would have been rolled back with a probability of about 90 % on these
 * very rows, by this metric alone at level `config.alpha`; undefined when no r up to 100 would have been.
 *
 * The candidate's bad events are taken to be as few as the 10 % quantile of their sum allows, spread evenly over its requests, and pushed
 * through the real process. Their variance is that of independent events times the burst factor. Stable keeps what it counted.
 */
export function catchableRatio(rows: readonly RawRow[], history: readonly RawCounts[], config: AnalysisConfig): number | undefined {
  const clean = rows.map(cleanRow);
  const stable = [...history.map(cleanCounts), ...clean.map((row) => row && row.stable)];
  const rate = sum(stable, 'bad') / sum(stable, 'requests');
  const requests = sum(clean.map((row) => row && row.candidate), 'requests');
  const phi = clean.reduce((state, row) => stepMetric(state, row, config), startMetric(history)).phi;
  if (!(rate > 0) || requests <= 0) return undefined;
  const isCaught = (ratio: number): boolean => {
    const share = Math.min(1, ratio * rate);
    return aborts(withCandidate(clean, leastBad(requests, share, phi) / requests), history, config);
  };
  if (!isCaught(WORST)) return undefined;
  let [missed, caught] = [1, WORST];
  while (caught > missed * (1 + PRECISION)) {
    const ratio = Math.sqrt(missed * caught);
    if (isCaught(ratio)) caught = ratio;
    else missed = ratio;
  }
  return caught;
}

/** The 10 % quantile of how many of `requests` are bad, each with probability `share`, when they come in bursts of `phi`. */
function leastBad(requests: number, share: number, phi: number): number {
  const mean = requests * share;
  const spread = Math.sqrt(phi * mean * (1 - share));
  return Math.max(0, mean + Z10 * spread + SKEWED * phi * (1 - 2 * share));
}

function withCandidate(rows: readonly Row[], share: number): readonly Row[] {
  return rows.map((row) => row && { stable: row.stable, candidate: { ...row.candidate, bad: share * row.candidate.requests } });
}

/** Whether the metric says abort after any row. */
function aborts(rows: readonly Row[], history: readonly RawCounts[], config: AnalysisConfig): boolean {
  let state = startMetric(history);
  return rows.some((row) => {
    state = stepMetric(state, row, config);
    return judgeState(state, [], config).verdict === 'abort';
  });
}

function sum(counts: readonly ({ readonly requests: number; readonly bad: number } | null)[], member: 'requests' | 'bad'): number {
  return counts.reduce((total, one) => total + (one?.[member] ?? 0), 0);
}
