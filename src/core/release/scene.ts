import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { Slot } from '../analysis/measurement.ts';
import type { Decision, Observed, Obstacle, RevisionState, RouteDecision } from '../observed.ts';
import type { Owner } from '../resources/children.ts';
import type { JsonObject } from '../resources/overlay.ts';
import { mlserver } from '../resources/mlserver.ts';
import { targetRevision, type Snapshot, type Target } from '../resources/revision.ts';
import { durationMs } from '../time.ts';
import { outranks } from '../traffic/decision.ts';
import { otherSlot } from '../traffic/route.ts';
import { routingOf, type Routing } from '../traffic/routing.ts';
import { podsForShare } from '../traffic/shares.ts';
import { activeRelease, lastPromoted } from './ledger.ts';
import { packagesOf, type Packages, type PackagesRefusal } from './packages.ts';
import { wantedChecks, type ChecksRefusal, type WantedChecks } from './wantedChecks.ts';

/** Default of `spec.traffic.drain`. */
const DEFAULT_DRAIN = '30s';

/** A version in its place: what serves, or what is tried. */
export interface Side {
  readonly version: string;
  readonly digest: string;
  readonly revision: string;
  readonly slot: Slot;
}

/** What follows from an observation before anything is decided. */
export interface Scene {
  readonly observed: Observed;
  readonly now: number;
  readonly owner: Owner;
  /** Pods of a full serving set. */
  readonly size: number;
  readonly routing: Routing;
  /** From the last traffic of a revision to the end of its pods. */
  readonly drainMs: number;
  readonly stable: Side | undefined;
  readonly active: ModelRelease | undefined;
  readonly target: Wanted;
  /** What a release would be judged by that started now. */
  readonly checks: WantedChecks;
  /** Whether the server's image has what the version that spec names needs; undefined where that is not looked at. */
  readonly packages: Packages | undefined;
}

/** What the spec asks for, or why that cannot be said yet. */
export type Wanted =
  | { readonly state: 'Known'; readonly snapshot: Snapshot }
  | { readonly state: 'Waiting'; readonly reason: 'VersionMissing' | 'VersionNotReady'; readonly message: string }
  | PackagesRefusal
  | ChecksRefusal
  | {
      readonly state: 'Refused';
      readonly reason: 'InvalidTemplate' | 'VersionRefused' | 'PortChanged' | Obstacle['reason'];
      readonly message: string;
    };

export function sceneOf(observed: Observed, now: number): Scene {
  const { deployment } = observed;
  const { metadata, spec } = deployment;
  const routing = routingOf(deployment);
  const stable = stableOf(observed);
  const active = activeRelease(observed.releases);
  const { name, namespace = 'default', uid = '' } = metadata;
  const owner: Owner = { kind: 'ModelDeployment', name, namespace, uid };
  const checks = wantedChecks(observed, snapshotOf(observed, stable?.revision));
  const packages = packagesOf(observed, owner, now);
  const begun = [stable?.revision, active?.spec.to.revision];
  const wanted = routing === 'ReplicaShare' ? withSamePort(observed, stable, wantedOf(observed)) : wantedOf(observed);
  return {
    observed: withRouteAsItIs(observed),
    now,
    owner,
    size: spec.replicas ?? 1,
    routing,
    // Without a gateway connections stay open to whoever got them: their pods end at once, and each drains by itself.
    drainMs: routing === 'Gateway' ? durationMs(spec.traffic.drain, DEFAULT_DRAIN) : 0,
    stable,
    active,
    target: unlessRefused(packages?.refusal, unlessRefused(checks.refusal, wanted, begun), begun),
    checks,
    packages,
  };
}

/**
 * No release begins with checks that cannot judge, nor without the packages that a strict version needs. One that has begun, or ended, has
 * been through it.
 */
function unlessRefused(
  refusal: ChecksRefusal | PackagesRefusal | undefined,
  wanted: Wanted,
  begun: readonly (string | undefined)[],
): Wanted {
  return refusal && wanted.state === 'Known' && !begun.includes(wanted.snapshot.revision) ? refusal : wanted;
}

