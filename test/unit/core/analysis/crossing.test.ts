import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crossing } from '../../../../src/core/analysis/crossing.ts';

/** Rising functions of every temper; each crosses 0 at `at`. */
const rising: Readonly<Record<string, (at: number) => (x: number) => number>> = {
  'a line': (at) => (x) => x - at,
  'a steep line': (at) => (x) => 1e9 * (x - at),
  'a cube, flat where it crosses': (at) => (x) => (x - at) ** 3,
  'an exponential': (at) => (x) => Math.exp(40 * (x - at)) - 1,
  'a logarithm': (at) => (x) => Math.log1p(x) - Math.log1p(at),
  'a bend': (at) => (x) => (x < at ? 1e-3 * (x - at) : 1e3 * (x - at)),
};

describe.each(Object.entries(rising))('a crossing of %s', (_, make) => {
  test('is found wherever it is, on the side that is not below 0, and never at great length', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), (at) => {
        let evaluations = 0;
        const f = make(at);
        const found = crossing((x) => ((evaluations += 1), f(x)), 0, 1);
        expect(f(found)).toBeGreaterThanOrEqual(0);
        // A cube is 0 to within the precision of numbers already a good way from where it crosses.
        expect(Math.abs(found - at)).toBeLessThan(make === rising['a cube, flat where it crosses'] ? 1e-5 : 1e-12);
        expect(evaluations).toBeLessThan(90);
      }),
    );
  });
});

test('a crossing at an end is that end', () => {
  expect(crossing((x) => x - 1, 0, 1)).toBeCloseTo(1, 12);
  expect(crossing((x) => (x === 0 ? -1e-300 : x), 0, 1)).toBeCloseTo(0, 12);
});
