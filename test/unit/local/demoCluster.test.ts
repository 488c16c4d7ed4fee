// What the demo makes of a cluster that is there already: pure choices, from objects as the API server gives them.
import { describe, expect, test } from '@jest/globals';
import { kubeconfigFiles } from '../../../deploy/local/demo/context/access.ts';
import { addressOf, chooseGateway } from '../../../deploy/local/demo/context/gateways.ts';
import { loadCommand, missingImages, nodeProblems } from '../../../deploy/local/demo/context/nodes.ts';
import { isTooOld } from '../../../deploy/local/demo/context/preflight.ts';
import { candidates, inspectPrometheus, readSamples, secondsOf } from '../../../deploy/local/demo/context/prometheus.ts';
import { missingRights, reviews } from '../../../deploy/local/demo/context/rights.ts';
import { chooseTraffic, type Findings } from '../../../deploy/local/demo/context/traffic.ts';
import { readLine } from '../../../deploy/local/demo/context/users.ts';
import type { KubeObject } from '../../../src/api/resources.ts';

const object = (kind: string, name: string, more: object = {}, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, ...metadata },
  ...more,
});

test('kubeconfigs are looked for as kubectl does', () => {
  expect(kubeconfigFiles('/a', { KUBECONFIG: '/b' })).toEqual(['/a']);
  expect(kubeconfigFiles(undefined, { KUBECONFIG: '/b:/c:' })).toEqual(['/b', '/c']);
  expect(kubeconfigFiles(undefined, {})).toEqual([expect.stringMatching(/\/\.kube\/config$/)]);
});

test('a server older than 1.30 is too old', () => {
  expect(['v1.29.9', 'v1.29.4-gke.1043002', 'v0.36.0'].filter((version) => !isTooOld(version))).toEqual([]);
  expect(['v1.30.0', 'v1.36.3', 'v1.32.1+k3s1', 'v2.0.0'].filter(isTooOld)).toEqual([]);
});

describe('nodes', () => {
  const node = (
    name: string,
    more: { readonly images?: readonly string[]; readonly spec?: object; readonly arch?: string; readonly labels?: object } = {},
  ) =>
    object(
      'Node',
      name,
      {
        spec: more.spec ?? {},
        status: {
          nodeInfo: { architecture: more.arch ?? 'amd64', operatingSystem: 'linux' },
          images: [{ names: null }, ...(more.images ?? []).map((image) => ({ names: [image] }))],
        },
      },
      { labels: more.labels ?? {} },
    );
  const cordoned = { unschedulable: true };
  const tainted = { taints: [{ effect: 'NoSchedule' }] };

  test('that take pods must be linux/amd64; others do not matter', () => {
    expect(nodeProblems([node('a'), node('b', { arch: 'arm64', spec: cordoned }), node('c', { arch: 'arm64', spec: tainted })])).toEqual(
      [],
    );
    expect(nodeProblems([node('a'), node('b', { arch: 'arm64' })])).toEqual([expect.stringContaining('Node b is linux/arm64')]);
    expect(nodeProblems([node('a', { spec: cordoned })])).toEqual([expect.stringContaining('No node takes pods')]);
  });

  test('lack an image that they do not name, unless they name as many as they can', () => {
    const many = Array.from({ length: 50 }, (_, i) => `i${i}`);
    const nodes = [
      node('a', { images: ['x:1', 'y:1'] }),
      node('b', { images: ['y:1'] }),
      node('c', { images: many }),
      node('d', { spec: tainted }),
    ];
    expect([...missingImages(nodes, ['x:1', 'y:1'])]).toEqual([['x:1', ['b']]]);
  });

  test.each([
    [
      'kind',
      node('kind-control-plane', { spec: { providerID: 'kind://docker/dev/dev-control-plane' } }),
      'kind load image-archive f.tar --name dev',
    ],
    ['minikube', node('minikube', { labels: { 'minikube.k8s.io/name': 'mk' } }), 'minikube image load f.tar --profile mk'],
    ['k3d', node('k3d-one-server-0', { spec: { providerID: 'k3s://k3d-one-server-0' } }), 'k3d image import f.tar --cluster one'],
    ['k3s', node('box', { spec: { providerID: 'k3s://box' } }), 'k3s ctr images import f.tar     # on every node'],
    ['others', node('box'), 'ctr -n k8s.io images import f.tar     # on every node'],
  ])('of %s are given images by their own command', (_, first, command) => {
    expect(loadCommand([first], 'f.tar')).toBe(command);
  });
});

