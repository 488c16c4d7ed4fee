// One made-up release through the real core: its rows, its evidence, its verdicts, and what the release does with them.

import { judgeState, startMetric, stepMetric, type Judgement, type MetricState } from '../analysis/analyse.ts';
import type { AnalysisConfig } from '../analysis/config.ts';
import { decide, type Decision } from '../analysis/decide.ts';
import type { Random } from './random.ts';
import { drawCounts, drawHistory, drawRequests, type Traffic } from './traffic.ts';

/** A release as the operator carries it out. */
export interface SimulatedPlan {
  readonly steps: readonly { readonly weight: number; readonly holdMs: number }[];
  readonly intervalMs: number;
  /** After each change of weight traffic flows for so long before anything counts; whole intervals, as looks lie on a grid. */
  readonly settleMs: number;
  /** Candidate requests that each step with traffic needs. */
  readonly minRequests: number;
  /** How long a step waits after its hold for what it lacks. */
  readonly evidenceDeadlineMs: number;
  /** `NotWorse`: nothing speaks against it at the end of the last step. `Certified`: every check has passed by then. */
  readonly promoteWhen: 'NotWorse' | 'Certified';
  /** Checks of the release: the first one sees `traffic`, the others two versions that are alike. */
  readonly checks: number;
}

export interface SimulatedRun {
  readonly outcome: 'promoted' | 'rolledBack' | 'inconclusive';
  /** Looks that counted, until the outcome. */
  readonly looks: number;
  /** From the first weight on, settling included. */
  readonly elapsedMs: number;
  /** Requests that reached the candidate until then, and how many of them were bad. */
  readonly exposed: number;
  readonly exposedBad: number;
}

interface Metric {
  state: MetricState;
  readonly series: number[];
}

/** Plays one release. All rows are drawn from `random`, so the same generator gives the same release. */
export function simulateRun(random: Random, traffic: Traffic, plan: SimulatedPlan, config: AnalysisConfig): SimulatedRun {
  const metrics: readonly Metric[] = Array.from({ length: plan.checks }, () => ({
    state: startMetric(drawHistory(random, traffic, config.history)),
    series: [],
  }));
  const seen = { looks: 0, intervals: 0, exposed: 0, exposedBad: 0 };
  const end = (outcome: SimulatedRun['outcome']): SimulatedRun => {
    const { looks, intervals, exposed, exposedBad } = seen;
    return { outcome, looks, elapsedMs: intervals * plan.intervalMs, exposed, exposedBad };
  };
  const look = (weight: number, counts: boolean): number => {
    const requests = drawRequests(random, traffic, weight);
    seen.intervals += 1;
    seen.exposed += requests[1];
    metrics.forEach((metric, index) => {
      const candidateRate = index === 0 ? traffic.candidateRate : traffic.stableRate;
      const stable = drawCounts(random, requests[0], traffic.stableRate, traffic.bursts);
      const candidate = drawCounts(random, requests[1], candidateRate, traffic.bursts);
      if (index === 0) seen.exposedBad += candidate.bad;
      if (!counts) return;
      metric.state = stepMetric(metric.state, { stable, candidate }, config);
      metric.series.push(metric.state.evidence.logE);
    });
    if (counts) seen.looks += 1;
    return requests[1];
  };

  for (const [index, { weight, holdMs }] of plan.steps.entries()) {
    for (let settling = 0; settling < plan.settleMs; settling += plan.intervalMs) look(weight, false);
    const isLast = index === plan.steps.length - 1;
    let requests = 0;
    let decision: Decision | undefined;
    for (let heldMs = 0; decision === undefined || heldMs < holdMs || isMissing(decision, requests, weight, isLast, plan); ) {
      if (heldMs >= holdMs + plan.evidenceDeadlineMs) return end('inconclusive');
      requests += look(weight, true);
      heldMs += plan.intervalMs;
      decision = decideNow(metrics.map(({ state, series }) => judgeState(state, series, config)), config.alpha);
      if (decision.verdict === 'abort') return end('rolledBack');
    }
  }
  return end('promoted');
}

/**
 * What `decide` says, which reads all looks so far. Only a rejection asks for the earlier ones: with less evidence than it takes the last look
 * says the same, and a long release does not take as long as its looks squared.
 */
function decideNow(judgements: readonly Judgement[], alpha: number): Decision {
  const last = decide(judgements.map((one) => ({ ...one, series: one.series.slice(-1) })), alpha);
  return last.logE < Math.log(1 / alpha) ? last : decide(judgements, alpha);
}

/** Whether a step whose hold is over lacks something. Without traffic nothing is compared. */
function isMissing({ verdict }: Decision, requests: number, weight: number, isLast: boolean, plan: SimulatedPlan): boolean {
  if (isLast && plan.promoteWhen === 'Certified' && verdict !== 'pass') return true;
  if (weight === 0) return false;
  return verdict === 'nodata' || verdict === 'suspect' || requests < plan.minRequests;
}
