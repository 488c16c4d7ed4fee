// Versions and templates that never get to serve: who refuses them, what is said, and that stable does not notice.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LoadFigures } from '../../deploy/local/load/figures.ts';
import type { Load } from '../../deploy/local/load/generator.ts';
import type { ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { kubectl } from '../support/cluster.ts';
import { conditionBecomes, conditionOf } from '../support/expectations.ts';
import { MODELSERVER, QUICK_ROLLOUT, Scenario, type Behaviour } from '../support/scenario.ts';

const RATE = 20;
const IMPATIENT = { ...QUICK_ROLLOUT, progressDeadline: '15s' };

let scene: Scenario;
let load: Load;
let revision = '';

type Runtime = ModelDeploymentSpec['runtime'];
type Container = Readonly<Record<string, unknown>>;

/** The usual template with members of its container replaced, and with other members of the pod. */
function template(container: Container, pod: Readonly<Record<string, unknown>> = {}): Runtime {
  const [model] = MODELSERVER.spec.containers;
  return { preset: 'mlserver', template: { spec: { containers: [{ ...model, ...container }], ...pod } } };
}

/** A request of the right shape, as the users of this model send it. */
const PROBE = JSON.stringify({ inputs: [{ name: 'predict', shape: [1, 4], datatype: 'FP64', data: [1, 2, 3, 4] }] });

async function deploy(spec: Partial<ModelDeploymentSpec> = {}): Promise<void> {
  await scene.deploy('good', { rollout: IMPATIENT, probe: { requests: { configMapRef: { name: 'probe' } } }, ...spec });
}

/** The figures so far when all answers came from stable and were good. */
function expectUntouched(figures: LoadFigures): void {
  expect(figures.samples).toEqual([]);
  expect(Object.keys(figures.revisions)).toEqual([revision]);
}

/** Releases a version that behaves like this, and waits for the end of it. */
async function finish(version: string, behaviour: Behaviour): Promise<ModelRelease> {
  const number = (await scene.releases()).length + 1;
  await scene.version(version, behaviour);
  await scene.release(version);
  return await scene.finished(number, 90_000);
}

beforeAll(async () => {
  scene = await Scenario.open('refusals');
  await scene.version('good');
  await scene.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'probe', namespace: scene.namespace },
    data: { 'four-numbers.json': PROBE },
  });
  await deploy();
  revision = (await scene.ready(90_000)).status?.stable?.revision ?? '';
  load = scene.load(RATE);
}, 120_000);

afterAll(async () => {
  await scene.close();
}, 60_000);

describe('a version that cannot serve is rolled back on evidence before it gets a request', () => {
  test('when it wants another input shape than the probe has', async () => {
    const { status } = await finish('shape', { features: 5 });
    expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ProbeFailed' });
    expect(status?.message).toMatch(
      /version shape failed its probe before any traffic: request four-numbers\.json was answered with HTTP 500/,
    );
    expect(await conditionBecomes(scene, 'Ready', 'False/RolledBack')).toMatch(/version good serves; release 2 found version shape bad/);
    expect(conditionOf(await scene.deployment(), 'Available')?.is).toBe('True/Serving');
    expectUntouched(load.figures());
  }, 90_000);

  test.each([
    ['is never ready', 'unready', { neverReady: true }, 'NotReady', /readiness probe does not succeed/],
    ['ends by itself', 'crashing', { crashAfterSeconds: 0.05 }, 'CrashLoop', /ends by itself with exit code 1/],
    ['needs more memory than it may have', 'greedy', { allocateMiB: 256 }, 'OOMKilled', /memory limit/],
  ])(
    'when it %s',
    async (_, version, behaviour, reason, message) => {
      const { status, spec } = await finish(version, behaviour);
      expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason });
      expect(status?.message).toMatch(message);
      const seconds = (Date.parse(status?.finishedAt ?? '') - Date.parse(status?.startedAt ?? '')) / 1000;
      expect(seconds).toBeGreaterThanOrEqual(15);
      expect(seconds).toBeLessThan(25);
      expectUntouched(load.figures());
      expect(spec.from?.revision).toBe(revision);
    },
    120_000,
  );

  test('and none of them is tried again by itself', async () => {
    const before = await scene.releases();
    await scene.release('unready');
    const message = await conditionBecomes(scene, 'Ready', 'False/KnownBad');
    expect(message).toMatch(/release 3 found version unready bad/);
    expect(await scene.releases()).toHaveLength(before.length);
  }, 60_000);
});