describe('a Gateway', () => {
  const classes = [
    object('GatewayClass', 'eg', { spec: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' } }),
    object('GatewayClass', 'other', { spec: { controllerName: 'istio.io/gateway-controller' } }),
  ];
  const http = { name: 'http', protocol: 'HTTP', port: 80, allowedRoutes: { namespaces: { from: 'All' } } };
  const gateway = (name: string, listener: object, of = 'eg', status: object = {}) =>
    object('Gateway', name, { spec: { gatewayClassName: of, listeners: [{ ...http, ...listener }] }, status }, { namespace: 'infra' });
  const space = { name: 'plimsoll-demo', labels: { team: 'ml' } };
  const choose = (gateways: readonly KubeObject[], wanted?: string) =>
    chooseGateway(classes, gateways, space, 'digits.example.com', wanted);
  const selector = (labels: object) => ({ allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: labels } } } });

  test.each([
    ['lets all in', {}],
    ['has a host name that fits', { hostname: '*.example.com' }],
    ['selects our labels', selector({ team: 'ml' })],
    ['names HTTPRoutes', { allowedRoutes: { namespaces: { from: 'All' }, kinds: [{ kind: 'HTTPRoute' }] } }],
  ])('of Envoy Gateway whose listener %s is chosen', (_, listener) => {
    expect(choose([gateway('a', listener), gateway('b', {}, 'other')])).toEqual({
      kind: 'chosen',
      gateway: { namespace: 'infra', name: 'a', listener: 'http', port: 80 },
    });
  });

  test.each([
    ['is of another controller', gateway('a', {}, 'other'), 'is not of Envoy Gateway but of class other'],
    ['has HTTPS only', gateway('a', { protocol: 'HTTPS' }), 'has no HTTP listener'],
    ['lets in its own namespace only', gateway('a', { allowedRoutes: {} }), 'lets no HTTPRoute of namespace plimsoll-demo in'],
    ['selects other labels', gateway('a', selector({ team: 'web' })), 'lets no HTTPRoute'],
    [
      'takes other kinds only',
      gateway('a', { allowedRoutes: { namespaces: { from: 'All' }, kinds: [{ kind: 'GRPCRoute' }] } }),
      'lets no HTTPRoute',
    ],
    ['is for other hosts', gateway('a', { hostname: '*.example.org' }), 'takes other hosts than digits.example.com only'],
  ])('that %s is not, and the reason is told', (_, one, reason) => {
    expect(choose([one])).toEqual({ kind: 'none', reasons: [expect.stringContaining(`Gateway infra/a ${reason}`)] });
  });

  test('is a question where several would do, and the one that was asked for', () => {
    const both = [gateway('a', {}), gateway('b', {})];
    expect(choose(both)).toEqual({ kind: 'several', names: ['infra/a', 'infra/b'] });
    expect(choose(both, 'infra/b')).toMatchObject({ kind: 'chosen', gateway: { name: 'b' } });
    expect(choose(both, 'infra/c')).toEqual({ kind: 'none', reasons: ['there is no Gateway infra/c'] });
    expect(choose([])).toEqual({ kind: 'none', reasons: ['there is no Gateway'] });
  });

  test('is reached by the Service that was made for it, else by the address that it states', () => {
    const chosen = { namespace: 'infra', name: 'a', listener: 'http', port: 80 };
    const labels = { 'gateway.envoyproxy.io/owning-gateway-name': 'a', 'gateway.envoyproxy.io/owning-gateway-namespace': 'infra' };
    const service = object(
      'Service',
      'envoy-infra-a-1',
      { spec: { ports: [{ port: 80 }] } },
      { namespace: 'envoy-gateway-system', labels },
    );
    const stating = gateway('a', {}, 'eg', { addresses: [{ value: '192.0.2.7' }] });
    expect(addressOf(chosen, [service], [stating])).toEqual({ host: 'envoy-infra-a-1.envoy-gateway-system', port: 80 });
    expect(addressOf(chosen, [], [stating])).toEqual({ host: '192.0.2.7', port: 80 });
    expect(addressOf(chosen, [], [gateway('a', {})])).toBeUndefined();
  });
});