/** Requests keep going the way they go while they cannot go the way that the spec says. */
function withRouteAsItIs(observed: Observed): Observed {
  const kept = observed.obstacle?.kept;
  if (!kept) return observed;
  const { deployment } = observed;
  const { spec } = deployment;
  return { ...observed, deployment: { ...deployment, spec: { ...spec, traffic: { ...spec.traffic, gateway: kept } } } };
}

/**
 * What serves: the newest promoted release says so. Status and, after a restore that lost both, the Service's selector are asked only when
 * there is no such release: a deployment whose records are gone must never be taken for a new one.
 */
function stableOf(observed: Observed): Side | undefined {
  const recorded = recordedStable(observed);
  if (recorded?.version === undefined || recorded.digest === undefined || recorded.revision === undefined) return undefined;
  const { version, digest, revision } = recorded;
  if (!isLeft(observed, revision)) return undefined;
  // Its pods and the Service may be there before the record of its promotion: until that says so it is a candidate, and may yet fail.
  const promoted = lastPromoted(observed.releases)?.spec.number ?? 0;
  if (observed.releases.some(({ spec }) => spec.to.revision === revision && spec.number > promoted)) return undefined;
  return {
    version,
    digest,
    revision,
    slot: slotOf(observed, revision) ?? besideCandidate(observed) ?? observed.deployment.status?.stable?.slot ?? 'a',
  };
}

function recordedStable(observed: Observed): Partial<Omit<Side, 'slot'>> | undefined {
  const promoted = lastPromoted(observed.releases)?.spec.to;
  return promoted ?? observed.deployment.status?.stable ?? snapshotOf(observed, observed.service?.revision ?? promotedBy(observed));
}

/**
 * The revision that is said to serve while nothing of it is seen: it is gone, or the caches of its parts are behind the one that tells of it.
 */
export function unseenStable({ observed }: Scene): string | undefined {
  const revision = recordedStable(observed)?.revision;
  return revision === undefined || isLeft(observed, revision) ? undefined : revision;
}

/** The ledger outlives a ModelDeployment: what it tells of an earlier one of the same name, of which nothing is left, serves no more. */
function isLeft(observed: Observed, revision: string): boolean {
  return observed.revisions.has(revision) || observed.service?.revision === revision || slotOf(observed, revision) !== undefined;
}

/** The revision whose promotion the carrier tells of, where there is no Service to ask. */
function promotedBy({ route }: Observed): string | undefined {
  return route?.decision?.decision === 'Promote' ? route.decision.detail : undefined;
}

function snapshotOf(observed: Observed, revision: string | undefined): Snapshot | undefined {
  return revision === undefined ? undefined : observed.revisions.get(revision)?.snapshot;
}

/** The slot in which the route has this revision. Both may name it (an empty slot holds what serves): then the one with the weight. */
function slotOf(observed: Observed, revision: string): Slot | undefined {
  const slots = observed.route?.slots;
  if (!slots) return undefined;
  const held = (['a', 'b'] as const).filter((slot) => slots[slot].revision === revision);
  return held.sort((x, y) => slots[y].weight - slots[x].weight)[0];
}

/** Once a promotion is decided the route names the candidate only: stable had the place that the candidate did not take. */
function besideCandidate(observed: Observed): Slot | undefined {
  const candidate = activeRelease(observed.releases)?.spec.to.revision;
  const slot = candidate === undefined ? undefined : slotOf(observed, candidate);
  return slot && otherSlot(slot);
}

