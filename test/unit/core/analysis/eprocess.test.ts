// The guarantee itself, checked exactly: all outcomes of small binomial experiments are enumerated with their probabilities.

import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { startMetric, stepMetric, type MetricState } from '../../../../src/core/analysis/analyse.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../../../../src/core/analysis/config.ts';
import { decide } from '../../../../src/core/analysis/decide.ts';
import {
  certificate, NO_CERTIFICATE, NO_EVIDENCE, rateTerm, ratioTerm, stepCertificate, stepProcess, type Term,
} from '../../../../src/core/analysis/eprocess.ts';
import type { Row } from '../../../../src/core/analysis/row.ts';
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

/** Requests of one interval, by the chance that each has of being bad. */
interface Requests {
  readonly stable: readonly number[];
  readonly candidate: readonly number[];
}

/** Chance of each number of bad requests. */
function badCounts(chances: readonly number[]): readonly number[] {
  return chances.reduce<readonly number[]>(
    (counts, p) => Array.from({ length: counts.length + 1 }, (_, k) => (counts[k] ?? 0) * (1 - p) + (counts[k - 1] ?? 0) * p),
    [1],
  );
}

/** Mean over all outcomes of what `step` makes of the rows, from `state`. */
function meanOf<S>(intervals: readonly Requests[], state: S, step: (state: S, row: Row) => S, value: (state: S) => number): number {
  const [next, ...rest] = intervals;
  if (next === undefined) return value(state);
  const candidates = badCounts(next.candidate);
  return badCounts(next.stable).reduce((sum, stableChance, es) => {
    const inner = candidates.reduce((part, chance, ec) => {
      const counted: Row = {
        stable: { requests: next.stable.length, bad: es },
        candidate: { requests: next.candidate.length, bad: ec },
      };
      return part + (chance === 0 ? 0 : chance * meanOf(rest, step(state, counted), step, value));
    }, 0);
    return sum + stableChance * inner;
  }, 0);
}

function average(chances: readonly number[]): number {
  return chances.reduce((sum, p) => sum + p, 0) / chances.length;
}

/** All made smaller, so that their average is `most` at most. */
function capped(chances: readonly number[], most: number): readonly number[] {
  const factor = Math.min(1, average(chances) === 0 ? 1 : most / average(chances));
  return chances.map((p) => p * factor);
}

/** What metrics with these series say together. */
function combined(series: readonly (readonly number[])[]) {
  return decide(series.map((one) => ({ verdict: 'continue' as const, series: one, tolerated: false })), 0.01);
}

describe('requests that each have a chance of their own, in intervals that share no rate', () => {
  const chances = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 3 });
  const intervals = fc.array(fc.record({ stable: chances, candidate: chances }), { minLength: 1, maxLength: 2 });
  const limit = fc.constantFrom(0.5, 1, 1.25, 1.5, 4);
  const process = (term: (row: Row) => Term) => (drawn: readonly Requests[]) =>
    meanOf(drawn, NO_EVIDENCE, (state, counted) => stepProcess(state, term(counted)), ({ logE }) => Math.exp(logE));
  const certified = (term: (row: Row) => Term) => (drawn: readonly Requests[]) =>
    meanOf(drawn, NO_CERTIFICATE, (state, counted) => stepCertificate(state, term(counted)), (state) => Math.exp(certificate(state)));

  test('give a ratio e-value of mean at most 1 where the average rate is within the ratio', () => {
    fc.assert(fc.property(intervals, limit, (drawn, ratio) => {
      const harmless = drawn.map(({ stable, candidate }) => ({ stable, candidate: capped(candidate, ratio * average(stable)) }));
      expect(process((counted) => ratioTerm(counted, 1, ratio))(harmless)).toBeLessThanOrEqual(1 + rounding);
    }));
  });

  test('give a rate e-value of mean at most 1 where the average rate is within the limit', () => {
    fc.assert(fc.property(intervals, fc.constantFrom(0.01, 0.1, 0.5), (drawn, rate) => {
      const harmless = drawn.map(({ stable, candidate }) => ({ stable, candidate: capped(candidate, rate) }));
      expect(process((counted) => rateTerm(counted, 1, rate))(harmless)).toBeLessThanOrEqual(1 + rounding);
    }));
  });

  test('give a certificate of mean at most 1 where the average rate is at or above the limit', () => {
    fc.assert(fc.property(intervals, limit, (drawn, ratio) => {
      const bad = drawn.map(({ stable, candidate }) => ({ candidate, stable: capped(stable, average(candidate) / ratio) }));
      expect(certified((counted) => ratioTerm(counted, 1, ratio))(bad)).toBeLessThanOrEqual(1 + rounding);
      const rate = Math.min(...drawn.map(({ candidate }) => average(candidate)));
      expect(certified((counted) => rateTerm(counted, 1, rate))(drawn)).toBeLessThanOrEqual(1 + rounding);
    }));
  });
});

describe('two metrics of the same requests', () => {
  /** Chances that a request is neither failed nor slow, only failed, only slow, both: as dependent as can be, or not at all. */
  const kinds = { 'that go together': [0.7, 0, 0, 0.3], 'that exclude each other': [0.4, 0.3, 0.3, 0], 'that do not care': [0.49, 0.21, 0.21, 0.09] };
  const config = { ...DEFAULT_ANALYSIS, phiMax: 1, floor: 0, tolerance: 0 };
  const drawn = (requests: number, chances: readonly number[]): { failed: number; slow: number; probability: number }[] =>
    requests === 0
      ? [{ failed: 0, slow: 0, probability: 1 }]
      : drawn(requests - 1, chances).flatMap(({ failed, slow, probability }) =>
          chances.map((chance, kind) => ({ failed: failed + (kind & 1), slow: slow + (kind >> 1), probability: probability * chance })));

  test.each(Object.entries(kinds))('%s have a combined e-value of mean at most 1 after every row', (_, chances) => {
    const sizes = [[2, 1], [1, 2], [2, 2]] as const;
    let courses = [{ probability: 1, states: [startMetric([]), startMetric([])], series: [[], []] as readonly (readonly number[])[] }];
    for (const [ns, nc] of sizes) {
      const [stable, candidate] = [drawn(ns, chances), drawn(nc, chances)];
      const outcomes = new Map<string, { es: number[]; ec: number[]; probability: number }>();
      for (const a of stable) for (const b of candidate) {
        const key = [a.failed, a.slow, b.failed, b.slow].join();
        const known = outcomes.get(key)?.probability ?? 0;
        outcomes.set(key, { es: [a.failed, a.slow], ec: [b.failed, b.slow], probability: known + a.probability * b.probability });
      }
      courses = courses.flatMap((course) =>
        [...outcomes.values()].filter(({ probability }) => probability > 0).map(({ es, ec, probability }) => {
          const states = course.states.map((state, i) => stepMetric(state, row(ns, es[i], nc, ec[i]), config));
          const series = course.series.map((before, i) => [...before, states[i]!.evidence.logE]);
          return { probability: course.probability * probability, states, series };
        }));
      const expectation = courses.reduce((sum, { probability, series }) => sum + probability * Math.exp(combined(series).logE), 0);
      expect(courses.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 10);
      expect(expectation).toBeLessThanOrEqual(1 + rounding);
      expect(expectation).toBeGreaterThan(0.5);
    }
  });
});
