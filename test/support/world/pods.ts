// Kubelet and the controllers of Deployments and EndpointSlices, as far as an operator sees them.
import { LABEL } from '../../../src/api/names.ts';
import { RESOURCE, type KubeObject } from '../../../src/api/resources.ts';
import type { StoredObject } from '../apiStore.ts';
import type { WorldApi } from './api.ts';

/** What becomes of a pod. */
export type PodFate = 'Ready' | 'Crash' | 'OutOfMemory' | 'NeverReady' | 'ImagePull' | 'Unschedulable' | 'SourceDown' | 'BadArchive';

export interface PodPlan {
  readonly fate: PodFate;
  /** From the start of a pod, or from the moment at which its fate turned good, to its readiness. */
  readonly readyAfterMs: number;
  /** Pods beyond this number find no node. */
  readonly room: number;
}

interface Pod {
  readonly name: string;
  readonly startedMs: number;
}

interface Workload {
  readonly pods: Pod[];
  fate: PodFate;
  /** When this fate began. */
  sinceMs: number;
  /** Pods that were refused in a row, when the ReplicaSet tries again by itself, and what it was asked for last. */
  refusals: number;
  triesAgainMs: number;
  asked: string;
}

const OVER_QUOTA = 'pods "fraud-x-abcde" is forbidden: exceeded quota: gpus, requested: pods=1, used: pods=5, limited: pods=5';
/** From the readiness of a pod to its place in the EndpointSlice. */
const ENDPOINT_LAG_MS = 300;

export class Kubelet {
  readonly #api: WorldApi;
  readonly #planOf: (workload: StoredObject) => PodPlan;
  readonly #workloads = new Map<string, Workload>();
  /** Pods that the namespace may have, of all versions together. */
  quota = Infinity;
  #started = 0;
  #actAgainMs = -Infinity;
  #seen = 0;

  constructor(api: WorldApi, planOf: (workload: StoredObject) => PodPlan) {
    this.#api = api;
    this.#planOf = planOf;
  }

  /** The plans of pods have changed. */
  wake(): void {
    this.#actAgainMs = -Infinity;
  }

  /** Pods, Deployment statuses and EndpointSlices as they are at `now`. */
  act(now: number): void {
    if (now < this.#actAgainMs && this.#api.version === this.#seen) return;
    const deployments = this.#api.view(RESOURCE.deployment);
    for (const name of this.#workloads.keys())
      if (!deployments.some(({ metadata }) => metadata.name === name)) this.#workloads.delete(name);
    for (const deployment of deployments) this.#run(deployment, now);
    for (const service of this.#api.view(RESOURCE.service)) this.#publish(service, now);
    this.#actAgainMs = this.nextMs(now);
    this.#seen = this.#api.version;
  }

  /** The next moment at which a pod is made, gets Ready or into its EndpointSlice. */
  nextMs(now: number): number {
    let next = Infinity;
    for (const deployment of this.#api.view(RESOURCE.deployment)) {
      const workload = this.#workloads.get(deployment.metadata.name);
      const plan = this.#planOf(deployment);
      if (workload && workload.triesAgainMs > now) next = Math.min(next, workload.triesAgainMs);
      for (const pod of workload?.pods ?? []) {
        const readyMs = readyAt(pod, workload as Workload, plan);
        for (const atMs of [readyMs, readyMs + ENDPOINT_LAG_MS]) if (atMs > now) next = Math.min(next, atMs);
      }
    }
    return next;
  }

  /** Pods of a revision that a gateway can send requests to, now or at an earlier time. */
  ready(revision: string, atMs?: number): number {
    const slices = this.#api.view(RESOURCE.endpointSlice, atMs).filter(({ metadata }) => labelOf(metadata, LABEL.revision) === revision);
    return slices.reduce((sum, slice) => sum + (slice['endpoints'] as unknown[]).length, 0);
  }

  /** Pods by label selector, as a LIST would answer. */
  list(selector: string, now: number): readonly KubeObject[] {
    const wanted = selector.split(',').map((term) => term.split('=') as [string, string]);
    return this.#api
      .view(RESOURCE.deployment)
      .filter(({ metadata }) => wanted.every(([label, value]) => labelOf(metadata, label) === value))
      .flatMap((deployment) => {
        const workload = this.#workloads.get(deployment.metadata.name);
        const plan = this.#planOf(deployment);
        return (workload?.pods ?? []).map((pod, index) =>
          podObject(pod, index < plan.room ? plan.fate : 'Unschedulable', {
            sinceMs: Math.max(pod.startedMs, workload?.sinceMs ?? 0),
            isReady: readyAt(pod, workload as Workload, plan) <= now,
          }),
        );
      });
  }

  #run(deployment: StoredObject, now: number): void {
    const { name } = deployment.metadata;
    const plan = this.#planOf(deployment);
    const fresh = { pods: [], fate: plan.fate, sinceMs: now, refusals: 0, triesAgainMs: -Infinity, asked: '' };
    const workload: Workload = this.#workloads.get(name) ?? fresh;
    this.#workloads.set(name, workload);
    if (workload.fate !== plan.fate) {
      workload.fate = plan.fate;
      workload.sinceMs = now;
    }
    const { replicas } = deployment['spec'] as { replicas: number };
    this.#makePods(deployment, workload, replicas, now);
    workload.pods.length = Math.min(workload.pods.length, replicas);
    const ready = this.#count(workload, plan, now, 0);
    const status = {
      replicas: workload.pods.length,
      ...(ready === 0 ? {} : { readyReplicas: ready }),
      ...(workload.pods.length < replicas ? { conditions: [{ type: 'ReplicaFailure', status: 'True', message: OVER_QUOTA }] } : {}),
    };
    if (JSON.stringify(deployment['status']) !== JSON.stringify(status)) this.#api.put({ ...deployment, status });
  }

  /** As a ReplicaSet does: what was refused is tried again at once when it changes, else after twice the time each time. */
  #makePods({ metadata }: StoredObject, workload: Workload, replicas: number, now: number): void {
    const asked = JSON.stringify([replicas, metadata.annotations]);
    if (asked === workload.asked && now < workload.triesAgainMs) return;
    workload.asked = asked;
    const others = [...this.#workloads.values()].filter((other) => other !== workload).reduce((sum, { pods }) => sum + pods.length, 0);
    const allowed = Math.max(0, Math.min(replicas, this.quota - others));
    while (workload.pods.length < allowed) workload.pods.push({ name: `${metadata.name}-${(this.#started += 1)}`, startedMs: now });
    workload.refusals = workload.pods.length < replicas ? workload.refusals + 1 : 0;
    workload.triesAgainMs = workload.refusals === 0 ? -Infinity : now + 5 * 2 ** workload.refusals;
  }

  #publish(service: StoredObject, now: number): void {
    const revision = labelOf(service.metadata, LABEL.revision);
    if (revision === undefined) return;
    const deployment = this.#api.view(RESOURCE.deployment).find(({ metadata }) => metadata.name === service.metadata.name);
    const workload = this.#workloads.get(service.metadata.name);
    const ready = deployment && workload ? this.#count(workload, this.#planOf(deployment), now, ENDPOINT_LAG_MS) : 0;
    const { name, namespace, labels, uid } = service.metadata;
    const type = RESOURCE.endpointSlice;
    const metadata = {
      name,
      namespace: namespace ?? '',
      labels: labels as Record<string, string>,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name, uid: uid ?? '' }],
    };
    const endpoints = Array.from({ length: ready }, (_, index) => ({ addresses: [`10.0.0.${index + 1}`], conditions: { ready: true } }));
    const known = this.#api.get(type, namespace ?? '', name);
    if (JSON.stringify(known?.['endpoints']) !== JSON.stringify(endpoints))
      this.#api.put({ apiVersion: type.apiVersion, kind: type.kind, metadata, endpoints });
  }

  #count(workload: Workload, plan: PodPlan, now: number, lagMs: number): number {
    return workload.pods.filter((pod, index) => index < plan.room && readyAt(pod, workload, plan) + lagMs <= now).length;
  }
}

