// The guarantee itself, checked exactly: all outcomes of small binomial experiments are enumerated with their probabilities.

import { describe, expect, test } from '@jest/globals';
import { startMetric, stepMetric, type MetricState } from '../../../../src/core/analysis/analyse.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../../../../src/core/analysis/config.ts';
import { certificate } from '../../../../src/core/analysis/eprocess.ts';
import { row } from './arbitraries.ts';

/** One interval of an experiment: requests of both arms and the true rate of bad events of each. */
interface Interval {
  readonly ns: number;
  readonly nc: number;
  readonly stable: number;
  readonly candidate: number;
}

function binomial(n: number, k: number, p: number): number {
  let ways = 1;
  for (let i = 0; i < k; i += 1) ways = (ways * (n - i)) / (i + 1);
  return ways * p ** k * (1 - p) ** (n - k);
}

/** One possible course of an experiment: its probability and the metric's state before the first and after every row. */
interface Course {
  readonly probability: number;
  readonly path: readonly MetricState[];
}

const BEGINNING: Course = { probability: 1, path: [startMetric([])] };

/** Every possible course of an experiment. */
function enumerate(intervals: readonly Interval[], config: AnalysisConfig, from: Course = BEGINNING): Course[] {
  const [next, ...rest] = intervals;
  if (next === undefined) return [from];
  const courses: Course[] = [];
  for (let es = 0; es <= next.ns; es += 1) {
    for (let ec = 0; ec <= next.nc; ec += 1) {
      const state = stepMetric(from.path.at(-1)!, row(next.ns, es, next.nc, ec), config);
      const chance = binomial(next.ns, es, next.stable) * binomial(next.nc, ec, next.candidate);
      courses.push(...enumerate(rest, config, { probability: from.probability * chance, path: [...from.path, state] }));
    }
  }
  return courses;
}

function mean(courses: readonly Course[], value: (path: readonly MetricState[]) => number): number {
  return courses.reduce((sum, { probability, path }) => sum + probability * value(path), 0);
}

/** Drifting rates and changing shares; `candidate` makes the candidate's rate from stable's. */
function experiment(candidate: (stable: number) => number): Interval[] {
  return ([[3, 1, 0.1], [2, 2, 0.4], [2, 3, 0.05], [1, 2, 0.25]] as const)
    .map(([ns, nc, stable]) => ({ ns, nc, stable, candidate: candidate(stable) }));
}

const FLOOR = 0.2;
const rounding = 1e-12;
const lastOf = (path: readonly MetricState[]): MetricState => path.at(-1)!;

describe.each([
  { name: 'without a burst factor', phiMax: 1 },
  { name: 'with the burst factor of an unknown past', phiMax: 20 },
])('all outcomes of a small experiment $name', ({ phiMax }) => {
  const config = { ...DEFAULT_ANALYSIS, phiMax, floor: FLOOR, tolerance: 0.25, margin: 0.5 };
  const atTolerance = enumerate(experiment((stable) => 1.25 * stable), config);
  const atMargin = enumerate(experiment((stable) => 1.5 * stable), config);
  const atFloor = enumerate(experiment(() => FLOOR), config);
  const worse = enumerate(experiment((stable) => Math.min(1, 10 * stable)), config);

  test('have probabilities that add up to 1', () => {
    for (const courses of [atTolerance, atMargin, atFloor, worse]) expect(mean(courses, () => 1)).toBeCloseTo(1, 12);
  });

  test.each([1, 2, 3, 4])('give the ratio e-value a mean of at most 1 after %i rows at the edge of the null', (rows) => {
    expect(mean(atTolerance, (path) => Math.exp(path[rows]!.ratio.logE))).toBeLessThanOrEqual(1 + rounding);
    expect(mean(atMargin, (path) => Math.exp(path[rows]!.ratioAtMargin.logE))).toBeLessThanOrEqual(1 + rounding);
  });

  test.each([1, 2, 3, 4])('give the rate e-value a mean of at most 1 after %i rows at the floor, whatever stable does', (rows) => {
    expect(mean(atFloor, (path) => Math.exp(path[rows]!.rate.logE))).toBeLessThanOrEqual(1 + rounding);
  });

  test('give e-values a mean above 1 when the candidate is ten times as bad', () => {
    expect(mean(worse, (path) => Math.exp(lastOf(path).ratio.logE))).toBeGreaterThan(1.01);
    expect(mean(worse, (path) => Math.exp(lastOf(path).rate.logE))).toBeGreaterThan(1.01);
  });

  test('give the certificates a mean of at most 1 when the candidate is exactly as bad as the limit', () => {
    expect(mean(atMargin, (path) => Math.exp(certificate(lastOf(path).ratioPass)))).toBeLessThanOrEqual(1 + rounding);
    expect(mean(atFloor, (path) => Math.exp(certificate(lastOf(path).ratePass)))).toBeLessThanOrEqual(1 + rounding);
  });

  test('give the metric itself a mean of at most 1 at the edge of either null', () => {
    expect(mean(atTolerance, (path) => Math.exp(lastOf(path).evidence.logE))).toBeLessThanOrEqual(1 + rounding);
    expect(mean(atFloor, (path) => Math.exp(lastOf(path).evidence.logE))).toBeLessThanOrEqual(1 + rounding);
  });

  test.each([0.8, 0.7, 0.5])('let a harmless candidate reach e >= 1 / alpha at any look with probability at most alpha = %d', (alpha) => {
    const everReached = (path: readonly MetricState[]): number => (path.some(({ ratio }) => ratio.logE >= Math.log(1 / alpha)) ? 1 : 0);
    const chance = mean(atTolerance, everReached);
    expect(chance).toBeLessThanOrEqual(alpha);
    expect(mean(worse, everReached)).toBeGreaterThan(chance);
  });

  test('leave no course whose next row raises the mean: looking more often costs nothing', () => {
    const intervals = experiment((stable) => 1.25 * stable);
    for (const { path } of enumerate(intervals.slice(0, 2), config)) {
      const after = enumerate(intervals.slice(2, 3), config, { probability: 1, path });
      const now = Math.exp(lastOf(path).ratio.logE);
      expect(mean(after, (longer) => Math.exp(lastOf(longer).ratio.logE))).toBeLessThanOrEqual(now * (1 + rounding));
    }
  });
});
