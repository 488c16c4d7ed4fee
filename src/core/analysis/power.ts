// What a check could have seen: the regression that it would have caught on the requests that there were.

import { judgeState, startMetric, stepMetric } from './analyse.ts';
import { burstFactor, startBurst, stepBurst } from './burst.ts';
import type { AnalysisConfig } from './config.ts';
import { NO_EVIDENCE, rateTerm, stepProcess } from './eprocess.ts';
import { NOTHING_SEEN, rejects, stepEvidence } from './rejection.ts';
import { cleanCounts, cleanRow, type RawCounts, type RawRow, type Row } from './row.ts';
import {
  divide, halfWidth, NO_SCORE, scoreBurstFactor, startScoreBurst, stepScore, stepScoreBurst, type ScoreRow, type Scores, type ScoreState,
} from './score.ts';

/** A candidate worse than this is caught by anything. */
const WORST = 100;
/** Where a limit of 0 is looked from. */
const SMALLEST = 1e-6;
/** Ratios and rates are found to this part of themselves. */
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
  return smallest(isCaught, 1, WORST);
}

/**
 * The smallest rate with which one arm's intervals would have been rolled back with a probability of about 90 % for being above `limit`, in the
 * same way; undefined when not even a rate of 1 would have been. The burst factors are those that the intervals really had.
 */
export function catchableRate(rows: readonly (RawCounts | null)[], limit: number, config: AnalysisConfig): number | undefined {
  const counted = rows.flatMap((row) => cleanCounts(row) ?? []).filter((counts) => counts.requests > 0);
  const requests = sum(counted, 'requests');
  if (requests <= 0) return undefined;
  let burst = startBurst([]);
  const weighed = counted.map((counts) => {
    const phi = burstFactor(burst, config.phiMax);
    burst = stepBurst(burst, counts);
    return { counts, phi };
  });
  const isCaught = (rate: number): boolean => {
    const share = leastBad(requests, rate, weighed.at(-1)?.phi ?? 1) / requests;
    let [process, evidence] = [NO_EVIDENCE, NOTHING_SEEN];
    return weighed.some(({ counts, phi }) => {
      const candidate = { ...counts, bad: share * counts.requests };
      process = stepProcess(process, rateTerm({ stable: candidate, candidate }, phi, limit));
      evidence = stepEvidence(evidence, process.logE);
      return rejects(evidence, config.alpha);
    });
  };
  return smallest(isCaught, Math.max(limit, SMALLEST), 1);
}

/**
 * The least by which a candidate's mean score (0 to 1, higher is better) would have had to be lower than stable's for the two intervals to lie
 * apart at the last two looks with a probability of about 90 %, had its scores scattered as they do. Undefined when no mean is so low.
 * `alpha`: the level at which this check alone rolls back.
 */
export function catchableDrop(rows: readonly ScoreRow[], history: readonly Scores[], alpha: number, phiMax: number): number | undefined {
  const counted = rows.filter((row) => row !== null && row.candidate.count > 0).slice(0, -1);
  let [burst, stable, candidate] = [startScoreBurst(history), NO_MEAN, NO_MEAN];
  for (const row of counted) {
    if (row === null) continue;
    const phi = scoreBurstFactor(burst, phiMax);
    burst = stepScoreBurst(burst, row.stable);
    stable = stepMean(stable, divide(row.stable, phi), alpha / 2);
    candidate = stepMean(candidate, divide(row.candidate, phi), alpha / 2);
  }
  if (stable.score.count <= 0 || candidate.score.count <= 0) return undefined;
  const width = halfWidth(stable.score.weighted, alpha / 2) + halfWidth(candidate.score.weighted, alpha / 2);
  const drop = width - Z10 * Math.sqrt(squaredError(stable) + squaredError(candidate));
  return drop < stable.score.interval.mean ? drop : undefined;
}

/** An interval, with the sum of its rows' scores times the square of the weight that each row has in it. */
interface Mean {
  readonly score: ScoreState;
  readonly squares: number;
}

const NO_MEAN: Mean = { score: NO_SCORE, squares: 0 };

function stepMean({ score, squares }: Mean, scores: Scores, alpha: number): Mean {
  if (scores.count <= 0) return { score, squares };
  const next = stepScore(score, scores, alpha);
  return { score: next, squares: squares + (next.weighted.count - score.weighted.count) ** 2 / scores.count };
}

/** Variance of the weighted mean. */
function squaredError({ score: { count, variance, weighted }, squares }: Mean): number {
  return ((variance / count) * squares) / weighted.count ** 2;
}

/** The smallest value between the two at which something is so that stays so above it; undefined when it is not so at `high`. */
function smallest(isSo: (value: number) => boolean, low: number, high: number): number | undefined {
  if (!isSo(high)) return undefined;
  let [below, found] = [low, high];
  while (found > below * (1 + PRECISION)) {
    const middle = Math.sqrt(below * found);
    if (isSo(middle)) found = middle;
    else below = middle;
  }
  return found;
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