function readyAt(pod: Pod, workload: Workload, { fate, readyAfterMs }: PodPlan): number {
  return fate === 'Ready' ? Math.max(pod.startedMs, workload.sinceMs) + readyAfterMs : Infinity;
}

/** What the API server shows of a pod: only what trouble is told from. */
function podObject(
  { name }: Pod,
  fate: PodFate,
  { sinceMs, isReady }: { readonly sinceMs: number; readonly isReady: boolean },
): KubeObject {
  const running = { startedAt: new Date(sinceMs).toISOString() };
  const metadata = { name };
  const base = { apiVersion: 'v1', kind: 'Pod', metadata };
  const server = (state: object, lastState?: object): object => ({
    containerStatuses: [{ name: 'model', ready: false, state, ...(lastState ? { lastState } : {}) }],
  });
  const fetcher = (message: object): object => ({
    initContainerStatuses: [
      {
        name: 'plimsoll-fetch',
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 1, message: JSON.stringify({ failure: message }) } },
      },
    ],
  });
  switch (fate) {
    case 'Ready':
      return { ...base, status: { phase: 'Running', containerStatuses: [{ name: 'model', ready: isReady, state: { running } }] } };
    case 'Crash':
      return { ...base, status: server({ waiting: { reason: 'CrashLoopBackOff' } }, { terminated: { exitCode: 1, reason: 'Error' } }) };
    case 'OutOfMemory':
      return {
        ...base,
        status: server({ waiting: { reason: 'CrashLoopBackOff' } }, { terminated: { exitCode: 137, reason: 'OOMKilled' } }),
      };
    case 'NeverReady':
      return { ...base, status: server({ running }) };
    case 'ImagePull':
      return { ...base, status: server({ waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "mlserver:1.7.1"' } }) };
    case 'Unschedulable':
      return {
        ...base,
        status: {
          phase: 'Pending',
          conditions: [
            { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available: insufficient memory' },
          ],
        },
      };
    case 'SourceDown':
      return { ...base, status: fetcher({ reason: 'SourceUnreachable', message: 'models.example.com does not answer', retryable: true }) };
    case 'BadArchive':
      return {
        ...base,
        status: fetcher({ reason: 'ArchiveRefused', message: 'the archive has an entry that leads out of it', retryable: false }),
      };
  }
}

function labelOf(metadata: StoredObject['metadata'], label: string): string | undefined {
  return (metadata['labels'] as Record<string, string> | undefined)?.[label];
}