describe('a template that cannot be used', () => {
  test.each([
    [
      'without an image',
      { preset: 'mlserver', template: { spec: { containers: [{ name: 'model' }] } } } satisfies Runtime,
      /needs an item \{name: model, image: \.\.\.\}/,
    ],
    [
      'with a name that is reserved',
      template({}, { volumes: [{ name: 'plimsoll-model', emptyDir: {} }] }),
      /plimsoll-model, which Plimsoll keeps/,
    ],
    [
      'that mounts over the model',
      template({ volumeMounts: [{ name: 'x', mountPath: '/mnt/models/model' }] }),
      /mounts something at \/mnt\/models/,
    ],
  ])(
    'is refused by Plimsoll %s',
    async (_, refused, message) => {
      const before = await scene.releases();
      await deploy({ runtime: refused });
      expect(await conditionBecomes(scene, 'Accepted', 'False/InvalidTemplate')).toMatch(message);
      expect(conditionOf(await scene.deployment(), 'Stalled')?.is).toBe('True/InvalidTemplate');
      expect(await scene.releases()).toHaveLength(before.length);
    },
    60_000,
  );

  test.each([
    ['a field that does not exist', { imagePullPolice: 'Never' }, /imagePullPolice/],
    ['a number out of range', { ports: [{ containerPort: 99_999 }] }, /containerPort: Invalid value: 99999/],
    ['a quantity that is none', { resources: { limits: { memory: 'much' } } }, /quantities must match/],
  ])(
    'is refused by the API server for %s: told in a condition and an Event, and no release is begun',
    async (_, wrong, message) => {
      const before = await scene.releases();
      await deploy({ runtime: template(wrong) });
      expect(await conditionBecomes(scene, 'Accepted', 'False/InvalidTemplate')).toMatch(message);
      expect(conditionOf(await scene.deployment(), 'Ready')?.is).toBe('False/InvalidTemplate');
      expect(conditionOf(await scene.deployment(), 'Available')?.is).toBe('True/Serving');
      await scene.until(
        'there is an Event of it',
        async () => (await scene.events()).find((event) => event.reason === 'InvalidTemplate' && message.test(event.message)),
        10_000,
      );
      expect(await scene.releases()).toHaveLength(before.length);
    },
    60_000,
  );

  test('is mended by writing it right, and stable did not notice', async () => {
    await deploy();
    await scene.ready();
    expect(conditionOf(await scene.deployment(), 'Accepted')?.is).toBe('True/Accepted');
    expectUntouched(load.figures());
    const kept = await kubectl(['-n', scene.namespace, 'get', 'deployments', '-l', `plimsoll.dev/deployment=${scene.name}`, '-o', 'name']);
    expect(kept.trim()).toBe(`deployment.apps/${scene.name}-${revision}`);
  }, 60_000);

  test('with an image that does not exist is a failure of its surroundings: tried again, held against nobody, and mended by another image', async () => {
    const number = (await scene.releases()).length + 1;
    await deploy({ runtime: template({ image: 'images.local/modelserver:none' }) });
    const first = await scene.finished(number, 60_000);
    expect(first.status).toMatchObject({ outcome: 'RolledBack', class: 'Infrastructure', reason: 'ErrImageNeverPull' });
    expect(first.status?.message).toContain('images.local/modelserver:none');
    expect(await conditionBecomes(scene, 'Ready', 'False/ErrImageNeverPull')).toMatch(/version good is tried again at/);
    const second = await scene.until(
      'it is tried again',
      async () => (await scene.releases()).find(({ spec }) => spec.number === number + 1),
      60_000,
    );
    expect(second.spec.to).toEqual(first.spec.to);
    await deploy({ runtime: template({ env: [{ name: 'MENDED', value: 'yes' }] }) });
    const last = await scene.finished(number + 2, 120_000);
    expect(last.status).toMatchObject({ outcome: 'Promoted' });
    expect(last.spec.cause.type).toBe('Template');
    expect((await scene.finished(number + 1)).status).toMatchObject({ outcome: 'Superseded', class: 'User' });
    expect((await load.stop()).samples).toEqual([]);
  }, 300_000);
});

describe('a first version that fails', () => {
  let first: Scenario;
  beforeAll(async () => {
    first = await Scenario.open('refusals-first');
    await Promise.all([first.version('bad', { failPercent: 100 }), first.version('good')]);
    await first.deploy('bad');
  }, 60_000);
  afterAll(async () => {
    await first.close();
  }, 60_000);

  test('leaves nothing behind that serves, and says what to do', async () => {
    const { status } = await first.finished(1, 90_000);
    expect(status).toMatchObject({ outcome: 'Failed', class: 'Evidence', reason: 'ProbeFailed' });
    const message = await conditionBecomes(first, 'Stalled', 'True/FirstVersionFailed');
    expect(message).toMatch(/give another version, change its runtime/);
    const deployment = await first.deployment();
    expect(deployment.status?.phase).toBe('Failed');
    expect(conditionOf(deployment, 'Available')?.is).toBe('False/FirstVersionFailed');
    const left = await first.until(
      'its pods are gone',
      async () => {
        const objects = await kubectl(['-n', first.namespace, 'get', 'deployments,services,pdb', '-o', 'name']);
        return objects.trim() === '' ? 'nothing' : undefined;
      },
      30_000,
    );
    expect(left).toBe('nothing');
    // What is left of a route says what was decided, and belongs to no gateway.
    const route = JSON.parse(await kubectl(['-n', first.namespace, 'get', 'httproute', first.name, '-o', 'json'])) as {
      readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
      readonly spec: { readonly parentRefs?: readonly object[] };
    };
    expect(route.metadata.annotations['plimsoll.dev/decision']).toBe('r1/RollBack/Evidence:ProbeFailed');
    expect(route.spec.parentRefs).toBeUndefined();
  }, 120_000);

  test('gives way to another one', async () => {
    await first.release('good');
    expect((await first.ready(90_000)).status?.stable?.version).toBe('good');
    expect((await first.releases()).map(({ status }) => status?.outcome)).toEqual(['Failed', 'Promoted']);
  }, 120_000);
});
