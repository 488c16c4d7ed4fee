import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Judgement } from '../../../../src/core/analysis/analyse.ts';
import type { Bounds } from '../../../../src/core/analysis/bounds.ts';
import { DEFAULT_ANALYSIS } from '../../../../src/core/analysis/config.ts';
import { explain, formatEvidence, roundDown, roundUp } from '../../../../src/core/analysis/words.ts';

const judgement: Judgement = {
  verdict: 'continue',
  logE: 2.51,
  maxGain: 1,
  logEMargin: 0,
  phi: 1,
  totals: { stableRequests: 3600.9, stableBad: 18.2, candidateRequests: 400, candidateBad: 8 },
  intervals: 4,
  tolerated: false,
  series: [],
};
const limits: Bounds = { ratioLower: 0.6609, ratioUpper: null, rateUpper: 0.00355 };
function unread(name: string): never {
  throw new Error(`${name} was computed`);
}

describe('explain', () => {
  test('says without a bound that the ratio is unknown, and drops fractions of requests', () => {
    expect(explain(judgement, limits, DEFAULT_ANALYSIS))
      .toBe('candidate 8/400 vs stable 18/3600: ratio <= ? (limit 1.5), rate <= 0.355% (limit 0.1%) with 95% confidence');
  });

  test('tells apart too little evidence and evidence from one interval only', () => {
    const suspect: Judgement = { ...judgement, verdict: 'suspect' };
    expect(explain(suspect, limits, DEFAULT_ANALYSIS)).toContain('e=12.3 < 100, ratio >= 0.66 with 99% confidence');
    expect(explain({ ...suspect, logE: 58 }, limits, DEFAULT_ANALYSIS))
      .toContain('e=10^25 >= 100, ratio >= 0.66 with 99% confidence; waiting for a second interval');
  });

  test('mentions bursts from a factor of 1.5 on', () => {
    expect(explain({ ...judgement, phi: 1.49 }, limits, DEFAULT_ANALYSIS)).not.toContain('bursts');
    expect(explain({ ...judgement, phi: 8.279 }, limits, DEFAULT_ANALYSIS))
      .toMatch(/; bad events come in bursts of about 8\.27, evidence divided by it$/);
  });

  test('reads only the bounds that it prints, because each is costly', () => {
    const onlyLower = {
      ratioLower: 2,
      get ratioUpper() { return unread('ratioUpper'); },
      get rateUpper() { return unread('rateUpper'); },
    };
    const onlyUpper = { get ratioLower() { return unread('ratioLower'); }, ratioUpper: 1.2, rateUpper: 0.01 };
    expect(explain({ ...judgement, verdict: 'abort' }, onlyLower, DEFAULT_ANALYSIS)).toContain('ratio >= 2');
    expect(explain({ ...judgement, verdict: 'pass' }, onlyUpper, DEFAULT_ANALYSIS)).toContain('ratio <= 1.2 ');
  });
});

describe('numbers in words', () => {
  test.each([
    [0, '0', '0'],
    [1.2, '1.2', '1.2'],
    [100, '100', '100'],
    [0.0012345, '0.00123', '0.00124'],
    [9.999, '9.99', '10'],
    [31415.9, '31415', '31416'],
    [1e-12, '0.000000000001', '0.000000000001'],
  ])('%d is %s rounded down and %s rounded up', (value, down, up) => {
    expect([roundDown(value), roundUp(value)]).toEqual([down, up]);
  });

  test('rounding encloses the value, within one in the third digit', () => {
    fc.assert(fc.property(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), (value) => {
      const [down, up] = [Number(roundDown(value)), Number(roundUp(value))];
      expect(down).toBeLessThanOrEqual(value * (1 + 1e-9));
      expect(up).toBeGreaterThanOrEqual(value * (1 - 1e-9));
      expect(up - down).toBeLessThanOrEqual(Math.max(1, value) * 0.0101);
      expect(roundDown(value)).not.toContain('e');
    }));
  });

  test.each([
    [0, '1'],
    [Math.log(12.34), '12.3'],
    [Math.log(99_999), '99999'],
    [Math.log(1e5) + 1e-9, '10^5'],
    [800, '10^347'],
    [-7, '<0.001'],
  ])('evidence of ln e = %d is written %s', (logE, text) => {
    expect(formatEvidence(logE)).toBe(text);
  });
});
