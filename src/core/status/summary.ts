import { readyPods, type Scene } from '../release/scene.ts';
import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { formatTime } from '../time.ts';
import type { Progress } from '../release/progress.ts';
import type { Statement } from './conditions.ts';

/** The state of a deployment in one word and one sentence: one row of the table in docs/conditions.md. */
export interface Summary {
  readonly phase: string;
  readonly ready: boolean;
  /** Reconciling and Stalled are never both there; neither is in a state that rests. */
  readonly motion: 'Reconciling' | 'Stalled' | 'AtRest';
  readonly reason: string;
  readonly message: string;
}

/** Rests: nothing is being released. `condemned`: the release that made the wanted revision known-bad; `retryAt`: when it is tried again. */
export interface Rest {
  readonly condemned: ModelRelease | undefined;
  readonly retryAt: number | undefined;
}

export function summarizeRelease(release: ModelRelease, progress: Progress): Summary {
  const { to } = release.spec;
  const phase = progress.phase ?? 'Preparing';
  const message = `version ${to.version}: ${progress.message ?? 'the release has begun'}`;
  if (phase === 'Paused') return { phase, ready: false, motion: 'AtRest', reason: 'Paused', message };
  return { phase, ready: false, motion: 'Reconciling', reason: 'Releasing', message };
}

export function summarizeRest(scene: Scene, { condemned, retryAt }: Rest): Summary {
  const { target, stable, observed } = scene;
  if (target.state === 'Refused')
    return { phase: 'Refused', ready: false, motion: 'Stalled', reason: target.reason, message: target.message };
  if (target.state === 'Waiting')
    return { phase: 'Waiting', ready: false, motion: 'Reconciling', reason: target.reason, message: target.message };
  if (condemned) return summarizeCondemned(scene, condemned, observed.releases.at(-1) === condemned);
  const { version } = target.snapshot;
  if (retryAt !== undefined) {
    const last = observed.releases.at(-1)?.status;
    const message = `version ${version} is tried again at ${formatTime(retryAt)}; last attempt: ${last?.message ?? 'failed'}`;
    return { phase: 'Waiting', ready: false, motion: 'Reconciling', reason: last?.reason ?? 'InfrastructureFailure', message };
  }
  const serves = stable !== undefined && readyPods(scene, stable.revision) > 0;
  if (!serves)
    return { phase: 'Serving', ready: false, motion: 'Reconciling', reason: 'NoReadyPods', message: `version ${version} has no Ready pod` };
  const route = observed.route?.acceptance;
  if (route?.state === 'Refused')
    return { phase: 'Serving', ready: false, motion: 'Stalled', reason: 'RouteRefused', message: route.message };
  return { phase: 'Serving', ready: true, motion: 'AtRest', reason: 'Serving', message: `version ${version} serves` };
}

function summarizeCondemned({ stable }: Scene, condemned: ModelRelease, isNewest: boolean): Summary {
  const { version } = condemned.spec.to;
  const why = condemned.status?.message ?? 'it failed on evidence';
  const say = `release ${condemned.spec.number} found version ${version} bad: ${why}. It is not tried again: give another version, or change its runtime`;
  if (!stable) return { phase: 'Failed', ready: false, motion: 'Stalled', reason: 'FirstVersionFailed', message: say };
  const reason = isNewest ? 'RolledBack' : 'KnownBad';
  return { phase: 'RolledBack', ready: false, motion: 'Stalled', reason, message: `version ${stable.version} serves; ${say}` };
}

/** The conditions that a summary amounts to. */
export function statements(scene: Scene, summary: Summary): readonly Statement[] {
  const { phase, ready, motion, reason, message } = summary;
  const { stable, target, observed } = scene;
  const available = stable !== undefined && readyPods(scene, stable.revision) > 0;
  const all: Statement[] = [
    { type: 'Ready', status: ready ? 'True' : 'False', reason, message },
    available
      ? { type: 'Available', status: 'True', reason: 'Serving', message: `version ${stable.version} has Ready pods` }
      : {
          type: 'Available',
          status: 'False',
          reason: stable ? 'NoReadyPods' : phase === 'Failed' ? 'FirstVersionFailed' : 'NoVersionYet',
          message: stable ? `version ${stable.version} has no Ready pod` : message,
        },
  ];
  const refused = observed.route?.acceptance;
  if (target.state === 'Refused') all.push({ type: 'Accepted', status: 'False', reason: target.reason, message: target.message });
  else if (refused?.state === 'Refused') all.push({ type: 'Accepted', status: 'False', reason: 'RouteRefused', message: refused.message });
  else all.push({ type: 'Accepted', status: 'True', reason: 'Accepted', message: 'the spec can be carried out' });
  if (motion !== 'AtRest') all.push({ type: motion, status: 'True', reason, message });
  return all;
}
