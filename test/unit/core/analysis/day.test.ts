// A whole day of analysis in some seconds: releases one after another, and one that takes all day.
import { describe, expect, test } from '@jest/globals';
import { judgeState, startMetric, stepMetric, type Judgement } from '../../../../src/core/analysis/analyse.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../../../../src/core/analysis/config.ts';
import { decide, hasRejected } from '../../../../src/core/analysis/decide.ts';
import type { Tick } from '../../../../src/core/analysis/measurement.ts';
import { makeRows } from '../../../../src/core/analysis/rows.ts';
import type { Window } from '../../../../src/core/analysis/window.ts';
import { DAY_MS, HOUR_MS, recordDay, STEP_MS, type Day } from './day.ts';

const SETTLE_MS = 15_000;
const MINUTE_MS = 60_000;
/** Percent and minutes of the default steps. */
const STEPS = [[5, 5], [25, 10], [50, 10]] as const;
const RELEASE_MS = 30 * MINUTE_MS;
const SEED = 20_261_124;
const ERRORS: AnalysisConfig = { ...DEFAULT_ANALYSIS, floor: 0.005 };
const LATENCY: AnalysisConfig = { ...DEFAULT_ANALYSIS, tolerance: 0.25, floor: 0.01 };

/** Weight at a time of a release that began at `fromMs`, and the windows of unchanged weight. */
function stepsFrom(fromMs: number, lastMinutes: number): readonly (Window & { readonly toMs: number; readonly weight: number })[] {
  let startMs = fromMs;
  return STEPS.map(([weight, minutes], index) => {
    const endMs = startMs + (index === STEPS.length - 1 ? lastMinutes : minutes) * MINUTE_MS;
    const window = { fromMs: startMs + SETTLE_MS, toMs: endMs, weight: weight / 100 };
    startMs = endMs;
    return window;
  });
}

function weightAt(windows: readonly { readonly toMs: number; readonly weight: number }[], atMs: number): number {
  return windows.find(({ toMs }) => atMs <= toMs)?.weight ?? 0;
}

interface Course {
  /** Look at which it was rolled back; undefined when never. */
  readonly rolledBackMs: number | undefined;
  /** Whether all metrics passed at any look before that. */
  readonly passed: boolean;
}

/** What an operator would have said at each of the looks, or at each `every`th. */
function follow(day: Day, windows: readonly Window[], every = 1): Course {
  const firstMs = windows[0]!.fromMs - DEFAULT_ANALYSIS.history * STEP_MS;
  const [errors, latency] = [metric(day.errors, ERRORS), metric(day.latency, LATENCY)];
  function metric(ticks: readonly Tick[], config: AnalysisConfig) {
    const { rows, history } = makeRows(ticks.filter(({ atMs }) => atMs >= firstMs), windows);
    return { rows, config, state: startMetric(history), series: [] as number[] };
  }
  const step = (one: ReturnType<typeof metric>, look: number): Judgement => {
    one.state = stepMetric(one.state, one.rows[look]!.row, one.config);
    one.series.push(one.state.evidence.logE);
    return judgeState(one.state, one.series, one.config);
  };
  let passed = false;
  for (const [look, { atMs }] of errors.rows.entries()) {
    const judgements = [step(errors, look), step(latency, look)];
    if (look % every !== 0 && look !== errors.rows.length - 1) continue;
    if (hasRejected(judgements, DEFAULT_ANALYSIS.alpha)) return { rolledBackMs: atMs, passed };
    passed ||= decide(judgements, DEFAULT_ANALYSIS.alpha).verdict === 'pass';
  }
  return { rolledBackMs: undefined, passed };
}

describe('releases one after another', () => {
  const releases = Array.from({ length: DAY_MS / RELEASE_MS - 1 }, (_, i) => stepsFrom((i + 1) * RELEASE_MS, 10));
  const weight = (atMs: number): number => weightAt(releases.find((windows) => atMs < windows[0]!.fromMs + RELEASE_MS) ?? [], atMs);

  test('of versions as good as stable are not rolled back, at any hour', () => {
    const day = recordDay({ seed: SEED, weight });
    const courses = releases.map((windows) => follow(day, windows));
    expect(courses.filter(({ rolledBackMs }) => rolledBackMs !== undefined)).toEqual([]);
    expect(courses.some(({ passed }) => passed)).toBe(true);
  });

  test('of versions three times as bad are rolled back in the busy hours, and none is ever certified', () => {
    const day = recordDay({ seed: SEED, weight, ratio: () => 3 });
    const courses = releases.map((windows) => ({ hour: Math.floor(windows[0]!.fromMs / HOUR_MS), ...follow(day, windows) }));
    const missed = courses.filter(({ rolledBackMs }) => rolledBackMs === undefined).map(({ hour }) => hour);
    expect(missed.filter((hour) => hour >= 7 && hour <= 23)).toEqual([]);
    expect(courses.filter(({ passed }) => passed)).toEqual([]);
  });
});

describe('a release that takes all day', () => {
  const windows = stepsFrom(HOUR_MS, 22 * 60 + 45);
  const weight = (atMs: number): number => (atMs < HOUR_MS ? 0 : weightAt(windows, atMs));

  test('of a version as good as stable is not rolled back', () => {
    const { rolledBackMs, passed } = follow(recordDay({ seed: SEED, weight }), windows, 40);
    expect({ rolledBackMs, passed }).toEqual({ rolledBackMs: undefined, passed: true });
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('is rolled back when it gets three times as bad at a random hour, and not before (%i)', (seed) => {
    const sinceMs = (1.5 + 20 * ((seed * 0.618034) % 1)) * HOUR_MS;
    const day = recordDay({ seed: SEED + seed, weight, ratio: (atMs) => (atMs >= sinceMs ? 3 : 1) });
    const { rolledBackMs } = follow(day, windows, 20);
    expect(rolledBackMs).toBeGreaterThan(sinceMs);
    // At night some 5 requests/s fail three times as often: that takes its time.
    expect(rolledBackMs).toBeLessThan(sinceMs + (sinceMs > 7 * HOUR_MS ? 45 : 240) * MINUTE_MS);
  });
});
