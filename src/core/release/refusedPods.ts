import { ANNOTATION, FIELD_MANAGER } from '../../api/names.ts';
import type { Action, WorkloadState } from '../observed.ts';
import { childName } from '../resources/revision.ts';
import { formatTime } from '../time.ts';
import type { Upkeep } from './upkeep.ts';
import type { Scene } from './scene.ts';

const FIRST_MS = 10_000;
const LONGEST_MS = 120_000;

/**
 * A ReplicaSet whose pod was refused, by a quota or for want of a ServiceAccount, tries again after twice the time each time, up to a quarter of
 * an hour, and everything that happens to its other pods meanwhile doubles it once more. So a roll-back would wait long after there is room
 * again. It tries at once when it changes, and an annotation of its Deployment is a change that it is given.
 */
export function askForPods({ observed, owner, now }: Scene): Upkeep {
  const actions: Action[] = [];
  let wakeAtMs: number | undefined;
  for (const { revision, workload } of observed.revisions.values()) {
    if (!workload) continue;
    const askAtMs = dueAtMs(workload, now);
    if (askAtMs === undefined) continue;
    if (now >= askAtMs) actions.push(ask(owner.namespace, childName(owner.name, revision), workload, now));
    const nextMs = now >= askAtMs ? now + FIRST_MS : askAtMs;
    wakeAtMs = Math.min(wakeAtMs ?? Infinity, nextMs);
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
