import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import type { Action, KubeObject, PodTrouble, RevisionState } from '../observed.ts';
import { controllerRevision, disruptionBudget, revisionService, workload } from '../resources/children.ts';
import { blame, quotaTrouble, troubleOfEvent } from '../resources/podTrouble.ts';
import type { Snapshot } from '../resources/revision.ts';
import { parseTime } from '../time.ts';
import { portOf, readyPods, renderingOf, revisionState, type Scene } from './scene.ts';
import type { FailureClass } from './ledger.ts';

/** The rendering of the revision that a release is about; undefined when neither a record nor the spec has it any more. */
export function snapshotOf(scene: Scene, release: ModelRelease): Snapshot | undefined {
  return renderingOf(scene, release.spec.to.revision);
}

/**
 * What is missing of a revision's children. Existing ones are left alone: a revision never changes, only its size does. Pods that were scaled
 * before `notBeforeMs` are left from an earlier attempt; they are written once more, so that who still means to clean up after it is refused.
 * That time is the API server's, whose clock may be ahead of ours.
 */
export function ensureRevision(scene: Scene, snapshot: Snapshot, replicas: number, notBeforeMs = 0): readonly Action[] {
  const { owner, now } = scene;
  const state = revisionState(scene, snapshot.revision);
  const missing: KubeObject[] = [];
  if (!state?.snapshot) missing.push(controllerRevision(owner, snapshot));
  if (!state?.service) missing.push(revisionService(owner, snapshot.revision, portOf(scene, snapshot.revision)));
  if (!state?.hasDisruptionBudget) missing.push(disruptionBudget(owner, snapshot.revision));
  const known = state?.workload;
  if (known?.replicas !== replicas || (known.scaledAtMs ?? 0) < notBeforeMs)
    missing.push(workload(owner, snapshot, replicas, Math.max(now, notBeforeMs), known?.identity));
  return missing.map((object) => applyChild(object, object.kind !== 'Deployment' || !known));
}

function applyChild(object: KubeObject, expectAbsent: boolean): Action {
  return { type: 'Apply', object, fieldManager: FIELD_MANAGER.children, expectAbsent };
}

/** What pods whose rendering is lost can still be given: without their Service every request to them fails. */
export function ensureService(scene: Scene, revision: string): readonly Action[] {
  const state = revisionState(scene, revision);
  if (!state?.workload || state.service) return [];
  return [applyChild(revisionService(scene.owner, revision, portOf(scene, revision)), true)];
}

/** The worst thing known about a revision's pods. Pods that a quota does not let be are worse than those that are not Ready yet. */
export function troubleOf(state: RevisionState | undefined): PodTrouble | undefined {
  const refused = quotaTrouble(state?.workload?.failure);
  return state?.trouble?.reason === 'NotReady' ? (refused ?? state.trouble) : (state?.trouble ?? refused);
}

/** Pods are asked what keeps them after this, and again: nothing tells when one begins to fail. */
const LOOK_AGAIN_MS = 5000;

export type PodsState =
  | { readonly state: 'Ready' }
  | {
      readonly state: 'Starting';
      readonly actions: readonly Action[];
      readonly message: string;
      /** What keeps them from being Ready and does not pass by itself. */
      readonly trouble: Pick<PodTrouble, 'reason' | 'message'> | undefined;
      readonly sinceMs: number;
      readonly wakeAtMs: number;
    }
  | { readonly state: 'Failed'; readonly class: FailureClass; readonly reason: string; readonly message: string };

/**
 * Brings a candidate to `replicas` Ready pods. It never shrinks one: capacity that a step got is kept until the release ends. The deadline
 * counts from the last change of size and not from signs of progress, since a pod that crashes and comes back is not progress.
 */
export function bringUp(scene: Scene, snapshot: Snapshot, replicas: number, deadlineMs: number): PodsState {
  const state = revisionState(scene, snapshot.revision);
  const wanted = Math.max(replicas, state?.workload?.replicas ?? 0);
  const startedMs = parseTime(scene.active?.metadata.creationTimestamp) ?? 0;
  const actions = ensureRevision(scene, snapshot, wanted, startedMs);
  if (actions.length === 0 && readyPods(scene, snapshot.revision) >= replicas) return { state: 'Ready' };
  const since = actions.length === 0 ? (state?.workload?.scaledAtMs ?? scene.now) : scene.now;
  const trouble = troubleOf(state) ?? troubleOfWorkload(state?.workload?.failure);
  if (scene.now >= since + deadlineMs) {
    const cause = trouble?.message ?? 'its pods did not become Ready in time';
    return {
      state: 'Failed',
      class: blame(trouble, deadlineMs / 2, scene.now),
      reason: trouble?.reason ?? 'ProgressDeadlineExceeded',
      message: `version ${snapshot.version} had no ${replicas} Ready pods within its progress deadline: ${cause}`,
    };
  }
  // A pod that starts is not Ready yet: that is no news, and telling it would only cost writes.
  const waiting = trouble?.reason === 'NotReady' ? undefined : trouble;
  return {
    state: 'Starting',
    actions,
    message: `waiting for ${replicas} Ready pods of version ${snapshot.version}${waiting ? `: ${waiting.message}` : ''}`,
    trouble: waiting,
    sinceMs: since,
    wakeAtMs: Math.min(since + deadlineMs, scene.now + LOOK_AGAIN_MS),
  };
}

/** A Deployment that cannot make its pods says why in the words of its Event. */
function troubleOfWorkload(failure: string | undefined): PodTrouble | undefined {
  return failure === undefined ? undefined : troubleOfEvent({ reason: 'FailedCreate', message: failure });
}
