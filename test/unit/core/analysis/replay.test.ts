// Looks one by one, as they come in while a release runs, and all at once, as a restart or a replay reads them.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { judge } from '../../../../src/core/analysis/analyse.ts';
import { bounds } from '../../../../src/core/analysis/bounds.ts';
import { DEFAULT_ANALYSIS } from '../../../../src/core/analysis/config.ts';
import type { ArmSample, Tick } from '../../../../src/core/analysis/measurement.ts';
import { makeRows } from '../../../../src/core/analysis/rows.ts';
import type { Window } from '../../../../src/core/analysis/window.ts';
import { createLooks } from '../../../../src/metrics/looks.ts';

const STEP_MS = 5_000;
const INSTANCES = ['e', 'f'] as const;

/** What happens to one instance between two looks. */
const happening = fc.record({
  stable: fc.record({ requests: fc.nat(500), badPermille: fc.nat(40) }),
  candidate: fc.record({ requests: fc.nat(200), badPermille: fc.nat(200) }),
  restarts: fc.boolean().chain((a) => fc.boolean().map((b) => a && b)),
  isSeen: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
});
const looks = fc.array(fc.record({ e: happening, f: happening, isLate: fc.boolean() }), { minLength: 2, maxLength: 40 });
type Look = (typeof looks extends fc.Arbitrary<infer T> ? T : never)[number];
const cut = fc.nat(30).map((look): Window[] => [
  { fromMs: 3 * STEP_MS, toMs: look * STEP_MS + 2_000 },
  { fromMs: (look + 2) * STEP_MS },
]);

/** Looks at counters that these happenings move. */
function record(list: readonly Look[]): readonly Tick[] {
  const counters = new Map(INSTANCES.map((name) => [name, { stable: { requests: 0, bad: 0 }, candidate: { requests: 0, bad: 0 } }]));
  return list.map((look, index) => {
    const arms = { stable: {} as Record<string, ArmSample[string]>, candidate: {} as Record<string, ArmSample[string]> };
    for (const name of INSTANCES) {
      const { restarts, isSeen, ...moved } = look[name];
      for (const arm of ['stable', 'candidate'] as const) {
        const counter = counters.get(name)![arm];
        const { requests, badPermille } = moved[arm];
        const before = restarts ? { requests: 0, bad: 0 } : counter;
        const after = { requests: before.requests + requests, bad: before.bad + Math.floor((requests * badPermille) / 1000) };
        Object.assign(counter, after);
        if (isSeen && after.requests > 0) arms[arm][name] = after;
      }
    }
    return { atMs: index * STEP_MS, ...arms, value: null };
  });
}

function judged(ticks: readonly Tick[], windows: readonly Window[]) {
  const { rows, history } = makeRows(ticks, windows);
  const counted = rows.map(({ row }) => row);
  return { ...judge(counted, history, DEFAULT_ANALYSIS), limits: { ...bounds(counted, history, DEFAULT_ANALYSIS) } };
}

describe('a replay', () => {
  test('of one range query gives bit for bit what was seen live, look by look and with looks that came late', () => {
    fc.assert(fc.property(looks, cut, (list, windows) => {
      const ticks = record(list);
      const live = createLooks(STEP_MS, 0);
      ticks.forEach((tick, i) => {
        live.reach(tick.atMs);
        if (!list[i]!.isLate) live.put([tick]);
      });
      // Looks that failed are asked for again with one question for the whole gap, which says again what is known.
      const gap = live.missing();
      if (gap) live.put(ticks.filter(({ atMs }) => atMs >= gap.fromMs && atMs <= gap.toMs));
      const again = createLooks(STEP_MS, 0);
      again.reach(ticks.at(-1)!.atMs);
      again.put(ticks);
      expect(judged(live.ticks(), windows)).toEqual(judged(again.ticks(), windows));
      expect(live.ticks()).toEqual(ticks);
    }));
  });

  test('of looks that went through JSON, as they are stored, gives the same', () => {
    fc.assert(fc.property(looks, cut, (list, windows) => {
      const ticks = record(list);
      expect(judged(JSON.parse(JSON.stringify(ticks)) as Tick[], windows)).toEqual(judged(ticks, windows));
    }));
  });

  test('of the first looks is the beginning of the replay of all', () => {
    fc.assert(fc.property(looks, fc.nat(40), (list, until) => {
      const ticks = record(list);
      const windows = [{ fromMs: 3 * STEP_MS }];
      const whole = judged(ticks, windows).series;
      const part = judged(ticks.slice(0, until), windows).series;
      expect(part).toEqual(whole.slice(0, part.length));
    }));
  });
});
