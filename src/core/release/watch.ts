import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { blame } from '../resources/podTrouble.ts';
import { durationMs, formatTime, parseTime, sayDuration } from '../time.ts';
import { isAsked } from './control.ts';
import type { Evaluation } from './evaluation.ts';
import { fail, isFrozen } from './failure.ts';
import type { Parameters } from './parameters.ts';
import { ensureRevision, snapshotOf } from './pods.ts';
import { act, enter, finish, wait, type Progress, type Turn } from './progress.ts';
import { decide } from './promotion.ts';
import { rollBack } from './rollback.ts';
import { readyPods, revisionState, routeDecision, type Scene } from './scene.ts';
import { aborted, afterFreeze, changedSpec } from './user.ts';
import { failureOf } from './verdict.ts';

/** The candidate serves everything by now, and the version before is kept: the release is not over yet. */
export function isWatching(progress: Progress | undefined): boolean {
  return progress?.promotedAt !== undefined && progress.decision === 'Promote' && progress.finishedAt === undefined;
}

/**
 * After the promotion: at once the end if the version before is not to be kept. Otherwise it stays at its size for that time, limits, alerts,
 * the frozen baseline and the pods' readiness are watched, and whatever speaks against the new version rolls back by one write.
 */
export function watch(scene: Scene, release: ModelRelease, before: Progress, parameters: Parameters, evaluation: Evaluation): Turn {
  const written = routeDecision(scene, release);
  const progress = decide(scene, before, written?.atMs ?? scene.now, written?.message ?? '');
  const promotedMs = parseTime(before.promotedAt) ?? written?.atMs ?? scene.now;
  const untilMs = promotedMs + keepMs(scene);
  const why = isAsked(release, 'Abort') ? aborted(release) : changedSpec(scene, release);
  if (why && (why.reason !== 'Superseded' || isFrozen(progress))) return rollBack(scene, release, progress, afterFreeze(progress, why));
  if (isFrozen(progress)) return isAsked(release, 'Promote') ? end(scene, release, progress) : wait(progress);
  if (why || untilMs <= scene.now) return end(scene, release, progress);
  const watched = begin(scene, release, progress, promotedMs, untilMs, parameters);
  const trouble = guardServing(scene, release, watched, parameters);
  if (trouble) return trouble;
  const failure = failureOf(scene, release, evaluation);
  if (failure) return fail(scene, release, watched, parameters, failure);
  const snapshot = snapshotOf(scene, release);
  return { ...wait(watched, untilMs), actions: snapshot ? ensureRevision(scene, snapshot, scene.size) : [] };
}

function keepMs({ observed, stable }: Scene): number {
  return stable ? durationMs(observed.deployment.spec.rollout?.keepPrevious?.for, '0s') : 0;
}

/** Evidence since the promotion counts from the first look after the gateway's statistics have caught up. */
function begin(
  scene: Scene,
  release: ModelRelease,
  progress: Progress,
  promotedMs: number,
  untilMs: number,
  { intervalMs, settleMs, steps }: Parameters,
): Progress {
  const message = `version ${release.spec.to.version} serves; version ${scene.stable?.version ?? ''} is kept until ${formatTime(untilMs)}, to go back to by one write`;
  const entered = enter(progress, scene.now, 'Watching', message, 100);
  if (progress.promotedAt !== undefined) return entered;
  const from = formatTime(Math.ceil((promotedMs + settleMs) / intervalMs) * intervalMs);
  return { ...entered, promotedAt: formatTime(promotedMs), windows: [...(progress.windows ?? []), { step: steps.length, weight: 100, from }] };
}

/** Its requests fail while not one of its pods is Ready, and no check would see them. */
function guardServing(scene: Scene, release: ModelRelease, progress: Progress, parameters: Parameters): Turn | undefined {
  const { revision, version } = release.spec.to;
  const isGone = readyPods(scene, revision) === 0;
  if (!isGone) {
    if (progress.unavailableSince === undefined) return undefined;
    const { unavailableSince: _, ...recovered } = progress;
    return act(recovered, []);
  }
  const sinceMs = parseTime(progress.unavailableSince) ?? scene.now;
  const deadlineMs = sinceMs + parameters.unavailableGraceMs;
  if (scene.now < deadlineMs) return wait({ ...progress, unavailableSince: formatTime(sinceMs) }, deadlineMs);
  const trouble = revisionState(scene, revision)?.trouble;
  return fail(scene, release, progress, parameters, {
    class: blame(trouble, parameters.unavailableGraceMs, scene.now),
    reason: 'CandidateUnavailable',
    message: `version ${version} had no Ready pod for longer than ${sayDuration(parameters.unavailableGraceMs)} after its promotion${trouble ? `: ${trouble.message}` : ''}`,
  });
}

function end(scene: Scene, release: ModelRelease, progress: Progress): Turn {
  const message = `version ${release.spec.to.version} serves: ${routeDecision(scene, release)?.message ?? 'it was promoted'}`;
  const finished = finish(progress, scene.now, { phase: 'Promoted', outcome: 'Promoted', reason: 'Promoted', message, weight: 100 });
  return act(finished, [], [{ type: 'Normal', reason: 'Promoted', message }]);
}
