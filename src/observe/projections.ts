import type { ModelDeploymentRuntimeCustom } from '../api/generated/modeldeployment.ts';
import { ANNOTATION, LABEL } from '../api/names.ts';
import type { KubeObject, ObjectMeta } from '../api/resources.ts';
import type { RouteState, WorkloadState } from '../core/observed.ts';
import type { JsonObject } from '../core/resources/overlay.ts';
import type { Snapshot } from '../core/resources/revision.ts';
import { ATTEMPT } from '../core/resources/versionJob.ts';
import { parseTime } from '../core/time.ts';
import { identityOf } from '../core/status/write.ts';
import { decodeCarried, readShareService } from '../core/traffic/carrier.ts';
import type { Holder } from '../core/traffic/hostnames.ts';
import { gatewayOf, readRoute, type HttpRouteObject } from '../core/traffic/route.ts';

/** What a cache keeps of each kind: the few fields that are read. Whole objects of thousands of deployments would not fit into memory. */

export interface Child {
  readonly metadata: ObjectMeta;
  readonly revision: string | undefined;
  /** The object that it belongs to: one that was deleted and made anew by the same name is another. */
  readonly ownerUid: string | undefined;
}

export interface Workload extends Child {
  readonly state: WorkloadState;
}

export interface ServiceChild extends Child {
  /** Revision that the selector names. */
  readonly selects: string | undefined;
  /** What it carries, where it stands in the place of a route. */
  readonly state: RouteState | undefined;
}

export interface SnapshotChild extends Child {
  readonly snapshot: Snapshot | undefined;
}

export interface Endpoints extends Child {
  readonly ready: number;
}

export interface RouteChild extends Child {
  readonly state: RouteState | undefined;
  /** Who gets which requests by it. */
  readonly holder: Holder;
}

export interface JobChild {
  readonly metadata: ObjectMeta;
  /** The program that it runs. */
  readonly program: string;
  readonly attempt: number;
  readonly state: 'Running' | 'Succeeded' | 'Failed';
  readonly finishedAtMs: number | undefined;
  readonly inputs: string | undefined;
}

/** Our own kinds are kept whole but for the bookkeeping of field managers. */
export function own(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export function child(object: KubeObject): Child {
  const { name, namespace, uid, resourceVersion, labels, ownerReferences } = object.metadata;
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(labels ? { labels } : {}),
    },
    revision: labels?.[LABEL.revision],
    ownerUid: ownerReferences?.find(({ controller }) => controller === true)?.uid,
  };
}

export function workload(object: KubeObject): Workload {
  const spec = object.spec as { readonly replicas?: number } | undefined;
  const status = object.status as
    | {
        readonly readyReplicas?: number;
        readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
      }
    | undefined;
  const failure = status?.conditions?.find(({ type, status: value }) => type === 'ReplicaFailure' && value === 'True')?.message;
  return {
    ...child(object),
    state: {
      identity: identityOf(object.metadata),
      replicas: spec?.replicas ?? 1,
      readyReplicas: status?.readyReplicas ?? 0,
      scaledAtMs: parseTime(object.metadata.annotations?.[ANNOTATION.scaledAt]),
      askedAtMs: parseTime(object.metadata.annotations?.[ANNOTATION.askedAt]),
      failure,
      carried: decodeCarried(object.metadata.annotations),
    },
  };
}

export function service(object: KubeObject): ServiceChild {
  const spec = object.spec as { readonly selector?: Readonly<Record<string, string>> } | undefined;
  return { ...child(object), selects: spec?.selector?.[LABEL.revision], state: readShareService({ metadata: object.metadata, spec }) };
}

export function snapshot(object: KubeObject): SnapshotChild {
  const data = object['data'] as
    | {
        readonly version?: string;
        readonly digest?: string;
        readonly template?: JsonObject;
        readonly custom?: ModelDeploymentRuntimeCustom;
      }
    | undefined;
  const kept = child(object);
  const inputs = object.metadata.annotations?.[ANNOTATION.inputs];
  const { version, digest, template, custom } = data ?? {};
  const isWhole =
    kept.revision !== undefined && version !== undefined && digest !== undefined && template !== undefined && inputs !== undefined;
  return {
    ...kept,
    snapshot: isWhole ? { revision: kept.revision, version, digest, inputs, template, ...(custom ? { custom } : {}) } : undefined,
  };
}

/** Addresses that may get traffic. A terminating endpoint is not ready. */
export function endpoints(object: KubeObject): Endpoints {
  const list = (object['endpoints'] ?? []) as readonly {
    readonly addresses?: readonly string[];
    readonly conditions?: { readonly ready?: boolean };
  }[];
  return { ...child(object), ready: list.filter(({ conditions }) => conditions?.ready === true).length };
}

export function route(object: KubeObject): RouteChild {
  const { name, namespace = '', creationTimestamp = '' } = object.metadata;
  const route = object as unknown as HttpRouteObject;
  return {
    ...child(object),
    state: readRoute(route),
    holder: { namespace, name, createdAt: creationTimestamp, gateway: gatewayOf(route) },
  };
}

export function job(object: KubeObject): JobChild {
  const { annotations, labels, ownerReferences } = object.metadata;
  const status = object.status as
    | { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly lastTransitionTime?: string }[] }
    | undefined;
  const ended = (type: string): { readonly lastTransitionTime?: string } | undefined =>
    status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
  const complete = ended('Complete');
  const failed = ended('Failed');
  return {
    metadata: { ...child(object).metadata, ...(ownerReferences ? { ownerReferences } : {}) },
    program: labels?.[LABEL.program] ?? 'resolve',
    attempt: Number(annotations?.[ATTEMPT] ?? 1),
    state: complete ? 'Succeeded' : failed ? 'Failed' : 'Running',
    finishedAtMs: parseTime((complete ?? failed)?.lastTransitionTime),
    inputs: annotations?.[ANNOTATION.inputs],
  };
}
