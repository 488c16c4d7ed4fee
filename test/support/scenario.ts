// A scene for an end-to-end test: a namespace of its own, versions whose behaviour the test chooses, a ModelDeployment behind the real
// gateway, and load from outside. Models are served by the small test server unless a test brings its own template.
import { tmpdir } from 'node:os';
import { PORTS } from '../../deploy/local/cluster/index.ts';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import { startLoad, type Load } from '../../deploy/local/load/generator.ts';
import { startFileServer, type FileServer } from '../../deploy/local/models/server.ts';
import type { ModelDeployment, ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import type { ModelVersion } from '../../src/api/generated/modelversion.ts';
import { createNamespace, deleteNamespace, kubectl, request } from './cluster.ts';

/** How a version behaves; see deploy/local/images/modelserver. */
export interface Behaviour {
  readonly features?: number;
  readonly failPercent?: number;
  readonly failBurst?: number;
  readonly wrongPercent?: number;
  readonly zeroPercent?: number;
  readonly failWhenFirstAtLeast?: number;
  readonly latencyMs?: number;
  readonly slowPercent?: number;
  readonly slowMs?: number;
  readonly crashAfterSeconds?: number;
  readonly allocateMiB?: number;
  readonly neverReady?: boolean;
}

export interface KubeEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  /** How often it was told. */
  readonly count: number;
}

export const MODEL = 'toy';
const FEATURES = 4;
const ROWS = Array.from({ length: 10 }, (_, i) => Array.from({ length: FEATURES }, (__, j) => (i + j) % 10));

/** Quick settings: what takes minutes in production takes seconds here. */
export const QUICK_ROLLOUT: NonNullable<ModelDeploymentSpec['rollout']> = {
  steps: [
    { weight: 5, hold: '4s' },
    { weight: 25, hold: '4s' },
    { weight: 50, hold: '4s' },
  ],
  progressDeadline: '60s',
  unavailableGrace: '6s',
};
export const QUICK_ANALYSIS: NonNullable<ModelDeploymentSpec['analysis']> = {
  interval: '2s',
  minRequests: 10,
  checks: [
    { name: 'errors', errorRate: { relativeMargin: '50%', absoluteFloor: '1%' } },
    { name: 'latency', latency: { slowerThan: '50ms', relativeMargin: '20%', absoluteFloor: '5%' } },
  ],
};

/** One step, which nothing is held against: what is released is not the point. */
export const WITHOUT_EVIDENCE: Pick<ModelDeploymentSpec, 'rollout' | 'analysis'> = {
  rollout: { ...QUICK_ROLLOUT, steps: [{ weight: 50, hold: '1s' }] },
  analysis: { interval: '2s', checks: [] },
};

export class Scenario {
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly files: FileServer;
  readonly #loads: Load[] = [];

  private constructor(namespace: string, files: FileServer) {
    this.namespace = namespace;
    this.files = files;
    this.name = MODEL;
    this.host = `${namespace}.test`;
  }

  /** Opens a scene in a new namespace that enforces Pod Security `restricted`. */
  static async open(title: string): Promise<Scenario> {
    const namespace = await createNamespace(title, { 'pod-security.kubernetes.io/enforce': 'restricted' });
    return new Scenario(namespace, await startFileServer(tmpdir()));
  }

