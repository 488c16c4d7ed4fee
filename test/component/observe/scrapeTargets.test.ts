// Whom the operator reads metrics from, by the pods of a real API server.
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { KubeClient } from '../../../src/controller/client.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import type { Arms, PodArms } from '../../../src/core/analysis/measurement.ts';
import type { RouteChild } from '../../../src/observe/projections.ts';
import { createScrapeTargets, type ScrapeTargetsOptions } from '../../../src/observe/scrapeTargets.ts';
import { realClock } from '../../support/clocks.ts';
import { startPrivateApiServer, type PrivateApiServer } from '../../support/privateApiServer.ts';

const ROUTE: Arms = { namespace: 'risk', route: 'fraud', stable: 'a', candidate: 'b' };
const ENVOYS = 'envoy-gateway-system';
const OWNED = { 'gateway.envoyproxy.io/owning-gateway-name': 'public', 'gateway.envoyproxy.io/owning-gateway-namespace': 'gateways' };
const FILTER = '?filter=%5Ecluster%5C.httproute%2F.*%2Frule%2F0%2Fbackend%2F%5B01%5D%5C.upstream_rq_%28%5B0-9%5Dxx%7Ctime%29%24';

let server: PrivateApiServer;
let client: KubeClient;
let namespace: string;
let now: number;

beforeAll(async () => {
  // Nobody makes the ServiceAccounts that pods need otherwise.
  server = await startPrivateApiServer({ apiserver: ['--disable-admission-plugins=ServiceAccount'] });
  client = createKubeClient(server.kubeConfig(), { clock: realClock });
  for (const name of [ENVOYS, 'gateways']) await server.request('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
}, 120_000);
afterAll(() => server.stop());

beforeEach(async () => {
  namespace = await server.createNamespace('risk');
  now = 0;
});

interface Pod {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly podIP?: string;
  readonly phase?: string;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly in?: string;
}

async function pod(name: string, { labels, annotations = {}, podIP, phase = 'Running', ports = [], in: place = namespace }: Pod): Promise<void> {
  const path = `/api/v1/namespaces/${place}/pods`;
  const body = { metadata: { name, labels, annotations }, spec: { containers: [{ name: 'x', image: 'x', ports }] } };
  expect((await server.request('POST', path, { body })).status).toBe(201);
  const status = { phase, ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }) };
  const patched = await server.request('PATCH', `${path}/${name}/status`, { body: { status }, contentType: 'application/merge-patch+json' });
  expect(patched.status).toBe(200);
}

function targets(arms: Arms, more: Partial<ScrapeTargetsOptions> = {}, parentRefs: readonly object[] = [{ name: 'public', namespace: 'gateways' }]) {
  const routes = { get: () => ({ holder: { gateway: { parentRefs } } }) as unknown as RouteChild };
  const caches = { routes } as unknown as ScrapeTargetsOptions['caches'];
  return createScrapeTargets({ client, caches, now: () => now, envoyNamespace: ENVOYS, ...more })(arms);
}

const PORT = { 'prometheus.io/port': '8082', 'prometheus.io/path': '/metrics' };
const labelled = (deployment: string, revision: string) => ({ 'plimsoll.dev/deployment': deployment, 'plimsoll.dev/revision': revision });
const pods = (): PodArms => ({ namespace, deployment: 'fraud', stable: 'aaaaaaaaaa', candidate: 'bbbbbbbbbb', server: 'MLServer' });

test('the pods of both revisions that run, Ready or not, where their annotations say', async () => {
  await pod('a1', { labels: labelled('fraud', 'aaaaaaaaaa'), annotations: PORT, podIP: '10.0.0.1' });
  await pod('a2', { labels: labelled('fraud', 'aaaaaaaaaa'), annotations: { 'prometheus.io/port': '9000' }, podIP: 'fd00::2' });
  await pod('b1', { labels: labelled('fraud', 'bbbbbbbbbb'), annotations: PORT, podIP: '10.0.0.3' });
  await pod('b2', { labels: labelled('fraud', 'bbbbbbbbbb'), annotations: PORT, phase: 'Pending' });
  await pod('b3', { labels: labelled('fraud', 'bbbbbbbbbb'), annotations: PORT, podIP: '10.0.0.5', phase: 'Failed' });
  await pod('old', { labels: labelled('fraud', 'cccccccccc'), annotations: PORT, podIP: '10.0.0.6' });
  await pod('other', { labels: labelled('other', 'aaaaaaaaaa'), annotations: PORT, podIP: '10.0.0.7' });
  expect(await targets(pods())).toEqual([
    { url: 'http://10.0.0.1:8082/metrics', arm: 'stable', labels: { namespace, pod: 'a1' } },
    { url: 'http://[fd00::2]:9000/metrics', arm: 'stable', labels: { namespace, pod: 'a2' } },
    { url: 'http://10.0.0.3:8082/metrics', arm: 'candidate', labels: { namespace, pod: 'b1' } },
  ]);
});

