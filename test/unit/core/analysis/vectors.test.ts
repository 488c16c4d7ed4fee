// Golden vectors. Their format and values come from an independent reference implementation of the same statistics, written in
// another language with another summation order: agreement to 1e-9 is agreement on the formulas, not on shared code.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { judge } from '../../../../src/core/analysis/analyse.ts';
import { bounds } from '../../../../src/core/analysis/bounds.ts';
import { burstFactors } from './burstFactors.ts';
import { counterDelta, type CounterSample } from './counterDelta.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../../../../src/core/analysis/config.ts';
import { decide } from '../../../../src/core/analysis/decide.ts';
import { shiftSeries, slowerSeries, type Bins } from '../../../../src/core/analysis/distribution.ts';
import { dirichletLogE, psi } from '../../../../src/core/analysis/divergence.ts';
import { judgeRate } from '../../../../src/core/analysis/rate.ts';
import { kernel } from '../../../../src/core/analysis/kernel.ts';
import { cleanRow, type RawCounts, type RawNumber, type RawRow } from '../../../../src/core/analysis/row.ts';
import { scoreBurstFactor, startScoreBurst, stepScoreBurst, type Scores } from '../../../../src/core/analysis/score.ts';
import { scoreInterval } from './scoreInterval.ts';
import { splitSeries } from '../../../../src/core/analysis/split.ts';
import { explain } from '../../../../src/core/analysis/words.ts';

type Tuple = readonly RawNumber[];

type Histogram = readonly (readonly [Bins, Bins])[];
type ScoreTuple = readonly [number, number, number];

interface HistogramInput {
  readonly hist: Histogram;
  readonly history: readonly Bins[];
  readonly tolerance: number;
}

interface MetricInput {
  readonly rows: readonly (Tuple | null)[];
  readonly history: readonly Tuple[];
  readonly config?: Partial<AnalysisConfig>;
}

interface Case<Fn extends string, Input, Expected> {
  readonly name: string;
  readonly fn: Fn;
  readonly input: Input;
  readonly expect: Expected;
}

type AnyCase =
  | Case<'kernel', { x: number; k: number; m: number; q: number }, number>
  | Case<'clean', { row: Tuple }, readonly number[] | null>
  | Case<'counterDelta', { prev: CounterSample; cur: CounterSample }, number>
  | Case<'burstFactors', MetricInput, readonly number[]>
  | Case<'analyse', MetricInput, Record<string, unknown>>
  | Case<'analyseRate', { rows: readonly (Tuple | null)[]; limit: number; history: readonly Tuple[] }, Record<string, unknown>>
  | Case<'decide', { metrics: readonly MetricInput[]; alpha: number }, Record<string, unknown>>
  | Case<'slowerSeries', HistogramInput, readonly number[]>
  | Case<'shiftSeries', HistogramInput, readonly number[]>
  | Case<'splitSeries', { rows: readonly (Tuple | null)[]; weights: readonly number[]; tolerance: number }, readonly number[]>
  | Case<'psi', { a: Bins; b: Bins }, number>
  | Case<'dirichletLogE', { counts: Bins; probs: Bins; strength: number }, number>
  | Case<'scoreBurstFactors', { rows: readonly ScoreTuple[]; history: readonly ScoreTuple[] }, readonly number[]>
  | Case<'scoreInterval', { rows: readonly ScoreTuple[]; alpha: number; phis?: readonly number[] }, ScoreTuple>;

const vectors = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as {
  readonly defaults: Record<string, number>;
  readonly cases: readonly AnyCase[];
};

const toRow = (tuple: Tuple | null): RawRow =>
  tuple && { stable: { requests: tuple[0], bad: tuple[1] }, candidate: { requests: tuple[2], bad: tuple[3] } };
const toBins = (hist: Histogram) => hist.map(([stable, candidate]) => ({ stable, candidate }));
const toScores = ([count, sum, squares]: ScoreTuple): Scores => ({ count, sum, squares });
const toCounts = (tuple: Tuple): RawCounts => ({ requests: tuple[0], bad: tuple[1] });

function analyse(input: MetricInput): Record<string, unknown> {
  const config = { ...DEFAULT_ANALYSIS, ...input.config };
  const rows = input.rows.map(toRow);
  const history = input.history.map(toCounts);
  const { totals, ...judgement } = judge(rows, history, config);
  const limits = bounds(rows, history, config);
  const sums = { ns: totals.stableRequests, es: totals.stableBad, nc: totals.candidateRequests, ec: totals.candidateBad };
  return { ...judgement, ...sums, ...limits, explain: explain({ totals, ...judgement }, limits, config) };
}

