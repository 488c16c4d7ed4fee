import { DEFAULT_ANALYSIS } from '../../analysis/config.ts';
import { divide, NO_SCORE, scoreBurstFactors, stepScore, type ScoreRow, type Scores } from '../../analysis/score.ts';
import { roundDown, roundUp } from '../../analysis/words.ts';
import type { CheckEvidence } from '../evidence.ts';
import { histogramRows, total } from './bins.ts';
import type { CheckKind, CheckSpec, Finding, JudgeContext, Settings } from './kind.ts';
import { columnsFor, given, readNumber, readPercent } from './settings.ts';

interface ScoreOptions {
  /** Queries by column: `count`, `sum` and perhaps `squares`, or `histogram`. */
  readonly queries: Settings;
  readonly lowest: number;
  readonly highest: number;
  readonly isHigherBetter: boolean;
  /** Of the way from the lowest score to the highest. */
  readonly margin: number;
}

/** The mean of a score between two bounds, compared with stable's. */
export const SCORE: CheckKind<NonNullable<CheckSpec['score']>, ScoreOptions> = {
  reason: 'ScoreWorse',
  settings: ({ count, sum, sumOfSquares, histogram, lowest = '0', highest = '1', better = 'Higher', margin = '5%' }) =>
    given({ count, sum, sumOfSquares, histogram, lowest, highest, better, margin }),
  read: (settings) => ({
    queries: given({
      histogram: settings['histogram'],
      count: settings['count'],
      sum: settings['sum'],
      squares: settings['sumOfSquares'],
    }),
    lowest: readNumber(settings['lowest']) ?? 0,
    highest: readNumber(settings['highest']) ?? 1,
    isHigherBetter: settings['better'] !== 'Lower',
    margin: readPercent(settings['margin']),
  }),
  basis: () => 'Counters',
  queries: ({ queries }) => Object.values(queries),
  measure: ({ queries }, { stable, candidate }) => ({
    type: 'counters',
    stable: columnsFor(queries, stable),
    candidate: columnsFor(queries, candidate),
    ...('histogram' in queries ? { bin: 'le' } : {}),
  }),
  accuses: () => true,
  certifies: () => true,
  judge: (check, evidence, context) => compareScores(check, scoresOf(check, evidence), context),
};

interface ScoreRows {
  readonly rows: readonly ScoreRow[];
  readonly history: readonly Scores[];
}

function scoresOf(check: ScoreOptions, evidence: CheckEvidence): ScoreRows {
  if ('histogram' in check.queries) {
    const { edges, rows, history } = histogramRows(evidence.vectors());
    const middle = middles(check, edges);
    const fromBins = (bins: readonly number[]): Scores => {
      const weigh = (power: number): number => bins.reduce((sum, count, bin) => sum + count * (middle[bin] ?? 0) ** power, 0);
      return normal(check, { count: total(bins), sum: weigh(1), squares: weigh(2) });
    };
    return {
      rows: rows.map(({ row }) => row && { stable: fromBins(row.stable), candidate: fromBins(row.candidate) }),
      history: history.map(fromBins),
    };
  }
  // Scores below 0 make a sum that falls.
  const { columns, rows, history } = evidence.vectors(check.lowest < 0 ? ['sum'] : []);
  const [count, sum, squares] = ['count', 'sum', 'squares'].map((column) => columns.indexOf(column));
  const at = (arm: readonly number[], place: number | undefined): number => arm[place ?? -1] ?? 0;
  const fromColumns = (arm: readonly number[]): Scores => {
    const scores = { count: at(arm, count), sum: at(arm, sum), squares: at(arm, squares) };
    return 'squares' in check.queries ? normal(check, scores) : extreme(normal(check, scores));
  };
  return {
    rows: rows.map(({ row }) => row && { stable: fromColumns(row.stable), candidate: fromColumns(row.candidate) }),
    history: history.map(fromColumns),
  };
}

/** The middle of each bin, within the bounds. */
function middles({ lowest, highest }: ScoreOptions, edges: readonly number[]): number[] {
  const within = (value: number): number => Math.min(highest, Math.max(lowest, value));
  return [...edges, Infinity].map((edge, bin) => (within(edges[bin - 1] ?? -Infinity) + within(edge)) / 2);
}

