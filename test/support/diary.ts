// What a test saw while a release ran: the route as it changed, what callers in the cluster met, each answer at the gateway.
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import { ANNOTATION } from '../../src/api/names.ts';
import type { Scenario } from './scenario.ts';

/** The route at one moment. */
export interface RouteEntry {
  readonly atMs: number;
  /** Revisions of backendRefs in their order, which are slots a and b. */
  readonly revisions: readonly string[];
  /** In whole per cent: a slot without a share has 1 of 10,000 requests, which is 0. */
  readonly weights: readonly number[];
  readonly decision: string;
  /** Revision that Service `<name>` selects, in the same moment. */
  readonly selected: string;
}

export interface Diary {
  readonly routes: readonly RouteEntry[];
  /** Versions that callers in the cluster were answered by, in the order of their first answer. */
  readonly inCluster: readonly string[];
  /** Calls in the cluster that failed. */
  readonly inClusterFailures: readonly string[];
  readonly stop: () => Promise<void>;
}

interface RouteObject {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly rules: readonly { readonly backendRefs: readonly { readonly name: string; readonly weight: number }[] }[] };
}

interface ServiceObject {
  readonly spec: { readonly clusterIP: string; readonly selector: Readonly<Record<string, string>> };
}

const PAUSE_MS = 150;

/**
 * Writes down, until it is stopped, each change of the route and of the Service, and who answers callers in the cluster. Begins when the
 * first of them is answered: kube-proxy learns of a new Service a moment after everybody else.
 */
export async function keepDiary(scene: Scenario): Promise<Diary> {
  await scene.until(
    'a caller in the cluster is answered',
    async () => {
      const service = await readService(scene);
      return (await callInCluster(scene, service.spec.clusterIP)).failure === undefined ? true : undefined;
    },
    20_000,
  );
  const routes: RouteEntry[] = [];
  const inCluster: string[] = [];
  const inClusterFailures: string[] = [];
  const ending = new AbortController();
  const look = async (): Promise<void> => {
    const [route, service] = await Promise.all([
      scene.read<RouteObject>(`/apis/gateway.networking.k8s.io/v1/namespaces/${scene.namespace}/httproutes/${scene.name}`),
      readService(scene),
    ]);
    const refs = route.spec.rules[0]?.backendRefs ?? [];
    const whole = refs.reduce((sum, { weight }) => sum + weight, 0);
    const entry: Omit<RouteEntry, 'atMs'> = {
      revisions: refs.map(({ name }) => name.slice(scene.name.length + 1)),
      weights: refs.map(({ weight }) => Math.round((100 * weight) / whole)),
      decision: route.metadata.annotations?.[ANNOTATION.decision] ?? '',
      selected: service.spec.selector['plimsoll.dev/revision'] ?? '',
    };
    const { atMs: _, ...last } = routes.at(-1) ?? { atMs: 0 };
    if (JSON.stringify(last) !== JSON.stringify(entry)) routes.push({ atMs: Date.now(), ...entry });
  };
  const call = async (): Promise<void> => {
    const { version, failure } = await callInCluster(scene, (await readService(scene)).spec.clusterIP);
    if (failure !== undefined) inClusterFailures.push(failure);
    else if (inCluster.at(-1) !== version) inCluster.push(version);
  };
  const repeat = async (task: () => Promise<void>): Promise<void> => {
    while (!ending.signal.aborted) {
      await task();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  // Side by side: a call may take seconds on a busy machine, and the route must not wait for it.
  const running = Promise.all([repeat(look), repeat(call)]);
  // An error is shown by `stop`, at the latest.
  running.catch(() => undefined);
  return {
    routes,
    inCluster,
    inClusterFailures,
    stop: async () => {
      ending.abort();
      await running;
    },
  };
}

async function readService(scene: Scenario): Promise<ServiceObject> {
  return await scene.read<ServiceObject>(`/api/v1/namespaces/${scene.namespace}/services/${scene.name}`);
}

/** One inference through Service `<name>`, as a caller in the cluster makes it: a new connection, the Service's own address. */
async function callInCluster(scene: Scenario, address: string): Promise<{ readonly version: string; readonly failure?: string }> {
  const body = JSON.stringify({ inputs: [{ name: 'predict', shape: [1, 4], datatype: 'FP64', data: [1, 2, 3, 4] }] });
  const headers = { 'content-type': 'application/json', connection: 'close' };
  try {
    const response = await fetch(`http://${address}/v2/models/${scene.name}/infer`, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(5000),
    });
    const text = await response.text();
    if (response.status !== 200) return { version: '', failure: `status ${response.status}: ${text}` };
    return { version: (JSON.parse(text) as { readonly model_version?: string }).model_version ?? '' };
  } catch (error) {
    return { version: '', failure: String(error) };
  }
}

/** Requests that failed, whatever the reason, but for those that these revisions answered. */
export function failuresOfOthers(records: readonly LoadRecord[], blamed: readonly string[] = []): readonly LoadRecord[] {
  return records.filter(({ status, revision }) => status !== 200 && !blamed.includes(revision));
}
