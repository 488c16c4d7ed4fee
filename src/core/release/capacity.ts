import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { Action } from '../observed.ts';
import { ensureRevision, snapshotOf, troubleOf } from './pods.ts';
import { decisionOf, podsFor, readyPods, revisionState, type Scene } from './scene.ts';
import { weightOf } from './traffic.ts';

/** Pods that the two versions have while they share the traffic, by the plan of the release. */

/** Pods of the candidate before it gets `weight` percent. */
export function candidatePods(scene: Scene, weight: number): number {
  return scene.active?.spec.plan.capacity?.candidate === 'Full' ? scene.size : podsFor(scene, weight);
}

/**
 * Pods of the version that serves. Where it releases them it keeps what it has, unless its share needs more; it gets all of them back when the
 * candidate is taken off or cannot carry its own share.
 */
export function stablePods(scene: Scene): number {
  const { active, stable, size } = scene;
  if (!active || !stable || !releasesStable(scene)) return size;
  const decision = decisionOf(scene, active);
  if (decision === 'RollBack' || (decision === 'Shift' && active.status?.unavailableSince !== undefined)) return size;
  const kept = Math.min(size, revisionState(scene, stable.revision)?.workload?.replicas ?? size);
  return decision === 'Promote' ? kept : Math.max(kept, shareOfStable(scene, active));
}

/** What it takes to make stable give up the pods that its share does not need, once a step has been held and before the next one. */
export function shrinkStable(scene: Scene, release: ModelRelease): readonly Action[] {
  const { stable } = scene;
  if (!stable || !releasesStable(scene) || release.status?.unavailableSince !== undefined) return [];
  const state = revisionState(scene, stable.revision);
  const needed = shareOfStable(scene, release);
  if (!state?.snapshot || !state.workload || state.workload.replicas <= needed) return [];
  return ensureRevision(scene, state.snapshot, needed);
}

/** Gives back the pods that a candidate's falling share does not need: stable may be waiting for their place. */
export function shrinkCandidate(scene: Scene, release: ModelRelease): readonly Action[] {
  const { revision } = release.spec.to;
  const snapshot = snapshotOf(scene, release);
  const needed = podsFor(scene, weightOf(scene, revision));
  const replicas = revisionState(scene, revision)?.workload?.replicas ?? 0;
  return snapshot && replicas > needed ? ensureRevision(scene, snapshot, needed) : [];
}

/**
 * The lowest weight of the candidate with which stable gets no more than its Ready pods carry; 0 where stable kept its pods. A candidate
 * without a Ready pod carries nothing, and stable takes all, few as its pods may be.
 */
export function leastWeight(scene: Scene, release: ModelRelease): number {
  const { stable, size } = scene;
  const { revision } = release.spec.to;
  if (!stable || !releasesStable(scene) || readyPods(scene, revision) === 0) return 0;
  const carried = Math.floor((100 * readyPods(scene, stable.revision)) / size);
  return Math.min(weightOf(scene, revision), Math.max(0, 100 - carried));
}

/** What taking the candidate off would need now, in the words of status.rollback. */
export function rollbackOf(scene: Scene): string {
  const { active, stable, size } = scene;
  if (!active || !stable || !releasesStable(scene)) return 'Instant';
  const isOver = decisionOf(scene, active) === 'RollBack';
  const pods = isOver ? readyPods(scene, stable.revision) : (revisionState(scene, stable.revision)?.workload?.replicas ?? 0);
  return pods < size ? `NeedsPods(${size - pods})` : 'Instant';
}

/** Why pods that are asked for cannot be had, in the words of the scheduler or the API server; undefined when that is not what is missing. */
export function findShortage(scene: Scene): string | undefined {
  const sides = [scene.active?.spec.to, scene.stable].filter((side) => side !== undefined);
  for (const { revision, version } of sides) {
    const state = revisionState(scene, revision);
    const trouble = troubleOf(state);
    if (state?.workload && state.workload.readyReplicas < state.workload.replicas && trouble?.reason === 'InsufficientCapacity')
      return `version ${version} waits for pods: ${trouble.message}`;
  }
  return undefined;
}

function releasesStable({ active, routing }: Scene): boolean {
  return routing === 'Gateway' && active?.spec.plan.capacity?.stable === 'Release';
}

/** Pods that stable's present share needs. One at least: there is no route without anybody behind it. */
function shareOfStable(scene: Scene, release: ModelRelease): number {
  return podsFor(scene, 100 - weightOf(scene, release.spec.to.revision));
}