describe('Prometheus', () => {
  const service = (name: string, ports: readonly object[], labels: object = {}) =>
    object('Service', name, { spec: { ports } }, { namespace: 'monitoring', labels });

  test('is looked for among Services of its name or label, port 9090 first', () => {
    const found = candidates([
      service('prometheus-server', [{ name: 'http', port: 80 }]),
      service('prometheus-operated', [{ name: 'web', port: 9090 }]),
      service('prometheus-node-exporter', [{ port: 9100 }]),
      service('prometheus-alertmanager', [{ port: 9093 }]),
      service('metrics', [{ name: 'http-web', port: 8080 }], { 'app.kubernetes.io/name': 'prometheus' }),
      service('web', [{ port: 80 }]),
    ]);
    expect(found).toEqual([
      'http://prometheus-operated.monitoring:9090',
      'http://prometheus-server.monitoring:80',
      'http://metrics.monitoring:8080',
    ]);
  });

  const answer = (result: readonly object[]): string => JSON.stringify({ status: 'success', data: { resultType: 'vector', result } });
  const podJob = (targets: string): string => `
- job_name: pods
  scrape_interval: 20s
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], action: keep, regex: "true"}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: ${targets}}`;
  const server =
    (envoy: readonly object[], yaml: string | undefined) =>
    async (url: string): Promise<string> => {
      if (url === 'http://p.m:9090/api/v1/query?query=envoy_server_live') return await Promise.resolve(answer(envoy));
      if (url === 'http://p.m:9090/api/v1/status/config' && yaml !== undefined)
        return JSON.stringify({ status: 'success', data: { yaml } });
      throw new Error('404');
    };

  test('says whether it scrapes Envoy and annotated pods, and how often', async () => {
    const config = `global: {scrape_interval: 1m}\nscrape_configs:\n- {job_name: envoy, scrape_interval: 15s}${podJob('pod')}`;
    expect(await inspectPrometheus('http://p.m:9090', server([{ metric: { job: 'envoy' } }], config))).toEqual({
      gateway: true,
      pods: true,
      intervalSeconds: 20,
    });
    expect(await inspectPrometheus('http://p.m:9090', server([], `scrape_configs:${podJob('kubernetes_pod_name')}`))).toEqual({
      gateway: false,
      pods: false,
      intervalSeconds: 60,
    });
    expect(await inspectPrometheus('http://p.m:9090', server([{ metric: {} }], undefined))).toEqual({
      gateway: true,
      pods: false,
      intervalSeconds: 30,
    });
  });

  test('is nothing that answers otherwise, or not at all', async () => {
    expect(await inspectPrometheus('http://q.m:9090', server([], ''))).toBeUndefined();
    expect(await inspectPrometheus('http://p.m:9090', async () => await Promise.resolve('<html>'))).toBeUndefined();
    expect(readSamples('{"status":"error"}')).toBeUndefined();
  });

  test('has intervals such as 15s, 1m30s and 500ms', () => {
    expect(['15s', '1m30s', '500ms', '1h'].map(secondsOf)).toEqual([15, 90, 0.5, 3600]);
  });
});

