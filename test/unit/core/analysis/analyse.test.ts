import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { judge, judgeState, startMetric, stepMetric, type MetricState } from '../../../../src/core/analysis/analyse.ts';
import { bounds } from '../../../../src/core/analysis/bounds.ts';
import { DEFAULT_ANALYSIS } from '../../../../src/core/analysis/config.ts';
import { decide } from '../../../../src/core/analysis/decide.ts';
import { explain } from '../../../../src/core/analysis/words.ts';
import { eventfulRow, history, hostileHistory, hostileRows, row, usableRow } from './arbitraries.ts';

const config = DEFAULT_ANALYSIS;
const half = 0.5 * Math.log(1 / config.alpha);
const calm = Array.from({ length: 20 }, () => ({ requests: 1000, bad: 5 }));
const outage = row(950, 5, 50, 25);
const healthy = row(900, 5, 100, 0);

/** Every number inside a value, by path. */
function numbers(value: unknown, path = ''): [string, number][] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => numbers(inner, `${path}/${key}`));
}

describe('hostile rows', () => {
  test('never bring NaN or an infinity into a judgement, a bound, a decision or a state', () => {
    fc.assert(fc.property(hostileRows, hostileHistory, fc.constantFrom(0, 0.001, 0.05), (rows, past, floor) => {
      const settings = { ...config, floor };
      const judgement = judge(rows, past, settings);
      const state = rows.reduce<MetricState>((before, raw) => stepMetric(before, raw, settings), startMetric(past));
      const all = { judgement, state, limits: { ...bounds(rows, past, settings) }, decision: decide([judgement, judgement], config.alpha) };
      expect(numbers(all).filter(([, value]) => !Number.isFinite(value))).toEqual([]);
    }), { numRuns: 300 });
  });

  test('never bring NaN, infinity or an exponent into the sentence', () => {
    fc.assert(fc.property(hostileRows, hostileHistory, (rows, past) => {
      expect(explain(judge(rows, past, config), bounds(rows, past, config), config)).not.toMatch(/NaN|Infinity|undefined|null|\de[+-]?\d/);
    }), { numRuns: 200 });
  });

  test('are no data when no usable interval had a candidate request', () => {
    const rows = [null, row(100, 0, NaN, 0), row(100, 5, 0, 0), row(-1, 0, 50, 50), row(100, 0, 50, undefined)];
    expect(judge(rows, calm, config)).toMatchObject({ verdict: 'nodata', logE: 0, intervals: 0 });
  });

  test('keep evidence in log space at a billion requests per interval', () => {
    const rows = Array.from({ length: 3 }, () => row(9e8, 4.5e6, 1e8, 1e8));
    const judgement = judge(rows, calm.map(() => ({ requests: 1e9, bad: 5e6 })), config);
    expect(judgement.verdict).toBe('abort');
    expect(judgement.logE).toBeGreaterThan(1e8);
  });
});

describe('null rows', () => {
  test('change nothing but the alignment of the series', () => {
    const withGaps = fc.array(fc.record({ value: usableRow, gapsBefore: fc.nat(2) }), { maxLength: 15 });
    fc.assert(fc.property(withGaps, history, (items, past) => {
      const dense = judge(items.map(({ value }) => value), past, config);
      const rows = items.flatMap(({ value, gapsBefore }) => [...Array.from({ length: gapsBefore }, () => null), value]);
      const { series, ...sparse } = judge(rows, past, config);
      expect({ ...sparse, series: series.filter((_, i) => rows[i] !== null) }).toEqual(dense);
      rows.forEach((value, i) => { if (value === null) expect(series[i]).toBe(series[i - 1] ?? 0); });
    }));
  });
});

