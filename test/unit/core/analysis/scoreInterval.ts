import { divide, NO_SCORE, stepScore, type ScoreInterval, type Scores } from '../../../../src/core/analysis/score.ts';

/** Interval after all rows, of which row t is divided by `factors[t]`: the fold that a verdict makes, written out. */
export function scoreInterval(rows: readonly Scores[], alpha: number, factors: readonly number[] = []): ScoreInterval {
  return rows.reduce((state, scores, index) => stepScore(state, divide(scores, factors[index] ?? 1), alpha), NO_SCORE).interval;
}
