import { describe, expect, test } from '@jest/globals';
import { binomial, poisson } from '../../../../src/core/simulation/draws.ts';
import { createRandom } from '../../../../src/core/simulation/random.ts';
import { drawCounts, drawHistory, type Traffic } from '../../../../src/core/simulation/traffic.ts';

const DRAWS = 20_000;
/** With a fixed seed a test passes or fails for ever; with another one it would fail in one of some ten thousand. */
const SIGMAS = 4;

/** Distance of the mean from `mean` in its standard deviations, and variance over `variance`. */
function moments(draw: () => number, mean: number, variance: number): { readonly sigmas: number; readonly spread: number } {
  const values = Array.from({ length: DRAWS }, draw);
  const average = values.reduce((sum, value) => sum + value, 0) / DRAWS;
  const square = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / (DRAWS - 1);
  return { sigmas: Math.abs(average - mean) / Math.sqrt(variance / DRAWS), spread: square / variance };
}

/** Relative standard deviation of a sample's variance, from the fourth moment of a binomial or Poisson count. */
const spreadError = (excess: number): number => SIGMAS * Math.sqrt((2 + excess) / DRAWS);

test('the same seed gives the same numbers, another one others, all in [0, 1)', () => {
  const numbers = (seed: number): readonly number[] => Array.from({ length: 1000 }, createRandom(seed));
  expect(numbers(5)).toEqual(numbers(5));
  expect(numbers(5).slice(0, 3)).not.toEqual(numbers(6).slice(0, 3));
  expect(numbers(2 ** 20)).not.toEqual(numbers(2 ** 52));
  expect(Math.min(...numbers(5))).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers(5))).toBeLessThan(1);
  expect(moments(createRandom(9), 0.5, 1 / 12).sigmas).toBeLessThan(SIGMAS);
});

describe('Poisson draws', () => {
  test.each([0.001, 0.5, 9.9, 10, 60, 10_000, 1e6])('of mean %p have that mean and that variance', (mean) => {
    const random = createRandom(1);
    const { sigmas, spread } = moments(() => poisson(random, mean), mean, mean);
    expect(sigmas).toBeLessThan(SIGMAS);
    expect(Math.abs(spread - 1)).toBeLessThan(spreadError(1 / mean));
  });

  test('of mean 0 are 0', () => {
    expect(poisson(createRandom(1), 0)).toBe(0);
  });
});

describe('binomial draws', () => {
  test.each([
    [1, 0.5],
    [7, 0.3],
    [1000, 0.005],
    [1000, 0.01],
    [10_000, 0.005],
    [1_000_000, 0.000_01],
    [1_000_000, 0.000_009],
    [1_000_000, 0.5],
    [1_000_000, 0.999],
  ])('of %p requests that are bad with %p have their mean and variance, and stay in range', (n, p) => {
    const random = createRandom(2);
    const variance = n * p * (1 - p);
    const values: number[] = [];
    const draw = (): number => values[values.push(binomial(random, n, p)) - 1] ?? NaN;
    const { sigmas, spread } = moments(draw, n * p, variance);
    expect(sigmas).toBeLessThan(SIGMAS);
    expect(Math.abs(spread - 1)).toBeLessThan(spreadError(Math.abs(1 - 6 * p * (1 - p)) / variance) + 1e-3);
    expect(values.every((value) => Number.isInteger(value) && value >= 0 && value <= n)).toBe(true);
  });

  test('have the exact probabilities of a small case', () => {
    const random = createRandom(3);
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < DRAWS; i += 1) counts[binomial(random, 3, 0.2)]! += 1;
    [0.512, 0.384, 0.096, 0.008].forEach((p, k) => {
      expect(Math.abs(counts[k]! - DRAWS * p)).toBeLessThan(SIGMAS * Math.sqrt(DRAWS * p * (1 - p)));
    });
  });

  test('of certain things are certain', () => {
    const random = createRandom(1);
    expect([binomial(random, 5, 0), binomial(random, 5, 1), binomial(random, 0, 0.5)]).toEqual([0, 5, 0]);
  });
});

describe('bursts', () => {
  test('leave the mean as it is and make the variance larger by the mean square length over the mean length', () => {
    const random = createRandom(4);
    const [requests, rate, bursts] = [10_000, 0.005, 4];
    const variance = requests * rate * (2 * bursts - 1);
    const { sigmas, spread } = moments(() => drawCounts(random, requests, rate, bursts).bad, requests * rate, variance);
    expect(sigmas).toBeLessThan(SIGMAS);
    expect(Math.abs(spread - 1)).toBeLessThan(0.06);
  });

  test('never make more bad requests than there are', () => {
    const random = createRandom(5);
    const all = Array.from({ length: 1000 }, () => drawCounts(random, 3, 0.9, 10));
    expect(Math.max(...all.map(({ bad }) => bad))).toBe(3);
  });

  test('are in the history too, which is all of stable', () => {
    const traffic: Traffic = { requestsPerLook: 500, stableRate: 0.01, candidateRate: 1, bursts: 1 };
    const history = drawHistory(createRandom(6), traffic, 120);
    expect(history).toHaveLength(120);
    expect(Math.abs(history.reduce((sum, { requests }) => sum + requests, 0) - 60_000)).toBeLessThan(SIGMAS * Math.sqrt(60_000));
    expect(Math.abs(history.reduce((sum, { bad }) => sum + bad, 0) - 600)).toBeLessThan(SIGMAS * Math.sqrt(600));
  });
});
