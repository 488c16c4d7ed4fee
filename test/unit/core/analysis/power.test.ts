// The approximation is held against releases that are played: candidates of exactly that rate, on the same rows.
import { describe, expect, test } from '@jest/globals';
import { judgeState, startMetric, stepMetric } from '../../../../src/core/analysis/analyse.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../../../../src/core/analysis/config.ts';
import { catchableDrop, catchableRate, catchableRatio } from '../../../../src/core/analysis/power.ts';
import { judgeRate } from '../../../../src/core/analysis/rate.ts';
import { hasRejected } from '../../../../src/core/analysis/decide.ts';
import type { Counts } from '../../../../src/core/analysis/row.ts';
import { divide, NO_SCORE, scoreBurstFactor, startScoreBurst, stepScore, stepScoreBurst, type Scores } from '../../../../src/core/analysis/score.ts';
import { createSeededRandom } from '../../../support/clocks.ts';

interface Scene {
  /** Requests of one look. */
  readonly requests: number;
  readonly weight: number;
  readonly rate: number;
  readonly looks: number;
  readonly history: number;
  /** Bad events come in groups of so many. */
  readonly bursts: number;
  readonly config: AnalysisConfig;
}

const SCENE: Scene = {
  requests: 600,
  weight: 0.25,
  rate: 0.005,
  looks: 60,
  history: 120,
  bursts: 1,
  config: { ...DEFAULT_ANALYSIS, floor: 0.005 },
};
const CANDIDATES = 400;

function poisson(random: () => number, mean: number): number {
  const end = Math.exp(-mean);
  let [count, product] = [0, random()];
  for (; product > end; count += 1) product *= random();
  return count;
}

function play(scene: Scene, seed: number) {
  const random = createSeededRandom(seed);
  const draw = (requests: number, rate: number): Counts => ({
    requests,
    bad: Math.min(requests, scene.bursts * poisson(random, (requests * rate) / scene.bursts)),
  });
  const { requests, weight, rate, looks, config } = scene;
  const history = Array.from({ length: scene.history }, () => draw(requests, rate));
  const rows = Array.from({ length: looks }, () => ({
    stable: draw(requests * (1 - weight), rate),
    candidate: draw(requests * weight, rate),
  }));
  const stable = [...history, ...rows.map((row) => row.stable)];
  const pooled = stable.reduce((sum, { bad }) => sum + bad, 0) / stable.reduce((sum, counts) => sum + counts.requests, 0);
  /** Part of the candidates with `ratio` times that rate that are rolled back. */
  const caught = (ratio: number): number => {
    const isCaught = (): boolean => {
      let state = startMetric(history);
      return rows.some(({ stable: counted }) => {
        state = stepMetric(state, { stable: counted, candidate: draw(requests * weight, Math.min(1, ratio * pooled)) }, config);
        return judgeState(state, [], config).verdict === 'abort';
      });
    };
    return Array.from({ length: CANDIDATES }, isCaught).filter(Boolean).length / CANDIDATES;
  };
  return { ratio: catchableRatio(rows, history, config), rows, history, caught };
}

describe('the regression that would have been caught', () => {
  test.each([
    ['at a quarter of the traffic', SCENE],
    ['at 5 % of it, in a few looks', { ...SCENE, weight: 0.05, rate: 0.01, looks: 20 }],
    ['with bad events in bursts', { ...SCENE, rate: 0.01, bursts: 4 }],
    ['without a history', { ...SCENE, history: 0 }],
    ['with few requests', { ...SCENE, requests: 60, weight: 0.5, rate: 0.02, looks: 100 }],
  ])('is caught in 85 to 99 of 100 plays %s, and one a quarter less worse in fewer than 88', (_, scene) => {
    const { ratio = NaN, caught } = play(scene, 3);
    expect(ratio).toBeGreaterThan(1.3);
    expect(ratio).toBeLessThan(6);
    const share = caught(ratio);
    expect(share).toBeGreaterThanOrEqual(0.85);
    expect(share).toBeLessThanOrEqual(0.99);
    expect(caught(1 + 0.75 * (ratio - 1))).toBeLessThan(0.88);
  });

  test('is smaller with more looks, and larger at a stricter level', () => {
    const { rows, history, ratio = NaN } = play(SCENE, 5);
    expect(catchableRatio(rows.slice(0, 20), history, SCENE.config)).toBeGreaterThan(ratio);
    expect(catchableRatio(rows, history, { ...SCENE.config, alpha: 0.001 })).toBeGreaterThan(ratio);
  });

  test('is none where nothing was counted, where stable never failed, and where too little came', () => {
    const { rows, history } = play(SCENE, 7);
    const silent = rows.map(({ stable }) => ({ stable, candidate: { requests: 0, bad: 0 } }));
    const faultless = rows.map(({ candidate }) => ({ stable: { requests: 450, bad: 0 }, candidate }));
    expect(catchableRatio([], history, SCENE.config)).toBeUndefined();
    expect(catchableRatio([null, ...silent], history, SCENE.config)).toBeUndefined();
    expect(catchableRatio(faultless, [], SCENE.config)).toBeUndefined();
    expect(catchableRatio([{ stable: { requests: 9, bad: 1 }, candidate: { requests: 1, bad: 0 } }], history, SCENE.config)).toBeUndefined();
  });

  test('does not depend on what the candidate did', () => {
    const { rows, history, ratio } = play(SCENE, 9);
    const worse = rows.map(({ stable, candidate }) => ({ stable, candidate: { ...candidate, bad: candidate.requests } }));
    expect(catchableRatio(worse, history, SCENE.config)).toBe(ratio);
  });
});

