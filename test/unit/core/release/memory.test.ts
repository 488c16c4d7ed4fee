// What a pass of the operator remembers of the looks before changes no verdict: at each moment it says what a fresh process says.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { CheckSamples, Tick } from '../../../../src/core/analysis/measurement.ts';
import type { CheckSpec } from '../../../../src/core/release/checks/kind.ts';
import { evaluate, type Evaluation } from '../../../../src/core/release/evaluation.ts';
import { TRAFFIC } from '../../../../src/core/release/measures.ts';
import type { Window } from '../../../../src/core/release/progress.ts';
import { evaluateWatch } from '../../../../src/core/release/watchEvaluation.ts';
import { formatTime } from '../../../../src/core/time.ts';
import { createLooks, type Looks } from '../../../../src/metrics/looks.ts';
import { evidencePlan } from '../../../support/parameters.ts';

const INTERVAL_MS = 5000;
const SPECS: readonly CheckSpec[] = [
  { name: 'errors', errorRate: {} },
  { name: 'latency', latency: {} },
  { name: 'tail', latency: { p95AtMost: '1.2x' } },
  { name: 'fixed', latency: { p95AtMost: '50ms' } },
  { name: 'right', compare: { bad: 'b{{revision}}', total: 't{{revision}}' } },
  { name: 'slo', rate: { atMost: '2%' } },
  { name: 'own-slo', rate: { bad: 'b{{revision}}', total: 't{{revision}}', atMost: '2%' } },
  { name: 'stars', score: { count: 'c{{revision}}', sum: 's{{revision}}' } },
  { name: 'grades', score: { histogram: 'h{{revision}}' } },
  { name: 'classes', shift: { counts: 'c{{revision}}', bin: 'class', whenShifted: 'Rollback' } },
  { name: 'split', split: {} },
];
const PARAMETERS = evidencePlan([10, 50], SPECS, INTERVAL_MS);
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  latency: ['10', '50', '250', 'Infinity'],
  tail: ['10', '50', '250', 'Infinity'],
  right: ['total', 'bad'],
  'own-slo': ['total', 'bad'],
  stars: ['count', 'sum'],
  grades: ['0.2', '0.6', 'Infinity'],
  classes: ['cat', 'dog', 'newt'],
};

