// Changes of spec.runtime while the version stays the same: they are releases, they are judged, and a bad one condemns itself alone.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Load } from '../../deploy/local/load/generator.ts';
import type { ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { kubectl } from '../support/cluster.ts';
import { conditionBecomes, conditionOf } from '../support/expectations.ts';
import { MODELSERVER, QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const ROLLOUT = {
  ...QUICK_ROLLOUT,
  progressDeadline: '12s',
  steps: [
    { weight: 25, hold: '4s' },
    { weight: 50, hold: '4s' },
  ],
};
const BROKEN = ['-behaviour', '{"failWhenFirstAtLeast": 5}'];

let scene: Scenario;
let load: Load;
let original = '';

/** The same version, whose container has these members beside the usual ones. */
async function deploy(container: Readonly<Record<string, unknown>> = {}, spec: Partial<ModelDeploymentSpec> = {}): Promise<void> {
  const [model] = MODELSERVER.spec.containers;
  const template = { spec: { containers: [{ ...model, ...container }] } };
  await scene.deploy('1', { rollout: ROLLOUT, runtime: { preset: 'mlserver', template }, ...spec });
}

/** Deploys it and waits for the end of the release that it starts. */
async function released(container: Readonly<Record<string, unknown>>): Promise<ModelRelease> {
  const number = (await scene.releases()).length + 1;
  await deploy(container);
  return await scene.finished(number, 90_000);
}

beforeAll(async () => {
  scene = await Scenario.open('template');
  await scene.version('1');
  await deploy();
  original = (await scene.ready(90_000)).status?.stable?.revision ?? '';
  load = scene.load(20);
}, 120_000);

afterAll(async () => {
  await scene.close();
}, 60_000);

test('another number of replicas takes effect without a release', async () => {
  await deploy({}, { replicas: 3 });
  await scene.until(
    'three pods are Ready',
    async () => {
      const args = ['-n', scene.namespace, 'get', 'deployment', `${scene.name}-${original}`, '-o', 'jsonpath={.status.readyReplicas}'];
      return (await kubectl(args)) === '3' ? true : undefined;
    },
    30_000,
  );
  await deploy();
  await scene.ready();
  expect(await scene.releases()).toHaveLength(1);
}, 60_000);

test('an argument that makes it fail some requests is rolled back on evidence, and what served goes on', async () => {
  const { spec, status } = await released({ args: BROKEN });
  expect(spec).toMatchObject({ cause: { type: 'Template' }, from: { version: '1', revision: original }, to: { version: '1' } });
  expect(spec.to.digest).toBe(spec.from?.digest);
  expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
  const message = await conditionBecomes(scene, 'Ready', 'False/RolledBack');
  expect(message).toMatch(/version 1 serves; release 2 found version 1 bad: .*give another version, change its runtime/);
  const { revisions } = load.figures();
  expect(revisions[original]?.failed).toBe(0);
  expect(revisions[spec.to.revision]?.failed).toBeGreaterThan(0);
}, 120_000);

test('an argument that it does not know makes it end before it gets a request', async () => {
  const { spec, status } = await released({ args: ['-nonsense'] });
  expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'CrashLoop' });
  expect(status?.message).toMatch(/ends by itself with exit code 2/);
  expect(load.figures().revisions[spec.to.revision]).toBeUndefined();
}, 120_000);

test('a command that its image does not have is named', async () => {
  const { spec, status } = await released({ command: ['/no/such/server'] });
  expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence' });
  expect(status?.message).toMatch(/\/no\/such\/server/);
  expect(load.figures().revisions[spec.to.revision]).toBeUndefined();
}, 120_000);

describe('the same version afterwards', () => {
  test('serves with its old template, which nothing is held against', async () => {
    await deploy();
    await scene.ready();
    expect((await scene.deployment()).status?.stable?.revision).toBe(original);
    expect(await scene.releases()).toHaveLength(4);
  }, 60_000);

  test('is released with another variable, by steps and checks', async () => {
    const { spec, status } = await released({ env: [{ name: 'BEHAVIOUR', value: '{"features": 4}' }] });
    expect(spec.cause.type).toBe('Template');
    expect(`${status?.outcome ?? ''}: ${status?.message ?? ''}`).toMatch(/^Promoted: /);
    expect(status?.timeline?.filter(({ event }) => event === 'Holding').map(({ weight }) => weight)).toEqual([25, 50]);
    expect(status?.checks?.map(({ name }) => name)).toEqual(['errors', 'latency']);
    expect((await scene.ready()).status?.stable).toMatchObject({ version: '1', revision: spec.to.revision });
    const { revisions } = load.figures();
    expect([original, spec.to.revision].map((revision) => revisions[revision]?.failed)).toEqual([0, 0]);
  }, 120_000);

  test('is not tried again with the argument that was found bad', async () => {
    const before = (await scene.releases()).length;
    await deploy({ args: BROKEN });
    expect(await conditionBecomes(scene, 'Ready', 'False/KnownBad')).toMatch(/release 2 found version 1 bad/);
    expect(conditionOf(await scene.deployment(), 'Available')?.is).toBe('True/Serving');
    expect(await scene.releases()).toHaveLength(before);
  }, 60_000);
});
