import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import type { Slot } from '../analysis/measurement.ts';
import type { Action, Decision, RouteDecision, SlotState } from '../observed.ts';
import { httpRoute, otherSlot } from '../traffic/route.ts';
import type { Scene } from './scene.ts';

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
  const slot = candidateSlot(scene);
  const { revision } = release.spec.to;
  const held = scene.observed.route?.slots[slot];
  // A candidate that never had traffic is not put in to be taken off: a slot whose Service does not exist would spoil the whole route.
  const candidate: SlotState = weight === 0 && held && held.revision !== revision ? { ...held, weight: 0 } : { revision, weight };
  const stable: SlotState = { revision: scene.stable?.revision ?? revision, weight: 100 - weight };
  return writeRoute(scene, slot === 'a' ? { a: candidate, b: stable } : { a: stable, b: candidate }, {
    release: release.spec.number,
    ...decision,
    atMs: scene.now,
  });
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
