import type {
  ModelDeployment,
  ModelDeploymentTrafficGateway,
  ModelDeploymentTrafficGatewayTimeouts,
} from '../../api/generated/modeldeployment.ts';
import { ANNOTATION, LABEL, REVISION_HEADER } from '../../api/names.ts';
import { shortHash } from '../canonical.ts';
import type { Slot } from '../analysis/measurement.ts';
import type { Acceptance, Identity, KubeObject, RouteDecision, RouteState, SlotState } from '../observed.ts';
import { deploymentLabels, ownerReference, type Owner } from '../resources/children.ts';
import { childName } from '../resources/revision.ts';
import { decodeDecision, encodeDecision } from './decision.ts';

export const SLOTS: readonly Slot[] = ['a', 'b'];

export function otherSlot(slot: Slot): Slot {
  return slot === 'a' ? 'b' : 'a';
}

/**
 * Slots of a route without parents, which no gateway serves: it only carries the decision that a first version was taken off, so that
 * whoever has not heard of it cannot make the route that gives it traffic.
 */
export const NOWHERE: RouteState['slots'] = { a: { revision: '', weight: 0 }, b: { revision: '', weight: 0 } };

export function leadsNowhere({ slots }: Pick<RouteState, 'slots'>): boolean {
  return SLOTS.every((slot) => slots[slot].revision === '');
}

/** Everything of the route that does not change in a release. */
interface Frame {
  readonly parentRefs: readonly object[];
  readonly hostnames: readonly string[] | undefined;
  readonly timeouts: object | undefined;
}

function frameOf(deployment: ModelDeployment): Frame {
  const { gateway } = deployment.spec.traffic;
  if (!gateway) throw new Error('a route was to be made for a deployment without a gateway');
  const { parentRefs, hostnames, timeouts } = gateway;
  return { parentRefs, hostnames, timeouts };
}

/** Hash of the frame that the spec asks for. */
export function frameHash(deployment: ModelDeployment): string {
  return shortHash(frameOf(deployment), 16);
}

/** Shares as the route writes them when a slot has none: out of so many. */
const WHOLE = 10_000;

/**
 * Weights of the two backends. A slot without a share gets 1 of 10,000 requests all the same, and points at what serves: Envoy Gateway takes a
 * backend of weight 0 out of Envoy's clusters a moment before it takes it out of Envoy's routes, and requests in between are answered 500.
 */
function writeWeights({ a, b }: RouteState['slots']): Readonly<Record<Slot, number>> {
  if (a.weight === 0) return { a: 1, b: WHOLE - 1 };
  if (b.weight === 0) return { a: WHOLE - 1, b: 1 };
  return { a: a.weight, b: b.weight };
}

/** Weights in per cent, from what the route says. */
function readWeights(a: number, b: number): Readonly<Record<Slot, number>> {
  const share = a + b === 0 ? 0 : Math.round((100 * a) / (a + b));
  return { a: share, b: a + b === 0 ? 0 : 100 - share };
}

/**
 * The HTTPRoute with these slots and this decision. Both backendRefs always stand in the list, in the order a, b: Envoy Gateway names its
 * clusters, and so its metrics, by position. The filter on each is what gives each its own cluster; it also tells callers who answered.
 */
export function httpRoute(
  owner: Owner,
  deployment: ModelDeployment,
  slots: Readonly<Record<Slot, SlotState>>,
  decision: RouteDecision,
  identity: Identity | undefined,
): KubeObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: {
      name: owner.name,
      namespace: owner.namespace,
      labels: deploymentLabels(owner),
      annotations: { ...encodeDecision(decision), [ANNOTATION.frame]: frameHash(deployment) },
      ownerReferences: [ownerReference(owner)],
      ...identity,
    },
    spec: leadsNowhere({ slots }) ? {} : routeSpec(owner, deployment, slots),
  };
}

function routeSpec(owner: Owner, deployment: ModelDeployment, slots: RouteState['slots']): object {
  const { parentRefs, hostnames, timeouts } = frameOf(deployment);
  const weights = writeWeights(slots);
  return {
    parentRefs,
    ...(hostnames === undefined ? {} : { hostnames }),
    rules: [
      {
        backendRefs: SLOTS.map((slot) => backendRef(owner, slots[slot].revision, weights[slot])),
        ...(timeouts === undefined ? {} : { timeouts }),
      },
    ],
  };
}

function backendRef(owner: Owner, revision: string, weight: number): object {
  return {
    name: childName(owner.name, revision),
    port: 80,
    weight,
    filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: REVISION_HEADER, value: revision }] } }],
  };
}