test.each(['http://elsewhere:80/', '//elsewhere/x', '/../x?y#z'])('a path of %s leads to the pod alone', async (path) => {
  await pod('a1', { labels: labelled('fraud', 'aaaaaaaaaa'), annotations: { ...PORT, 'prometheus.io/path': path }, podIP: '10.0.0.1' });
  const [found] = await targets(pods());
  expect(new URL(found?.url ?? '').host).toBe('10.0.0.1:8082');
});

test.each([{}, { 'prometheus.io/port': '80 0' }, { 'prometheus.io/port': '80@evil' }])('a pod that does not say where (%j) is named', async (annotations) => {
  await pod('a1', { labels: labelled('fraud', 'aaaaaaaaaa'), annotations, podIP: '10.0.0.1' });
  await expect(targets(pods())).rejects.toThrow(`Pod ${namespace}/a1 does not say where its metrics are: it has no annotation prometheus.io/port.`);
});

test("the gateway's Envoys, by its name, at the port that they name", async () => {
  await expect(targets(ROUTE)).rejects.toThrow(
    'No pod of Envoy Gateway was found for Gateway gateways/public in namespace envoy-gateway-system or gateways; set PLIMSOLL_ENVOY_NAMESPACE, or PLIMSOLL_GATEWAY_METRICS_URL, of the operator.',
  );
  await pod('e1', { labels: OWNED, podIP: '10.1.0.1', ports: [{ name: 'metrics', containerPort: 19009 }], in: ENVOYS });
  await pod('e2', { labels: OWNED, podIP: '10.1.0.2', in: 'gateways' });
  await pod('e3', { labels: { ...OWNED, 'gateway.envoyproxy.io/owning-gateway-name': 'private' }, podIP: '10.1.0.3', in: ENVOYS });
  // Whoever may make pods somewhere must not count for others.
  await pod('forged', { labels: OWNED, podIP: '10.1.0.4' });
  expect(await targets(ROUTE)).toEqual([
    { url: `http://10.1.0.1:19009/stats/prometheus${FILTER}`, labels: { instance: '10.1.0.1:19009' } },
    { url: `http://10.1.0.2:19001/stats/prometheus${FILTER}`, labels: { instance: '10.1.0.2:19001' } },
  ]);
});

test('Envoys are looked for once in a few seconds, and again after a failure', async () => {
  let lists = 0;
  const counting = { get: client.get, list: (...args: Parameters<KubeClient['list']>) => ((lists += 1), client.list(...args)) };
  const caches = { routes: { get: () => ({ holder: { gateway: { parentRefs: [{ name: 'late', namespace: 'gateways' }] } } }) } } as unknown as ScrapeTargetsOptions['caches'];
  const find = createScrapeTargets({ client: counting, caches, now: () => now, envoyNamespace: ENVOYS });
  await expect(find(ROUTE)).rejects.toThrow('No pod of Envoy Gateway');
  await pod('late', { labels: { ...OWNED, 'gateway.envoyproxy.io/owning-gateway-name': 'late' }, podIP: '10.1.0.9', in: ENVOYS });
  lists = 0;
  expect(await Promise.all([find(ROUTE), find(ROUTE)])).toHaveLength(2);
  now = 4_999;
  await find(ROUTE);
  expect(lists).toBe(2);
  now = 5_000;
  await find(ROUTE);
  expect(lists).toBe(4);
});

test('all addresses that the name of a setting has, and nobody else', async () => {
  const settings = { gatewayMetricsUrl: 'http://envoys.gateways:9901/stats/prometheus', addressesOf: () => Promise.resolve(['10.1.0.1', 'fd00::9']) };
  expect(await targets(ROUTE, settings)).toEqual([
    { url: `http://10.1.0.1:9901/stats/prometheus${FILTER}`, labels: { instance: '10.1.0.1:9901' } },
    { url: `http://[fd00::9]:9901/stats/prometheus${FILTER}`, labels: { instance: '[fd00::9]:9901' } },
  ]);
  const own = { ...settings, gatewayMetricsUrl: 'http://envoys.gateways:9901/all?usedonly' };
  expect((await targets(ROUTE, own)).map(({ url }) => url)).toEqual(['http://10.1.0.1:9901/all?usedonly', 'http://[fd00::9]:9901/all?usedonly']);
});

test('a route that is not there yet is told', async () => {
  await expect(targets(ROUTE, {}, [])).rejects.toThrow('There is no route risk/fraud yet, whose gateway would count its requests.');
});
