import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { blame } from '../resources/podTrouble.ts';
import { formatTime, parseTime, sayDuration } from '../time.ts';
import { shareOf } from '../traffic/shares.ts';
import { leastWeight } from './capacity.ts';
import { fail } from './failure.ts';
import type { Parameters } from './parameters.ts';
import { act, closeWindow, enter, wait, type Progress, type Turn } from './progress.ts';
import { podsFor, readyPods, revisionState, routeDecision, type Scene } from './scene.ts';
import { shiftTraffic, weightOf } from './traffic.ts';

/**
 * Stands outside all analysis: requests to a candidate without Ready pods fail at the gateway and are charged to no version, so no check
 * would ever see them. The weight falls to what the Ready pods carry at once; past the grace the release rolls back.
 * Undefined when the candidate's pods can carry its weight.
 */
export function guardReadiness(scene: Scene, release: ModelRelease, progress: Progress, parameters: Parameters): Turn | undefined {
  const { revision, version } = release.spec.to;
  const weight = weightOf(scene, revision);
  const ready = readyPods(scene, revision);
  const written = routeDecision(scene, release);
  if (!written) return undefined;
  const isShort = weight > 0 && ready < needed(scene, revision, weight);
  if (isShort && carriedBy(scene, release, ready) < weight) {
    const carried = carriedBy(scene, release, ready);
    const message = `version ${version} has too few Ready pods for its share`;
    const down = { ...closeWindow(progress, scene.now), unavailableSince: progress.unavailableSince ?? formatTime(scene.now) };
    const write = shiftTraffic(scene, release, carried, { decision: 'Shift', detail: written.detail, message });
    return act(
      enter(down, scene.now, 'Scaling', message, carried),
      [write],
      [
        {
          type: 'Warning',
          reason: 'CandidateUnavailable',
          message: `${message}: its weight falls from ${weight} % to ${carried} % at once`,
        },
      ],
    );
  }
  if (isShort && progress.unavailableSince === undefined) return act({ ...progress, unavailableSince: formatTime(scene.now) }, []);
  if (progress.unavailableSince === undefined) return undefined;
  const step = parameters.steps[Number(written.detail)];
  if (step && ready >= needed(scene, revision, step.weight)) return undefined;
  const since = parseTime(progress.unavailableSince) ?? written.atMs;
  if (scene.now < since + parameters.unavailableGraceMs) return wait(progress, since + parameters.unavailableGraceMs);
  const trouble = revisionState(scene, revision)?.trouble;
  return fail(scene, release, progress, parameters, {
    class: blame(trouble, parameters.unavailableGraceMs, scene.now),
    reason: 'CandidateUnavailable',
    message: `version ${version} had too few Ready pods for its share for longer than ${sayDuration(parameters.unavailableGraceMs)}${trouble ? `: ${trouble.message}` : ''}`,
  });
}

/** Percent that so many Ready pods of the candidate carry, or that it has to carry since stable has given its own pods away. */
function carriedBy(scene: Scene, release: ModelRelease, ready: number): number {
  if (scene.routing !== 'Gateway') return Math.floor(shareOf(ready, scene.size));
  return Math.max(Math.floor((100 * ready) / scene.size), leastWeight(scene, release));
}

/** Pods that must be Ready: those of the share, but no more than were asked for. When `spec.replicas` grows it is not the candidate that fails. */
function needed(scene: Scene, revision: string, weight: number): number {
  const asked = revisionState(scene, revision)?.workload?.replicas ?? Infinity;
  return Math.max(1, Math.min(podsFor(scene, weight), asked));
}
