// What an invariant is: a name, the sentence that must be true, and who watches over it.
import type { ModelDeployment } from '../../../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import { LABEL } from '../../../../src/api/names.ts';
import type { PlanEvent, RouteState } from '../../../../src/core/observed.ts';
import { routingOf } from '../../../../src/core/traffic/routing.ts';
import { podsForShare } from '../../../../src/core/traffic/shares.ts';
import type { StoredObject } from '../../apiStore.ts';
import type { WorldApi, Write } from '../api.ts';
import type { Gateway } from '../gateway.ts';
import type { Pass } from '../operator.ts';
import type { Kubelet } from '../pods.ts';
import { carriedBy } from '../podTraffic.ts';

/** What of a world is looked at. */
export interface WatchedWorld {
  readonly api: WorldApi;
  readonly gateway: Gateway;
  readonly kubelet: Kubelet;
  readonly now: number;
  readonly existing: ModelDeployment | undefined;
  readonly releases: readonly ModelRelease[];
  readonly route: RouteState | undefined;
  readonly answered: ReadonlySet<string>;
  readonly events: readonly (PlanEvent & { readonly atMs: number })[];
  readonly isDisturbed: (ms: number) => boolean;
  readonly isGuilty: (version: string) => boolean;
  readonly digests: (version: string) => readonly string[];
  readonly isFresh: (by: string) => boolean;
  readonly versionOf: (revision: string) => string;
}

/** What was found not to be so; nothing when all is well. */
export type Findings = readonly string[];

/** Watches one world. What it remembers dies with it. */
export interface Watch {
  /** After each write that changed the world. */
  readonly onWrite?: (write: Write) => Findings;
  readonly afterPass?: (pass: Pass) => Findings;
  /** At the end of each moment. */
  readonly afterMoment?: () => Findings;
  /** Once nothing goes wrong any more and the world has come to rest. `from`: number of the first write since it was expected to. */
  readonly atRest?: (from: number) => Findings;
}

export interface Invariant {
  readonly name: string;
  /** What is always so. */
  readonly sentence: string;
  readonly watch: (world: WatchedWorld) => Watch;
}

export const NOTHING: Findings = [];

/** The finding when `isWrong`. */
export function when(isWrong: boolean, finding: () => string): Findings {
  return isWrong ? [finding()] : NOTHING;
}

/** What a route, or what carries traffic in its place, says. */
export function routeOf(object: StoredObject | undefined): RouteState | undefined {
  return carriedBy(object);
}

/** Whether this writes what carries the traffic. */
export function writesRoute({ kind, before, after }: Write): boolean {
  return kind === 'HTTPRoute' || routeOf(after) !== undefined || routeOf(before) !== undefined;
}

export const SLOTS = ['a', 'b'] as const;

/** Percent that a route gives to a revision. */
export function weightIn(route: RouteState | undefined, revision: string): number {
  return route ? SLOTS.reduce((sum, slot) => sum + (route.slots[slot].revision === revision ? route.slots[slot].weight : 0), 0) : 0;
}

export function releaseOf({ after, before }: Write): ModelRelease {
  return (after ?? before) as unknown as ModelRelease;
}

export function isOver({ status, metadata }: ModelRelease): boolean {
  return status?.finishedAt !== undefined || metadata.labels?.[LABEL.outcome] !== undefined;
}

export function wasPromoted({ status, metadata }: ModelRelease): boolean {
  return (status?.outcome ?? metadata.labels?.[LABEL.outcome]) === 'Promoted';
}

/** What a release has been found to be, from its record or its labels. */
export function classOf({ status, metadata }: ModelRelease): string | undefined {
  return status?.class ?? metadata.labels?.[LABEL.failureClass];
}

/** Whether a release that is over says anything of its revision. */
export function isWord({ status, metadata }: ModelRelease): boolean {
  const outcome = status?.outcome ?? metadata.labels?.[LABEL.outcome];
  return outcome !== undefined && outcome !== 'Superseded' && outcome !== 'Reverted';
}

/** Whether the version that serves gives away the pods that its share does not need. */
export function releasesStable({ spec }: ModelRelease): boolean {
  return spec.plan.capacity?.stable === 'Release';
}

/** Pods that a share needs. */
export function podsFor({ existing }: WatchedWorld, replicas: number, weight: number): number {
  if (existing && routingOf(existing) !== 'Gateway') return podsForShare(weight, replicas);
  return Math.max(1, Math.ceil((replicas * weight) / 100));
}
