import { API_VERSION, LABEL, MANAGED_BY_VALUE } from '../../api/names.ts';
import { ANNOTATION } from '../../api/names.ts';
import { formatTime } from '../time.ts';
import type { Identity, KubeObject } from '../observed.ts';
import type { JsonObject } from './overlay.ts';
import { childName, type Snapshot } from './revision.ts';

/** Whom a child belongs to: deleting the ModelDeployment deletes its children, through the API server's own garbage collection. */
export interface Owner {
  readonly kind: 'ModelDeployment' | 'ModelVersion';
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

export function ownerReference(owner: Owner): object {
  return { apiVersion: API_VERSION, kind: owner.kind, name: owner.name, uid: owner.uid, controller: true, blockOwnerDeletion: false };
}

/** Labels of everything that belongs to one revision. Never copied from the owner: GitOps tools would claim the children by them. */
function revisionLabels(owner: Owner, revision: string): Record<string, string> {
  return { ...deploymentLabels(owner), [LABEL.revision]: revision };
}

export function deploymentLabels(owner: Owner): Record<string, string> {
  return { [LABEL.managedBy]: MANAGED_BY_VALUE, [LABEL.deployment]: owner.name };
}

/** Pods of a revision, or of all. */
export function podSelector(owner: Owner, revision?: string): Record<string, string> {
  return { [LABEL.deployment]: owner.name, ...(revision === undefined ? {} : { [LABEL.revision]: revision }) };
}

/** The revision as rendered, so that it can be served again when the ModelVersion is gone or the operator renders differently. */
export function controllerRevision(owner: Owner, snapshot: Snapshot): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      ...metadata(owner, snapshot.revision),
      annotations: { [ANNOTATION.inputs]: snapshot.inputs },
    },
    revision: 1,
    data: {
      version: snapshot.version,
      digest: snapshot.digest,
      template: snapshot.template,
      ...(snapshot.custom ? { custom: snapshot.custom } : {}),
    },
  };
}

/**
 * Deployment of a revision with `replicas` pods. `nowMs` is kept with it: deadlines count from the last change of size. `identity` when it
 * exists: whoever scales it on old knowledge could take pods from what serves by now.
 */
export function workload(owner: Owner, snapshot: Snapshot, replicas: number, nowMs: number, identity: Identity | undefined): KubeObject {
  const selector = podSelector(owner, snapshot.revision);
  const template = snapshot.template;
  const podMetadata = (template['metadata'] ?? {}) as JsonObject;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...metadata(owner, snapshot.revision), annotations: { [ANNOTATION.scaledAt]: formatTime(nowMs) }, ...identity },
    spec: {
      replicas,
      selector: { matchLabels: selector },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: {
          ...podMetadata,
          labels: { ...(podMetadata['labels'] as JsonObject | undefined), ...revisionLabels(owner, snapshot.revision) },
        },
        spec: template['spec'],
      },
    },
  };
}

/** Service of one revision: what the route's slots point at. */
export function revisionService(owner: Owner, revision: string, port: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(owner, revision),
    spec: { selector: podSelector(owner, revision), ports: servicePorts(port) },
  };
}

/** Service `<name>` for callers in the cluster: it selects the pods of one revision, or of all when none is given. */
export function deploymentService(
  owner: Owner,
  revision: string | undefined,
  port: number,
  identity: Identity | undefined,
  annotations?: Readonly<Record<string, string>>,
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: owner.name,
      namespace: owner.namespace,
      labels: deploymentLabels(owner),
      ...(annotations ? { annotations } : {}),
      ownerReferences: [ownerReference(owner)],
      ...identity,
    },
    spec: { selector: podSelector(owner, revision), ports: servicePorts(port) },
  };
}

/** One budget for each revision: one over both would let a node drain take every candidate pod. A single pod may still be moved. */
export function disruptionBudget(owner: Owner, revision: string): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata(owner, revision),
    spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: { matchLabels: podSelector(owner, revision) } },
  };
}

export function servicePorts(port: number): readonly object[] {
  return [{ name: 'http', port: 80, protocol: 'TCP', targetPort: port }];
}

function metadata(owner: Owner, revision: string): KubeObject['metadata'] {
  return {
    name: childName(owner.name, revision),
    namespace: owner.namespace,
    labels: revisionLabels(owner, revision),
    ownerReferences: [ownerReference(owner)],
  };
}
