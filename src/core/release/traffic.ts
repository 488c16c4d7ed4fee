import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import type { Slot } from '../analysis/measurement.ts';
import type { Action, Decision, KubeObject, RouteDecision, RouteState, SlotState } from '../observed.ts';
import { deploymentService } from '../resources/children.ts';
import { childName } from '../resources/revision.ts';
import { encodeCarried, shareService } from '../traffic/carrier.ts';
import { frameHash, httpRoute, NOWHERE, otherSlot } from '../traffic/route.ts';
import { shareOf } from '../traffic/shares.ts';
import { portOf, readyPods, revisionState, type Scene } from './scene.ts';

/** The slot that this release's candidate takes: the one that stable does not have. */
export function candidateSlot(scene: Scene): Slot {
  return scene.stable ? otherSlot(scene.stable.slot) : 'a';
}

/** Percent of the requests that the route, or what stands in its place, gives to a revision. */
export function weightOf(scene: Scene, revision: string): number {
  const slots = scene.observed.route?.slots;
  return slots ? weightIn(slots, revision) : 0;
}

function weightIn(slots: RouteState['slots'], revision: string): number {
  return (['a', 'b'] as const).reduce((sum, slot) => sum + (slots[slot].revision === revision ? slots[slot].weight : 0), 0);
}

/** Percent that a revision really gets: where its pods make its share, by those that are Ready beside the other version's. */
export function realWeightOf(scene: Scene, revision: string): number {
  const { routing, stable } = scene;
  if (routing === 'Gateway' || !stable || revision === stable.revision) return weightOf(scene, revision);
  const weight = weightOf(scene, revision);
  if (routing === 'ReplicaShare' && (weight === 0 || weight === 100)) return weight;
  return Math.round(shareOf(readyPods(scene, revision), readyPods(scene, stable.revision)));
}

/** All traffic to one revision, which lives in `slot`. The other slot names it too: whoever has no share has no place either. */
export function allTo(revision: string, slot: Slot): RouteState['slots'] {
  const own: SlotState = { revision, weight: 100 };
  const idle: SlotState = { revision, weight: 0 };
  return slot === 'a' ? { a: own, b: idle } : { a: idle, b: own };
}

/**
 * The one write that moves traffic: weights and the decision behind them together, under the resourceVersion that was observed, so that
 * whoever reads the route knows what was decided, and a writer with old knowledge is refused.
 */
export function shiftTraffic(
  scene: Scene,
  release: ModelRelease,
  weight: number,
  decision: { readonly decision: Decision; readonly detail: string; readonly message: string },
): Action {
  const slots = slotsWith(scene, release, weight, decision.decision);
  return writeCarrier(scene, release.spec.to.revision, slots, { release: release.spec.number, ...decision, atMs: scene.now });
}

function slotsWith(scene: Scene, release: ModelRelease, weight: number, decision: Decision): RouteState['slots'] {
  const slot = candidateSlot(scene);
  const { revision } = release.spec.to;
  if (!scene.stable && decision === 'RollBack') return NOWHERE;
  if (!scene.stable || decision === 'Promote') return allTo(revision, slot);
  if (weight === 0) return allTo(scene.stable.revision, scene.stable.slot);
  const candidate: SlotState = { revision, weight };
  const stable: SlotState = { revision: scene.stable.revision, weight: 100 - weight };
  return slot === 'a' ? { a: candidate, b: stable } : { a: stable, b: candidate };
}

/**
 * A write of what carries the traffic, with these slots and this decision. What takes requests off a candidate waits for no rate limit. `revision`:
 * the candidate, whose Deployment it is about where there is nothing else to carry them.
 */
export function writeCarrier(scene: Scene, revision: string, slots: RouteState['slots'], decision: RouteDecision): Action {
  const { observed, owner } = scene;
  const urgent = decision.decision === 'RollBack' || weightIn(slots, revision) < weightOf(scene, revision);
  const identity = observed.route?.identity ?? observed.spoiltRoute;
  switch (scene.routing) {
    case 'Gateway': {
      const object = httpRoute(owner, observed.deployment, slots, decision, identity);
      return { type: 'Apply', object, fieldManager: FIELD_MANAGER.route, urgent, expectAbsent: identity === undefined };
    }
    case 'ReplicaShare': {
      const object = shareService(owner, slots, decision, portOf(scene, revision), identity);
      return { type: 'Apply', object, fieldManager: FIELD_MANAGER.route, urgent, expectAbsent: identity === undefined };
    }
    case 'None':
      return { ...writeWorkload(scene, revision, slots, decision), urgent };
  }
}

/** The decision on the Deployment of a revision; a roll-back takes its pods away in the same write. */
function writeWorkload(
  scene: Scene,
  revision: string,
  slots: RouteState['slots'],
  decision: RouteDecision,
): Extract<Action, { type: 'Apply' }> {
  const { owner } = scene;
  const identity = revisionState(scene, revision)?.workload?.identity;
  if (!identity) throw new Error(`revision ${revision} has no Deployment that could carry the decision`);
  const object: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: childName(owner.name, revision),
      namespace: owner.namespace,
      annotations: encodeCarried({ slots, decision }),
      ...identity,
    },
    ...(decision.decision === 'RollBack' ? { spec: { replicas: 0 } } : {}),
  };
  return { type: 'Apply', object, fieldManager: FIELD_MANAGER.route };
}

/** Whether there is something that can carry a decision about this release. A route or a Service can be made; pods are not made to end them. */
export function canCarry(scene: Scene, release: ModelRelease): boolean {
  return scene.routing !== 'None' || revisionState(scene, release.spec.to.revision)?.workload !== undefined;
}

/** Hash of what the user chose for the carrier, as it should be; undefined where nothing was to choose. */
export function wantedFrame({ routing, observed }: Scene): string | undefined {
  return routing === 'Gateway' ? frameHash(observed.deployment) : undefined;
}

/** The write that makes Service `<name>` select this revision; undefined when it does already, or when it is no matter of its own. */
export function selectStable(scene: Scene, revision: string): Action | undefined {
  const { service } = scene.observed;
  if (scene.routing !== 'Gateway' || service?.revision === revision) return undefined;
  return {
    type: 'Apply',
    object: deploymentService(scene.owner, revision, portOf(scene, revision), service?.identity),
    fieldManager: FIELD_MANAGER.children,
    expectAbsent: service === undefined,
  };
}
