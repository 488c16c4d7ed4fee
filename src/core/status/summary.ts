import type { Outlook } from '../release/outlook.ts';
import { sayApproximations } from '../release/parameters.ts';
import { readyPods, revisionState, type Scene, type Side } from '../release/scene.ts';
import { storageOf } from '../resources/claims.ts';
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

/** `shortage`: why pods that are asked for cannot be had. */
export function summarizeRelease(release: ModelRelease, progress: Progress, shortage: string | undefined): Summary {
  const { to } = release.spec;
  const phase = progress.phase ?? 'Preparing';
  const message = `version ${to.version}: ${progress.message ?? 'the release has begun'}`;
  switch (phase) {
    case 'Paused':
      return { phase, ready: false, motion: 'AtRest', reason: 'Paused', message };
    case 'Frozen':
      return { phase, ready: false, motion: 'Stalled', reason: 'Frozen', message };
    case 'Watching':
      return { phase, ready: true, motion: 'AtRest', reason: 'Serving', message: progress.message ?? message };
    default:
      return shortage === undefined
        ? { phase, ready: false, motion: 'Reconciling', reason: 'Releasing', message }
        : { phase, ready: false, motion: 'Reconciling', reason: 'InsufficientCapacity', message: shortage };
  }
}

export function summarizeRest(scene: Scene, outlook: Outlook): Summary {
  const { target } = scene;
  if (target.state === 'Refused')
    return { phase: 'Refused', ready: false, motion: 'Stalled', reason: target.reason, message: target.message };
  if (target.state === 'Waiting')
    return { phase: 'Waiting', ready: false, motion: 'Reconciling', reason: target.reason, message: target.message };
  switch (outlook.state) {
    case 'KnownBad':
    case 'Aborted':
    case 'GivenUp':
      return summarizeHeldBack(scene, outlook);
    case 'RetryAt': {
      const last = outlook.last.status;
      const message = `version ${target.snapshot.version} is tried again at ${formatTime(outlook.atMs)}; last attempt: ${last?.message ?? 'failed'}`;
      return { phase: 'Waiting', ready: false, motion: 'Reconciling', reason: last?.reason ?? 'InfrastructureFailure', message };
    }
    case 'Paused': {
      const message = `spec.rollout.paused is true: version ${outlook.version} is not released before it is removed`;
      return { phase: 'Paused', ready: false, motion: 'AtRest', reason: 'Paused', message };
    }
    case 'Settled':
    case 'Start':
      return summarizeServing(scene, target.snapshot.version);
  }
}

function summarizeServing(scene: Scene, version: string): Summary {
  const { stable, observed } = scene;
  const serves = stable !== undefined && readyPods(scene, stable.revision) > 0;
  if (!serves)
    return { phase: 'Serving', ready: false, motion: 'Reconciling', reason: 'NoReadyPods', message: `version ${version} has no Ready pod` };
  const route = observed.route?.acceptance;
  if (route?.state === 'Refused')
    return { phase: 'Serving', ready: false, motion: 'Stalled', reason: 'RouteRefused', message: route.message };
  if (route?.state === 'Pending')
    return { phase: 'Serving', ready: false, motion: 'Reconciling', reason: 'RoutePending', message: route.message };
  return { phase: 'Serving', ready: true, motion: 'AtRest', reason: 'Serving', message: `version ${version} serves` };
}

type HeldBack = Extract<Outlook, { readonly state: 'KnownBad' | 'Aborted' | 'GivenUp' }>;

/** The revision that the spec asks for is not tried again by itself; what served goes on serving. */
function summarizeHeldBack({ stable, observed }: Scene, outlook: HeldBack): Summary {
  const { last } = outlook;
  const { version } = last.spec.to;
  const again = `It is not tried again by itself: give another version, change its runtime, or set spec.rollout.retry {version: "${version}", token: <a new one>}`;
  const message = `${stable ? `version ${stable.version} serves; ` : ''}${sayHeldBack(outlook)}. ${again}`;
  if (!stable && outlook.state === 'KnownBad')
    return { phase: 'Failed', ready: false, motion: 'Stalled', reason: 'FirstVersionFailed', message };
  const reason = HELD_BACK[observed.releases.at(-1) === last ? 'Newest' : 'Earlier'][outlook.state];
  return stable
    ? { phase: 'RolledBack', ready: false, motion: 'Stalled', reason, message }
    : { phase: 'Failed', ready: false, motion: 'Stalled', reason, message };
}

const HELD_BACK = {
  Newest: { KnownBad: 'RolledBack', Aborted: 'Aborted', GivenUp: 'RetriesExhausted' },
  Earlier: { KnownBad: 'KnownBad', Aborted: 'Aborted', GivenUp: 'RetriesExhausted' },
} as const;

function sayHeldBack(outlook: HeldBack): string {
  const { number, to } = outlook.last.spec;
  const why = outlook.last.status?.message;
  switch (outlook.state) {
    case 'KnownBad':
      return `release ${number} found version ${to.version} bad: ${why ?? 'it failed on evidence'}`;
    case 'Aborted':
      return `release ${number}: ${why ?? `version ${to.version} was aborted`}`;
    case 'GivenUp':
      return `version ${to.version} failed ${outlook.attempts} times for want of infrastructure, the last time: ${why ?? 'for a reason that was lost'}`;
  }
}

/** Where the next pod of a revision gets its bytes, for whoever asks what happens when the source is away. */
function whence(scene: Scene, revision: string): string {
  const template = revisionState(scene, revision)?.snapshot?.template;
  if (template === undefined) return '';
  const claim = storageOf(template);
  return claim === undefined ? '; new ones fetch from the source' : `; new ones take the copy in claim ${claim} first`;
}

/** The conditions that a summary amounts to. */
export function statements(scene: Scene, serving: Side | undefined, summary: Summary): readonly Statement[] {
  const { phase, ready, motion, reason, message } = summary;
  const { target, checks, observed } = scene;
  const available = serving !== undefined && readyPods(scene, serving.revision) > 0;
  const all: Statement[] = [
    { type: 'Ready', status: ready ? 'True' : 'False', reason, message },
    available
      ? {
          type: 'Available',
          status: 'True',
          reason: 'Serving',
          message: `version ${serving.version} has Ready pods${whence(scene, serving.revision)}`,
        }
      : {
          type: 'Available',
          status: 'False',
          reason: serving ? 'NoReadyPods' : phase === 'Failed' ? 'FirstVersionFailed' : 'NoVersionYet',
          message: serving ? `version ${serving.version} has no Ready pod` : message,
        },
  ];
  const refused = observed.route?.acceptance;
  // What cannot judge the next release is told before there is one; it takes nothing from what serves or is being released.
  const refusal = target.state === 'Refused' ? target : checks.refusal;
  if (refusal) all.push({ type: 'Accepted', status: 'False', reason: refusal.reason, message: refusal.message });
  else if (refused?.state === 'Refused') all.push({ type: 'Accepted', status: 'False', reason: 'RouteRefused', message: refused.message });
  else {
    const said = sayApproximations(scene);
    const message = `the spec can be carried out${said === undefined ? '' : `; ${said}`}`;
    all.push({ type: 'Accepted', status: 'True', reason: 'Accepted', message });
  }
  if (scene.packages) all.push(scene.packages.statement);
  if (motion !== 'AtRest') all.push({ type: motion, status: 'True', reason, message });
  return all;
}
