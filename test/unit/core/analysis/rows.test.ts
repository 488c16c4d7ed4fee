import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ArmSample, Tick } from '../../../../src/core/analysis/measurement.ts';
import { freshness, hasData, makeRows, makeValues } from '../../../../src/core/analysis/rows.ts';

const STEP = 5_000;
const ALL = [{ fromMs: 0 }];

function counters(...pairs: readonly (readonly [string, number, number])[]): ArmSample {
  return Object.fromEntries(pairs.map(([instance, requests, bad]) => [instance, { requests, bad }]));
}

/** Ticks at 0, 5 s, 10 s, …; null = no data. */
function ticks(...looks: readonly (readonly [ArmSample, ArmSample] | null)[]): Tick[] {
  return looks.map((look, index) => ({ atMs: index * STEP, stable: look?.[0] ?? null, candidate: look?.[1] ?? null, value: null }));
}

function one(stable: readonly [number, number], candidate: readonly [number, number]): [ArmSample, ArmSample] {
  return [counters(['e', ...stable]), counters(['e', ...candidate])];
}

function row(ns: number, es: number, nc: number, ec: number) {
  return { stable: { requests: ns, bad: es }, candidate: { requests: nc, bad: ec } };
}

function rowsOf(list: readonly Tick[], windows: readonly { fromMs: number; toMs?: number }[] = ALL) {
  return makeRows(list, windows).rows.map((timed) => timed.row);
}

describe('makeRows', () => {
  test('the first look of a window is the baseline, and every other one ends a row', () => {
    const { rows } = makeRows(ticks(one([100, 1], [10, 0]), one([190, 2], [20, 3]), one([290, 2], [35, 3])), ALL);
    expect(rows).toEqual([
      { atMs: 5_000, window: 0, row: row(90, 1, 10, 3) },
      { atMs: 10_000, window: 0, row: row(100, 0, 15, 0) },
    ]);
  });

  test('no row spans a change of weight, and looks between windows are passed over', () => {
    const list = ticks(...[0, 1, 2, 3, 4, 5, 6].map((i) => one([i * 100, 0], [i * 10, i])));
    const { rows } = makeRows(list, [{ fromMs: 1_000, toMs: 15_000 }, { fromMs: 22_000 }]);
    expect(rows.map(({ atMs, window }) => [atMs, window])).toEqual([
      [10_000, 0],
      [15_000, 0],
      [30_000, 1],
    ]);
    expect(rows.every((timed) => timed.row?.candidate.requests === 10)).toBe(true);
  });

  test("a candidate's first requests count, because where Envoy shows stable an arm without series stands at 0", () => {
    const list = ticks([counters(['e', 100, 0]), {}], [counters(['e', 150, 0]), counters(['e', 3, 3])]);
    expect(rowsOf(list)).toEqual([row(50, 0, 3, 3)]);
  });

  test('an Envoy seen for the first time adds nothing: how long it has counted is unknown', () => {
    const list = ticks(one([100, 0], [10, 0]), [counters(['e', 150, 0], ['new', 9_000, 900]), counters(['e', 12, 0], ['new', 500, 400])]);
    expect(rowsOf(list)).toEqual([row(50, 0, 2, 0)]);
  });

  test('an instance may be called like a property of every object', () => {
    const list = ticks([counters(['constructor', 100, 0]), {}], [counters(['constructor', 150, 0]), counters(['constructor', 3, 3])]);
    expect(rowsOf(list)).toEqual([row(50, 0, 3, 3)]);
  });

  test('an Envoy that misses a scrape is counted from where it was last seen', () => {
    const list = ticks(
      [counters(['e', 100, 0], ['f', 100, 0]), counters(['e', 10, 0], ['f', 10, 0])],
      [counters(['e', 110, 0]), counters(['e', 11, 0])],
      [counters(['e', 120, 0], ['f', 140, 2]), counters(['e', 12, 0], ['f', 14, 1])],
    );
    expect(rowsOf(list)).toEqual([row(10, 0, 1, 0), row(50, 2, 5, 1)]);
  });

  test('a restart begins both counters of an arm again, also when its errors have already passed the old number', () => {
    const list = ticks(one([100, 2], [50, 2]), one([20, 5], [60, 2]));
    expect(rowsOf(list)).toEqual([row(20, 5, 10, 0)]);
  });

  test('a candidate cluster that was removed and came back begins at 0', () => {
    const list = ticks(one([100, 0], [80, 40]), [counters(['e', 150, 0]), {}], one([200, 0], [30, 1]));
    expect(rowsOf(list)).toEqual([row(50, 0, 0, 0), row(50, 0, 30, 1)]);
  });

  test('a candidate that one answer leaves out is not counted again from 0 when it is back', () => {
    const list = ticks(one([100, 0], [80, 40]), [counters(['e', 150, 0]), {}], one([200, 0], [90, 41]));
    expect(rowsOf(list)).toEqual([row(50, 0, 0, 0), row(50, 0, 10, 1)]);
  });

  test('a counter that goes back a little is no restart: no data, and the next row counts on from before', () => {
    const list = ticks(one([1_000, 5], [500, 200]), one([990, 5], [495, 200]), one([1_100, 6], [520, 201]));
    expect(rowsOf(list)).toEqual([null, row(100, 1, 20, 1)]);
  });

  test('an answer without its bad events is no data, whether its requests fell by them or not', () => {
    const fell = ticks(one([1_000, 5], [500, 200]), one([1_050, 5], [310, 0]), one([1_100, 6], [520, 201]));
    expect(rowsOf(fell)).toEqual([null, row(100, 1, 20, 1)]);
    const grew = ticks(one([1_000, 5], [500, 20]), one([1_050, 5], [530, 0]), one([1_100, 6], [560, 21]));
    expect(rowsOf(grew)).toEqual([null, row(100, 1, 60, 1)]);
  });

  test('a counter that goes on from where it went back to is believed at the second look', () => {
    const list = ticks(one([100, 0], [50, 40]), one([150, 0], [60, 1]), one([200, 0], [70, 2]), one([250, 0], [80, 2]));
    expect(rowsOf(list)).toEqual([null, row(100, 0, 10, 1), row(50, 0, 10, 0)]);
  });

  test('a look without data gives a null row, and the next row counts from the last look with data', () => {
    const list = ticks(one([100, 0], [10, 0]), null, one([300, 1], [30, 2]));
    expect(rowsOf(list)).toEqual([null, row(200, 1, 20, 2)]);
  });

  test('a baseline without data moves to the first look that has them', () => {
    expect(rowsOf(ticks(null, one([100, 0], [10, 0]), one([150, 0], [15, 1])))).toEqual([null, row(50, 0, 5, 1)]);
  });

  test('nothing counted in either arm is a null row; no traffic in one arm is a row', () => {
    const list = ticks(one([100, 0], [10, 0]), one([100, 0], [10, 0]), one([100, 0], [12, 0]));
    expect(rowsOf(list)).toEqual([null, row(0, 0, 2, 0)]);
  });

  test('errors that shrink, or outgrow the requests, do not come from one scrape: no data', () => {
    expect(rowsOf(ticks(one([100, 5], [10, 0]), one([150, 4], [20, 0])))).toEqual([null]);
    expect(rowsOf(ticks(one([100, 0], [10, 0]), one([150, 0], [12, 5])))).toEqual([null]);
  });

  test('an unreadable counter is neither 0 nor a baseline: its arm goes on from where it was', () => {
    const list = ticks(one([100, 0], [10, 5]), one([150, 0], [NaN, NaN]), one([200, 0], [30, 6]));
    expect(rowsOf(list)).toEqual([null, row(100, 0, 20, 1)]);
  });

  test('history is the stable arm up to the first window, at most 120 intervals, without empty ones', () => {
    const list = ticks(...Array.from({ length: 200 }, (_, i) => one([i * 10, i], [0, 0])), one([1_990, 199], [0, 0]));
    const before = makeRows(list, [{ fromMs: 20_000 }]);
    expect(before.history).toEqual(Array.from({ length: 4 }, () => ({ requests: 10, bad: 1 })));
    expect(makeRows(list, []).history).toHaveLength(120);
    expect(makeRows(list, []).rows).toEqual([]);
  });

  test('whatever is missing or restarts, a row never has more bad events than requests, nor a negative or non-finite number', () => {
    const number = fc.oneof(fc.integer({ min: -1, max: 50 }), fc.constantFrom(NaN, Infinity, 1e300));
    const arm = fc.dictionary(fc.constantFrom('e', 'f'), fc.record({ requests: number, bad: number }));
    const look = fc.option(fc.tuple(arm, arm));
    fc.assert(
      fc.property(fc.array(look, { maxLength: 12 }), (looks) => {
        for (const { row: made } of makeRows(ticks(...looks), ALL).rows) {
          if (made === null) continue;
          for (const { requests, bad } of [made.stable, made.candidate]) {
            expect(Number.isFinite(requests) && bad >= 0 && bad <= requests).toBe(true);
          }
        }
      }),
    );
  });

  test('with one Envoy that never restarts, rows add up to what was counted, whichever looks are missing', () => {
    const step = fc.record({ n: fc.nat(50), bad: fc.nat(50), lost: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        let [n, bad] = [0, 0];
        const looks = steps.map((s) => {
          n += s.n;
          bad += Math.min(s.n, s.bad);
          return s.lost ? null : one([n + 1, 0], [n, bad]);
        });
        const list = ticks(one([1, 0], [0, 0]), ...looks, one([n + 1, 0], [n, bad]));
        const counted = rowsOf(list).reduce((sum, r) => sum + (r?.candidate.bad ?? 0), 0);
        expect(counted).toBe(bad);
      }),
    );
  });
});

