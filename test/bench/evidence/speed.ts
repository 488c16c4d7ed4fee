// What one look costs the processor: a thousand releases of ten checks each.
import { judgeState, startMetric, stepMetric, type MetricState } from '../../../src/core/analysis/analyse.ts';
import { DEFAULT_ANALYSIS } from '../../../src/core/analysis/config.ts';
import { decide } from '../../../src/core/analysis/decide.ts';
import type { RawRow } from '../../../src/core/analysis/row.ts';
import { createRandom } from '../../../src/core/simulation/random.ts';
import { drawHistory, type Traffic } from '../../../src/core/simulation/traffic.ts';
import { BASE, drawRow } from './fixedWeight.ts';

export interface Speed {
  /** Looks that came before the one that is measured. */
  readonly looksBefore: number;
  /** Milliseconds of the processor for one look at all releases, and the parts of it: medians of all turns. */
  readonly totalMs: number;
  readonly stepMs: number;
  readonly judgeMs: number;
  readonly decideMs: number;
}

const RELEASES = 1000;
const CHECKS = 10;
const TURNS = 15;
const TRAFFIC: Traffic = { requestsPerLook: 600, stableRate: BASE, candidateRate: BASE, bursts: 1 };
const CONFIG = DEFAULT_ANALYSIS;

/** The same look again and again, by releases that remember the looks before it. */
export function measureSpeed(looksBefore: number): Speed {
  const random = createRandom(7);
  // Ten releases that differ, each a hundred times: how long arithmetic takes hardly depends on the counts.
  const kinds = Array.from({ length: 10 * CHECKS }, () => {
    let state: MetricState = startMetric(drawHistory(random, TRAFFIC, CONFIG.history));
    const series: number[] = [];
    for (let look = 0; look < looksBefore; look += 1) {
      state = stepMetric(state, drawRow(random, TRAFFIC, 10), CONFIG);
      series.push(state.evidence.logE);
    }
    return { state, series, row: drawRow(random, TRAFFIC, 10) };
  });
  const turns = Array.from({ length: TURNS }, () => measureTurn(kinds));
  const median = (part: (turn: readonly number[]) => number): number => {
    const sorted = turns.map(part).sort((a, b) => a - b);
    return Number((sorted[Math.floor(TURNS / 2)] ?? NaN).toFixed(1));
  };
  return {
    looksBefore,
    totalMs: median(([a = 0, b = 0, c = 0]) => a + b + c),
    stepMs: median(([a = 0]) => a),
    judgeMs: median(([, b = 0]) => b),
    decideMs: median(([, , c = 0]) => c),
  };
}

interface Kind {
  readonly state: MetricState;
  readonly series: readonly number[];
  readonly row: RawRow;
}

/** Milliseconds of the three parts. */
function measureTurn(kinds: readonly Kind[]): readonly number[] {
  const all = Array.from({ length: RELEASES * CHECKS }, (_, index) => kinds[index % kinds.length]!);
  const checksOf = <T>(list: readonly T[], release: number): readonly T[] => list.slice(release * CHECKS, (release + 1) * CHECKS);
  const before = all.map(({ state, series }) => judgeState(state, series, CONFIG));
  const memories = Array.from({ length: RELEASES }, () => ({}));
  memories.forEach((memory, release) => decide(checksOf(before, release), CONFIG.alpha, memory));
  const times = [processorMs()];
  const states = all.map(({ state, row }) => stepMetric(state, row, CONFIG));
  times.push(processorMs());
  const judgements = states.map((state, index) => judgeState(state, [...all[index]!.series, state.evidence.logE], CONFIG));
  times.push(processorMs());
  memories.forEach((memory, release) => decide(checksOf(judgements, release), CONFIG.alpha, memory));
  times.push(processorMs());
  return times.slice(1).map((time, index) => time - times[index]!);
}

/** Time that this process had the processor, so that other work on the machine does not count. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
