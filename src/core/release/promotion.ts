import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { ensureRevision, snapshotOf } from './pods.ts';
import { act, closeWindow, enter, wait, WORTH_TELLING_MS, type Progress, type Turn } from './progress.ts';
import { routeDecision, type Scene } from './scene.ts';
import { selectStable, shiftTraffic, weightOf } from './traffic.ts';

/**
 * Makes the candidate's own pods the stable ones. They are at full size and Ready by now, so nothing restarts and nothing is copied: the
 * route sends them everything and carries the decision, then the Service for callers in the cluster selects them, then the record says so.
 */
export function promote(scene: Scene, release: ModelRelease, progress: Progress, why: string): Turn {
  const { to } = release.spec;
  const write = shiftTraffic(scene, release, 100, { decision: 'Promote', detail: to.revision, message: why });
  return act(progress, [write], [{ type: 'Normal', reason: 'Promoting', message: `version ${to.version} gets all traffic: ${why}` }]);
}

/** Goes on with a promotion that the route or the record says is decided; undefined when all has been taken over. */
export function continuePromotion(scene: Scene, release: ModelRelease, progress: Progress): Turn | undefined {
  const { to } = release.spec;
  const written = routeDecision(scene, release);
  // The route says it best: the message of the record may be about what the promotion waits for.
  const why = (written?.decision === 'Promote' ? written.message : undefined) ?? progress.message ?? '';
  const decided = decide(scene, progress, written?.atMs ?? scene.now, why);
  if (written?.decision !== 'Promote' || weightOf(scene, to.revision) < 100) {
    return act(decided, [shiftTraffic(scene, release, 100, { decision: 'Promote', detail: to.revision, message: why })]);
  }
  const select = selectStable(scene, to.revision);
  if (select) return act(progress, [select]);
  // Somebody may have removed what the route leads to: the gateway would never take that over.
  const snapshot = snapshotOf(scene, release);
  const missing = snapshot ? ensureRevision(scene, snapshot, scene.size) : [];
  if (missing.length > 0) return act(progress, missing);
  if (scene.observed.route?.acceptance.state === 'Accepted' || progress.promotedAt !== undefined) return undefined;
  const tellAtMs = written.atMs + WORTH_TELLING_MS;
  if (scene.now < tellAtMs) return wait(progress, tellAtMs);
  const said = scene.observed.route?.acceptance.message ?? 'the route is gone';
  return wait(enter(decided, scene.now, 'Promoting', `the gateway has not taken over the traffic: ${said}`, 100));
}

/** `progress` with the decision in it. A release that is watched after its promotion stays in that phase. */
export function decide(scene: Scene, progress: Progress, atMs: number, why: string): Progress {
  if (progress.promotedAt !== undefined) return progress;
  return { ...enter(closeWindow(progress, atMs), scene.now, 'Promoting', why, 100), decision: 'Promote' };
}