/** Scores moved to the range from 0 to 1, with 1 the best. */
function normal({ lowest, highest, isHigherBetter }: ScoreOptions, { count, sum, squares }: Scores): Scores {
  const range = highest - lowest;
  const clamp = (value: number): number => Math.min(count, Math.max(0, value));
  const mean = clamp((sum - count * lowest) / range);
  const square = clamp((squares - 2 * lowest * sum + count * lowest * lowest) / (range * range));
  return isHigherBetter ? { count, sum: mean, squares: square } : { count, sum: count - mean, squares: clamp(count - 2 * mean + square) };
}

/** For scores between 0 and 1 the sum of squares is at most their sum, so an interval made with that is valid, and wider. */
function extreme(scores: Scores): Scores {
  return { ...scores, squares: scores.sum };
}

/** Looks at which the two intervals must lie apart: one interval alone fails nobody. */
const LOOKS = 2;

/**
 * Fails when stable's lower bound is above the candidate's upper bound, at two looks with scores of the candidate; passes when stable's upper
 * bound is above the candidate's lower bound by no more than the margin.
 */
function compareScores(check: ScoreOptions, { rows, history }: ScoreRows, { alpha }: JudgeContext): Finding {
  const { alphaPromote, phiMax, minIntervals, minRequests } = DEFAULT_ANALYSIS;
  const factors = scoreBurstFactors(rows.map((row) => row?.stable ?? NOTHING), history, phiMax);
  let accusing = { stable: NO_SCORE, candidate: NO_SCORE };
  let certifying = accusing;
  let apart = 0;
  let intervals = 0;
  let counted = 0;
  rows.forEach((row, index) => {
    if (row === null) return;
    const [stable, candidate] = [divide(row.stable, factors[index] ?? 1), divide(row.candidate, factors[index] ?? 1)];
    const step = (state: typeof accusing, level: number): typeof accusing => ({
      stable: stepScore(state.stable, stable, level),
      candidate: stepScore(state.candidate, candidate, level),
    });
    accusing = step(accusing, alpha / 2);
    certifying = step(certifying, alphaPromote / 2);
    if (row.candidate.count <= 0) return;
    intervals += 1;
    counted += row.candidate.count;
    if (accusing.stable.interval.lower > accusing.candidate.interval.upper) apart += 1;
  });
  const behind = certifying.stable.interval.upper - certifying.candidate.interval.lower;
  const isGood = behind <= check.margin && intervals >= minIntervals && counted >= minRequests;
  const verdict =
    rows.length === 0
      ? 'Inconclusive/Collecting'
      : intervals === 0
        ? 'Inconclusive/NoData'
        : apart >= LOOKS
          ? 'Fail'
          : apart > 0
            ? 'Inconclusive/Suspect'
            : isGood
              ? 'Pass'
              : 'Inconclusive/Collecting';
  const shown = apart > 0 ? accusing : certifying;
  const level = 100 - 100 * (apart > 0 ? alpha / 2 : alphaPromote / 2);
  return {
    verdict,
    explain: () =>
      intervals === 0
        ? 'no scores of the candidate were counted'
        : `${sayMean(check, 'candidate', shown.candidate.interval)}, ${sayMean(check, 'stable', shown.stable.interval)}, each bound with ${Number(level.toPrecision(4))}% confidence`,
    figures: {
      looks: rows.length,
      others: {
        candidateScores: String(Math.round(counted)),
        candidateMean: original(check, shown.candidate.interval.mean).toPrecision(4),
        stableMean: original(check, shown.stable.interval.mean).toPrecision(4),
      },
    },
  };
}

const NOTHING: Scores = { count: 0, sum: 0, squares: 0 };

function original({ lowest, highest, isHigherBetter }: ScoreOptions, normalised: number): number {
  return isHigherBetter ? lowest + normalised * (highest - lowest) : highest - normalised * (highest - lowest);
}

function sayMean(check: ScoreOptions, arm: string, { mean, lower, upper }: { readonly mean: number; readonly lower: number; readonly upper: number }): string {
  const [a, b] = [original(check, lower), original(check, upper)];
  const [low, high] = [Math.min(a, b), Math.max(a, b)];
  const sign = (value: number, round: (positive: number) => string, other: (positive: number) => string): string =>
    value < 0 ? `-${other(-value)}` : round(value);
  return `${arm} mean ${Number(original(check, mean).toPrecision(3))} (between ${sign(low, roundDown, roundUp)} and ${sign(high, roundUp, roundDown)})`;
}
