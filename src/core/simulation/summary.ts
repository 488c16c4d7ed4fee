// Many made-up releases in a few numbers.

import { judgeState, startMetric, stepMetric } from '../analysis/analyse.ts';
import type { AnalysisConfig } from '../analysis/config.ts';
import { createRandom } from './random.ts';
import { simulateRun, type SimulatedPlan, type SimulatedRun } from './run.ts';
import { drawCounts, drawHistory, drawRequests, type Traffic } from './traffic.ts';

/** Half of the values, and 95 % of them, are at most this; null where there are no values. */
export interface Spread {
  readonly p50: number | null;
  readonly p95: number | null;
}

/** Shares of all runs lie in [0, 1]; everything about catching is of the runs that were rolled back. */
export interface Summary {
  readonly runs: number;
  readonly promoted: number;
  readonly rolledBack: number;
  readonly inconclusive: number;
  readonly looksToCatch: Spread;
  readonly msToCatch: Spread;
  /** Candidate requests until the outcome, whatever it was: mean over all runs. */
  readonly exposed: number;
  /** Bad ones among them beyond those that stable would have had: mean over all runs, never below 0. */
  readonly exposedMore: number;
}

/** Each run has a seed of its own, made of `seed` and its number, so that more runs do not change the first ones. */
export function simulate(seed: number, runs: number, traffic: Traffic, plan: SimulatedPlan, config: AnalysisConfig): Summary {
  const all = Array.from({ length: runs }, (_, run) => simulateRun(createRandom(seedOfRun(seed, run)), traffic, plan, config));
  return summarise(all, traffic.stableRate);
}

function summarise(all: readonly SimulatedRun[], stableRate: number): Summary {
  const share = (outcome: SimulatedRun['outcome']): number => all.filter((run) => run.outcome === outcome).length / all.length;
  const mean = (value: (run: SimulatedRun) => number): number => all.reduce((sum, run) => sum + value(run), 0) / all.length;
  const caught = all.filter(({ outcome }) => outcome === 'rolledBack');
  return {
    runs: all.length,
    promoted: share('promoted'),
    rolledBack: share('rolledBack'),
    inconclusive: share('inconclusive'),
    looksToCatch: spread(caught.map(({ looks }) => looks)),
    msToCatch: spread(caught.map(({ elapsedMs }) => elapsedMs)),
    exposed: mean(({ exposed }) => exposed),
    exposedMore: Math.max(0, mean(({ exposed, exposedBad }) => exposedBad - exposed * stableRate)),
  };
}

/** As many looks as the operator reads back: over eight hours at an interval of 15 s. */
export const MOST_LOOKS = 2000;

/**
 * Looks until a candidate that is no different is certified at this weight, from the first look on; runs that take more than MOST_LOOKS
 * count as endless, and a spread that lies there is null.
 */
export function looksUntilCertified(seed: number, runs: number, traffic: Traffic, weight: number, config: AnalysisConfig): Spread {
  const looks = Array.from({ length: runs }, (_, run) => certifiedAfter(seedOfRun(seed, run), traffic, weight, config));
  const { p50, p95 } = spread(looks);
  const known = (value: number | null): number | null => (value === Infinity ? null : value);
  return { p50: known(p50), p95: known(p95) };
}

function certifiedAfter(seed: number, traffic: Traffic, weight: number, config: AnalysisConfig): number {
  const random = createRandom(seed);
  let state = startMetric(drawHistory(random, traffic, config.history));
  for (let look = 1; look <= MOST_LOOKS; look += 1) {
    const [stable, candidate] = drawRequests(random, traffic, weight);
    const row = {
      stable: drawCounts(random, stable, traffic.stableRate, traffic.bursts),
      candidate: drawCounts(random, candidate, traffic.stableRate, traffic.bursts),
    };
    state = stepMetric(state, row, config);
    if (judgeState(state, [], config).verdict === 'pass') return look;
  }
  return Infinity;
}

/** Nearest rank. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number | null => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
  return { p50: at(0.5), p95: at(0.95) };
}

/** Whole numbers below 2^53 for seeds below 2^32. */
function seedOfRun(seed: number, run: number): number {
  return seed * 2 ** 20 + run;
}
