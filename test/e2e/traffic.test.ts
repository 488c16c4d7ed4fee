// What users do to the traffic: gateways that do not exist, other hostnames, names that are taken, second thoughts, and the end.
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PORTS } from '../../deploy/local/cluster/index.ts';
import type { ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import { kubectl } from '../support/cluster.ts';
import { conditionBecomes, conditionOf } from '../support/expectations.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const LONG = { ...QUICK_ROLLOUT, steps: [{ weight: 25, hold: '120s' }] };

interface Route {
  readonly metadata: { readonly resourceVersion: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly hostnames?: readonly string[];
    readonly rules: readonly { readonly backendRefs: readonly { readonly name: string; readonly weight: number }[] }[];
  };
}

const scenes: Scenario[] = [];

async function open(title: string): Promise<Scenario> {
  const scene = await Scenario.open(title);
  scenes.push(scene);
  return scene;
}

afterAll(async () => {
  await Promise.all(scenes.map((scene) => scene.close()));
}, 60_000);

function gateway(name: string, hostnames: readonly string[]): ModelDeploymentSpec['traffic'] {
  return { gateway: { parentRefs: [{ name, namespace: 'default' }], hostnames: [...hostnames] }, drain: '2s' };
}

async function routeOf(scene: Scenario): Promise<Route> {
  return await scene.read<Route>(`/apis/gateway.networking.k8s.io/v1/namespaces/${scene.namespace}/httproutes/${scene.name}`);
}

/** In whole per cent: a slot without a share has 1 of 10,000 requests, which is 0. */
function weightsOf({ spec }: Route): readonly number[] {
  const refs = spec.rules[0]?.backendRefs ?? [];
  const whole = refs.reduce((sum, { weight }) => sum + weight, 0);
  return refs.map(({ weight }) => Math.round((100 * weight) / whole));
}

/** HTTP status of a request for the model under this hostname. */
async function statusAt(host: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    const call = httpRequest({ host: '127.0.0.1', port: PORTS.gateway, path: '/v2/models/toy', headers: { host } }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    call.on('error', reject);
    call.end();
  });
}

async function answers(scene: Scenario, host: string, status: number): Promise<void> {
  await scene.until(`${host} answers ${status}`, async () => ((await statusAt(host)) === status ? true : undefined), 15_000);
}

async function holding(scene: Scenario, number: number): Promise<void> {
  await scene.until(
    `release ${number} holds`,
    async () => {
      const release = (await scene.releases()).find(({ spec }) => spec.number === number);
      return release?.status?.phase === 'Holding' ? true : undefined;
    },
    60_000,
  );
}

test('a gateway that does not exist is named in a condition, and naming the right one is enough', async () => {
  const scene = await open('traffic-nogateway');
  await scene.version('1');
  await scene.deploy('1', { traffic: gateway('nowhere', [scene.host]) });
  const said = await scene.until(
    'the condition names the gateway',
    async () => {
      const message = conditionOf(await scene.deployment(), 'Ready')?.message ?? '';
      return message.includes('nowhere') ? message : undefined;
    },
    60_000,
  );
  expect(said).toMatch(/there is no Gateway nowhere in namespace default; create it, or name another one in spec\.traffic\.gateway\.parentRefs/);
  expect(conditionOf(await scene.deployment(), 'Ready')?.is).toMatch(/^False/);
  await scene.deploy('1', { traffic: gateway('eg', [scene.host]) });
  await scene.ready(60_000);
  await answers(scene, scene.host, 200);
}, 180_000);

