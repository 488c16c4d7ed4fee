import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import type { Action } from '../observed.ts';
import { stableService } from '../resources/children.ts';
import { act, closeWindow, enter, finish, wait, WORTH_TELLING_MS, type Progress, type Turn } from './progress.ts';
import { routeDecision, type Scene } from './scene.ts';
import { shiftTraffic, weightOf } from './traffic.ts';

/**
 * Makes the candidate's own pods the stable ones. They are at full size and Ready by now, so nothing restarts and nothing is copied: the
 * route sends them everything and carries the decision, then the Service for callers in the cluster selects them, then the record says so.
 */
export function promote(scene: Scene, release: ModelRelease, progress: Progress, why: string): Turn {
  const { to } = release.spec;
  const write = shiftTraffic(scene, release, 100, { decision: 'Promote', detail: to.revision, message: why });
  return act(progress, [write], [{ type: 'Normal', reason: 'Promoting', message: `version ${to.version} gets all traffic: ${why}` }]);
}

/** Goes on with a promotion that the route or the record says is decided. */
export function continuePromotion(scene: Scene, release: ModelRelease, progress: Progress): Turn {
  const { to } = release.spec;
  const written = routeDecision(scene, release);
  // The route says it best: the message of the record may be about what the promotion waits for.
  const why = (written?.decision === 'Promote' ? written.message : undefined) ?? progress.message ?? '';
  const decided: Progress = {
    ...enter(closeWindow(progress, written?.atMs ?? scene.now), scene.now, 'Promoting', why, 100),
    decision: 'Promote',
  };
  if (written?.decision !== 'Promote' || weightOf(scene, to.revision) < 100) {
    return act(decided, [shiftTraffic(scene, release, 100, { decision: 'Promote', detail: to.revision, message: why })]);
  }
  const select = selectStable(scene, to.revision);
  if (select) return act(progress, [select]);
  if (scene.observed.route?.acceptance.state !== 'Accepted') {
    const tellAtMs = written.atMs + WORTH_TELLING_MS;
    if (scene.now < tellAtMs) return wait(progress, tellAtMs);
    const said = scene.observed.route?.acceptance.message ?? 'the route is gone';
    return wait(enter(decided, scene.now, 'Promoting', `the gateway has not taken over the traffic: ${said}`, 100));
  }
  const message = `version ${to.version} serves: ${why}`;
  const finished = finish(decided, scene.now, { phase: 'Promoted', outcome: 'Promoted', reason: 'Promoted', message, weight: 100 });
  return act(finished, [], [{ type: 'Normal', reason: 'Promoted', message }]);
}

/** The write that makes Service `<name>` select this revision; undefined when it does already. */
export function selectStable(scene: Scene, revision: string): Action | undefined {
  const { service } = scene.observed;
  if (service?.revision === revision) return undefined;
  return {
    type: 'Apply',
    object: stableService(scene.owner, revision, scene.port, service?.identity),
    fieldManager: FIELD_MANAGER.children,
    expectAbsent: service === undefined,
  };
}
