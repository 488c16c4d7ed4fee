// Wrong input, item by item: who says so and in which words, that stable goes on, that nothing is left half-made, and that mending is enough.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Load } from '../../deploy/local/load/generator.ts';
import type { ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import { kubectl } from '../support/cluster.ts';
import { conditionBecomes, conditionOf } from '../support/expectations.ts';
import { MODELSERVER, QUICK_ANALYSIS, QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const ROLLOUT = { ...QUICK_ROLLOUT, progressDeadline: '15s', steps: [{ weight: 50, hold: '2s' }] };

let scene: Scenario;
let load: Load;
let revision = '';

async function deploy(spec: Partial<ModelDeploymentSpec> = {}, version = 'good'): Promise<void> {
  await scene.deploy(version, { rollout: ROLLOUT, ...spec });
}

function gateway(name: string, hostname = scene.host, sectionName?: string): Pick<ModelDeploymentSpec, 'traffic'> {
  const parent = { name, namespace: 'default', ...(sectionName === undefined ? {} : { sectionName }) };
  return { traffic: { gateway: { parentRefs: [parent], hostnames: [hostname] }, drain: '2s' } };
}

/** Waits until an Event of the ModelDeployment says this. */
async function eventSays(reason: string, message: RegExp): Promise<void> {
  await scene.until(
    `an Event ${reason} says ${message.source}`,
    async () => ((await scene.events()).some((event) => event.reason === reason && message.test(event.message)) ? true : undefined),
    15_000,
  );
}

/** Waits until the spec is refused for this reason, in a condition and in an Event, in words that match. */
async function isRefused(reason: string, message: RegExp): Promise<void> {
  expect(await conditionBecomes(scene, 'Accepted', `False/${reason}`)).toMatch(message);
  const deployment = await scene.deployment();
  expect(['Ready', 'Stalled', 'Available'].map((type) => conditionOf(deployment, type)?.is)).toEqual([
    `False/${reason}`,
    `True/${reason}`,
    'True/Serving',
  ]);
  await eventSays(reason, message);
}

/** Everything that belongs to the deployment, by kind and name. */
async function children(): Promise<readonly string[]> {
  const kinds = 'deployments,services,poddisruptionbudgets,httproutes,controllerrevisions';
  const names = await kubectl(['-n', scene.namespace, 'get', kinds, '-l', `plimsoll.dev/deployment=${scene.name}`, '-o', 'name']);
  return names.trim().split('\n').sort();
}

let before: { readonly releases: number; readonly children: readonly string[] };

/** Writes the spec right again; nothing may have been made or begun in between. */
async function mendedByWritingItRight(): Promise<void> {
  expect(await children()).toEqual(before.children);
  await deploy();
  await scene.ready();
  expect(await scene.releases()).toHaveLength(before.releases);
  expect(load.figures().samples).toEqual([]);
}

beforeAll(async () => {
  scene = await Scenario.open('bad-input');
  await Promise.all([scene.version('good'), scene.version('better')]);
  await deploy();
  revision = (await scene.ready(90_000)).status?.stable?.revision ?? '';
  load = scene.load(20);
  before = { releases: (await scene.releases()).length, children: await children() };
}, 120_000);

afterAll(async () => {
  await scene.close();
}, 60_000);

describe('kubectl apply says what is wrong, and nothing is stored', () => {
  const steps = (...weights: readonly number[]): object => ({ rollout: { steps: weights.map((weight) => ({ weight })) } });
  const check = (kind: object): object => ({ analysis: { checks: [{ name: 'x', ...kind }] } });
  test.each<[title: string, spec: object, message: RegExp, name?: string]>([
    ['an unknown field', { rolout: {} }, /spec\.rolout|"rolout"/],
    ['an unknown field further down', { rollout: { steps: [{ weight: 5, holdd: '5m' }] } }, /holdd/],
    ['falling weights', steps(50, 25), /step weights must rise from each step to the next/],
    ['a weight over 100', steps(50, 101), /spec\.rollout\.steps\[1\]\.weight: Invalid value: 101: .*less than or equal to 100/],
    ['two members of a union', check({ errorRate: {}, latency: { slowerThan: '1s' } }), /give exactly one of errorRate, latency, compare, score, limit, rate, shift, split/],
    ['no member of a union', check({}), /give exactly one of errorRate, latency, compare, score, limit, rate, shift, split/],
    ['no way of routing', { traffic: {} }, /spec\.traffic: Invalid value: .*give/],
    ['preset custom without custom', { runtime: { preset: 'custom' } }, /preset custom needs custom: \{port:/],
    ['a name that is too long', {}, /metadata\.name must start with a letter, .*at most 40 characters/, 'a'.repeat(41)],
  ])('%s', async (_, spec, message, name = 'other') => {
    const object = {
      apiVersion: 'plimsoll.dev/v1alpha1',
      kind: 'ModelDeployment',
      metadata: { name, namespace: scene.namespace },
      spec: { model: 'toy', version: 'good', runtime: { preset: 'mlserver', template: MODELSERVER }, ...gateway('eg'), ...spec },
    };
    const refused = kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
    await expect(refused).rejects.toThrow(message);
    expect(await kubectl(['-n', scene.namespace, 'get', 'mdep', '-o', 'name'])).toBe(`modeldeployment.plimsoll.dev/${scene.name}\n`);
  });
});

describe('a query', () => {
  const limit = (query: string): Partial<ModelDeploymentSpec> => ({
    analysis: { ...QUICK_ANALYSIS, checks: [...(QUICK_ANALYSIS.checks ?? []), { name: 'own', limit: { query, max: '5' } }] },
  });
  test.each([
    [
      'that does not parse',
      'sum(rate(',
      /check own can never have a value, so no release is begun: .*parse error: unclosed left parenthesis/,
    ],
    ['that gives a range', 'up[1m]', /check own can never have a value.*range vector: wrap it in a function such as rate\(\)/],
    ['with an unknown placeholder', 'up{x="{{model}}"}', /\{\{model\}\} is unknown: use \{\{namespace\}\}, /],
  ])(
    '%s is told before a release is begun',
    async (_, query, message) => {
      await deploy(limit(query), 'better');
      await isRefused('InvalidQuery', message);
      await mendedByWritingItRight();
    },
    60_000,
  );
});

describe('a Gateway', () => {
  test('that does not exist is named, and requests go on the way that they went', async () => {
    await deploy(gateway('nowhere'), 'better');
    await isRefused('GatewayMissing', /there is no Gateway nowhere in namespace default; create it, or name another one/);
    await mendedByWritingItRight();
  }, 60_000);

  test('whose listener does not exist is told before requests are led there, and they go on the way that they went', async () => {
    await deploy(gateway('eg', `${scene.namespace}-2.test`, 'nonsense'));
    await isRefused('ListenerMissing', /Gateway default\/eg has no listener nonsense; its listeners: http \(port \d+\); name one of them/);
    await mendedByWritingItRight();
  }, 60_000);

  test('that does not exist keeps a first version from being begun, and making it right is enough', async () => {
    const first = await Scenario.open('bad-gateway');
    try {
      await first.version('1');
      await first.deploy('1', gateway('nowhere', first.host));
      expect(await conditionBecomes(first, 'Ready', 'False/GatewayMissing')).toMatch(/there is no Gateway nowhere/);
      expect(await first.releases()).toEqual([]);
      expect(await kubectl(['-n', first.namespace, 'get', 'deployments,services,httproutes', '-o', 'name'])).toBe('');
      await first.deploy('1');
      await first.ready(60_000);
    } finally {
      await first.close();
    }
  }, 120_000);
});

describe('a host name that another ModelDeployment has', () => {
  test('stays with it, in another namespace too, and is had once it is free', async () => {
    const second = await Scenario.open('bad-hostname');
    try {
      await second.version('1');
      await second.deploy('1', gateway('eg', scene.host));
      const message = await conditionBecomes(second, 'Accepted', 'False/HostnameTaken');
      expect(message).toBe(
        `host name ${scene.host} at Gateway default/eg is that of ModelDeployment ${scene.namespace}/${scene.name} already; give another one in spec.traffic.gateway.hostnames, or take it away there`,
      );
      expect(await second.releases()).toEqual([]);
      await second.deploy('1');
      await second.ready(60_000);
      await second.deploy('1', gateway('eg', scene.host));
      await conditionBecomes(second, 'Ready', 'False/HostnameTaken');
      expect((await kubectl(['-n', second.namespace, 'get', 'httproute', second.name, '-o', 'jsonpath={.spec.hostnames[0]}'])).trim()).toBe(
        second.host,
      );
      expect(Object.keys(load.figures().revisions)).toEqual([revision]);
      expect(load.figures().samples).toEqual([]);
    } finally {
      await second.close();
    }
  }, 150_000);
});

describe('a template', () => {
  const [model] = MODELSERVER.spec.containers;
  const template = (container: object, pod: object = {}): Partial<ModelDeploymentSpec> => ({
    runtime: { preset: 'mlserver', template: { spec: { containers: [{ ...model, ...container }], ...pod } } },
  });

  /** The sentence that shows while pods wait, and how the release ends: a failure of infrastructure, tried again, mended by writing it right. */
  async function waits(spec: Partial<ModelDeploymentSpec>, message: RegExp, ...reasons: readonly string[]): Promise<void> {
    const number = (await scene.releases()).length + 1;
    await deploy(spec);
    await scene.until(
      `the ModelDeployment says ${message.source}`,
      async () => (message.test(conditionOf(await scene.deployment(), 'Ready')?.message ?? '') ? true : undefined),
      30_000,
    );
    const { status } = await scene.finished(number, 60_000);
    expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Infrastructure' });
    expect(reasons).toContain(status?.reason);
    expect(status?.message).toMatch(message);
    await eventSays(reasons[0] ?? '', message);
    await eventSays('RolledBack', message);
    await deploy();
    await scene.ready();
    expect(Object.keys(load.figures().revisions)).toEqual([revision]);
    expect(load.figures().samples).toEqual([]);
  }

  test('with a Secret that is missing names it', async () => {
    const spec = template(
      { volumeMounts: [{ name: 'key', mountPath: '/key' }] },
      { volumes: [{ name: 'key', secret: { secretName: 'absent' } }] },
    );
    await waits(spec, /there is no Secret absent in this namespace; create it, or name another one/, 'SecretMissing');
  }, 120_000);

  test('with a variable from a Secret that is missing names it', async () => {
    const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'absent', key: 'x' } } }];
    await waits(template({ env }), /secret "absent" not found/, 'CreateContainerConfigError');
  }, 120_000);

  test('with a service account that is missing names it', async () => {
    await waits(template({}, { serviceAccountName: 'absent' }), /there is no ServiceAccount absent in this namespace/, 'ServiceAccountMissing');
  }, 120_000);

  test('with an image that does not pull names it', async () => {
    const image = 'registry.invalid/modelserver:1';
    await waits(template({ image, imagePullPolicy: 'IfNotPresent' }), /registry\.invalid\/modelserver:1/, 'ErrImagePull', 'ImagePullBackOff');
  }, 120_000);
});
