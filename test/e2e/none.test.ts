// Releases where Plimsoll moves no traffic: here a Service of somebody else's leads to every pod of the deployment.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { lost, startCallers, type Callers } from '../support/callers.ts';
import { request } from '../support/cluster.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const STORY_MS = 180_000;
const ALONE = {
  replicas: 2,
  traffic: { none: {}, drain: '2s' },
  rollout: { ...QUICK_ROLLOUT, steps: [{ weight: 33, hold: '6s' }] },
};

interface Workload {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>>; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly replicas: number };
}

let scene: Scenario;
let callers: Callers;

async function workloads(): Promise<readonly Workload[]> {
  return (await scene.read<{ items: Workload[] }>(`/apis/apps/v1/namespaces/${scene.namespace}/deployments`)).items;
}

async function namesOf(kind: string, api: string): Promise<readonly string[]> {
  const { body } = await request('GET', `${api}/namespaces/${scene.namespace}/${kind}`);
  return (body as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name);
}

beforeAll(async () => {
  scene = await Scenario.open('none');
  await Promise.all([scene.version('1.0.0'), scene.version('2.0.0'), scene.version('3.0.0', { failWhenFirstAtLeast: 7 })]);
  await scene.deploy('1.0.0', ALONE);
  await scene.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'theirs', namespace: scene.namespace },
    spec: { selector: { 'plimsoll.dev/deployment': scene.name }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  await scene.ready();
  const { spec } = await scene.read<{ spec: { clusterIP: string } }>(`/api/v1/namespaces/${scene.namespace}/services/theirs`);
  await scene.until(
    'kube-proxy knows the Service',
    async () => {
      const first = startCallers(spec.clusterIP, scene.name, 20);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await first.stop();
      return lost(first.calls).length === 0 ? true : undefined;
    },
    20_000,
  );
  callers = startCallers(spec.clusterIP, scene.name, 50);
}, STORY_MS);

afterAll(async () => {
  await callers.stop();
  await scene.close();
}, 60_000);

test('there is a Service for the probe, and neither one of the name nor a route', async () => {
  const { status } = await scene.deployment();
  expect((await namesOf('services', '/api/v1')).toSorted()).toEqual(['theirs', `${scene.name}-${status?.stable?.revision ?? ''}`]);
  expect(await namesOf('httproutes', '/apis/gateway.networking.k8s.io/v1')).toEqual([]);
  expect(status?.traffic).toEqual({ inCluster: 'None' });
});

test(
  'a good version grows beside the old one, which is scaled away once it is at full size',
  async () => {
    await scene.release('2.0.0');
    const sizes: string[] = [];
    const release = await scene.until(
      'release 2 is finished',
      async () => {
        const found = (await scene.releases()).find(({ spec }) => spec.number === 2);
        const size = (await workloads())
          .map(
            ({ metadata, spec }) =>
              `${metadata.labels['plimsoll.dev/revision'] === found?.spec.to.revision ? 'new' : 'old'} ${spec.replicas}`,
          )
          .toSorted()
          .join(', ');
        if (sizes.at(-1) !== size) sizes.push(size);
        return found?.status?.finishedAt !== undefined && size === 'new 2' ? found : undefined;
      },
      120_000,
    );
    expect(release.status?.outcome).toBe('Promoted');
    expect(release.status?.requests?.candidate).toBeGreaterThan(10);
    expect(sizes.slice(-3)).toEqual(['new 1, old 2', 'new 2, old 2', 'new 2']);
    expect(lost(callers.calls).slice(0, 5)).toEqual([]);
  },
  STORY_MS,
);

test(
  'a bad version loses its pods with the decision, and nobody else a request',
  async () => {
    await scene.release('3.0.0');
    const release = await scene.finished(3);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
    await scene.until('its pods are gone', async () => ((await workloads()).length === 1 ? true : undefined), 30_000);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect(lost(callers.calls).slice(0, 5)).toEqual([]);
    const since = Date.now() - 3000;
    const versions = callers.calls.filter(({ sentAt }) => sentAt > since).map(({ version }) => version);
    expect([...new Set(versions)]).toEqual(['2.0.0']);
  },
  STORY_MS,
);
