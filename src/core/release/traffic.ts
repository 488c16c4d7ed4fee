import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import type { Slot } from '../analysis/measurement.ts';
import type { Action, Decision, RouteDecision, RouteState, SlotState } from '../observed.ts';
import { stableService } from '../resources/children.ts';
import { httpRoute, NOWHERE, otherSlot } from '../traffic/route.ts';
import { portOf, type Scene } from './scene.ts';

/** The slot that this release's candidate takes: the one that stable does not have. */
export function candidateSlot(scene: Scene): Slot {
  return scene.stable ? otherSlot(scene.stable.slot) : 'a';
}

/** Percent of the requests that the route sends to a revision. */
export function weightOf(scene: Scene, revision: string): number {
  const slots = scene.observed.route?.slots;
  if (!slots) return 0;
  return (['a', 'b'] as const).reduce((sum, slot) => sum + (slots[slot].revision === revision ? slots[slot].weight : 0), 0);
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
  return writeRoute(scene, slotsWith(scene, release, weight, decision.decision), {
    release: release.spec.number,
    ...decision,
    atMs: scene.now,
  });
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

/** A route write with these slots and this decision. A roll-back waits for no rate limit. */
export function writeRoute(scene: Scene, slots: Readonly<Record<Slot, SlotState>>, decision: RouteDecision): Action {
  const { route, spoiltRoute } = scene.observed;
  const identity = route?.identity ?? spoiltRoute;
  return {
    type: 'Apply',
    object: httpRoute(scene.owner, scene.observed.deployment, slots, decision, identity),
    fieldManager: FIELD_MANAGER.route,
    urgent: decision.decision === 'RollBack',
    expectAbsent: identity === undefined,
  };
}

/** The write that makes Service `<name>` select this revision; undefined when it does already. */
export function selectStable(scene: Scene, revision: string): Action | undefined {
  const { service } = scene.observed;
  if (service?.revision === revision) return undefined;
  return {
    type: 'Apply',
    object: stableService(scene.owner, revision, portOf(scene, revision), service?.identity),
    fieldManager: FIELD_MANAGER.children,
    expectAbsent: service === undefined,
  };
}
