// What commands that need a cluster have of the world.

import { writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { KubeConfig } from '@kubernetes/client-node';
import type { CheckSet } from '../api/generated/checkset.ts';
import type { ModelDeployment } from '../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../api/generated/modelrelease.ts';
import { RESOURCE } from '../api/resources.ts';
import type { KubeClient } from '../controller/client.ts';
import { createSystemClock } from '../controller/clock.ts';
import { KubeError } from '../controller/errors.ts';
import { createKubeClient } from '../controller/kubeClient.ts';
import { quote } from '../core/version/text.ts';
import { createPrometheus, type Prometheus } from '../metrics/prometheus.ts';
import { Refusal, type Input } from './command.ts';
import { readInput } from './input.ts';

export interface ClusterInput extends Input {
  /** The cluster of the user's kubeconfig, as kubectl finds it. Throws a Refusal when there is none. */
  readonly cluster: () => Cluster;
  readonly now: () => number;
  /** Makes or replaces a file. Throws a Refusal that names it. */
  readonly write: (file: string, text: string) => Promise<void>;
}

export interface Cluster {
  readonly client: KubeClient;
  /** That of the present context. */
  readonly namespace: string;
}

/** The real world. `now` is the wall clock. */
export function createClusterInput(standardInput: Readable, now: () => number, loadKubeConfig = loadDefault): ClusterInput {
  return {
    read: (file) => readInput(file, standardInput),
    now,
    cluster: () => {
      const kubeConfig = kubeConfigOf(loadKubeConfig);
      const context = kubeConfig.getContextObject(kubeConfig.getCurrentContext());
      return { client: createKubeClient(kubeConfig, { clock: createSystemClock(now) }), namespace: context?.namespace ?? 'default' };
    },
    write: async (file, text) => {
      try {
        await writeFile(file, text);
      } catch (error) {
        throw new Refusal(`${quote(file)} cannot be written: ${(error as Error).message}`);
      }
    },
  };
}

const WAY_OUT = 'KUBECONFIG names its file, as for kubectl';

function kubeConfigOf(load: () => KubeConfig): KubeConfig {
  try {
    const kubeConfig = load();
    if (kubeConfig.getCurrentCluster() !== null) return kubeConfig;
    throw new Refusal('the kubeconfig has no current context, or one without a cluster; kubectl config use-context sets it');
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // A reader of YAML shows the place in lines of its own.
    const [said] = (error as Error).message.split('\n');
    throw new Refusal(`the kubeconfig cannot be read: ${said ?? ''}; ${WAY_OUT}`);
  }
}

/** Where the client library finds no kubeconfig it makes up a context of this name, of this server. */
const MADE_UP = { context: 'loaded-context', server: 'http://localhost:8080' };

function loadDefault(): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const isMadeUp = kubeConfig.getCurrentContext() === MADE_UP.context && kubeConfig.getCurrentCluster()?.server === MADE_UP.server;
  if (isMadeUp) throw new Refusal(`there is no kubeconfig; ${WAY_OUT}`);
  return kubeConfig;
}

/** `-n` is the only short option, and kubectl's. */
export function longOptions(words: readonly string[]): readonly string[] {
  return words.map((word) => (word === '-n' ? '--namespace' : word));
}

/** A client that waits longer than the operator's: a person asks for many looks at once. Throws a Refusal for what is no address. */
export function openPrometheus(url: string): Prometheus {
  try {
    return createPrometheus({ url, now: () => performance.now(), timeoutMs: 30_000 });
  } catch {
    throw new Refusal(`--prometheus is ${quote(url)}: write an address such as http://127.0.0.1:9090`);
  }
}

/** CheckSets of a namespace by name. */
export async function checkSetsOf({ client }: Cluster, namespace: string): Promise<ReadonlyMap<string, CheckSet>> {
  const { items } = await asked(() => client.list(RESOURCE.checkSet, { namespace }));
  return new Map((items as unknown as readonly CheckSet[]).map((set) => [set.metadata.name, set]));
}

/** Releases of a ModelDeployment in ascending number. */
export async function releasesOf({ client }: Cluster, namespace: string, deployment: string): Promise<readonly ModelRelease[]> {
  const { items } = await asked(() => client.list(RESOURCE.modelRelease, { namespace }));
  const releases = items as unknown as readonly ModelRelease[];
  return releases.filter(({ spec }) => spec.deployment === deployment).toSorted((a, b) => a.spec.number - b.spec.number);
}

export async function deploymentOf({ client }: Cluster, namespace: string, name: string): Promise<ModelDeployment | undefined> {
  return (await asked(() => client.get({ resource: RESOURCE.modelDeployment, namespace, name }))) as ModelDeployment | undefined;
}

export async function releaseOf({ client }: Cluster, namespace: string, name: string): Promise<ModelRelease | undefined> {
  return (await asked(() => client.get({ resource: RESOURCE.modelRelease, namespace, name }))) as ModelRelease | undefined;
}

/** A failure of the API server, or of the way there, as a sentence. */
async function asked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw error instanceof KubeError ? new Refusal(error.message) : error;
  }
}
