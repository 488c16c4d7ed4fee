// What one look costs the operator itself: from the counters of a release with the default checks to its verdict.
import { counterTicks, histogramTicks } from './looks.ts';
import { evaluate } from '../../../src/core/release/evaluation.ts';
import { TRAFFIC } from '../../../src/core/release/measures.ts';
import type { CheckSamples, Tick } from '../../../src/core/analysis/measurement.ts';
import { formatTime } from '../../../src/core/time.ts';
import { evidencePlan } from '../../support/parameters.ts';
import { processorMs } from './speed.ts';

export interface PassSpeed {
  /** Looks of the release that came before the one that is measured. */
  readonly looksBefore: number;
  /** Milliseconds of the processor for one release: the next look, and all looks at once as after a restart; medians of all turns. */
  readonly nextMs: number;
  readonly allMs: number;
}

const TURNS = 101;
const INTERVAL_MS = 15_000;
const START_MS = Date.UTC(2026, 0, 1);
/** Looks of stable before the release. */
const HISTORY = 120;
const PARAMETERS = evidencePlan([10], [{ name: 'errors', errorRate: {} }, { name: 'latency', latency: {} }], INTERVAL_MS);
const WINDOWS = [{ step: 0, weight: 10, from: formatTime(START_MS + HISTORY * INTERVAL_MS) }];

/** Each turn is a release of its own, which is judged as it is after `looksBefore` looks and then at the next one. */
export function measurePass(looksBefore: number): PassSpeed {
  const looks = HISTORY + looksBefore + 2;
  const plan = { looks, before: HISTORY, startMs: START_MS, intervalMs: INTERVAL_MS };
  const [counters, histograms] = [counterTicks(plan), histogramTicks(plan)];
  const turns = Array.from({ length: TURNS }, () => {
    const anew = (ticks: readonly Tick[]): readonly Tick[] => ticks.map((tick) => ({ ...tick }));
    const samples: readonly CheckSamples[] = [
      { check: TRAFFIC, ticks: anew(counters) },
      { check: 'errors', ticks: anew(counters) },
      { check: 'latency', ticks: anew(histograms) },
    ];
    const judge = (newest: number): number => {
      const known = samples.map((entry) => ({ ...entry, ticks: entry.ticks.slice(0, newest) }));
      const before = processorMs();
      evaluate(PARAMETERS, known, WINDOWS, START_MS + newest * INTERVAL_MS);
      return processorMs() - before;
    };
    return [judge(looks - 1), judge(looks)] as const;
  });
  const median = (times: readonly number[]): number => Number((times.toSorted((a, b) => a - b)[Math.floor(TURNS / 2)] ?? NaN).toFixed(2));
  return { looksBefore, nextMs: median(turns.map(([, next]) => next)), allMs: median(turns.map(([all]) => all)) };
}
