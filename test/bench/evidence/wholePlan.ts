// Whole releases, each with the steps that are usual where the rule comes from: what is promoted, what is rolled back, who was exposed.
import { DEFAULT_ERROR_FLOOR } from '../../../src/core/release/checks/errorRate.ts';
import { DEFAULT_MARGIN } from '../../../src/core/release/checks/settings.ts';
import { DEFAULT_ANALYSIS } from '../../../src/core/analysis/config.ts';
import {
  DEFAULT_EVIDENCE_DEADLINE, DEFAULT_INTERVAL, DEFAULT_MIN_REQUESTS, DEFAULT_STEPS,
} from '../../../src/core/release/parameters.ts';
import { createRandom } from '../../../src/core/simulation/random.ts';
import { simulateRun, type SimulatedPlan, type SimulatedRun } from '../../../src/core/simulation/run.ts';
import { drawHistory, type Traffic } from '../../../src/core/simulation/traffic.ts';
import { durationMs } from '../../../src/core/time.ts';
import { BASE, CANDIDATES, drawRow } from './fixedWeight.ts';
import { flaggerCheck, OTHERS, type Rule } from './rules.ts';

export interface PlanResult {
  readonly rule: string;
  readonly requestsPerSecond: number;
  readonly bursts: number;
  readonly candidate: keyof typeof CANDIDATES;
  readonly runs: number;
  readonly promoted: number;
  readonly rolledBack: number;
  /** Mean requests that reached the candidate before it was promoted, rolled back or paused; and mean minutes until then. */
  readonly exposed: number;
  readonly minutes: number;
}

const percent = (text: string): number => Number(text.replace('%', '')) / 100;
const CONFIG = { ...DEFAULT_ANALYSIS, margin: percent(DEFAULT_MARGIN), floor: percent(DEFAULT_ERROR_FLOOR) };
const PLAN: SimulatedPlan = {
  steps: DEFAULT_STEPS.map(({ weight, hold }) => ({ weight, holdMs: durationMs(hold, '0s') })),
  intervalMs: durationMs(DEFAULT_INTERVAL, '0s'),
  settleMs: 0,
  minRequests: DEFAULT_MIN_REQUESTS,
  evidenceDeadlineMs: durationMs(DEFAULT_EVIDENCE_DEADLINE, '0s'),
  promoteWhen: 'NotWorse',
  checks: 1,
};
/** Flagger's own example: a check a minute, ten percent more after each that passes, promoted from half on. */
const FLAGGER = { intervalMs: 60_000, stepWeight: 10, maxWeight: 50, threshold: 5 };

type Player = (seed: number, traffic: (intervalMs: number) => Traffic) => Omit<SimulatedRun, 'exposedBad'>;

const PLAYERS: readonly (readonly [string, Player])[] = [
  ['Plimsoll, NotWorse', (seed, traffic) => simulateRun(createRandom(seed), traffic(PLAN.intervalMs), PLAN, CONFIG)],
  [
    'Plimsoll, Certified',
    (seed, traffic) => simulateRun(createRandom(seed), traffic(PLAN.intervalMs), { ...PLAN, promoteWhen: 'Certified' }, CONFIG),
  ],
  ...OTHERS.filter(({ name }) => !name.startsWith('Flagger') && !name.includes('count')).map(
    (rule): readonly [string, Player] => [rule.name, (seed, traffic) => playSteps(rule, seed, traffic(PLAN.intervalMs))],
  ),
  ['Flagger, stepWeight 10, threshold 5, 99 %', (seed, traffic) => playFlagger(seed, traffic(FLAGGER.intervalMs))],
];

export function comparePlans(requestsPerSecond: number, bursts: number, seed: number, runs: number): readonly PlanResult[] {
  return (Object.keys(CANDIDATES) as PlanResult['candidate'][]).flatMap((candidate) =>
    PLAYERS.map(([rule, play]) => {
      const traffic = (intervalMs: number): Traffic => ({
        requestsPerLook: (requestsPerSecond * intervalMs) / 1000,
        bursts,
        stableRate: BASE,
        candidateRate: CANDIDATES[candidate],
      });
      const all = Array.from({ length: runs }, (_, run) => play(seed * 2 ** 20 + run, traffic));
      const mean = (value: (run: (typeof all)[number]) => number): number => all.reduce((sum, run) => sum + value(run), 0) / runs;
      return {
        rule,
        requestsPerSecond,
        bursts,
        candidate,
        runs,
        promoted: mean(({ outcome }) => (outcome === 'promoted' ? 1 : 0)),
        rolledBack: mean(({ outcome }) => (outcome === 'rolledBack' ? 1 : 0)),
        exposed: Math.round(mean(({ exposed }) => exposed)),
        minutes: mean(({ elapsedMs }) => elapsedMs) / 60_000,
      };
    }),
  );
}

/** The default steps with another rule in the background: it rolls back at once, and else every step lasts as long as its hold. */
function playSteps(rule: Rule, seed: number, traffic: Traffic): Omit<SimulatedRun, 'exposedBad'> {
  const random = createRandom(seed);
  const decider = rule.start({ history: drawHistory(random, traffic, CONFIG.history), base: BASE });
  let [looks, exposed] = [0, 0];
  for (const { weight, holdMs } of PLAN.steps) {
    for (let heldMs = 0; heldMs < holdMs; heldMs += PLAN.intervalMs) {
      const row = drawRow(random, traffic, weight);
      looks += 1;
      exposed += row.candidate.requests;
      if (decider(row)) return { outcome: 'rolledBack', looks, elapsedMs: looks * PLAN.intervalMs, exposed };
    }
  }
  return { outcome: 'promoted', looks, elapsedMs: looks * PLAN.intervalMs, exposed };
}

/** A check that fails stops the advance and counts; as many as the threshold, and the next look rolls back. */
function playFlagger(seed: number, traffic: Traffic): Omit<SimulatedRun, 'exposedBad'> {
  const random = createRandom(seed);
  const passes = flaggerCheck();
  let [looks, exposed, failed, weight] = [0, 0, 0, FLAGGER.stepWeight];
  for (;;) {
    const { candidate } = drawRow(random, traffic, weight);
    looks += 1;
    exposed += candidate.requests;
    const end = { looks, elapsedMs: looks * FLAGGER.intervalMs, exposed };
    if (failed >= FLAGGER.threshold) return { ...end, outcome: 'rolledBack' };
    if (!passes(candidate)) failed += 1;
    else if (weight >= FLAGGER.maxWeight) return { ...end, outcome: 'promoted' };
    else weight += FLAGGER.stepWeight;
  }
}