describe('names that somebody else has', () => {
  let scene: Scenario;
  beforeAll(async () => {
    scene = await open('traffic-taken');
    await scene.version('1');
  }, 60_000);

  const foreignRoute = (namespace: string, name: string): object => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace },
    spec: {
      parentRefs: [{ name: 'eg', namespace: 'default' }],
      hostnames: ['somebody-else.test'],
      rules: [{ backendRefs: [{ name: 'theirs', port: 80 }] }],
    },
  });
  const foreignService = (namespace: string, name: string): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: 'theirs' }, ports: [{ port: 80 }] },
  });

  test('an HTTPRoute is left as it is, and told', async () => {
    await scene.apply(foreignRoute(scene.namespace, scene.name));
    const before = await routeOf(scene);
    await scene.deploy('1');
    const message = await conditionBecomes(scene, 'Accepted', 'False/NameTaken', 90_000);
    expect(message).toMatch(/HTTPRoute toy exists and is not Plimsoll's; rename it or the ModelDeployment/);
    expect((await scene.events()).some(({ reason }) => reason === 'NameTaken')).toBe(true);
    const after = await routeOf(scene);
    expect(after.spec).toEqual(before.spec);
    expect(after.metadata.labels).toBeUndefined();
  }, 120_000);

  test('so is a Service, once the route is free', async () => {
    await scene.apply(foreignService(scene.namespace, scene.name));
    await kubectl(['-n', scene.namespace, 'delete', 'httproute', scene.name]);
    const message = await scene.until(
      'the Service is named',
      async () => {
        const condition = conditionOf(await scene.deployment(), 'Accepted');
        return condition?.is === 'False/NameTaken' && condition.message.includes('Service') ? condition.message : undefined;
      },
      60_000,
    );
    expect(message).toMatch(/Service toy exists/);
    const service = await scene.read<{ spec: { selector: unknown } }>(`/api/v1/namespaces/${scene.namespace}/services/${scene.name}`);
    expect(service.spec.selector).toEqual({ app: 'theirs' });
  }, 120_000);

  test('and when both are free the version serves', async () => {
    await kubectl(['-n', scene.namespace, 'delete', 'service', scene.name]);
    await scene.ready(60_000);
    expect(conditionOf(await scene.deployment(), 'Accepted')?.is).toBe('True/Accepted');
  }, 90_000);
});

describe('a user with second thoughts', () => {
  let scene: Scenario;
  const other = (): string => `other-${scene.host}`;
  beforeAll(async () => {
    scene = await open('traffic');
    await Promise.all(['1', '2', '3'].map((version) => scene.version(version)));
    await scene.deploy('1', { rollout: LONG });
    await scene.ready(90_000);
  }, 120_000);

  test('another hostname applies at once while nothing is released', async () => {
    await scene.deploy('1', { rollout: LONG, traffic: gateway('eg', [other()]) });
    await answers(scene, other(), 200);
    await answers(scene, scene.host, 404);
    expect([...weightsOf(await routeOf(scene))].sort((a, b) => a - b)).toEqual([0, 100]);
    expect(await scene.releases()).toHaveLength(1);
  }, 60_000);

  test('and in the middle of a release, which keeps its weights and goes on', async () => {
    await scene.release('2');
    await holding(scene, 2);
    const before = weightsOf(await routeOf(scene));
    expect([...before].sort((a, b) => a - b)).toEqual([25, 75]);
    await scene.deploy('2', { rollout: LONG, traffic: gateway('eg', [scene.host, other()]) });
    await answers(scene, scene.host, 200);
    expect(weightsOf(await routeOf(scene))).toEqual(before);
    expect((await scene.releases()).map(({ status }) => status?.outcome)).toEqual(['Promoted', undefined]);
  }, 120_000);

  test('back to the version that serves ends the release as Reverted, and the version may be tried again', async () => {
    await scene.release('1');
    const { status } = await scene.finished(2, 30_000);
    expect(status).toMatchObject({ outcome: 'Reverted', class: 'User' });
    await scene.ready();
    await scene.release('2');
    await holding(scene, 3);
    expect((await scene.releases()).at(-1)?.spec.to.version).toBe('2');
  }, 120_000);

  test('a third version supersedes the second, and is released itself', async () => {
    await scene.deploy('3');
    expect((await scene.finished(3, 30_000)).status).toMatchObject({ outcome: 'Superseded', class: 'User' });
    scene.load(30);
    expect((await scene.finished(4, 150_000)).status?.outcome).toBe('Promoted');
    expect((await scene.ready()).status?.stable?.version).toBe('3');
  }, 240_000);

  test('deleting the ModelDeployment in the middle of a release leaves its records and nothing else, within 30 s', async () => {
    await scene.deploy('1', { rollout: LONG });
    await holding(scene, 5);
    const deletedAt = Date.now();
    await kubectl(['-n', scene.namespace, 'delete', 'mdep', scene.name, '--wait=true', '--timeout=30s']);
    const kinds = 'deployments,replicasets,pods,services,pdb,controllerrevisions,httproutes,endpointslices';
    await scene.until(
      'nothing is left',
      async () => {
        const left = await kubectl(['-n', scene.namespace, 'get', kinds, '-l', `plimsoll.dev/deployment=${scene.name}`, '-o', 'name']);
        return left.trim() === '' ? true : undefined;
      },
      30_000 - (Date.now() - deletedAt),
    );
    expect((await scene.releases()).map(({ spec }) => spec.number)).toEqual([1, 2, 3, 4, 5]);
  }, 120_000);
});
