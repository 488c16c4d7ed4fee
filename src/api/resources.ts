// Kubernetes resources that Plimsoll touches, and the shape of an object as it comes over the wire (plain JSON, times are strings).

import { API_VERSION } from './names.ts';

/** What it takes to address a kind of object in the Kubernetes API. `plural` is the path segment and the name in RBAC rules. */
export type ResourceType = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
};

/** One owner of an object. Garbage collection follows `uid`. */
export type OwnerReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
};

/** Metadata as the API server returns it. Times are RFC 3339 strings. */
export type ObjectMeta = {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly unknown[];
};

/** An object read from the API server. Whatever is not metadata is unchecked: the reader narrows it. */
export type KubeObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly [field: string]: unknown;
};

/** An object to write: one that was read, a literal, or a generated interface (which has no index signature; hence the union). */
export type ObjectBody =
  | KubeObject
  | {
      readonly apiVersion: string;
      readonly kind: string;
      readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
    };

export const RESOURCE = {
  modelVersion: { apiVersion: API_VERSION, kind: 'ModelVersion', plural: 'modelversions', namespaced: true },
  modelDeployment: { apiVersion: API_VERSION, kind: 'ModelDeployment', plural: 'modeldeployments', namespaced: true },
  modelRelease: { apiVersion: API_VERSION, kind: 'ModelRelease', plural: 'modelreleases', namespaced: true },
  checkSet: { apiVersion: API_VERSION, kind: 'CheckSet', plural: 'checksets', namespaced: true },
  deployment: { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', namespaced: true },
  controllerRevision: { apiVersion: 'apps/v1', kind: 'ControllerRevision', plural: 'controllerrevisions', namespaced: true },
  service: { apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true },
  podDisruptionBudget: { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets', namespaced: true },
  endpointSlice: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', plural: 'endpointslices', namespaced: true },
  httpRoute: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', plural: 'httproutes', namespaced: true },
  gateway: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', plural: 'gateways', namespaced: true },
  job: { apiVersion: 'batch/v1', kind: 'Job', plural: 'jobs', namespaced: true },
  pod: { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true },
  configMap: { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
  event: { apiVersion: 'v1', kind: 'Event', plural: 'events', namespaced: true },
  lease: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases', namespaced: true },
} as const satisfies Record<string, ResourceType>;

const byKind = new Map<string, ResourceType>(Object.values(RESOURCE).map((type) => [`${type.apiVersion}/${type.kind}`, type]));

/** The resource that an object belongs to. Throws for a kind that is not in `RESOURCE`: that is a mistake in the program. */
export function resourceOf(object: { readonly apiVersion: string; readonly kind: string }): ResourceType {
  const type = byKind.get(`${object.apiVersion}/${object.kind}`);
  if (type === undefined) throw new Error(`No resource is known for ${object.apiVersion} ${object.kind}; add it to RESOURCE.`);
  return type;
}
