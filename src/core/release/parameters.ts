import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { CountingServer } from '../analysis/servers.ts';
import { durationMs, formatDuration } from '../time.ts';
import type { Check, CheckSpec } from './checks/kind.ts';
import { readCheck, settingsOf } from './checks/kinds.ts';
import { sourceSettings } from './checks/source.ts';
import { sayShares } from '../traffic/shares.ts';
import type { Counting } from './counting.ts';
import type { Scene } from './scene.ts';
import type { WantedChecks } from './wantedChecks.ts';

/** Steps as the user wrote them or, where they did not, as the defaults have it; and the snapshot of steps and checks that a release keeps. */

export interface Step {
  readonly name?: string | undefined;
  readonly weight: number;
  readonly holdMs: number;
}

/** A release's plan: fixed at its start, so that nobody loosens a gate under a running release. */
export interface Parameters {
  readonly steps: readonly Step[];
  readonly checks: readonly Check[];
  /** Who counts the requests of the two versions; a check may have a source of its own. */
  readonly counting: Counting;
  /** Their numbers are read from those themselves, not from a Prometheus. */
  readonly isScraped: boolean;
  readonly intervalMs: number;
  readonly minRequests: number;
  readonly promoteWhen: 'NotWorse' | 'Certified';
  /** Goes on before a hold is over, once the candidate is certified. */
  readonly isFast: boolean;
  readonly settleMs: number;
  readonly unavailableGraceMs: number;
  readonly progressDeadlineMs: number;
  readonly evidenceDeadlineMs: number;
  readonly onFailure: 'Rollback' | 'Freeze';
  readonly onInconclusive: 'Pause' | 'Rollback';
}

type PlanSnapshot = ModelRelease['spec']['plan'];
type CheckSnapshot = NonNullable<PlanSnapshot['checks']>[number];

/** What a release does where the user says nothing. `simulate` starts from the same. */
export const DEFAULT_STEPS = [
  { weight: 5, hold: '5m' },
  { weight: 25, hold: '10m' },
  { weight: 50, hold: '10m' },
];
export const DEFAULT_INTERVAL = '15s';
export const DEFAULT_MIN_REQUESTS = 100;
/** Of the operator's settings: for so long the gateway's statistics and one scrape take to follow a new weight. */
export const DEFAULT_SETTLE = '20s';
export const DEFAULT_EVIDENCE_DEADLINE = '1h';

/**
 * The snapshot that a new release keeps. `settle` is the administrator's setting at this moment. A first revision has nothing to share the
 * traffic with and nothing to be compared with: no steps, no checks.
 */
export function planSnapshot(
  deployment: ModelDeployment,
  { specs, counting, server }: WantedChecks,
  settleMs: number,
  isFirst: boolean,
): PlanSnapshot {
  const { rollout, analysis } = deployment.spec;
  return {
    ...(isFirst
      ? { steps: [], checks: [] }
      : { steps: stepsOf(deployment), checks: specs.map((spec) => checkSnapshot(spec, server)), capacity: capacityOf(deployment) }),
    ...(counting === 'Gateway' ? {} : { evidence: counting }),
    ...(analysis?.metrics?.scrape ? { metrics: 'Scrape' as const } : {}),
    interval: analysis?.interval ?? DEFAULT_INTERVAL,
    minRequests: analysis?.minRequests ?? DEFAULT_MIN_REQUESTS,
    ...(analysis?.promoteWhen === 'Certified' ? { promoteWhen: analysis.promoteWhen } : {}),
    ...(analysis?.fastPromote === true ? { fastPromote: true } : {}),
    settle: formatDuration(settleMs),
    unavailableGrace: rollout?.unavailableGrace ?? '30s',
    progressDeadline: rollout?.progressDeadline ?? '15m',
    evidenceDeadline: rollout?.evidenceDeadline ?? DEFAULT_EVIDENCE_DEADLINE,
    onFailure: rollout?.onFailure ?? 'Rollback',
    onInconclusive: rollout?.onInconclusive ?? 'Pause',
  };
}

/** Which weights of the spec cannot be met by pods, and what will be had instead; undefined when all can, or when a gateway weighs. */
export function sayApproximations({ routing, size, observed }: Scene): string | undefined {
  const said =
    routing === 'Gateway'
      ? undefined
      : sayShares(
          stepsOf(observed.deployment).map(({ weight }) => weight),
          size,
        );
  return said === undefined ? undefined : `shares are made by the number of pods: ${said}; more replicas make finer shares`;
}

function capacityOf({ spec }: ModelDeployment): NonNullable<PlanSnapshot['capacity']> {
  const { candidate = 'Proportional', stable = 'Hold' } = spec.rollout?.capacity ?? {};
  return { candidate, stable };
}

function stepsOf({ spec }: ModelDeployment): PlanSnapshot['steps'] {
  return (spec.rollout?.steps ?? DEFAULT_STEPS).map((step) => ({ ...step, hold: step.hold ?? '0s' }));
}

function checkSnapshot(spec: CheckSpec, server: CountingServer | undefined): CheckSnapshot {
  const { type, settings } = settingsOf(spec);
  const parameters = { ...settings, ...sourceSettings(spec, server) };
  return { name: spec.name, type, parameters, ...(spec.optional === true ? { optional: true } : {}) };
}

/** The plan of a release, read back from its snapshot. */
export function parametersOf(release: ModelRelease): Parameters {
  const { plan } = release.spec;
  const checks = plan.checks.map(({ name, type, parameters = {}, optional = false }) => readCheck({ name, isOptional: optional }, type, parameters));
  return {
    steps: plan.steps.map(({ name, weight, hold }) => ({ name, weight, holdMs: durationMs(hold, '0s') })),
    checks,
    intervalMs: durationMs(plan.interval, DEFAULT_INTERVAL),
    // What nobody counts cannot be waited for. Queries of the user's own count, where their silence may hold a release.
    minRequests: plan.evidence !== 'Nobody' || checks.some(({ basis, isOptional }) => basis === 'Counters' && !isOptional) ? plan.minRequests : 0,
    counting: readCounting(plan.evidence),
    isScraped: plan.metrics === 'Scrape',
    promoteWhen: plan.promoteWhen ?? 'NotWorse',
    isFast: plan.fastPromote ?? false,
    settleMs: durationMs(plan.settle, '10s'),
    unavailableGraceMs: durationMs(plan.unavailableGrace, '30s'),
    progressDeadlineMs: durationMs(plan.progressDeadline, '15m'),
    evidenceDeadlineMs: durationMs(plan.evidenceDeadline, DEFAULT_EVIDENCE_DEADLINE),
    onFailure: plan.onFailure ?? 'Rollback',
    onInconclusive: plan.onInconclusive ?? 'Pause',
  };
}

/** Releases of before there was more than one kind of server say Runtime, which was MLServer. */
function readCounting(evidence: string | undefined): Counting {
  return evidence === 'Runtime' ? 'MLServer' : ((evidence ?? 'Gateway') as Counting);
}