/** An HTTPRoute of the API server, as far as it is read. */
export interface HttpRouteObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly parentRefs?: readonly ParentRef[];
    readonly hostnames?: readonly string[];
    readonly rules?: readonly {
      readonly backendRefs?: readonly { readonly name?: string; readonly weight?: number }[];
      readonly timeouts?: ModelDeploymentTrafficGatewayTimeouts;
    }[];
  };
  readonly status?: { readonly parents?: readonly ParentStatus[] };
}

interface ParentRef {
  readonly name?: string;
  readonly namespace?: string;
  readonly sectionName?: string;
  readonly port?: number;
}

interface ParentStatus {
  readonly parentRef?: ParentRef;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
    readonly observedGeneration?: number;
  }[];
}

/** What the route says; undefined when it is not in the form that this operator writes, and then it is written anew. */
export function readRoute(route: HttpRouteObject): RouteState | undefined {
  if (route.metadata.labels?.[LABEL.deployment] !== route.metadata.name) return undefined;
  const slots = readSlots(route);
  return (
    slots && {
      identity: { uid: route.metadata.uid ?? '', resourceVersion: route.metadata.resourceVersion ?? '' },
      slots,
      decision: decodeDecision(route.metadata.annotations),
      frame: route.metadata.annotations?.[ANNOTATION.frame],
      acceptance: leadsNowhere({ slots }) ? { state: 'Accepted' } : acceptanceOf(route),
    }
  );
}

function readSlots({ metadata, spec }: HttpRouteObject): RouteState['slots'] | undefined {
  if ((spec?.parentRefs ?? []).length === 0 && decodeDecision(metadata.annotations)?.decision === 'RollBack') return NOWHERE;
  const prefix = `${metadata.name}-`;
  const [a, b] = (spec?.rules?.[0]?.backendRefs ?? []).map((ref) => ({
    revision: ref.name?.startsWith(prefix) === true ? ref.name.slice(prefix.length) : '',
    weight: ref.weight ?? 1,
  }));
  if (!a || !b) return undefined;
  const weights = readWeights(a.weight, b.weight);
  return { a: { ...a, weight: weights.a }, b: { ...b, weight: weights.b } };
}

/** The frame that a route has, in the words of spec. */
export function gatewayOf({ spec }: HttpRouteObject): ModelDeploymentTrafficGateway {
  const timeouts = spec?.rules?.[0]?.timeouts;
  return {
    // Without what the API server adds to each.
    parentRefs: (spec?.parentRefs ?? []).map(({ name = '', namespace, sectionName, port }) => ({
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(sectionName === undefined ? {} : { sectionName }),
      ...(port === undefined ? {} : { port }),
    })),
    ...(spec?.hostnames === undefined ? {} : { hostnames: spec.hostnames }),
    ...(timeouts === undefined ? {} : { timeouts }),
  };
}

/**
 * Judged by the Accepted and ResolvedRefs of every parent at the newest generation. A Gateway's Programmed is no help: it stays False where the
 * gateway has no address to show, though it serves. What is said about other parents counts for nothing: Envoy Gateway leaves it standing when
 * a parentRef has got another listener or port.
 */
function acceptanceOf(route: HttpRouteObject): Acceptance {
  const { namespace = '' } = route.metadata;
  const said = route.status?.parents ?? [];
  const answers = (route.spec?.parentRefs ?? []).map((ref) => ({
    ref,
    parents: said.filter(({ parentRef }) => parentRef && placeOf(parentRef, namespace) === placeOf(ref, namespace)),
  }));
  const silent = answers.filter(({ parents }) => parents.length === 0).map(({ ref }) => nameOf(ref));
  if (silent.length > 0)
    return {
      state: 'Pending',
      message: `no gateway answers for ${silent.join(', ')} of spec.traffic.gateway.parentRefs; check that this Gateway exists and lets routes of this namespace in`,
    };
  const worst = answers.flatMap(({ parents }) => parents).map((parent) => judgeParent(parent, route.metadata.generation ?? 0));
  return worst.find(({ state }) => state !== 'Accepted') ?? { state: 'Accepted' };
}

function judgeParent({ parentRef, conditions }: ParentStatus, generation: number): Acceptance {
  const gateway = `gateway ${parentRef?.name ?? '?'}`;
  for (const type of ['Accepted', 'ResolvedRefs']) {
    const condition = conditions?.find((candidate) => candidate.type === type);
    if (!condition || (condition.observedGeneration ?? 0) < generation)
      return { state: 'Pending', message: `${gateway} has not yet seen the newest route` };
    const reason = condition.reason ?? type;
    if (condition.status !== 'True') return { state: 'Refused', reason, message: `${gateway}: ${reason}: ${condition.message ?? ''}` };
  }
  return { state: 'Accepted' };
}

/** A parentRef as one text; without a namespace it is the route's own. */
function placeOf({ name, namespace, sectionName, port }: ParentRef, own: string): string {
  return JSON.stringify([namespace ?? own, name, sectionName, port]);
}

function nameOf({ name = '?', namespace }: ParentRef): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
