import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { cleanRow } from '../../../../src/core/analysis/row.ts';
import { hostileRows, row } from './arbitraries.ts';
import { counterDelta } from './counterDelta.ts';

describe('cleanRow', () => {
  test.each([
    ['a missing value', row(900, undefined, 100, 1)],
    ['NaN', row(900, 5, NaN, 1)],
    ['infinity', row(Infinity, 5, 100, 1)],
    ['a negative value', row(900, 5, 100, -1)],
    ['a count too large to count in ones', row(900, 5, 1e17, 1)],
    ['two arms without requests', row(0, 0, 0, 0)],
    ['null', null],
  ])('makes %s no data', (_, raw) => {
    expect(cleanRow(raw)).toBeNull();
  });

  test('keeps a row in which only one arm had requests', () => {
    expect(cleanRow(row(0, 0, 7, 1))).toEqual(row(0, 0, 7, 1));
    expect(cleanRow(row(7, 1, 0, 0))).toEqual(row(7, 1, 0, 0));
  });

  test('clamps more bad events than requests in either arm', () => {
    expect(cleanRow(row(10, 11, 3, 4))).toEqual(row(10, 10, 3, 3));
  });

  test('changes nothing in a row that is clean already', () => {
    fc.assert(fc.property(hostileRows, (rows) => {
      const clean = rows.map(cleanRow);
      expect(clean.map(cleanRow)).toEqual(clean);
    }));
  });
});

describe('counterDelta', () => {
  test('takes a series named like a property of every object for a new one', () => {
    expect(counterDelta({}, { constructor: 5, toString: 7 })).toBe(0);
  });

  test('adds nothing for values that are no counts, on either side', () => {
    expect(counterDelta({ a: NaN, b: 1, c: -1, d: 1 }, { a: 5, b: Infinity, c: 5, d: 4 })).toBe(3);
  });

  test('is never negative and never above the sum of the new values', () => {
    const sample = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 1e9 }));
    fc.assert(fc.property(sample, sample, (previous, current) => {
      const delta = counterDelta(previous, current);
      expect(delta).toBeGreaterThanOrEqual(0);
      expect(delta).toBeLessThanOrEqual(Object.values(current).reduce((sum, value) => sum + value, 0));
    }));
  });
});
