import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { Action } from '../observed.ts';
import { childName } from '../resources/revision.ts';
import { formatTime } from '../time.ts';
import { leastWeight, shrinkCandidate } from './capacity.ts';
import type { FailureClass } from './ledger.ts';
import { act, clip, closeWindow, enter, finish, record, wait, type Progress, type Turn } from './progress.ts';
import { revisionState, routeDecision, type Scene } from './scene.ts';
import { canCarry, selectStable, shiftTraffic, weightOf } from './traffic.ts';

export interface Failure {
  readonly class: FailureClass;
  /** One word, for tools. */
  readonly reason: string;
  /** One sentence, for people. */
  readonly message: string;
}

/**
 * Takes the candidate off: the route write comes first and needs nothing but the API server. Even when the candidate never had traffic
 * the decision goes into the route, so that another operator, still believing that it leads, cannot raise the weight any more. When there is
 * no route yet one is made that leads nowhere.
 */
export function rollBack(scene: Scene, release: ModelRelease, progress: Progress, failure: Failure): Turn {
  const weight = weightOf(scene, release.spec.to.revision);
  const least = leastWeight(scene, release);
  const decided: Progress = {
    ...enter(closeWindow(progress, scene.now), scene.now, 'RollingBack', failure.message, least),
    decision: 'RollBack',
    class: failure.class,
    reason: failure.reason,
  };
  const event = {
    type: 'Warning' as const,
    reason: 'RollingBack',
    message: `${failure.message}; ${weight} % of the traffic goes back to ${scene.stable ? `version ${scene.stable.version}` : 'nobody'}${least > 0 ? ', as its pods become Ready' : ''}`,
  };
  if (!canCarry(scene, release)) return act(decided, [], [event]);
  return act(decided, [writeRollBack(scene, release, failure, least), ...selectStableAgain(scene)], [event]);
}

/**
 * Goes on with a roll-back that the route or the record says is decided, until the gateway has taken the candidate off. Where stable has given
 * pods away its share rises as fast as they come back, and the candidate's never does.
 */
export function continueRollBack(scene: Scene, release: ModelRelease, progress: Progress): Turn {
  const written = routeDecision(scene, release);
  const failure = failureOf(progress, written?.detail, written?.message);
  const decided: Progress = { ...progress, decision: 'RollBack', class: failure.class, reason: failure.reason };
  const weight = weightOf(scene, release.spec.to.revision);
  const least = leastWeight(scene, release);
  const begun = enter(closeWindow(decided, written?.atMs ?? scene.now), scene.now, 'RollingBack', failure.message, weight);
  const entered = begun.timeline?.at(-1)?.weight === weight ? begun : record(begun, scene.now, 'RollingBack', failure.message, weight);
  if (canCarry(scene, release) && (written?.decision !== 'RollBack' || weight > least)) {
    return act(entered, [writeRollBack(scene, release, failure, least), ...selectStableAgain(scene)]);
  }
  const after = [...selectStableAgain(scene), ...endConnections(scene, release)];
  if (after.length > 0) return act(entered, after);
  if (canCarry(scene, release) && scene.observed.route?.acceptance.state !== 'Accepted') return wait(entered);
  if (weight > 0) return act(entered, shrinkCandidate(scene, release));
  return end(scene, release, entered, failure);
}

/** Once a promotion was decided callers in the cluster may reach the candidate, too. */
function selectStableAgain(scene: Scene): readonly Action[] {
  const select = scene.stable && selectStable(scene, scene.stable.revision);
  return select ? [select] : [];
}

/**
 * A Service keeps only new connections away from a candidate, and those that are open go on for as long as its pods do: they go at once. A
 * gateway takes its connections back by itself.
 */
function endConnections(scene: Scene, release: ModelRelease): readonly Action[] {
  const { revision } = release.spec.to;
  const identity = revisionState(scene, revision)?.workload?.identity;
  if (scene.routing !== 'ReplicaShare' || !scene.stable || !identity) return [];
  const { name, namespace } = scene.owner;
  return [{ type: 'Delete', apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: childName(name, revision), identity }];
}

function writeRollBack(scene: Scene, release: ModelRelease, failure: Failure, weight: number): Action {
  return shiftTraffic(scene, release, weight, {
    decision: 'RollBack',
    detail: `${failure.class}:${failure.reason}`,
    message: clip(failure.message, 1024),
  });
}

/** Why, from the record or, when that was lost, from the route. */
function failureOf(progress: Progress, detail: string | undefined, message: string | undefined): Failure {
  const [kind, reason] = (detail ?? '').split(':');
  return {
    class: progress.class ?? (kind === 'Infrastructure' || kind === 'User' ? kind : 'Evidence'),
    reason: progress.reason ?? (reason === undefined || reason === '' ? 'RolledBack' : reason),
    message:
      (progress.decision === 'RollBack' ? progress.message : undefined) ?? message ?? 'the route says that this release was rolled back',
  };
}

function end(scene: Scene, release: ModelRelease, progress: Progress, failure: Failure): Turn {
  const outcome = failure.class === 'User' ? failure.reason : scene.stable ? 'RolledBack' : 'Failed';
  const phase = scene.stable ? 'RolledBack' : 'Failed';
  const finished = finish(progress, scene.now, { ...failure, phase, outcome, weight: 0 });
  const message = `version ${release.spec.to.version} was taken off at ${formatTime(scene.now)}: ${failure.message}`;
  return act(finished, [], [{ type: failure.class === 'User' ? 'Normal' : 'Warning', reason: outcome, message }]);
}
