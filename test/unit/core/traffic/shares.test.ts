import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { podsForShare, sayShares, shareOf } from '../../../../src/core/traffic/shares.ts';

const weights = fc.integer({ min: 1, max: 99 });
const sizes = fc.integer({ min: 1, max: 60 });

describe('pods of a share', () => {
  test.each([
    [5, 3, 1],
    [25, 3, 1],
    [33, 3, 2],
    [50, 3, 3],
    [75, 3, 3],
    [5, 20, 1],
    [10, 20, 2],
    [50, 1, 1],
    [100, 5, 5],
  ])('%i %% beside %i pods are %i', (weight, size, pods) => {
    expect(podsForShare(weight, size)).toBe(pods);
  });

  test('are as near as any number from one to a full set comes, and the fewest of those', () => {
    fc.assert(
      fc.property(weights, sizes, (weight, size) => {
        const off = (pods: number): number => Math.abs(shareOf(pods, size) - weight);
        const pods = podsForShare(weight, size);
        const all = Array.from({ length: size }, (_, i) => i + 1);
        expect(off(pods)).toBe(Math.min(...all.map(off)));
        expect(all.slice(0, pods - 1).every((fewer) => off(fewer) > off(pods))).toBe(true);
      }),
    );
  });

  test('never fall while the weight rises', () => {
    fc.assert(
      fc.property(weights, weights, sizes, (one, other, size) => {
        expect(podsForShare(Math.max(one, other), size)).toBeGreaterThanOrEqual(podsForShare(Math.min(one, other), size));
      }),
    );
  });

  test('of nobody are none', () => {
    expect(shareOf(0, 0)).toBe(0);
  });
});

describe('what is said of shares', () => {
  test('names each weight that cannot be met, and what there will be', () => {
    expect(sayShares([5, 25, 50, 75], 3)).toBe('3 replicas: 5 % becomes 25 %, 75 % becomes 50 %');
    expect(sayShares([5], 1)).toBe('1 replica: 5 % becomes 50 %');
  });

  test('is nothing where each is met to the per cent', () => {
    expect(sayShares([25, 40, 50, 100], 3)).toBeUndefined();
  });
});