  /** Stops all load and removes everything. */
  async close(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.stop()));
    await deleteNamespace(this.namespace);
    await this.files.close();
  }

  /** Publishes a version and applies its ModelVersion, `toy-<version>`. */
  async version(version: string, behaviour: Behaviour = {}, spec: Partial<ModelVersion['spec']> = {}): Promise<void> {
    const path = `/${version}/model.json`;
    // `salt` makes versions with equal behaviour different bytes, as real ones are.
    this.files.put(path, Buffer.from(JSON.stringify({ features: FEATURES, ...behaviour, salt: version })));
    await this.apply({
      apiVersion: 'plimsoll.dev/v1alpha1',
      kind: 'ModelVersion',
      metadata: { name: `${MODEL}-${version}`, namespace: this.namespace },
      spec: { model: MODEL, version, format: { name: 'xgboost' }, source: { http: { url: this.files.url(path) } }, ...spec },
    });
  }

  /** Applies the ModelDeployment, serving this version, with parts of its spec replaced. */
  async deploy(version: string, spec: Partial<ModelDeploymentSpec> = {}): Promise<void> {
    await this.apply({
      apiVersion: 'plimsoll.dev/v1alpha1',
      kind: 'ModelDeployment',
      metadata: { name: this.name, namespace: this.namespace },
      spec: {
        model: MODEL,
        version,
        replicas: 2,
        runtime: { preset: 'mlserver', template: MODELSERVER },
        traffic: { gateway: { parentRefs: [{ name: 'eg', namespace: 'default' }], hostnames: [this.host] }, drain: '2s' },
        rollout: QUICK_ROLLOUT,
        analysis: QUICK_ANALYSIS,
        ...spec,
      },
    });
  }

  /** Changes the version, as `kubectl patch` does. */
  async release(version: string): Promise<void> {
    await kubectl(['-n', this.namespace, 'patch', 'mdep', this.name, '--type=merge', '-p', JSON.stringify({ spec: { version } })]);
  }

  async apply(object: object): Promise<void> {
    await kubectl(['apply', '--server-side', '--field-manager=test', '--force-conflicts', '-f', '-'], { input: JSON.stringify(object) });
  }

  async deployment(): Promise<ModelDeployment> {
    return await this.read<ModelDeployment>(`/apis/plimsoll.dev/v1alpha1/namespaces/${this.namespace}/modeldeployments/${this.name}`);
  }

  async modelVersion(version: string): Promise<ModelVersion> {
    return await this.read<ModelVersion>(`/apis/plimsoll.dev/v1alpha1/namespaces/${this.namespace}/modelversions/${MODEL}-${version}`);
  }

  /** Releases in the order of their numbers. */
  async releases(): Promise<readonly ModelRelease[]> {
    const { items } = await this.read<{ items: ModelRelease[] }>(`/apis/plimsoll.dev/v1alpha1/namespaces/${this.namespace}/modelreleases`);
    return items.toSorted((a, b) => a.spec.number - b.spec.number);
  }

  /** Events on the ModelDeployment, oldest first. */
  async events(): Promise<readonly KubeEvent[]> {
    const selector = `involvedObject.kind=ModelDeployment,involvedObject.name=${this.name}`;
    const { items } = await this.read<{ items: (KubeEvent & { metadata: { creationTimestamp: string; resourceVersion: string } })[] }>(
      `/api/v1/namespaces/${this.namespace}/events?fieldSelector=${encodeURIComponent(selector)}`,
    );
    // Times are whole seconds; of the same one, in the order in which the API server took them.
    return items.toSorted(
      ({ metadata: a }, { metadata: b }) =>
        a.creationTimestamp.localeCompare(b.creationTimestamp) || Number(a.resourceVersion) - Number(b.resourceVersion),
    );
  }

  async read<T>(path: string): Promise<T> {
    const { status, body, message } = await request('GET', path);
    // An API server that has just started answers so while its caches fill.
    if (status === 429) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return await this.read<T>(path);
    }
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${message}`);
    return body as T;
  }

  /** Waits until `kubectl wait` would: a condition of the ModelDeployment is True at its newest generation. */
  async ready(timeoutMs = 60_000): Promise<ModelDeployment> {
    return await this.until(
      'the ModelDeployment is Ready',
      async () => {
        const deployment = await this.deployment();
        const condition = deployment.status?.conditions?.find(({ type }) => type === 'Ready');
        const isNew = condition?.observedGeneration === deployment.metadata.generation;
        return condition?.status === 'True' && isNew && deployment.status?.stable?.version === deployment.spec.version
          ? deployment
          : undefined;
      },
      timeoutMs,
    );
  }

  /** Waits until release `number` is finished. */
  async finished(number: number, timeoutMs = 120_000): Promise<ModelRelease> {
    return await this.until(
      `release ${number} is finished`,
      async () => {
        const release = (await this.releases()).find(({ spec }) => spec.number === number);
        return release?.status?.finishedAt === undefined ? undefined : release;
      },
      timeoutMs,
    );
  }

  /** Asks again and again; says what was waited for, and what there was, when it does not come. */
  async until<T>(what: string, ask: () => Promise<T | undefined>, timeoutMs: number): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const answer = await ask();
      if (answer !== undefined) return answer;
      if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs / 1000} s: ${what}.\n${await this.describe()}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Requests through the gateway, at a constant rate. */
  load(rate: number, options: { readonly slowerThanMs?: number; readonly onRecord?: (record: LoadRecord) => void } = {}): Load {
    const load = startLoad({ port: PORTS.gateway, host: this.host, model: MODEL, rate, rows: ROWS, ...options });
    this.#loads.push(load);
    return load;
  }

  /** The state of the scene, for a failed test. */
  async describe(): Promise<string> {
    const parts = await Promise.all([
      kubectl(['-n', this.namespace, 'get', 'mver,mdep,mrel,deploy,pods,httproute', '-o', 'wide']).catch(String),
      kubectl(['-n', this.namespace, 'get', 'mdep,mrel', '-o', 'yaml']).catch(String),
      kubectl(['-n', this.namespace, 'get', 'events', '--sort-by=.lastTimestamp']).catch(String),
    ]);
    return parts.join('\n');
  }
}

/** Template for the small test server. */
export const MODELSERVER = {
  spec: {
    containers: [
      {
        name: 'model',
        image: 'images.local/modelserver:1',
        imagePullPolicy: 'Never',
        resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '128Mi' } },
        readinessProbe: { periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 2 },
      },
    ],
  },
};
