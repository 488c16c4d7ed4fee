import { FIELD_MANAGER, LABEL } from '../../api/names.ts';
import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { Action, Identity, RevisionState, RouteDecision } from '../observed.ts';
import { sameJson } from '../canonical.ts';
import { childName } from '../resources/revision.ts';
import { leadsNowhere, SLOTS } from '../traffic/route.ts';
import { stablePods } from './capacity.ts';
import { classOf, isFinished, lastPromoted, leftTrafficAtMs, outcomeOf, UNSEEN_MS } from './ledger.ts';
import { ensureRevision, ensureService } from './pods.ts';
import { renderingOf, revisionState, type Scene, type Side } from './scene.ts';
import { allTo, selectStable, wantedFrame, writeCarrier } from './traffic.ts';

export interface Upkeep {
  readonly actions: readonly Action[];
  readonly wakeAtMs: number | undefined;
}

/**
 * What holds whether or not there is a release: stable's pods, the frame of the route, the labels of the ledger. `isRouteWritten`: this pass
 * writes the route already, and with it its frame.
 */
export function keepStable(scene: Scene, isRouteWritten: boolean): readonly Action[] {
  const { observed, stable, active } = scene;
  const snapshot = stable && renderingOf(scene, stable.revision);
  const pods = snapshot ? ensureRevision(scene, snapshot, stablePods(scene)) : stable ? ensureService(scene, stable.revision) : [];
  return [
    ...pods,
    ...(isRouteWritten ? [] : active ? keepFrame(scene, pods.length > 0) : keepTraffic(scene, pods.length > 0)),
    ...observed.releases.flatMap(ledgerLabels),
  ];
}

/**
 * Hostnames, gateways and timeouts apply at once, also in a release; weights and decision stay what they are. A route that was deleted
 * comes back at once with all traffic to stable, and the release goes on from there.
 */
function keepFrame(scene: Scene, isScaled: boolean): readonly Action[] {
  const { observed, stable } = scene;
  const { route, spoiltRoute } = observed;
  if (!route && !spoiltRoute && stable) return serveAll(scene, stable, servingDecision(scene, stable), isScaled);
  if (!route?.decision || leadsNowhere(route) || route.frame === wantedFrame(scene)) return [];
  return [writeCarrier(scene, scene.active?.spec.to.revision ?? '', route.slots, route.decision)];
}

/** That stable serves, of the release that made it stable: a release that is under way must not take it for its own. */
function servingDecision({ observed, owner, now }: Scene, stable: Side): RouteDecision {
  return {
    release: lastPromoted(observed.releases)?.spec.number ?? 1,
    decision: 'Promote',
    detail: stable.revision,
    message: `${owner.name} serves version ${stable.version}`,
    atMs: now,
  };
}

/** Everything to stable. `isScaled`: its pods are made or scaled in this pass, and their Deployment can carry a decision from the next one on. */
function serveAll(scene: Scene, stable: Side, decision: RouteDecision, isScaled: boolean): readonly Action[] {
  const slots = allTo(stable.revision, stable.slot);
  if (scene.routing === 'None') {
    const workload = revisionState(scene, stable.revision)?.workload;
    // Other pods may say something else for as long as they are there; stable's have said it.
    if (isScaled || !workload || sameJson(workload.carried, { slots, decision })) return [];
  }
  return [writeCarrier(scene, stable.revision, slots, decision)];
}

/** Outside a release all traffic is stable's, through the gateway and in the cluster. */
function keepTraffic(scene: Scene, isScaled: boolean): readonly Action[] {
  const { observed, stable } = scene;
  if (!stable) return [];
  const select = selectStable(scene, stable.revision);
  const { route } = observed;
  const serves = route?.slots[stable.slot].weight === 100 && SLOTS.every((slot) => route.slots[slot].revision === stable.revision);
  if (serves && route.frame === wantedFrame(scene)) return select ? [select] : [];
  return [...serveAll(scene, stable, route?.decision ?? servingDecision(scene, stable), isScaled), ...(select ? [select] : [])];
}

/** The ledger must survive a restore that loses status, so the outcome of a finished release is a label too. */
function ledgerLabels(release: ModelRelease): readonly Action[] {
  const outcome = outcomeOf(release);
  if (!isFinished(release) || outcome === undefined || release.metadata.labels?.[LABEL.outcome] === outcome) return [];
  const failure = classOf(release);
  const labels = { [LABEL.outcome]: outcome, ...(failure === undefined ? {} : { [LABEL.failureClass]: failure }) };
  const { name, namespace = 'default' } = release.metadata;
  return [
    {
      type: 'Apply',
      object: { apiVersion: release.apiVersion, kind: release.kind, metadata: { name, namespace, labels } },
      fieldManager: FIELD_MANAGER.ledger,
    },
  ];
}

/**
 * Takes away revisions that neither serve nor are tried and that the route does not name, in this order: drain after their last traffic, their
 * pods, and their Service last, since a route to a missing Service answers 500. A revision's record stays as long as a release tells of it.
 */
export function cleanUp(scene: Scene): Upkeep {
  const { observed, stable, active, now, drainMs } = scene;
  const actions: Action[] = [];
  let wakeAtMs: number | undefined;
  for (const state of observed.revisions.values()) {
    if (state.revision === stable?.revision || state.revision === active?.spec.to.revision) continue;
    const leftAtMs = leftTrafficAtMs(observed.releases, state.revision) ?? 0;
    const scaledAtMs = state.workload?.scaledAtMs ?? 0;
    // Pods younger than the last that is known of their revision belong to a release that is not seen yet, unless its record was deleted.
    const drainedAtMs = scaledAtMs > leftAtMs ? scaledAtMs + UNSEEN_MS : leftAtMs + drainMs;
    const exists = state.workload !== undefined || state.service !== undefined || state.hasDisruptionBudget;
    if (exists && now < drainedAtMs) wakeAtMs = Math.min(wakeAtMs ?? Infinity, drainedAtMs);
    else actions.push(...remove(scene, state));
  }
  return { actions, wakeAtMs };
}

function remove(scene: Scene, state: RevisionState): readonly Action[] {
  const { observed, owner } = scene;
  const { route } = observed;
  // It has no traffic any more, but the route still names it: that is put right first, or a new candidate takes the place. Where pods are all
  // that there is, nothing else names them.
  if (scene.routing !== 'None' && route && SLOTS.some((slot) => route.slots[slot].revision === state.revision)) return [];
  if (route && route.acceptance.state !== 'Accepted') return [];
  // Locked to what was observed: by now the revision may be tried again.
  const gone = (apiVersion: string, kind: string, identity?: Identity): Action => ({
    type: 'Delete',
    apiVersion,
    kind,
    namespace: owner.namespace,
    name: childName(owner.name, state.revision),
    identity,
  });
  if (state.workload || state.hasDisruptionBudget) {
    return [
      ...(state.workload ? [gone('apps/v1', 'Deployment', state.workload.identity)] : []),
      ...(state.hasDisruptionBudget ? [gone('policy/v1', 'PodDisruptionBudget')] : []),
    ];
  }
  if (state.service) return state.readyEndpoints === 0 ? [gone('v1', 'Service', state.service.identity)] : [];
  const told = observed.releases.some(({ spec }) => spec.to.revision === state.revision || spec.from?.revision === state.revision);
  return state.snapshot && !told ? [gone('apps/v1', 'ControllerRevision')] : [];
}
