import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { durationMs, formatDuration } from '../time.ts';
import { sayShares } from '../traffic/shares.ts';
import { countingOf, type Counting } from './counting.ts';
import type { Scene } from './scene.ts';

/** Steps and checks as the user wrote them or, where they did not, as the defaults have it; and the snapshot of them that a release keeps. */

export interface Step {
  readonly name?: string | undefined;
  readonly weight: number;
  readonly holdMs: number;
}

interface Margins {
  /** (1 + margin) x stable's rate is acceptable. */
  readonly margin: number;
  /** A rate that is always acceptable. */
  readonly floor: number;
}

export type Check =
  | ({ readonly type: 'errorRate'; readonly name: string } & Margins)
  | ({ readonly type: 'latency'; readonly name: string; readonly slowerThanMs: number } & Margins)
  | {
      readonly type: 'limit';
      readonly name: string;
      readonly promql: string;
      readonly min: number | undefined;
      readonly max: number | undefined;
    };

/** A release's plan: fixed at its start, so that nobody loosens a gate under a running release. */
export interface Parameters {
  readonly steps: readonly Step[];
  readonly checks: readonly Check[];
  /** Who counts the requests of the two versions. */
  readonly counting: Counting;
  readonly intervalMs: number;
  readonly minRequests: number;
  readonly settleMs: number;
  readonly unavailableGraceMs: number;
  readonly progressDeadlineMs: number;
  readonly evidenceDeadlineMs: number;
  readonly onFailure: 'Rollback' | 'Freeze';
  readonly onInconclusive: 'Pause' | 'Rollback';
}

type PlanSnapshot = ModelRelease['spec']['plan'];
type CheckSpec = NonNullable<NonNullable<ModelDeployment['spec']['analysis']>['checks']>[number];
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
export const DEFAULT_MARGIN = '50%';
export const DEFAULT_ERROR_FLOOR = '0.5%';
const DEFAULT_CHECKS: readonly CheckSpec[] = [
  { name: 'errors', errorRate: {} },
  { name: 'latency', latency: { slowerThan: '250ms' } },
];

/**
 * The snapshot that a new release keeps. `settle` is the administrator's setting at this moment. A first revision has nothing to share the
 * traffic with and nothing to be compared with: no steps, no checks.
 */
export function planSnapshot(deployment: ModelDeployment, settleMs: number, isFirst: boolean): PlanSnapshot {
  const { rollout, analysis } = deployment.spec;
  const counting = countingOf(deployment);
  return {
    ...(isFirst ? { steps: [], checks: [] } : { ...comparison(deployment), capacity: capacityOf(deployment) }),
    ...(counting === 'Gateway' ? {} : { evidence: counting }),
    interval: analysis?.interval ?? DEFAULT_INTERVAL,
    minRequests: analysis?.minRequests ?? DEFAULT_MIN_REQUESTS,
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
          comparison(observed.deployment).steps.map(({ weight }) => weight),
          size,
        );
  return said === undefined ? undefined : `shares are made by the number of pods: ${said}; more replicas make finer shares`;
}

function capacityOf({ spec }: ModelDeployment): NonNullable<PlanSnapshot['capacity']> {
  const { candidate = 'Proportional', stable = 'Hold' } = spec.rollout?.capacity ?? {};
  return { candidate, stable };
}

function comparison(deployment: ModelDeployment): Pick<PlanSnapshot, 'steps' | 'checks'> {
  const { rollout, analysis } = deployment.spec;
  return {
    steps: (rollout?.steps ?? DEFAULT_STEPS).map((step) => ({ ...step, hold: step.hold ?? '0s' })),
    checks: (analysis?.checks ?? DEFAULT_CHECKS).map(checkSnapshot),
  };
}

function checkSnapshot(check: CheckSpec): CheckSnapshot {
  const { name } = check;
  if (check.errorRate) {
    return { name, type: 'errorRate', parameters: margins(check.errorRate, DEFAULT_ERROR_FLOOR) };
  }
  if (check.latency) {
    return { name, type: 'latency', parameters: { slowerThan: check.latency.slowerThan, ...margins(check.latency, '1%') } };
  }
  if (check.limit) {
    const { query, min, max } = check.limit;
    return { name, type: 'limit', parameters: { query, ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) } };
  }
  throw new Error(`check ${name} has no kind that this operator knows, though the schema admits no other`);
}

function margins(spec: { relativeMargin?: string | undefined; absoluteFloor?: string | undefined }, floor: string): Record<string, string> {
  return { relativeMargin: spec.relativeMargin ?? DEFAULT_MARGIN, absoluteFloor: spec.absoluteFloor ?? floor };
}

/** The plan of a release, read back from its snapshot. */
export function parametersOf(release: ModelRelease): Parameters {
  const { plan } = release.spec;
  return {
    steps: plan.steps.map(({ name, weight, hold }) => ({ name, weight, holdMs: durationMs(hold, '0s') })),
    checks: plan.checks.map(readCheck),
    intervalMs: durationMs(plan.interval, DEFAULT_INTERVAL),
    // What nobody counts cannot be waited for.
    minRequests: plan.evidence === 'Nobody' ? 0 : plan.minRequests,
    counting: plan.evidence ?? 'Gateway',
    settleMs: durationMs(plan.settle, '10s'),
    unavailableGraceMs: durationMs(plan.unavailableGrace, '30s'),
    progressDeadlineMs: durationMs(plan.progressDeadline, '15m'),
    evidenceDeadlineMs: durationMs(plan.evidenceDeadline, DEFAULT_EVIDENCE_DEADLINE),
    onFailure: plan.onFailure ?? 'Rollback',
    onInconclusive: plan.onInconclusive ?? 'Pause',
  };
}

function readCheck({ name, type, parameters = {} }: CheckSnapshot): Check {
  switch (type) {
    case 'errorRate':
      return { type, name, ...readMargins(parameters) };
    case 'latency':
      return { type, name, slowerThanMs: durationMs(parameters['slowerThan'], '250ms'), ...readMargins(parameters) };
    case 'limit':
      return { type, name, promql: parameters['query'] ?? '', min: readNumber(parameters['min']), max: readNumber(parameters['max']) };
    default:
      throw new Error(`release has check ${name} of type ${type}, which this operator does not know: it was written by a newer one`);
  }
}

function readMargins(parameters: Readonly<Record<string, string>>): Margins {
  return { margin: readPercent(parameters['relativeMargin']), floor: readPercent(parameters['absoluteFloor']) };
}

/** `0.5%` -> 0.005. */
function readPercent(text: string | undefined): number {
  return Number((text ?? '0%').replace('%', '')) / 100;
}

function readNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
