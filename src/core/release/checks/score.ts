import { DEFAULT_ANALYSIS } from '../../analysis/config.ts';
import { growing, growingFlatMap, type Memory } from '../../analysis/growing.ts';
import { catchableDrop } from '../../analysis/power.ts';
import {
  divide, NO_SCORE, scoreBurstFactor, startScoreBurst, stepScore, stepScoreBurst, type ScoreBurst, type ScoreRow, type Scores, type ScoreState,
} from '../../analysis/score.ts';
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
  judge: (check, evidence, context) => compareScores(check, scoresOf(check, evidence), context, evidence.memory),
};

interface ScoreRows {
  readonly rows: readonly ScoreRow[];
  /** The window of each row. */
  readonly windows: readonly number[];
  readonly history: readonly Scores[];
}

/** Both arms' counts of one interval, by column or by bin. */
interface CountedRow {
  readonly window: number;
  readonly row: { readonly stable: readonly number[]; readonly candidate: readonly number[] } | null;
}

const growRows = growingFlatMap<CountedRow, ScoreRow>();
const growHistory = growingFlatMap<readonly number[], Scores>();

function scoresOf(check: ScoreOptions, evidence: CheckEvidence): ScoreRows {
  const { memory } = evidence;
  const { lowest, highest, isHigherBetter } = check;
  if ('histogram' in check.queries) {
    const { edges, rows, history } = histogramRows(evidence.vectors(), memory);
    const middle = middles(check, edges);
    const fromBins = (bins: readonly number[]): Scores => {
      const weigh = (power: number): number => bins.reduce((sum, count, bin) => sum + count * (middle[bin] ?? 0) ** power, 0);
      return normal(check, { count: total(bins), sum: weigh(1), squares: weigh(2) });
    };
    return scored(memory, [lowest, highest, isHigherBetter, ...edges], rows, history, fromBins);
  }
  // Scores below 0 make a sum that falls.
  const { columns, rows, history } = evidence.vectors(lowest < 0 ? ['sum'] : []);
  const [count, sum, squares] = ['count', 'sum', 'squares'].map((column) => columns.indexOf(column));
  const at = (arm: readonly number[], place: number | undefined): number => arm[place ?? -1] ?? 0;
  const hasSquares = 'squares' in check.queries;
  const fromColumns = (arm: readonly number[]): Scores => {
    const scores = normal(check, { count: at(arm, count), sum: at(arm, sum), squares: at(arm, squares) });
    return hasSquares ? scores : extreme(scores);
  };
  return scored(memory, [lowest, highest, isHigherBetter, hasSquares, ...columns], rows, history, fromColumns);
}

function scored(
  memory: Memory,
  basis: readonly unknown[],
  rows: readonly CountedRow[],
  history: readonly (readonly number[])[],
  toScores: (counts: readonly number[]) => Scores,
): ScoreRows {
  return {
    rows: growRows(memory, basis, rows, ({ row }) => [row && { stable: toScores(row.stable), candidate: toScores(row.candidate) }]),
    windows: rows.map(({ window }) => window),
    history: growHistory(memory, basis, history, (counts) => [toScores(counts)]),
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

/** Intervals of both arms' means at one level. */
interface Arms {
  readonly stable: ScoreState;
  readonly candidate: ScoreState;
}

interface Course {
  readonly burst: ScoreBurst;
  readonly accusing: Arms;
  readonly certifying: Arms;
  /** Looks with scores of the candidate, those of them at which the intervals lay apart, and scores. */
  readonly intervals: number;
  readonly apart: number;
  readonly counted: number;
}

const growCourse = growing<Course>();

function stepCourse(state: Course, row: ScoreRow, alpha: number): Course {
  const { alphaPromote, phiMax } = DEFAULT_ANALYSIS;
  if (row === null) return state;
  const phi = scoreBurstFactor(state.burst, phiMax);
  const step = ({ stable, candidate }: Arms, level: number): Arms => ({
    stable: stepScore(stable, divide(row.stable, phi), level),
    candidate: stepScore(candidate, divide(row.candidate, phi), level),
  });
  const accusing = step(state.accusing, alpha / 2);
  const next = { ...state, burst: stepScoreBurst(state.burst, row.stable), accusing, certifying: step(state.certifying, alphaPromote / 2) };
  if (row.candidate.count <= 0) return next;
  const isApart = accusing.stable.interval.lower > accusing.candidate.interval.upper;
  return { ...next, intervals: state.intervals + 1, apart: state.apart + (isApart ? 1 : 0), counted: state.counted + row.candidate.count };
}

/**
 * Fails when stable's lower bound is above the candidate's upper bound, at two looks with scores of the candidate; passes when stable's upper
 * bound is above the candidate's lower bound by no more than the margin.
 */
function compareScores(check: ScoreOptions, { rows, windows, history }: ScoreRows, { alpha }: JudgeContext, memory: Memory): Finding {
  const { alphaPromote, minIntervals, minRequests, phiMax } = DEFAULT_ANALYSIS;
  const start = (): Course => {
    const nothing = { stable: NO_SCORE, candidate: NO_SCORE };
    return { burst: startScoreBurst(history), accusing: nothing, certifying: nothing, intervals: 0, apart: 0, counted: 0 };
  };
  const { accusing, certifying, apart, intervals, counted } = growCourse(memory, [alpha, history], [rows], start, (before, from) =>
    rows.slice(from).reduce((state, row) => stepCourse(state, row, alpha), before),
  );
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
  const range = check.highest - check.lowest;
  const shown = apart > 0 ? accusing : certifying;
  const level = 100 - 100 * (apart > 0 ? alpha / 2 : alphaPromote / 2);
  return {
    verdict,
    explain: () =>
      intervals === 0
        ? 'no scores of the candidate were counted'
        : `${sayMean(check, 'candidate', shown.candidate.interval)}, ${sayMean(check, 'stable', shown.stable.interval)}, each bound with ${Number(level.toPrecision(4))}% confidence`,
    counted: () => rows.map((row, place) => ({ window: windows[place] ?? 0, count: row?.candidate.count ?? 0 })),
    bounds: () => ({
      meanWorseLower: range * (accusing.stable.interval.lower - accusing.candidate.interval.upper),
      meanWorseUpper: range * behind,
    }),
    power: () => {
      const drop = catchableDrop(rows, history, alpha, phiMax);
      if (drop === undefined) return { caught: undefined, words: 'one with the worst score' };
      const worse = roundUp(range * drop);
      return { caught: worse, words: `with a mean worse by ${worse}` };
    },
    certifier: { scores: history, margin: check.margin },
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
