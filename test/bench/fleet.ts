// The ModelDeployments of the bench, each with a model of its own, and what is known of them by a watch.
import { createHash } from 'node:crypto';
import type { ModelDeployment } from '../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import type { ModelVersion } from '../../src/api/generated/modelversion.ts';
import { API_VERSION } from '../../src/api/names.ts';
import { RESOURCE, type ObjectBody } from '../../src/api/resources.ts';
import type { KubeClient } from '../../src/controller/client.ts';
import { createReflector, type Reflector } from '../../src/controller/reflector.ts';
import { releaseName } from '../../src/core/release/start.ts';
import { resolveInputs } from '../../src/core/resources/resolveJob.ts';
import { planVersion } from '../../src/core/version/plan.ts';
import { clusterName } from '../../src/metrics/envoyGateway.ts';
import { realClock } from '../support/clocks.ts';

/** Where a deployment is, and its model's name, which is its own too. */
export interface Item {
  readonly namespace: string;
  readonly name: string;
}

export interface Pace {
  readonly intervalSeconds: number;
  readonly holdSeconds: number;
}

export interface Fleet {
  readonly items: readonly Item[];
  /** Makes both versions of every model. */
  readonly createVersions: () => Promise<void>;
  /** Makes the ModelDeployments, which ask for the first version. */
  readonly createDeployments: () => Promise<void>;
  /** Asks for a version. `holdSeconds`: of each step. */
  readonly release: (item: Item, version: string, holdSeconds?: number) => Promise<void>;
  readonly deployment: (item: Item) => ModelDeployment | undefined;
  readonly releaseOf: (item: Item, number: number) => ModelRelease | undefined;
  readonly stop: () => Promise<void>;
}

export const FIRST = '1';
export const SECOND = '2';
const MANAGER = 'bench';
const PER_NAMESPACE = 100;
const PARALLEL = 16;
/** Every step asks for another pod, so that each costs all that a step can cost. */
const REPLICAS = 4;
const WEIGHTS = [25, 50, 75];

/** The Envoy cluster that gets the requests of the second version: the slot that the first one does not have. */
export function candidateCluster({ namespace, name }: Item): string {
  return clusterName(namespace, name, 'b');
}

/** A fleet of `count`, not made yet. */
export function createFleet(client: KubeClient, makeNamespace: (name: string) => Promise<void>, count: number, pace: Pace): Fleet {
  const items = Array.from({ length: count }, (_, index) => ({
    namespace: `bench-${Math.floor(index / PER_NAMESPACE)}`,
    name: `model-${String(index).padStart(4, '0')}`,
  }));
  const stop = new AbortController();
  const watched = <T>(resource: typeof RESOURCE.modelDeployment | typeof RESOURCE.modelRelease): Reflector<T> =>
    createReflector<T>({ client, resource, project: (object) => object as T, clock: realClock, random: Math.random });
  const deployments = watched<ModelDeployment>(RESOURCE.modelDeployment);
  const releases = watched<ModelRelease>(RESOURCE.modelRelease);
  const running = [deployments.run(stop.signal), releases.run(stop.signal)];
  const apply = async (object: object): Promise<void> => {
    await client.apply(object as ObjectBody, { fieldManager: MANAGER });
  };
  return {
    items,
    createVersions: async () => {
      for (const name of new Set(items.map(({ namespace }) => namespace))) await makeNamespace(name);
      await inParallel(items, async (item) => {
        for (const version of [FIRST, SECOND]) await createVersion(client, item, version);
      });
    },
    createDeployments: () => inParallel(items, (item) => apply(deploymentObject(item, FIRST, pace, pace.holdSeconds))),
    release: (item, version, holdSeconds = pace.holdSeconds) => apply(deploymentObject(item, version, pace, holdSeconds)),
    deployment: ({ namespace, name }) => deployments.get(namespace, name),
    releaseOf: ({ namespace, name }, number) => releases.get(namespace, releaseName(name, number)),
    stop: async () => {
      stop.abort();
      await Promise.all(running);
    },
  };
}

/** Works on all items, some at once. */
export async function inParallel(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

/** A version that is pinned already: resolving is work of a Job in the tenant's namespace. Its status is what the operator would write. */
async function createVersion(client: KubeClient, { namespace, name }: Item, version: string): Promise<void> {
  const spec: ModelVersion['spec'] = {
    model: name,
    version,
    format: { name: 'sklearn' },
    source: { http: { url: `https://models.example.com/${name}/${version}/model.joblib` } },
  };
  const object = { apiVersion: API_VERSION, kind: 'ModelVersion', metadata: { name: `${name}-${version}`, namespace }, spec };
  const made = (await client.apply(object, { fieldManager: MANAGER })) as unknown as ModelVersion;
  const digest = `sha256:${createHash('sha256').update(`${name}-${version}`).digest('hex')}`;
  const resolved = {
    digest,
    omsDigest: digest,
    files: 1,
    bytes: 1_048_576,
    uri: spec.source.http?.url ?? '',
    resolvedAt: '2026-01-01T00:00:00Z',
  };
  const { actions } = planVersion(
    {
      version: made,
      job: {
        name: 'resolve',
        attempt: 1,
        state: 'Succeeded',
        termination: { ok: true, value: { kind: 'resolved', resolved } },
        inputs: resolveInputs(made),
        trouble: undefined,
        finishedAtMs: realClock.now(),
      },
      tagJob: undefined,
      servers: [],
      settings: { image: 'plimsoll', imagePullPolicy: 'IfNotPresent', settleMs: 0, tagPrefix: 'plimsoll.dev' },
    },
    realClock.now(),
  );
  for (const action of actions) {
    if (action.type !== 'ApplyStatus') continue;
    const { resourceVersion: _, ...metadata } = action.object.metadata;
    await client.apply({ ...action.object, metadata }, { fieldManager: MANAGER, subresource: 'status' });
  }
}

function deploymentObject({ namespace, name }: Item, version: string, { intervalSeconds }: Pace, holdSeconds: number): object {
  return {
    apiVersion: API_VERSION,
    kind: 'ModelDeployment',
    metadata: { name, namespace },
    spec: {
      model: name,
      version,
      replicas: REPLICAS,
      runtime: {
        preset: 'mlserver',
        template: {
          spec: {
            containers: [
              {
                name: 'model',
                image: 'registry.example.com/mlserver:1.7.1',
                resources: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '1Gi' } },
              },
            ],
          },
        },
      },
      traffic: { gateway: { parentRefs: [{ name: 'public', namespace: 'gateways' }], hostnames: [`${name}.example.com`] }, drain: '2s' },
      rollout: { steps: WEIGHTS.map((weight) => ({ weight, hold: `${holdSeconds}s` })) },
      analysis: {
        interval: `${intervalSeconds}s`,
        minRequests: 10,
        checks: [
          { name: 'errors', errorRate: { relativeMargin: '50%', absoluteFloor: '1%' } },
          { name: 'latency', latency: { slowerThan: '100ms', relativeMargin: '50%', absoluteFloor: '1%' } },
        ],
      },
    },
  };
}