describe('traffic', () => {
  const gateway = { namespace: 'infra', name: 'a', listener: 'http', port: 80 };
  const all: Findings = {
    gateways: { kind: 'chosen', gateway },
    address: { host: 'e', port: 80 },
    prometheus: { url: 'http://p.m:9090', knows: { gateway: true, pods: true, intervalSeconds: 15 } },
  };
  const knowing = (gatewayToo: boolean, pods: boolean): Findings['prometheus'] => ({
    url: 'http://p.m:9090',
    knows: { gateway: gatewayToo, pods, intervalSeconds: 15 },
  });

  test('goes through a gateway where it and its metrics are there, and by pods where that is asked for', () => {
    expect(chooseTraffic(all, undefined)).toEqual({ kind: 'chosen', traffic: { kind: 'gateway', gateway }, evidence: true, because: [] });
    expect(chooseTraffic(all, 'replicaShare')).toEqual({ kind: 'chosen', traffic: { kind: 'replicaShare' }, evidence: true, because: [] });
  });

  test.each([
    [
      'no gateway',
      { gateways: { kind: 'none', reasons: ['there is no Gateway'] }, address: undefined },
      'no gateway is used: there is no Gateway',
    ],
    ['no address of it', { address: undefined }, 'Gateway infra/a does not say where pods reach it'],
    ['no metrics of it', { prometheus: knowing(false, true) }, 'Prometheus http://p.m:9090 has no metrics of Envoy'],
  ] as const)('is shared by pods where there is %s, unless a gateway was asked for', (_, more, reason) => {
    expect(chooseTraffic({ ...all, ...more }, undefined)).toMatchObject({
      traffic: { kind: 'replicaShare' },
      evidence: true,
      because: [expect.stringContaining(reason)],
    });
    expect(chooseTraffic({ ...all, ...more }, 'gateway')).toMatchObject({ kind: 'refused' });
  });

  test('is without evidence where nothing scrapes pods, and that is said', () => {
    for (const prometheus of [undefined, knowing(false, false)]) {
      const chosen = chooseTraffic({ ...all, prometheus }, undefined);
      expect(chosen).toMatchObject({ traffic: { kind: 'replicaShare' }, evidence: false });
      expect(chosen).toHaveProperty(
        'because',
        expect.arrayContaining([expect.stringContaining('only a promotion and a refusal by the probe are shown')]),
      );
    }
  });

  test('is a question where several gateways would do', () => {
    const several: Findings = { ...all, gateways: { kind: 'several', names: ['infra/a', 'infra/b'] }, address: undefined };
    expect(chooseTraffic(several, undefined)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('infra/a, infra/b') as unknown,
    });
    expect(chooseTraffic(several, 'replicaShare')).toMatchObject({ kind: 'chosen' });
  });
});

test('rights that are lacking are named all at once, and those of an installation only where there will be one', () => {
  const { items } = reviews() as { readonly items: readonly Parameters<typeof missingRights>[0][number][] };
  const answered = items.map(({ spec }) => {
    const { group, ...attributes } = spec.resourceAttributes;
    const allowed = attributes.verb !== 'escalate' && attributes.resource !== 'pods';
    // As the API server answers, without what is empty.
    return { spec: { resourceAttributes: group === '' ? attributes : { group: group ?? '', ...attributes } }, status: { allowed } };
  });
  const pods = ['create, get pods', 'get pods/log', 'create pods/exec'].map((right) => `${right} in plimsoll-demo`);
  expect(missingRights(answered, false)).toEqual(pods);
  expect(missingRights(answered, true)).toEqual([...pods, 'escalate clusterroles.rbac.authorization.k8s.io']);
  expect(missingRights(items, true)).toContain('create, get, delete namespaces');
  // What is there is looked at in any case.
  expect(missingRights(items, false)).toContain('get clusterroles.rbac.authorization.k8s.io');
});

test('a line of the users is an answer; other lines are none', () => {
  expect(readLine('[7,100,110,10.5,500,"v7","boom"]')).toEqual({
    index: 7,
    answer: { sentAt: 100, receivedAt: 110, latencyMs: 10.5, status: 500, revision: 'v7', error: 'boom' },
  });
  expect(readLine('[7,100,110,10,200,"v7"]')?.answer).not.toHaveProperty('error');
  expect([readLine('(node:1) Warning'), readLine('[7,100'), readLine('')]).toEqual([undefined, undefined, undefined]);
});
