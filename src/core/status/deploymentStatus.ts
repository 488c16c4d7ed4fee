import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { STATUS_SCHEMA } from '../../api/names.ts';
import type { Action } from '../observed.ts';
import { findShortage, rollbackOf } from '../release/capacity.ts';
import type { Evaluation } from '../release/evaluation.ts';
import type { Outlook } from '../release/outlook.ts';
import type { Progress } from '../release/progress.ts';
import { releaseName } from '../release/start.ts';
import type { Scene, Side } from '../release/scene.ts';
import { candidateSlot, realWeightOf } from '../release/traffic.ts';
import { formatTime } from '../time.ts';
import { clip } from '../release/progress.ts';
import { stampConditions } from './conditions.ts';
import { writeStatus } from './write.ts';
import { statements, summarizeRelease, summarizeRest, type Summary } from './summary.ts';

type Status = NonNullable<ModelDeployment['status']>;

/** What callers get who use Service `<name>`. */
const IN_CLUSTER = { Gateway: 'StableOnly', ReplicaShare: 'ByReplicas', None: 'None' } as const;

export interface Releasing {
  readonly release: ModelRelease;
  readonly progress: Progress;
  readonly evaluation: Evaluation;
}

/** The status write of a ModelDeployment, under the resourceVersion that was observed; none when nothing changed. */
export function deploymentStatus(scene: Scene, state: Releasing | Outlook): readonly Action[] {
  const { deployment } = scene.observed;
  const isReleasing = 'release' in state;
  const serving = isReleasing && state.progress.promotedAt !== undefined ? candidateSide(scene, state.release) : scene.stable;
  const summary = isReleasing ? summarizeRelease(state.release, state.progress, findShortage(scene)) : summarizeRest(scene, state);
  const written: Status = {
    ...base(scene, serving, summary),
    ...(isReleasing ? releasing(scene, state, deployment.status) : resting(scene)),
  };
  const status = scene.routing === 'Gateway' ? written : withAchieved(scene, written, deployment.status);
  return writeStatus(deployment, status);
}

function candidateSide(scene: Scene, { spec }: ModelRelease): Side {
  const { version, digest, revision } = spec.to;
  return { version, digest, revision, slot: candidateSlot(scene) };
}

function base(scene: Scene, serving: Side | undefined, summary: Summary): Status {
  const { deployment } = scene.observed;
  const generation = deployment.metadata.generation ?? 0;
  return {
    schema: STATUS_SCHEMA,
    observedGeneration: generation,
    phase: summary.phase,
    ...(serving ? { stable: serving } : {}),
    traffic: { inCluster: IN_CLUSTER[scene.routing] },
    ...(scene.packages?.inspected ? { inspected: scene.packages.inspected } : {}),
    conditions: stampConditions(statements(scene, serving, summary), deployment.status?.conditions, generation, scene.now),
  };
}

function releasing(scene: Scene, { release, progress, evaluation }: Releasing, before: Status | undefined): Status {
  const judged = (progress.windows ?? []).length > 0;
  return {
    release: release.metadata.name,
    ...(progress.promotedAt === undefined
      ? { weight: stepWeight(release, progress), candidate: candidateSide(scene, release) }
      : { ...(scene.stable ? { previous: scene.stable } : {}) }),
    ...(scene.stable ? { rollback: rollbackOf(scene) } : {}),
    ...(judged ? { verdict: evaluation.verdict, verdicts: verdicts(scene, evaluation, before) } : {}),
  };
}

/** The share that pods make, as of the last change of weight or phase: the status is not written for a number alone. */
function withAchieved(scene: Scene, written: Status, before: Status | undefined): Status {
  if (!written.candidate) return written;
  const isSame = before?.phase === written.phase && before?.weight === written.weight && before?.release === written.release;
  const known = isSame ? before?.traffic?.achievedWeight : undefined;
  const achievedWeight = known ?? realWeightOf(scene, written.candidate.revision ?? '');
  return { ...written, traffic: { ...written.traffic, achievedWeight } };
}

/** Weight as of the last transition; the status is not written for the moment between a route write and its hold. */
function stepWeight(release: ModelRelease, progress: Progress): number {
  if (progress.decision === 'Promote') return 100;
  if (progress.decision !== 'Shift' || progress.unavailableSince !== undefined) return progress.timeline?.at(-1)?.weight ?? 0;
  return release.spec.plan.steps[progress.step ?? -1]?.weight ?? 0;
}

/** An operator that has just begun and has not asked yet knows no better than what the status says. */
function verdicts(scene: Scene, evaluation: Evaluation, before: Status | undefined): NonNullable<Status['verdicts']> {
  const asked = new Set(scene.observed.samples.flatMap(({ check, ticks }) => (ticks.length > 0 ? [check] : [])));
  return evaluation.checks.map((result) => {
    const isKnown = (verdict: string | undefined): boolean => verdict === result.verdict || !asked.has(result.name);
    const known = before?.verdicts?.find(({ check, verdict }) => check === result.name && isKnown(verdict));
    return known ?? { check: result.name, verdict: result.verdict, explanation: clip(result.explain(), 512), at: formatTime(scene.now) };
  });
}

function resting(scene: Scene): Status {
  const last = scene.observed.releases.at(-1);
  return last ? { release: releaseName(last.spec.deployment, last.spec.number) } : {};
}
