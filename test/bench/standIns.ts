// Plays Kubernetes' controllers, kubelets and a gateway: every Deployment of ours is available as soon as it is seen, every pod is in its
// EndpointSlice, every route is accepted at its newest generation. Nothing is ever slow and nothing fails: what takes time is the operator.
import { LABEL, MANAGED_BY_VALUE } from '../../src/api/names.ts';
import { RESOURCE, type KubeObject, type ObjectBody, type ResourceType } from '../../src/api/resources.ts';
import type { KubeClient } from '../../src/controller/client.ts';
import { isKubeError } from '../../src/controller/errors.ts';
import { createReflector } from '../../src/controller/reflector.ts';
import { realClock } from '../support/clocks.ts';

export interface StandIns {
  /** Ends once nothing is under way any more. Rejects with the first error that was not to be expected. */
  readonly stop: () => Promise<void>;
}

type Seen = (before: KubeObject | undefined, after: KubeObject | undefined) => Promise<void>;

interface RouteStatus {
  readonly parents?: readonly { readonly conditions?: readonly { readonly observedGeneration?: number }[] }[];
}

const MANAGER = 'bench';

/** Starts to act, on what there is and on every change. */
export function startStandIns(client: KubeClient): StandIns {
  const stop = new AbortController();
  const working = new Set<Promise<void>>();
  let broken: unknown;
  const act = (work: Promise<void>): void => {
    const done = work
      .catch((error: unknown) => {
        // An object may be gone by now, as for any controller.
        if (!isKubeError(error, 'NotFound', 'Conflict', 'Aborted')) broken ??= error;
      })
      .finally(() => working.delete(done));
    working.add(done);
  };
  const follow = (resource: ResourceType, seen: Seen): Promise<void> =>
    createReflector<KubeObject>({
      client,
      resource,
      labelSelector: `${LABEL.managedBy}=${MANAGED_BY_VALUE}`,
      project: ({ metadata: { managedFields: _, ...metadata }, ...object }) => ({ ...object, metadata }),
      onChange: (before, after) => act(seen(before, after)),
      onError: (error) => (broken ??= error),
      clock: realClock,
      random: Math.random,
    }).run(stop.signal);
  const running = [
    follow(RESOURCE.deployment, async (before, after) => {
      if (after) await makeAvailable(client, after);
      else if (before) await makeEmpty(client, before);
    }),
    follow(RESOURCE.service, async (before, after) => {
      if (before && !after) await removeSlice(client, before);
    }),
    follow(RESOURCE.httpRoute, async (_, after) => {
      if (after) await acceptRoute(client, after);
    }),
  ];
  return {
    stop: async () => {
      stop.abort();
      await Promise.all([...running, ...working]);
      if (broken !== undefined) throw new Error('What plays the rest of the cluster failed.', { cause: broken });
    },
  };
}

async function makeAvailable(client: KubeClient, deployment: KubeObject): Promise<void> {
  const { name, namespace, generation = 1, deletionTimestamp } = deployment.metadata;
  const { replicas = 1 } = deployment.spec as { readonly replicas?: number };
  const status = deployment.status as { readonly observedGeneration?: number } | undefined;
  if (deletionTimestamp !== undefined || status?.observedGeneration === generation) return;
  await client.apply(slice(deployment, replicas), { fieldManager: MANAGER });
  const counts = { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas };
  await applyStatus(client, { ...bare(deployment, { name, namespace }), status: { observedGeneration: generation, ...counts } });
}

/** Its pods are gone with it. */
async function makeEmpty(client: KubeClient, deployment: KubeObject): Promise<void> {
  await client.apply(slice(deployment, 0), { fieldManager: MANAGER });
}

async function removeSlice(client: KubeClient, service: KubeObject): Promise<void> {
  const { name, namespace } = service.metadata;
  await client.remove({ resource: RESOURCE.endpointSlice, namespace, name: sliceName(name) });
}

/** Labelled as the real controller labels it: with what the Service carries. */
function slice({ metadata }: KubeObject, pods: number): ObjectBody {
  const { name, namespace, labels } = metadata;
  return {
    apiVersion: RESOURCE.endpointSlice.apiVersion,
    kind: RESOURCE.endpointSlice.kind,
    metadata: { name: sliceName(name), namespace, labels: { ...labels, 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: pods }, (_, pod) => ({
      addresses: [`10.0.0.${pod + 1}`],
      conditions: { ready: true, serving: true, terminating: false },
    })),
  };
}

function sliceName(service: string): string {
  return `${service}-bench`;
}

async function acceptRoute(client: KubeClient, route: KubeObject): Promise<void> {
  const { name, namespace, generation = 1 } = route.metadata;
  const { parentRefs } = route.spec as { readonly parentRefs: readonly object[] };
  const told = (route.status as RouteStatus | undefined)?.parents?.[0];
  if (told?.conditions?.[0]?.observedGeneration === generation) return;
  const lastTransitionTime = new Date(realClock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const conditions = ['Accepted', 'ResolvedRefs'].map((type) => ({
    type,
    status: 'True',
    reason: type,
    message: '',
    observedGeneration: generation,
    lastTransitionTime,
  }));
  const parents = parentRefs.map((parentRef) => ({ parentRef, controllerName: 'plimsoll.dev/bench', conditions }));
  await applyStatus(client, { ...bare(route, { name, namespace }), status: { parents } });
}

function bare({ apiVersion, kind }: KubeObject, metadata: { readonly name: string; readonly namespace: string | undefined }): ObjectBody {
  return { apiVersion, kind, metadata };
}

async function applyStatus(client: KubeClient, object: ObjectBody): Promise<void> {
  await client.apply(object, { fieldManager: MANAGER, subresource: 'status' });
}
