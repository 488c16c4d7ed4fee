import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { judge } from '../../../../src/core/analysis/analyse.ts';
import { DEFAULT_ANALYSIS } from '../../../../src/core/analysis/config.ts';
import { decide, hasRejected, type Voice } from '../../../../src/core/analysis/decide.ts';
import { eventfulRow, row } from './arbitraries.ts';

const alpha = 0.01;
const quiet: Voice = { verdict: 'continue', series: [0, -0.5, -1], tolerated: false };
const loud: Voice = { verdict: 'abort', series: [3, 8, 12], tolerated: false };

/** Metrics of one release: same looks, different rows. */
const metrics = fc.integer({ min: 1, max: 15 }).chain((looks) =>
  fc.array(fc.array(eventfulRow, { minLength: looks, maxLength: looks }), { minLength: 1, maxLength: 5 }),
).map((all) => all.map((rows) => judge(rows, [], DEFAULT_ANALYSIS)));

describe('decide', () => {
  test('does not depend on the order of the metrics', () => {
    const ordered = metrics.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
    fc.assert(fc.property(ordered, ([list, shuffled]) => {
      const [one, other] = [decide(list, alpha), decide(shuffled, alpha)];
      expect(other.verdict).toBe(one.verdict);
      expect(Math.abs(other.logE - one.logE)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(one.logE)));
      const evidence = ({ series, tolerated }: Voice): number => (tolerated ? Math.min(series.at(-1)!, 0) : series.at(-1)!);
      expect(evidence(shuffled[other.index!]!)).toBe(evidence(list[one.index!]!));
    }));
  });

  test('says about a single metric what the metric says itself', () => {
    const seen = new Set<string>();
    fc.assert(fc.property(metrics, ([only]) => {
      expect(decide([only!], alpha).verdict).toBe(only!.verdict);
      seen.add(only!.verdict);
    }), { seed: 5 });
    expect(seen.size).toBeGreaterThanOrEqual(3);
  });

  test('a row aborts a release only where the rows before it had half of the evidence', () => {
    let aborts = 0;
    fc.assert(fc.property(metrics, (list) => {
      if (decide(list, alpha).verdict !== 'abort') return;
      aborts += 1;
      const before = list.map((metric) => ({ ...metric, series: metric.series.slice(0, -1) }));
      expect(decide(before, alpha).logE).toBeGreaterThanOrEqual(0.5 * Math.log(1 / alpha));
    }), { seed: 11, numRuns: 300 });
    expect(aborts).toBeGreaterThan(10);
  });

  test('names the metric with the most evidence and rolls back on the combined series', () => {
    expect(decide([quiet, loud, quiet], alpha)).toMatchObject({ verdict: 'abort', index: 1 });
  });

  test('shares one alpha between the metrics: what rejects alone may only be a doubt among ten', () => {
    const edge: Voice = { verdict: 'abort', series: [2.4, 4.8], tolerated: false };
    const silent: Voice = { verdict: 'pass', series: [-40, -80], tolerated: false };
    expect(decide([edge], alpha).verdict).toBe('abort');
    expect(decide([edge, ...Array.from({ length: 9 }, () => silent)], alpha).verdict).toBe('suspect');
  });

  test('a tolerated metric counts as no evidence, however certain its small difference is', () => {
    const certain: Voice = { verdict: 'pass', series: [3, 8, 12], tolerated: true };
    expect(decide([quiet, certain], alpha)).toMatchObject({ verdict: 'continue', index: 1 });
  });

  test.each([
    ['nodata', ['pass', 'nodata'], 'nodata'],
    ['suspect', ['pass', 'suspect'], 'suspect'],
    ['nodata before suspect', ['suspect', 'nodata'], 'nodata'],
    ['continue', ['pass', 'continue'], 'continue'],
    ['pass only together', ['pass', 'pass'], 'pass'],
  ] as const)('without a rejection: %s', (_, verdicts, expected) => {
    expect(decide(verdicts.map((verdict) => ({ verdict, series: [0, 0], tolerated: false })), alpha).verdict).toBe(expected);
  });

  test('no metrics at all are no data, and no rows at all are no success', () => {
    expect(decide([], alpha)).toEqual({ verdict: 'nodata', logE: 0, index: null });
    expect(decide([judge([], [], DEFAULT_ANALYSIS)], alpha)).toEqual({ verdict: 'nodata', logE: 0, index: 0 });
  });

  test('refuses series of different lengths, because looks would be mixed up', () => {
    const short = judge([row(10, 0, 10, 0)], [], DEFAULT_ANALYSIS);
    expect(() => decide([short, quiet], alpha)).toThrow('1, 3');
  });
});

describe('hasRejected', () => {
  const voice = (series: readonly number[], tolerated = false): Voice => ({ verdict: 'continue', series, tolerated });

  test('remembers a rejection that the evidence has drifted back from', () => {
    const course = [3, 6, 5, 2, 1];
    expect(decide([voice(course)], 0.01).verdict).not.toBe('abort');
    expect(hasRejected([voice(course)], 0.01)).toBe(true);
  });

  test('does not count a single interval, nor a metric that is tolerated, nor nothing', () => {
    expect(hasRejected([voice([0, 50, 0])], 0.01)).toBe(false);
    expect(hasRejected([voice([3, 6, 5], true)], 0.01)).toBe(false);
    expect(hasRejected([], 0.01)).toBe(false);
  });
});
