// Where the counters of two versions are shown: by the Envoys of their gateways, or by their own pods.
import { lookup } from 'node:dns/promises';
import { LABEL } from '../api/names.ts';
import { RESOURCE, type KubeObject } from '../api/resources.ts';
import type { KubeClient } from '../controller/client.ts';
import type { Arms, PodArms, RouteArms } from '../core/analysis/measurement.ts';
import { PAGE } from '../metrics/envoyGateway.ts';
import type { Target } from '../metrics/scraper.ts';
import type { Caches } from './caches.ts';

export interface ScrapeTargetsOptions {
  readonly client: Pick<KubeClient, 'get' | 'list'>;
  readonly caches: Pick<Caches, 'routes'>;
  readonly now: () => number;
  /** Namespace in which Envoy Gateway runs its Envoys. Pods elsewhere are not believed: whoever may create pods could count for others. */
  readonly envoyNamespace: string;
  /** Address of the Envoys' metrics instead; all addresses that its name has are read. */
  readonly gatewayMetricsUrl?: string | undefined;
  /** Default: DNS. */
  readonly addressesOf?: (host: string) => Promise<readonly string[]>;
}

/** Servers come and go rarely; so long they are taken to be the same, so that no look waits for the API server each time. */
const REMEMBER_MS = 5_000;

/** Rejects with a sentence when nobody shows the counters of these arms. */
export function createScrapeTargets(options: ScrapeTargetsOptions): (arms: Arms) => Promise<readonly Target[]> {
  const envoys = remember(options.now, (gateway: string) => envoysOf(options, gateway));
  const pods = remember(options.now, (arms: string) => podsOf(options.client, JSON.parse(arms) as PodArms));
  return async (arms) => {
    if ('deployment' in arms) return await pods(JSON.stringify(arms));
    const { gatewayMetricsUrl, addressesOf = addresses } = options;
    if (gatewayMetricsUrl !== undefined) return await behind(gatewayMetricsUrl, addressesOf);
    const found = await Promise.all(gatewaysOf(options, arms).map(envoys));
    return found.flat();
  };
}

interface PodObject extends KubeObject {
  readonly spec?: { readonly containers?: readonly { readonly ports?: readonly { readonly name?: string; readonly containerPort?: number }[] }[] };
  readonly status?: { readonly podIP?: string; readonly phase?: string };
}

/** Pods that run, Ready or not: those that fail their probes count too. */
async function running(client: Pick<KubeClient, 'list'>, namespace: string, labelSelector: string): Promise<readonly (PodObject & { readonly ip: string })[]> {
  const { items } = await client.list(RESOURCE.pod, { namespace, labelSelector });
  return (items as readonly PodObject[]).flatMap((pod) =>
    pod.status?.podIP !== undefined && pod.status.phase === 'Running' ? [{ ...pod, ip: pod.status.podIP }] : [],
  );
}

const PORT = 'prometheus.io/port';
const PATH = 'prometheus.io/path';

/** Pods say where their metrics are by the annotations that Prometheus's usual configurations read. */
async function podsOf(client: ScrapeTargetsOptions['client'], { namespace, deployment, stable, candidate }: PodArms): Promise<readonly Target[]> {
  const pods = await running(client, namespace, `${LABEL.deployment}=${deployment},${LABEL.revision} in (${stable},${candidate})`);
  return pods.map(({ metadata: { name, labels, annotations }, ip }): Target => {
    const port = annotations?.[PORT] ?? '';
    if (!/^[0-9]{1,5}$/.test(port)) throw new Error(`Pod ${namespace}/${name} does not say where its metrics are: it has no annotation ${PORT}.`);
    const url = new URL(`http://${inUrl(ip)}:${port}`);
    url.pathname = annotations?.[PATH] ?? '/metrics';
    const arm = labels?.[LABEL.revision] === candidate ? 'candidate' : 'stable';
    return { url: url.href, arm, labels: { namespace, pod: name } };
  });
}

/** Gateways that the route has as parents, as `namespace/name`. */
function gatewaysOf({ caches }: ScrapeTargetsOptions, { namespace, route }: RouteArms): readonly string[] {
  const parents = caches.routes.get(namespace, route)?.holder.gateway.parentRefs ?? [];
  if (parents.length === 0) throw new Error(`There is no route ${namespace}/${route} yet, whose gateway would count its requests.`);
  return [...new Set(parents.map((parent) => `${parent.namespace ?? namespace}/${parent.name}`))];
}

async function envoysOf({ client, envoyNamespace }: ScrapeTargetsOptions, gateway: string): Promise<readonly Target[]> {
  const [namespace = '', name = ''] = gateway.split('/');
  const own = `gateway.envoyproxy.io/owning-gateway-name=${name},gateway.envoyproxy.io/owning-gateway-namespace=${namespace}`;
  // Gateways whose Envoys run beside them, by Envoy Gateway's GatewayNamespace mode, are those of that namespace's owners anyway.
  const places = [...new Set([envoyNamespace, namespace])];
  const alone = (await Promise.all(places.map((place) => running(client, place, own)))).flat();
  const pods = alone.length > 0 ? alone : await mergedEnvoys(client, envoyNamespace, namespace, name);
  if (pods.length === 0)
    throw new Error(
      `No pod of Envoy Gateway was found for Gateway ${gateway} in namespace ${places.join(' or ')}; set PLIMSOLL_ENVOY_NAMESPACE, or PLIMSOLL_GATEWAY_METRICS_URL, of the operator.`,
    );
  return pods.map(({ ip, spec }) => {
    const ports = spec?.containers?.flatMap((container) => container.ports ?? []) ?? [];
    const port = ports.find((one) => one.name === 'metrics')?.containerPort ?? PAGE.port;
    return envoyAt(new URL(PAGE.path, `http://${inUrl(ip)}:${port}`));
  });
}

/** Those that serve all Gateways of a class together. */
async function mergedEnvoys(
  client: ScrapeTargetsOptions['client'],
  envoyNamespace: string,
  namespace: string,
  name: string,
): ReturnType<typeof running> {
  const gateway = await client.get({ resource: RESOURCE.gateway, namespace, name });
  const { gatewayClassName } = (gateway?.spec ?? {}) as { readonly gatewayClassName?: string };
  if (gatewayClassName === undefined) return [];
  return await running(client, envoyNamespace, `gateway.envoyproxy.io/owning-gatewayclass=${gatewayClassName}`);
}

async function behind(address: string, addressesOf: (host: string) => Promise<readonly string[]>): Promise<readonly Target[]> {
  const url = new URL(address);
  const found = await addressesOf(url.hostname.replaceAll(/[[\]]/g, ''));
  return found.map((ip) => {
    const one = new URL(url);
    one.hostname = inUrl(ip);
    return envoyAt(one);
  });
}

/** Without the hundreds of metrics that nobody asks for, if the Envoy itself is asked. */
function envoyAt(url: URL): Target {
  if (url.search === '') url.searchParams.set('filter', PAGE.filter);
  return { url: url.href, labels: { instance: url.host } };
}

async function addresses(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address).sort();
}

function inUrl(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

/** Asks once for all who want the same within a few seconds. */
function remember<T>(now: () => number, ask: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, { readonly sinceMs: number; readonly answer: Promise<T> }>();
  return (key) => {
    for (const [old, { sinceMs }] of known) if (now() - sinceMs >= REMEMBER_MS) known.delete(old);
    const found = known.get(key);
    if (found !== undefined) return found.answer;
    const answer = ask(key);
    known.set(key, { sinceMs: now(), answer });
    answer.catch(() => known.delete(key));
    return answer;
  };
}
