// How right and how quick the verdicts are, beside the rules of other tools, and what a look costs. docs/evidence.md explains the figures.
import { compareAtFixedWeight, SCENARIOS, type Result } from './fixedWeight.ts';
import { measurePass, type PassSpeed } from './pass.ts';
import { measureSpeed, processorMs, type Speed } from './speed.ts';
import { comparePlans, type PlanResult } from './wholePlan.ts';

export interface EvidenceReport {
  readonly seed: number;
  readonly fixedWeight: readonly Result[];
  readonly wholePlan: readonly PlanResult[];
  readonly speed: readonly Speed[];
  readonly pass: readonly PassSpeed[];
  /** Seconds of the processor for all of this. */
  readonly seconds: number;
  readonly node: string;
  readonly date: string;
}

export interface EvidenceRuns {
  /** Runs of each scenario at a fixed weight in which nothing is different; a third of them for each other. */
  readonly fixedWeight: number;
  readonly wholePlan: number;
}

const SEED = 1;

/** Draws everything from fixed seeds: a second time gives the same but for the times. */
export function benchEvidence(runs: EvidenceRuns, say: (line: string) => void): EvidenceReport {
  const started = processorMs();
  say('what a look costs');
  const speed = [0, 60, 240].map(measureSpeed);
  const pass = [5, 60, 300].map(measurePass);
  say(`${SCENARIOS.length} scenarios at a fixed weight`);
  const fixedWeight = SCENARIOS.flatMap((scenario) => compareAtFixedWeight(scenario, SEED, runs.fixedWeight));
  say('whole releases');
  const wholePlan = [4, 40, 400].flatMap((perSecond) => [1, 4].flatMap((bursts) => comparePlans(perSecond, bursts, SEED, runs.wholePlan)));
  return {
    seed: SEED,
    fixedWeight,
    wholePlan,
    speed,
    pass,
    seconds: Math.round((processorMs() - started) / 1000),
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
  };
}