describe('the rate that would have been caught', () => {
  test.each([
    ['of many events', { requests: 200, looks: 40, limit: 0.01, bursts: 1 }],
    ['of few', { requests: 20, looks: 60, limit: 0.05, bursts: 1 }],
    ['in bursts', { requests: 200, looks: 60, limit: 0.02, bursts: 4 }],
  ])('is caught in at least 85 of 100 plays %s, and one a quarter less above the limit in fewer', (_, { requests, looks, limit, bursts }) => {
    const draw = (random: () => number, rate: number): Counts[] =>
      Array.from({ length: looks }, () => ({ requests, bad: Math.min(requests, bursts * poisson(random, (requests * rate) / bursts)) }));
    const rows = draw(createSeededRandom(3), limit);
    const rate = catchableRate(rows, limit, DEFAULT_ANALYSIS) ?? NaN;
    const caught = (what: number): number => {
      const random = createSeededRandom(5);
      const isCaught = (): boolean => {
        const { series } = judgeRate(draw(random, what), limit, [], DEFAULT_ANALYSIS);
        return hasRejected([{ verdict: 'continue', series, tolerated: false }], DEFAULT_ANALYSIS.alpha);
      };
      return Array.from({ length: CANDIDATES }, isCaught).filter(Boolean).length / CANDIDATES;
    };
    expect(rate).toBeGreaterThan(limit);
    expect(rate).toBeLessThan(6 * limit);
    expect(caught(rate)).toBeGreaterThanOrEqual(0.85);
    expect(caught(limit + 0.75 * (rate - limit))).toBeLessThan(caught(rate));
  });

  test('is none where nothing or too little was counted', () => {
    expect(catchableRate([], 0.01, DEFAULT_ANALYSIS)).toBeUndefined();
    expect(catchableRate([null, { requests: 0, bad: 0 }], 0.01, DEFAULT_ANALYSIS)).toBeUndefined();
    expect(catchableRate([{ requests: 1, bad: 0 }], 0.5, DEFAULT_ANALYSIS)).toBeUndefined();
  });
});

describe('the drop of a mean score that would have been caught', () => {
  const [alpha, phiMax, looks] = [0.01, DEFAULT_ANALYSIS.phiMax, 40];
  /** Scores that are evenly spread 0.3 around their mean. */
  const draw = (random: () => number, count: number, mean: number): Scores => {
    const all = Array.from({ length: count }, () => mean + 0.3 * (2 * random() - 1));
    return { count, sum: all.reduce((a, b) => a + b, 0), squares: all.reduce((a, b) => a + b * b, 0) };
  };
  const rowsOf = (random: () => number, drop: number) =>
    Array.from({ length: looks }, () => ({ stable: draw(random, 180, 0.65), candidate: draw(random, 20, 0.65 - drop) }));

  test('is caught in about 90 of 100 plays, and one a quarter smaller in far fewer', () => {
    const random = createSeededRandom(3);
    const isCaught = (history: readonly Scores[], by: number): boolean => {
      let [burst, stable, candidate, apart] = [startScoreBurst(history), NO_SCORE, NO_SCORE, 0];
      for (const row of rowsOf(random, by)) {
        const phi = scoreBurstFactor(burst, phiMax);
        burst = stepScoreBurst(burst, row.stable);
        stable = stepScore(stable, divide(row.stable, phi), alpha / 2);
        candidate = stepScore(candidate, divide(row.candidate, phi), alpha / 2);
        if (stable.interval.lower > candidate.interval.upper) apart += 1;
      }
      return apart >= 2;
    };
    const plays = Array.from({ length: 20 }, () => {
      const history = Array.from({ length: 60 }, () => draw(random, 200, 0.65));
      const drop = catchableDrop(rowsOf(random, 0), history, alpha, phiMax) ?? NaN;
      const caught = (by: number): number => Array.from({ length: 20 }, () => isCaught(history, by)).filter(Boolean).length / 20;
      return { drop, share: caught(drop), smaller: caught(0.75 * drop) };
    });
    const mean = (part: (play: (typeof plays)[number]) => number): number => plays.reduce((sum, play) => sum + part(play), 0) / plays.length;
    expect(mean(({ drop }) => drop)).toBeCloseTo(0.048, 2);
    expect(mean(({ share }) => share)).toBeGreaterThan(0.85);
    expect(mean(({ share }) => share)).toBeLessThan(0.97);
    expect(mean(({ smaller }) => smaller)).toBeLessThan(0.6);
  });

  test('is none where nothing or too little was counted', () => {
    const few = { stable: { count: 2, sum: 1, squares: 1 }, candidate: { count: 1, sum: 1, squares: 1 } };
    expect(catchableDrop([], [], alpha, phiMax)).toBeUndefined();
    expect(catchableDrop([null, few, few, few], [], alpha, phiMax)).toBeUndefined();
  });
});