function wantedOf(observed: Observed): Wanted {
  const { deployment, version, settings, obstacle } = observed;
  if (obstacle) return { state: 'Refused', reason: obstacle.reason, message: obstacle.message };
  const { spec } = deployment;
  const name = `${spec.model}-${spec.version}`;
  if (!version) {
    const serving = observed.deployment.status?.stable?.version;
    const goesOn = serving === undefined ? '' : `; version ${serving} goes on serving`;
    return {
      state: 'Waiting',
      reason: 'VersionMissing',
      message: `there is no ModelVersion ${name} in this namespace; apply it, or name another one in spec.version${goesOn}`,
    };
  }
  const { digest, pins } = version.status?.resolved ?? {};
  const ready = version.status?.conditions?.find((condition) => condition.type === 'Ready');
  if (digest === undefined || ready?.status !== 'True') {
    const message = `ModelVersion ${name} is not ready: ${ready?.message ?? 'its bytes are being resolved'}`;
    const stalled = version.status?.conditions?.some((condition) => condition.type === 'Stalled' && condition.status === 'True') === true;
    return stalled ? { state: 'Refused', reason: 'VersionRefused', message } : { state: 'Waiting', reason: 'VersionNotReady', message };
  }
  const known = [...observed.revisions.values()].flatMap(({ snapshot }) => (snapshot ? [snapshot] : []));
  const target: Target = targetRevision(
    {
      model: spec.model,
      version: spec.version,
      digest,
      format: version.spec.format as unknown as JsonObject,
      source: version.spec.source as unknown as JsonObject,
      pins,
      secretName: version.spec.access?.secretRef?.name,
      preset: spec.runtime.preset,
      custom: spec.runtime.custom,
      template: (spec.runtime.template ?? {}) as JsonObject,
      drain: spec.traffic.drain ?? DEFAULT_DRAIN,
    },
    known,
    settings,
    version.spec.storage?.claim.name,
  );
  return target.ok
    ? { state: 'Known', snapshot: target.snapshot }
    : { state: 'Refused', reason: 'InvalidTemplate', message: target.message };
}

/** A Service that selects two versions has one port for both. */
function withSamePort(observed: Observed, stable: Side | undefined, wanted: Wanted): Wanted {
  const serving = snapshotOf(observed, stable?.revision);
  if (!serving || wanted.state !== 'Known') return wanted;
  const [before, after] = [serverPort(serving), serverPort(wanted.snapshot)];
  if (before === after) return wanted;
  const message = `the server's port went from ${before} to ${after}, but with spec.traffic.replicaShare both versions are behind one Service and must have the same; keep ${before}, or create another ModelDeployment`;
  return { state: 'Refused', reason: 'PortChanged', message };
}

function serverPort({ custom }: Snapshot): number {
  return custom?.port ?? mlserver.httpPort;
}

/** What the route says about this release; undefined while it says nothing. */
export function routeDecision(scene: Scene, release: ModelRelease): RouteDecision | undefined {
  const decision = scene.observed.route?.decision;
  return decision?.release === release.spec.number ? decision : undefined;
}

/** What is decided of a release: the higher of what the route and the record say, since a late writer cannot take either back. */
export function decisionOf(scene: Scene, release: ModelRelease): Decision {
  const written = routeDecision(scene, release)?.decision ?? 'Shift';
  const recorded = release.status?.decision ?? 'Shift';
  return outranks(written, recorded) ? written : recorded;
}

/** The rendering of a revision; undefined when neither a record nor the spec has it any more. */
export function renderingOf({ observed, target }: Scene, revision: string): Snapshot | undefined {
  const kept = observed.revisions.get(revision)?.snapshot;
  return kept ?? (target.state === 'Known' && target.snapshot.revision === revision ? target.snapshot : undefined);
}

export function revisionState(scene: Scene, revision: string): RevisionState | undefined {
  return scene.observed.revisions.get(revision);
}

/** Port of a revision's server: as it was rendered, whatever the spec says by now. */
export function portOf(scene: Scene, revision: string): number {
  const kept = revisionState(scene, revision)?.snapshot ?? (scene.target.state === 'Known' ? scene.target.snapshot : undefined);
  return kept ? serverPort(kept) : mlserver.httpPort;
}

/** Pods that can take requests: Ready by the Deployment and shown by the EndpointSlices, which is what gateways follow. */
export function readyPods(scene: Scene, revision: string): number {
  const state = revisionState(scene, revision);
  return Math.min(state?.workload?.readyReplicas ?? 0, state?.readyEndpoints ?? 0);
}

/** Pods that a candidate needs for `weight` percent: by a gateway, its share of a full set; without one, as many as make the share. */
export function podsFor(scene: Scene, weight: number): number {
  if (scene.routing !== 'Gateway') return podsForShare(weight, scene.size);
  return Math.max(1, Math.ceil((scene.size * weight) / 100));
}