describe('rows without traffic', () => {
  const empty = fc.constantFrom(null, row(0, 0, 0, 0), row(0, 5, 0, 7), row(-0, 0, 0, 0));

  test('in both arms change nothing at all', () => {
    fc.assert(fc.property(fc.array(usableRow, { maxLength: 12 }), empty, history, (rows, nothing, past) => {
      const state = rows.reduce<MetricState>((before, raw) => stepMetric(before, raw, config), startMetric(past));
      const { phi: _, ...after } = stepMetric(state, nothing, config);
      const { phi: __, ...before } = state;
      expect(after).toEqual(before);
      // The factor that is told is the one that the next row is divided by: nothing in it comes from this row.
      expect(stepMetric(stepMetric(state, nothing, config), healthy, config)).toEqual(stepMetric(state, healthy, config));
    }));
  });

  test('of the candidate add no evidence; without traffic of stable the candidate is held against the floor alone', () => {
    const counts = usableRow.map(({ stable: { requests, bad } }) => ({ requests: requests + 1, bad }));
    fc.assert(fc.property(fc.array(usableRow, { maxLength: 12 }), counts, history, (rows, some, past) => {
      const state = rows.reduce<MetricState>((before, raw) => stepMetric(before, raw, config), startMetric(past));
      const evidence = ({ ratio, ratioAtMargin, ratioPass }: MetricState) => ({ ratio, ratioAtMargin, ratioPass });
      const alone = stepMetric(state, row(some.requests, some.bad, 0, 0), config);
      expect(evidence(alone)).toEqual(evidence(state));
      expect([alone.rate, alone.ratePass, alone.intervals]).toEqual([state.rate, state.ratePass, state.intervals]);
      const without = stepMetric(state, row(0, 0, some.requests, some.bad), config);
      expect(evidence(without)).toEqual(evidence(state));
      expect(without.rate.t).toBe(state.rate.t + 1);
      expect(without.burst).toEqual(state.burst);
    }));
  });
});

describe('more bad events of the candidate', () => {
  // For x > 1 and q <= 1 one more bad event adds ln x - ln(1 + q (x - 1)) >= 0 (ratio) or ln x (rate) to l, for x < 1 the
  // signs turn; the burst factor does not depend on the candidate. No such claim holds for stable's bad events: they raise phi.
  const worsened = fc.array(fc.record({ value: usableRow, more: fc.double({ min: 0, max: 1000, noNaN: true }) }), { maxLength: 12 })
    .map((items) => ({
      rows: items.map(({ value }) => value),
      worse: items.map(({ value: { stable, candidate }, more }) => ({ stable, candidate: { ...candidate, bad: candidate.bad + more } })),
    }));
  // As the golden vectors are compared: sums of hundreds of millions cancel out, and leave their last digits.
  const slack = (value: number, rows: readonly { readonly candidate: { readonly requests: number } }[]): number =>
    (rows.some(({ candidate }) => candidate.requests > 1e7) ? 1e-6 : 1e-9) * Math.max(1, Math.abs(value));

  test('never lower ln e after any row', () => {
    fc.assert(fc.property(worsened, history, ({ rows, worse }, past) => {
      const before = judge(rows, past, config).series;
      judge(worse, past, config).series.forEach((logE, i) => expect(logE).toBeGreaterThanOrEqual(before[i]! - slack(before[i]!, rows)));
    }));
  });

  test('never lower a bound', () => {
    fc.assert(fc.property(worsened, history, ({ rows, worse }, past) => {
      const [before, after] = [bounds(rows, past, config), bounds(worse, past, config)];
      expect(after.ratioLower).toBeGreaterThanOrEqual(before.ratioLower - slack(before.ratioLower, rows));
      expect(after.ratioUpper ?? Infinity).toBeGreaterThanOrEqual((before.ratioUpper ?? 1e4) * (1 - 1e-9));
      expect(after.rateUpper).toBeGreaterThanOrEqual(before.rateUpper - slack(before.rateUpper, rows));
    }));
  });
});

