// Carriers other than a route. What a route says by its backends, they say in annotations, in the same write as what moves the traffic.
import { ANNOTATION, LABEL } from '../../api/names.ts';
import type { Slot } from '../analysis/measurement.ts';
import type { Carried, Identity, KubeObject, RouteDecision, RouteState } from '../observed.ts';
import { deploymentService, type Owner } from '../resources/children.ts';
import { decodeDecision, encodeDecision } from './decision.ts';

/** An object that may carry traffic, as far as it is read. */
export interface CarrierObject {
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly selector?: Readonly<Record<string, string>> } | undefined;
}

/**
 * Service `<name>` of a deployment without a gateway: it selects the pods of whoever has a share. Both have one when it selects every pod of
 * the deployment, so there must be no third revision then. Both serve on the same port.
 */
export function shareService(
  owner: Owner,
  slots: RouteState['slots'],
  decision: RouteDecision,
  port: number,
  identity: Identity | undefined,
): KubeObject {
  return deploymentService(owner, onlyRevision(slots), port, identity, encodeCarried({ slots, decision }));
}

/** The revision that has everything, and '' when nobody has anything: no pod has that label. Undefined while two share. */
function onlyRevision({ a, b }: RouteState['slots']): string | undefined {
  if (a.weight > 0 && b.weight > 0) return undefined;
  return (a.weight > 0 ? a : b).revision;
}

/** What the Service says; undefined when it is not in the form that this operator writes, and then it is written anew. */
export function readShareService({ metadata, spec }: CarrierObject): RouteState | undefined {
  const carried = decodeCarried(metadata.annotations);
  const selector = spec?.selector ?? {};
  if (!carried || selector[LABEL.deployment] !== metadata.name) return undefined;
  // Annotations alone move nothing: they count as far as the selector agrees.
  if (selector[LABEL.revision] !== onlyRevision(carried.slots)) return undefined;
  return {
    ...carried,
    identity: { uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' },
    frame: undefined,
    acceptance: { state: 'Accepted' },
  };
}

/** Annotations that carry shares and decision. */
export function encodeCarried({ slots, decision }: Carried): Record<string, string> {
  const say = (slot: Slot): string => `${slot}=${slots[slot].revision}:${slots[slot].weight}`;
  return { ...encodeDecision(decision), [ANNOTATION.slots]: `${say('a')} ${say('b')}` };
}

export function decodeCarried(annotations: Readonly<Record<string, string>> | undefined): Carried | undefined {
  const decision = decodeDecision(annotations);
  const match = /^a=([0-9a-f]{0,10}):([0-9]{1,3}) b=([0-9a-f]{0,10}):([0-9]{1,3})$/.exec(annotations?.[ANNOTATION.slots] ?? '');
  if (!decision || !match) return undefined;
  const [, a = '', weightA, b = '', weightB] = match;
  return { slots: { a: { revision: a, weight: Number(weightA) }, b: { revision: b, weight: Number(weightB) } }, decision };
}

/** What the newest decision on any of these Deployments says, where they are all that there is; undefined while there is none. */
export function newestCarried(
  workloads: readonly { readonly identity: Identity; readonly carried: Carried | undefined }[],
): RouteState | undefined {
  const found = workloads.flatMap(({ identity, carried }) => (carried ? [{ identity, ...carried }] : []));
  const newest = found.sort((x, y) => y.decision.release - x.decision.release)[0];
  return newest && { ...newest, frame: undefined, acceptance: { state: 'Accepted' } };
}
