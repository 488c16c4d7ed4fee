import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { Action, PlanEvent, ProbeRequest } from '../observed.ts';
import { INSUFFICIENT_CAPACITY } from '../resources/podTrouble.ts';
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
    const { actions, trouble, wakeAtMs } = pods;
    const said = saidOf(scene, to.version);
    // A pod that crashes is up again for a moment: the trouble that was told stands until all are Ready.
    const stands = trouble === undefined && said.startsWith(`${pods.message}: `);
    // That pods start is no news for a while, and each message in between would be a write.
    const isNews = trouble !== undefined || stands || quietUntilMs(release, progress, scene.now) === undefined;
    const told = isNews ? begun(stands ? said : pods.message) : progress;
    // Want of capacity has an Event of its own, at any step.
    const isTold = trouble !== undefined && said !== pods.message && trouble.reason !== INSUFFICIENT_CAPACITY;
    const events: readonly PlanEvent[] = isTold ? [{ type: 'Warning', reason: trouble.reason, message: pods.message }] : [];
    return { actions, progress: told, events, wakeAtMs };
  }
  const probe = scene.observed.probes.get(release.metadata.name);
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
      return { ...wait(progress), actions: [probeAction(scene, release, snapshot)] };
    case 'Unreachable':
      if (scene.now >= (revisionState(scene, to.revision)?.workload?.scaledAtMs ?? scene.now) + parameters.progressDeadlineMs) {
        // A server that ends again and again may be Ready for a moment: what its pods say counts more than that nobody answered.
        const trouble = revisionState(scene, to.revision)?.trouble;
        return rollBack(scene, release, progress, {
          class: trouble?.class ?? 'Infrastructure',
          reason: trouble?.reason ?? 'ProbeUnreachable',
          message: `the probe of version ${to.version} had no answer within its progress deadline: ${trouble?.message ?? probe.message}`,
        });
      }
      return askAgain(
        scene,
        release,
        snapshot,
        begun(`the probe of version ${to.version} has no answer yet: ${probe.message}`),
        probe.atMs + PROBE_AGAIN_MS,
      );
  }
}

/** What the deployment's status says of the release by now; its record is not written before it has lasted a while. */
function saidOf({ observed }: Scene, version: string): string {
  const ready = observed.deployment.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.message.replace(`version ${version}: `, '') ?? '';
}

/** Once it is asked the answer brings the next pass: to be woken by a time that is over would be to spin, and no answer would ever come in. */
function askAgain(scene: Scene, release: ModelRelease, snapshot: Snapshot, progress: Progress, atMs: number): Turn {
  return scene.now < atMs ? wait(progress, atMs) : { ...wait(progress), actions: [probeAction(scene, release, snapshot)] };
}

function probeAction(scene: Scene, release: ModelRelease, { revision, custom }: Snapshot): Action {
  const { model, probe } = scene.observed.deployment.spec;
  const request: ProbeRequest = custom
    ? { protocol: 'Custom', probe: custom.probe }
    : { protocol: 'V2', model, requests: probe?.requests.configMapRef.name };
  return {
    type: 'Probe',
    namespace: scene.owner.namespace,
    deployment: scene.owner.name,
    release: release.metadata.name,
    revision,
    service: childName(scene.owner.name, revision),
    request,
  };
}