describe('the two-interval rule', () => {
  test('no single row can abort, whatever it holds', () => {
    fc.assert(fc.property(usableRow, history, (only, past) => {
      expect(judge([only], past, config).verdict).not.toBe('abort');
      expect(judge([null, only, null], past, config).verdict).not.toBe('abort');
    }), { numRuns: 500 });
  });

  test('a row aborts only where the rows before it had half of the evidence', () => {
    let aborts = 0;
    fc.assert(fc.property(fc.array(eventfulRow, { maxLength: 20 }), (rows) => {
      rows.forEach((_, i) => {
        if (judge(rows.slice(0, i + 1), calm, config).verdict !== 'abort') return;
        aborts += 1;
        expect(judge(rows.slice(0, i), calm, config).logE).toBeGreaterThanOrEqual(half);
      });
    }), { seed: 7 });
    expect(aborts).toBeGreaterThan(50);
  });

  test('a total outage waits one interval and aborts at the second', () => {
    const prefix = Array.from({ length: 10 }, () => healthy);
    expect(judge([...prefix, outage], calm, config).verdict).toBe('suspect');
    expect(judge([...prefix, outage, outage], calm, config).verdict).toBe('abort');
  });
});

describe('replay', () => {
  test('gives exactly what stepping gives, through a restart from stored JSON at any row', () => {
    const cut = fc.nat(20);
    fc.assert(fc.property(fc.array(usableRow, { maxLength: 20 }), history, cut, (rows, past, at) => {
      let state = startMetric(past);
      const series: number[] = [];
      rows.forEach((raw, i) => {
        if (i === at) state = JSON.parse(JSON.stringify(state)) as MetricState;
        state = stepMetric(state, raw, config);
        series.push(state.evidence.logE);
      });
      expect(judgeState(state, series, config)).toEqual(judge(rows, past, config));
    }));
  });
});

describe('toleration and pass', () => {
  test('the certificate agrees with the bounds that it stands for', () => {
    const seen = { tolerated: 0, not: 0 };
    const rowsOfOne = fc.array(eventfulRow, { maxLength: 15 });
    fc.assert(fc.property(rowsOfOne, fc.constantFrom(0, 0.001, 0.02), fc.constantFrom(0.5, 3), (rows, floor, margin) => {
      const settings = { ...config, floor, margin };
      const { tolerated, logEMargin } = judge(rows, calm, settings);
      const { ratioUpper, rateUpper } = bounds(rows, calm, settings);
      expect(tolerated).toBe(((ratioUpper ?? Infinity) <= 1 + margin || rateUpper <= floor) && logEMargin < half);
      seen[tolerated ? 'tolerated' : 'not'] += 1;
    }), { seed: 3 });
    expect(Math.min(seen.tolerated, seen.not)).toBeGreaterThan(5);
  });

  test('a candidate certified for a long time aborts once it collapses', () => {
    const good = Array.from({ length: 60 }, () => row(5000, 50, 5000, 50));
    const collapsed = Array.from({ length: 3 }, () => row(5000, 50, 5000, 2500));
    expect(judge(good, calm, config)).toMatchObject({ verdict: 'pass', tolerated: true });
    expect(judge([...good, ...collapsed], calm, config)).toMatchObject({ verdict: 'abort', tolerated: false });
  });

  test('a floor of 1 accepts every rate, but a failing candidate still does not pass', () => {
    const dead = Array.from({ length: 10 }, () => row(900, 5, 100, 100));
    expect(judge(dead, calm, { ...config, floor: 1 })).toMatchObject({ verdict: 'continue', tolerated: true });
  });

  test.each([
    ['too few intervals', { minIntervals: 61 }],
    ['too few requests', { minRequests: 300_001 }],
    ['an observed rate above the ceiling', { ceiling: 0.005 }],
  ])('a certified candidate does not pass with %s', (_, settings) => {
    const good = Array.from({ length: 60 }, () => row(5000, 50, 5000, 50));
    expect(judge(good, calm, { ...config, ...settings })).toMatchObject({ verdict: 'continue', tolerated: true });
  });
});