describe('makeValues', () => {
  test('values inside the windows, with anything that is no number as null', () => {
    const list = [1, NaN, null, Infinity, 5].map((value, i): Tick => ({ atMs: i * STEP, stable: null, candidate: null, value }));
    expect(makeValues(list, [{ fromMs: 5_000 }])).toEqual([
      { atMs: 5_000, window: 0, value: null },
      { atMs: 10_000, window: 0, value: null },
      { atMs: 15_000, window: 0, value: null },
      { atMs: 20_000, window: 0, value: 5 },
    ]);
  });
});

describe('freshness', () => {
  test('no traffic is data; a failed query, absent series and NaN are not', () => {
    const [quiet, failed, absent, unreadable] = ticks(one([100, 0], [0, 0]), null, [{}, {}], one([100, 0], [NaN, NaN]));
    expect([quiet, failed, absent, unreadable].map((tick) => hasData(tick!))).toEqual([true, false, false, false]);
    expect(hasData({ atMs: 0, stable: null, candidate: null, value: 0 })).toBe(true);
    expect(hasData({ atMs: 0, stable: null, candidate: null, value: NaN })).toBe(false);
  });

  test('it says when there were data last, how many looks missed them since, and why', () => {
    const list = ticks(one([1, 0], [1, 0]), one([2, 0], [1, 0]), null, [{}, {}]);
    expect(freshness({ check: 'errors', ticks: list, problem: 'Prometheus is away.' })).toEqual({
      lookMs: 15_000,
      dataMs: 5_000,
      missing: 2,
      problem: 'Prometheus is away.',
    });
    expect(freshness({ check: 'errors', ticks: [] })).toEqual({ missing: 0 });
  });
});