function compute(vector: AnyCase): unknown {
  switch (vector.fn) {
    case 'kernel':
      return kernel(vector.input.x, vector.input.k, vector.input.m, vector.input.q);
    case 'clean': {
      const row = cleanRow(toRow(vector.input.row));
      return row && [row.stable.requests, row.stable.bad, row.candidate.requests, row.candidate.bad];
    }
    case 'counterDelta':
      return counterDelta(vector.input.prev, vector.input.cur);
    case 'burstFactors':
      return burstFactors(vector.input.rows.map(toRow), vector.input.history.map(toCounts), DEFAULT_ANALYSIS.phiMax);
    case 'analyse':
      return analyse(vector.input);
    case 'analyseRate': {
      const { rows, limit, history } = vector.input;
      const judged = judgeRate(rows.map((row) => row && toCounts(row)), limit, history.map(toCounts), DEFAULT_ANALYSIS);
      const { verdict, logE, maxGain, phi, rateUpper, series } = judged;
      return { verdict, logE, maxGain, phi, rateUpper, series };
    }
    case 'decide': {
      const judgements = vector.input.metrics.map(({ rows, history, config }) =>
        judge(rows.map(toRow), history.map(toCounts), { ...DEFAULT_ANALYSIS, ...config }));
      const { verdict, logE, index } = decide(judgements, vector.input.alpha);
      return { verdict, logE, metric: index };
    }
    case 'slowerSeries':
      return slowerSeries(toBins(vector.input.hist), vector.input.history, vector.input.tolerance, DEFAULT_ANALYSIS.phiMax);
    case 'shiftSeries':
      return shiftSeries(toBins(vector.input.hist), vector.input.history, vector.input.tolerance, DEFAULT_ANALYSIS.phiMax);
    case 'splitSeries':
      return splitSeries(vector.input.rows.map((row) => cleanRow(toRow(row))), vector.input.weights, vector.input.tolerance);
    case 'psi':
      return psi(vector.input.a, vector.input.b);
    case 'dirichletLogE':
      return dirichletLogE(vector.input.counts, vector.input.probs, vector.input.strength);
    case 'scoreBurstFactors':
      return scoreBurstFactors(vector.input.rows.map(toScores), vector.input.history.map(toScores));
    case 'scoreInterval': {
      const { mean, lower, upper } = scoreInterval(vector.input.rows.map(toScores), vector.input.alpha, vector.input.phis);
      return [mean, lower, upper];
    }
  }
}

function scoreBurstFactors(rows: readonly Scores[], history: readonly Scores[]): readonly number[] {
  let burst = startScoreBurst(history);
  return rows.map((scores) => {
    const factor = scoreBurstFactor(burst, DEFAULT_ANALYSIS.phiMax);
    burst = stepScoreBurst(burst, scores);
    return factor;
  });
}

/** Paths at which two values differ by more than 1e-9 * max(1, |want|). */
function differences(got: unknown, want: unknown, path = ''): string[] {
  if (typeof got === 'number' && typeof want === 'number') {
    return Math.abs(got - want) <= 1e-9 * Math.max(1, Math.abs(want)) ? [] : [`${path}: got ${got}, want ${want}`];
  }
  if (typeof got !== 'object' || typeof want !== 'object' || got === null || want === null) {
    return got === want ? [] : [`${path}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`];
  }
  const keys = [...new Set([...Object.keys(got), ...Object.keys(want)])];
  const field = (value: object, key: string): unknown => (value as Record<string, unknown>)[key];
  return keys.flatMap((key) => differences(field(got, key), field(want, key), `${path}/${key}`));
}

describe('golden vectors', () => {
  test('the comparison itself sees a difference of 2e-9, a missing field and another word', () => {
    expect(differences({ a: [1, 2] }, { a: [1, 2 + 5e-10] })).toEqual([]);
    expect(differences({ a: [1, 2 + 5e-9] }, { a: [1, 2] })).toHaveLength(1);
    expect(differences({ a: 1 }, { a: 1, b: null })).toHaveLength(1);
    expect(differences({ a: 'pass' }, { a: 'abort' })).toHaveLength(1);
  });

  test('the defaults are those of the reference', () => {
    expect(DEFAULT_ANALYSIS).toEqual({ ...vectors.defaults, history: 120 });
  });

  test.each(vectors.cases)('$fn agrees with the reference: $name', (vector) => {
    expect(differences(compute(vector), vector.expect)).toEqual([]);
  });
});
