import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { burstFactors } from './burstFactors.ts';
import { burstFactor, startBurst } from '../../../../src/core/analysis/burst.ts';
import { history, usableRow } from './arbitraries.ts';

const calm = (rows: number) => Array.from({ length: rows }, () => ({ requests: 1000, bad: 0 }));

describe('burst factor', () => {
  test('starts careful without a past and at 1 from ten usable intervals on', () => {
    expect(burstFactor(startBurst([]), 20)).toBe(3);
    expect(burstFactor(startBurst(calm(9)), 20)).toBe(3);
    expect(burstFactor(startBurst(calm(10)), 20)).toBe(1);
  });

  test('does not count empty or unusable intervals as a past', () => {
    const unusable = [{ requests: 0, bad: 0 }, { requests: NaN, bad: 0 }, { requests: 10, bad: undefined }];
    expect(startBurst([...calm(9), ...unusable])).toEqual(startBurst(calm(9)));
  });

  test('stays between 1 and its cap', () => {
    fc.assert(fc.property(fc.array(usableRow), history, (rows, past) => {
      for (const phi of burstFactors(rows, past, 7)) {
        expect(phi).toBeGreaterThanOrEqual(1);
        expect(phi).toBeLessThanOrEqual(7);
      }
    }));
  });

  test('depends on earlier rows of the stable arm only, or the guarantee would be lost', () => {
    fc.assert(fc.property(fc.array(usableRow, { minLength: 1, maxLength: 12 }), usableRow, history, (rows, other, past) => {
      const changed = rows.map((row, i) => ({ stable: i === rows.length - 1 ? other.stable : row.stable, candidate: other.candidate }));
      expect(burstFactors(changed, past, 20)).toEqual(burstFactors(rows, past, 20));
    }));
  });
});