/** What happens from one pass to the next. */
const event = fc.oneof(
  { weight: 12, arbitrary: fc.record({ what: fc.constant('look' as const), more: fc.array(fc.nat(60), { minLength: 8, maxLength: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('missing', 'reset', 'late', 'step', 'restart', 'again', 'forget') }) },
);
type Happening = typeof event extends fc.Arbitrary<infer T> ? T : never;

/** Looks at counters that only grow but for resets; a look that is missing was made and is put later. */
function createRecorder() {
  const looks = new Map<string, Looks>([TRAFFIC, ...SPECS.map(({ name }) => name)].map((name) => [name, createLooks(INTERVAL_MS, 0)]));
  let sums = new Array<number>(8).fill(0);
  let late: (() => void)[] = [];
  let count = 0;
  const tickOf = (name: string, atMs: number): Tick => {
    const columns = COLUMNS[name];
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0] = sums;
    const cumulate = (...parts: readonly number[]): number[] => parts.map((_, index) => parts.slice(0, index + 1).reduce((x, y) => x + y, 0));
    if (columns === undefined) {
      const arm = (requests: number, bad: number) => ({ envoy: { requests: requests + bad, bad } });
      return { atMs, stable: arm(9 * a, b), candidate: count < 4 ? {} : arm(c, d / 4), value: null };
    }
    const isShare = columns[0] === 'total' || columns[0] === 'count';
    const isHistogram = columns.at(-1) === 'Infinity';
    const arm = (...parts: readonly number[]): number[] =>
      isShare ? [(parts[0] ?? 0) + (parts[1] ?? 0), parts[1] ?? 0] : isHistogram ? cumulate(...parts) : [...parts];
    // A class that nobody predicted before.
    const width = name === 'classes' && count < 9 ? 2 : columns.length;
    return {
      atMs,
      stable: null,
      candidate: null,
      value: null,
      vectors: {
        columns: columns.slice(0, width),
        stable: { one: arm(5 * a, b, c, d).slice(0, width) },
        candidate: count < 4 ? {} : { two: arm(a, e, f, g).slice(0, width) },
      },
    };
  };
  return {
    looks,
    nowMs: () => count * INTERVAL_MS,
    look(more: readonly number[], isMissing: boolean) {
      sums = sums.map((sum, index) => sum + (more[index] ?? 0));
      for (const [name, kept] of looks) {
        const tick = tickOf(name, count * INTERVAL_MS);
        kept.reach(tick.atMs);
        if (isMissing) late.push(() => kept.put([tick]));
        else kept.put([tick]);
      }
      count += 1;
    },
    reset: () => void (sums = sums.map(() => 0)),
    arrive() {
      for (const put of late) put();
      late = [];
    },
    samples: (): readonly CheckSamples[] => [...looks].map(([check, kept]) => ({ check, ticks: kept.ticks() })),
  };
}

/** All that an evaluation says; functions are asked. */
function told({ checks, named, ...evaluation }: Evaluation) {
  const asked = checks.map((result) => {
    const { explain, bounds, counted } = result;
    return { ...result, explain: explain(), bounds: { ...bounds?.() }, counted: counted?.(), power: undefined };
  });
  return { ...evaluation, named: named?.name, checks: asked };
}

/** Evaluates after each happening as the operator does, and afresh. */
function play(happenings: readonly Happening[]): void {
  const recorder = createRecorder();
  let windows: readonly Window[] = [];
  for (const happening of happenings) {
    const [open] = windows.slice(-1);
    switch (happening.what) {
      case 'look':
        recorder.look('more' in happening ? happening.more : [], false);
        break;
      case 'missing':
        recorder.look([9, 0, 9, 1, 1, 1, 1], true);
        break;
      case 'late':
        recorder.arrive();
        break;
      case 'reset':
        recorder.reset();
        break;
      case 'step':
        windows = [
          ...windows.slice(0, -1),
          ...(open ? [{ ...open, to: formatTime(recorder.nowMs() - 1000) }] : []),
          { step: windows.length, weight: windows.length === 0 ? 10 : 50, from: formatTime(recorder.nowMs()) },
        ];
        break;
      case 'forget':
        for (const [name, looks] of recorder.looks) if (name === 'fixed') looks.forgetAll();
        break;
      default:
    }
    const samples = recorder.samples();
    const afresh = (): readonly CheckSamples[] => structuredClone(samples);
    const now = recorder.nowMs();
    expect(told(evaluate(PARAMETERS, samples, windows, now))).toStrictEqual(told(evaluate(PARAMETERS, afresh(), windows, now)));
    if (windows.length < 2) continue;
    expect(told(evaluateWatch(PARAMETERS, samples, windows))).toStrictEqual(told(evaluateWatch(PARAMETERS, afresh(), windows)));
  }
}


describe('what is remembered between passes', () => {
  test('changes no verdict, no number and no sentence, whatever comes late, is missing, is reset, forgotten or cut anew', () => {
    fc.assert(fc.property(fc.array(event, { minLength: 5, maxLength: 45 }), play), { numRuns: 60 });
  });

  test('does not depend on looks without data being made anew', () => {
    const looks = createLooks(INTERVAL_MS, 0);
    looks.reach(INTERVAL_MS);
    const before = looks.ticks();
    looks.reach(2 * INTERVAL_MS);
    expect(looks.ticks().slice(0, 2).every((tick, index) => tick === before[index])).toBe(true);
  });

  test('is used: a look that comes when nothing else has changed is all that is counted', () => {
    const recorder = createRecorder();
    const windows = [{ step: 0, weight: 10, from: formatTime(0) }];
    const reads = { count: 0 };
    for (let look = 0; look < 40; look += 1) recorder.look([50, 1, 9, 1, 1, 1, 1, 1], false);
    const seen = (list: readonly CheckSamples[]): readonly CheckSamples[] =>
      list.map((entry) => ({ ...entry, ticks: entry.ticks.map((tick) => watched(tick, reads)) }));
    const before = seen(recorder.samples());
    evaluate(PARAMETERS, before, windows, recorder.nowMs());
    const [all] = [reads.count];
    reads.count = 0;
    const next = before.map((entry) => ({ ...entry, ticks: [...entry.ticks, watched({ ...entry.ticks[39]!, atMs: 40 * INTERVAL_MS }, reads)] }));
    evaluate(PARAMETERS, next, windows, recorder.nowMs());
    expect(all).toBeGreaterThan(40 * SPECS.length);
    expect(reads.count).toBeLessThan(all / 10);
  });
});

/** The look, which counts how often its counters are read. */
function watched(tick: Tick, reads: { count: number }): Tick {
  return new Proxy(tick, {
    get: (target, name, receiver) => {
      if (name === 'stable' || name === 'vectors') reads.count += 1;
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
}
