import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { Action, ProbeRequest } from '../observed.ts';
import { childName, type Snapshot } from '../resources/revision.ts';
import { candidatePods } from './capacity.ts';
import type { Parameters } from './parameters.ts';
import { bringUp, snapshotOf } from './pods.ts';
import { enter, quietUntilMs, wait, type Progress, type Turn } from './progress.ts';
import { rollBack } from './rollback.ts';
import { revisionState, type Scene } from './scene.ts';

/** While the probe finds nobody to answer it is tried again after this. */
const PROBE_AGAIN_MS = 1000;

/**
 * Before any traffic: the candidate's pods for the first step, and one real inference through their Service. Undefined when both are done.
 */
export function prepare(scene: Scene, release: ModelRelease, progress: Progress, parameters: Parameters): Turn | undefined {
  const { to } = release.spec;
  const first = parameters.steps[0];
  const replicas = scene.stable && first ? candidatePods(scene, first.weight) : scene.size;
  const snapshot = snapshotOf(scene, release);
  const begun = (message: string): Progress => enter(progress, scene.now, 'Preparing', message);
  if (!snapshot) return wait(begun(`waiting for ModelVersion ${scene.observed.deployment.spec.model}-${to.version}`));
  const pods = bringUp(scene, snapshot, replicas, parameters.progressDeadlineMs);
  if (pods.state === 'Failed') return rollBack(scene, release, progress, pods);
  if (pods.state === 'Starting') {
    // That pods start is no news for a while, and each message in between would be a write.
    const isNews = pods.isHindered || quietUntilMs(release, progress, scene.now) === undefined;
    return { actions: pods.actions, progress: isNews ? begun(pods.message) : progress, events: [], wakeAtMs: pods.wakeAtMs };
  }
  const probe = scene.observed.probes.get(to.revision);
  switch (probe?.state) {
    case 'Passed':
      return undefined;
    case 'Failed':
      return rollBack(scene, release, progress, {
        class: 'Evidence',
        reason: 'ProbeFailed',
        message: `version ${to.version} failed its probe before any traffic: ${probe.message}`,
      });
    case undefined:
      return { ...wait(progress), actions: [probeAction(scene, snapshot)] };
    case 'Unreachable':
      if (scene.now >= (revisionState(scene, to.revision)?.workload?.scaledAtMs ?? scene.now) + parameters.progressDeadlineMs) {
        return rollBack(scene, release, progress, {
          class: 'Infrastructure',
          reason: 'ProbeUnreachable',
          message: `the probe of version ${to.version} had no answer within its progress deadline: ${probe.message}`,
        });
      }
      return askAgain(
        scene,
        snapshot,
        begun(`the probe of version ${to.version} has no answer yet: ${probe.message}`),
        probe.atMs + PROBE_AGAIN_MS,
      );
  }
}

/** Once it is asked the answer brings the next pass: to be woken by a time that is over would be to spin, and no answer would ever come in. */
function askAgain(scene: Scene, snapshot: Snapshot, progress: Progress, atMs: number): Turn {
  return scene.now < atMs ? wait(progress, atMs) : { ...wait(progress), actions: [probeAction(scene, snapshot)] };
}

function probeAction(scene: Scene, { revision, custom }: Snapshot): Action {
  const { model, probe } = scene.observed.deployment.spec;
  const request: ProbeRequest = custom
    ? { protocol: 'Custom', probe: custom.probe }
    : { protocol: 'V2', model, requests: probe?.requests.configMapRef.name };
  return {
    type: 'Probe',
    namespace: scene.owner.namespace,
    deployment: scene.owner.name,
    revision,
    service: childName(scene.owner.name, revision),
    request,
  };
}
