// Means of scores between 0 and 1 (a reward, a rating, a share of right words), higher is better.
//
// Each arm's mean gets an interval that holds at all times at once: an empirical Bernstein confidence sequence with predictable mixing
// (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024). Two arms are compared by their intervals.

const { log, log1p, max, min, sqrt } = Math;

/** Of one arm in one interval: how many scores, their sum and the sum of their squares. */
export interface Scores {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
}

/** Both arms' scores of one interval; null = no usable data. */
export type ScoreRow = { readonly stable: Scores; readonly candidate: Scores } | null;

export interface ScoreInterval {
  readonly mean: number;
  readonly lower: number;
  readonly upper: number;
}

/** Scores of neighbouring intervals or blocks: how far their means lie apart, over how far independent scores would put them. */
interface PairSums {
  readonly pairs: number;
  readonly num: number;
  readonly den: number;
  readonly last: Scores | null;
}

const BLOCK = 5;
const ENOUGH_HISTORY = 10;
const NO_PAIRS: PairSums = { pairs: 0, num: 0, den: 0, last: null };
const NO_SCORES: Scores = { count: 0, sum: 0, squares: 0 };

/** Stable's scores so far, on which the next burst factor depends. */
export interface ScoreBurst {
  readonly prior: { readonly weight: number; readonly phi: number };
  readonly seen: number;
  readonly single: PairSums;
  readonly blocks: PairSums;
  readonly open: Scores;
}

/** Before the first row; rows of `history` without scores are passed over. */
export function startScoreBurst(history: readonly Scores[]): ScoreBurst {
  const past = history.filter(({ count }) => count > 0);
  const prior = past.length >= ENOUGH_HISTORY ? { weight: 3, phi: 1 } : { weight: 10, phi: 3 };
  return past.reduce<ScoreBurst>(stepScoreBurst, { prior, seen: 0, single: NO_PAIRS, blocks: NO_PAIRS, open: NO_SCORES });
}

/** After one more row of stable's. */
export function stepScoreBurst(state: ScoreBurst, scores: Scores): ScoreBurst {
  if (scores.count <= 0) return state;
  const seen = state.seen + 1;
  const single = addNeighbour(state.single, scores);
  const open = add(state.open, scores);
  if (seen % BLOCK !== 0) return { ...state, seen, single, open };
  return { ...state, seen, single, blocks: addNeighbour(state.blocks, open), open: NO_SCORES };
}

/**
 * Burst factor for the next row, between 1 and `phiMax`:
 *
 *     phi = max over single intervals and blocks of five of (nu phi0 + pairs num / den) / (nu + pairs)
 */
export function scoreBurstFactor({ prior: { weight, phi }, seen, single, blocks }: ScoreBurst, phiMax: number): number {
  const estimate = ({ pairs, num, den }: PairSums): number => (den > 0 ? (weight * phi + (pairs * num) / den) / (weight + pairs) : 0);
  return min(phiMax, max(seen < 2 ? phi : 1, estimate(single), estimate(blocks)));
}

/** Sums of one arm's interval so far. */
export interface ScoreState {
  readonly count: number;
  readonly sum: number;
  readonly variance: number;
  readonly weighted: { readonly count: number; readonly sum: number; readonly variance: number };
  readonly interval: ScoreInterval;
}

/** Before the first score anything is possible. */
export const NO_SCORE: ScoreState = {
  count: 0,
  sum: 0,
  variance: 0,
  weighted: { count: 0, sum: 0, variance: 0 },
  interval: { mean: 0.5, lower: 0, upper: 1 },
};

/**
 * The interval of one arm's mean after one more row, each side at level `alpha`, at all times at once. The row is already divided by its burst
 * factor. N = scores before it, M = N + n:
 *
 *     mu = (1/2 + sum S) / (1 + N)      v = (1/4 + sum V) / (1 + N)      V = max(0, Q - 2 mu S + n mu^2)
 *     lambda = min(1/2, sqrt(2 ln(1/alpha) / (v M ln(1 + M))))
 *     centre = sum lambda S / sum lambda n      half width = (ln(1/alpha) + sum (-ln(1 - lambda) - lambda) V) / sum lambda n
 */
export function stepScore(state: ScoreState, { count: n, sum: s, squares }: Scores, alpha: number): ScoreState {
  if (n <= 0) return state;
  const mu = (0.5 + state.sum) / (1 + state.count);
  const v = (0.25 + state.variance) / (1 + state.count);
  const all = state.count + n;
  const lambda = min(0.5, sqrt((2 * log(1 / alpha)) / (v * all * log(1 + all))));
  const deviation = max(0, squares - 2 * mu * s + n * mu * mu);
  const weighted = {
    count: state.weighted.count + lambda * n,
    sum: state.weighted.sum + lambda * s,
    variance: state.weighted.variance + (-log1p(-lambda) - lambda) * deviation,
  };
  const mean = weighted.sum / weighted.count;
  const half = halfWidth(weighted, alpha);
  const interval = { mean, lower: max(0, mean - half), upper: min(1, mean + half) };
  return { count: all, sum: state.sum + s, variance: state.variance + deviation, weighted, interval };
}

/** Half of the interval's width, where neither 0 nor 1 cuts it. */
export function halfWidth({ count, variance }: ScoreState['weighted'], alpha: number): number {
  return (log(1 / alpha) + variance) / count;
}

/** Scores with less weight, as if fewer of them had been seen. */
export function divide({ count, sum, squares }: Scores, factor: number): Scores {
  return { count: count / factor, sum: sum / factor, squares: squares / factor };
}

function addNeighbour(sums: PairSums, scores: Scores): PairSums {
  const { last } = sums;
  if (last === null) return { ...sums, last: scores };
  const apart = scores.sum / scores.count - last.sum / last.count;
  const both = add(last, scores);
  return {
    pairs: sums.pairs + 1,
    num: sums.num + apart ** 2 / (1 / last.count + 1 / scores.count),
    den: sums.den + both.squares / both.count - (both.sum / both.count) ** 2,
    last: scores,
  };
}

function add(a: Scores, b: Scores): Scores {
  return { count: a.count + b.count, sum: a.sum + b.sum, squares: a.squares + b.squares };
}
