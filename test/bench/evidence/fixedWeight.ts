// Sixty looks at one weight: how often and how soon each rule rolls back. All rules see the same rows.
import { DEFAULT_ANALYSIS } from '../../../src/core/analysis/config.ts';
import { createRandom, type Random } from '../../../src/core/simulation/random.ts';
import { drawCounts, drawHistory, drawRequests, type Traffic } from '../../../src/core/simulation/traffic.ts';
import { OTHERS, ours, type Rule, type TwoArms } from './rules.ts';

export const BASE = 0.005;
export const LOOKS = 60;
export const CANDIDATES = { 'no difference': BASE, '1.5x': 1.5 * BASE, '2x': 2 * BASE, '5x': 5 * BASE, 'outage 50 %': 0.5 } as const;

export interface Scenario {
  readonly requestsPerLook: number;
  readonly bursts: number;
  readonly weight: number;
  readonly candidate: keyof typeof CANDIDATES;
}

export interface Result extends Scenario {
  readonly rule: string;
  readonly runs: number;
  /** Share of runs. */
  readonly rolledBack: number;
  /** Mean; 60 for a run that was never rolled back. */
  readonly looks: number;
  /** Requests that reached the candidate until then: mean. */
  readonly exposed: number;
}

const CONFIG = DEFAULT_ANALYSIS;

/** Those of the specification, and a service with so little traffic that at 5 % two requests reach the candidate between two looks. */
export const SCENARIOS: readonly Scenario[] = [40, 1000, 10_000].flatMap((requestsPerLook) =>
  [1, 4].flatMap((bursts) =>
    [5, 10, 50].flatMap((weight) =>
      (Object.keys(CANDIDATES) as Scenario['candidate'][]).map((candidate) => ({ requestsPerLook, bursts, weight, candidate })),
    ),
  ),
);

/** Rare events need more runs than frequent ones: `runs` for candidates that are no different, a third of them for the others. */
export function compareAtFixedWeight(scenario: Scenario, seed: number, runs: number): readonly Result[] {
  const rules = [ours(CONFIG), ...OTHERS];
  const count = scenario.candidate === 'no difference' ? runs : Math.ceil(runs / 3);
  const sums = rules.map(() => ({ rolledBack: 0, looks: 0, exposed: 0 }));
  const { requestsPerLook, bursts, weight } = scenario;
  const traffic: Traffic = { requestsPerLook, bursts, stableRate: BASE, candidateRate: CANDIDATES[scenario.candidate] };
  for (let run = 0; run < count; run += 1) {
    const random = createRandom(seed * 2 ** 20 + run);
    const history = drawHistory(random, traffic, CONFIG.history);
    const rows = Array.from({ length: LOOKS }, () => drawRow(random, traffic, weight));
    rules.forEach((rule, index) => {
      const caught = firstRollback(rule, { history, base: BASE }, rows);
      const sum = sums[index]!;
      sum.rolledBack += caught === null ? 0 : 1;
      sum.looks += caught ?? LOOKS;
      sum.exposed += rows.slice(0, caught ?? LOOKS).reduce((total, { candidate }) => total + candidate.requests, 0);
    });
  }
  return rules.map(({ name }, index) => {
    const { rolledBack, looks, exposed } = sums[index]!;
    const means = { rolledBack: rolledBack / count, looks: looks / count, exposed: Math.round(exposed / count) };
    return { ...scenario, rule: name, runs: count, ...means };
  });
}

function firstRollback(rule: Rule, past: Parameters<Rule['start']>[0], rows: readonly TwoArms[]): number | null {
  const decider = rule.start(past);
  const index = rows.findIndex((row) => decider(row));
  return index < 0 ? null : index + 1;
}

export function drawRow(random: Random, traffic: Traffic, weight: number): TwoArms {
  const [stable, candidate] = drawRequests(random, traffic, weight);
  return {
    stable: drawCounts(random, stable, traffic.stableRate, traffic.bursts),
    candidate: drawCounts(random, candidate, traffic.candidateRate, traffic.bursts),
  };
}
