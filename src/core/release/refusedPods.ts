import { ANNOTATION, FIELD_MANAGER } from '../../api/names.ts';
import type { Action, WorkloadState } from '../observed.ts';
import { childName } from '../resources/revision.ts';
import { formatTime } from '../time.ts';
import type { Upkeep } from './upkeep.ts';
import { revisionState, type Scene } from './scene.ts';

const FIRST_MS = 10_000;
const LONGEST_MS = 120_000;

/**
 * A ReplicaSet whose pod was refused, by a quota or for want of a ServiceAccount, tries again after twice the time each time, up to a quarter of
 * an hour, and everything that happens to its other pods meanwhile doubles it once more. So a roll-back would wait long after there is room
 * again. It tries at once when it changes, and an annotation of its Deployment is a change that it is given.
 */
export function askForPods(scene: Scene): Upkeep {
  const { owner, now, stable, active } = scene;
  const actions: Action[] = [];
  let wakeAtMs: number | undefined;
  // Pods of other revisions are being taken away.
  for (const side of [stable, active?.spec.to]) {
    const workload = side && revisionState(scene, side.revision)?.workload;
    if (!workload) continue;
    const askAtMs = dueAtMs(workload, now);
    if (askAtMs === undefined) continue;
    const isDue = now >= askAtMs;
    if (isDue) actions.push(ask(owner.namespace, childName(owner.name, side.revision), workload, now));
    wakeAtMs = Math.min(wakeAtMs ?? Infinity, isDue ? now + FIRST_MS : askAtMs);
  }
  return { actions, wakeAtMs };
}

/** When to ask next: soon at first, then after a quarter of the time that it has lasted. */
function dueAtMs({ failure, replicas, readyReplicas, scaledAtMs = 0, askedAtMs = 0 }: WorkloadState, now: number): number | undefined {
  if (failure === undefined || readyReplicas >= replicas) return undefined;
  const pauseMs = Math.min(LONGEST_MS, Math.max(FIRST_MS, (now - scaledAtMs) / 4));
  return Math.max(scaledAtMs, askedAtMs) + pauseMs;
}

function ask(namespace: string, name: string, { identity }: WorkloadState, now: number): Action {
  const metadata = { name, namespace, uid: identity.uid, annotations: { [ANNOTATION.askedAt]: formatTime(now) } };
  return { type: 'Apply', object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata }, fieldManager: FIELD_MANAGER.pods };
}
