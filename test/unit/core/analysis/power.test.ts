// The approximation is held against releases that are played: candidates of exactly that rate, on the same rows.
import { describe, expect, test } from '@jest/globals';
import { judgeState, startMetric, stepMetric } from '../../../../src/core/analysis/analyse.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../../../../src/core/analysis/config.ts';
import { catchableRatio } from '../../../../src/core/analysis/power.ts';
import type { Counts } from '../../../../src/core/analysis/row.ts';
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
