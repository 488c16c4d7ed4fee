// Preset custom: a server that Plimsoll knows nothing of but its port, the folder of its model and a request of its own.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Load } from '../../deploy/local/load/generator.ts';
import type { ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import { kubectl } from '../support/cluster.ts';
import { conditionBecomes, conditionOf } from '../support/expectations.ts';
import { MODEL, MODELSERVER, QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

type Runtime = ModelDeploymentSpec['runtime'];
type Custom = NonNullable<Runtime['custom']>;

const PORT = 9000;
const MODEL_PATH = `/models/${MODEL}/1`;
const PROBE: Custom['probe'] = {
  path: `/v1/models/${MODEL}:predict`,
  body: '{"instances": [[1, 2, 3, 4]]}',
  expect: { contains: '"predictions"' },
};
const ROLLOUT = { ...QUICK_ROLLOUT, steps: [{ weight: 50, hold: '4s' }] };

let scene: Scenario;
let load: Load;

/** The test server as TensorFlow Serving: without settings, at another port, its model in a folder that is named after a version. */
function runtime(custom: Partial<Custom> = {}, container: Readonly<Record<string, unknown>> = {}): Runtime {
  const { port = PORT, modelPath = MODEL_PATH, probe = PROBE } = custom;
  const [model] = MODELSERVER.spec.containers;
  const env = { MODEL_NAME: MODEL, MODELS_DIR: modelPath, MLSERVER_HTTP_PORT: String(port) };
  return {
    preset: 'custom',
    custom: { port, modelPath, probe },
    template: {
      spec: {
        containers: [
          {
            ...model,
            env: Object.entries(env).map(([name, value]) => ({ name, value })),
            readinessProbe: { httpGet: { path: `/v1/models/${MODEL}`, port }, periodSeconds: 1 },
            ...container,
          },
        ],
      },
    },
  };
}

async function deploy(version: string, custom: Partial<Custom> = {}, container: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await scene.deploy(version, { rollout: ROLLOUT, runtime: runtime(custom, container) });
}

beforeAll(async () => {
  scene = await Scenario.open('custom');
  await Promise.all([scene.version('1'), scene.version('2'), scene.version('shape', { features: 5 })]);
  await deploy('1');
  await scene.ready(90_000);
  load = scene.load(20);
}, 120_000);

afterAll(async () => {
  await scene.close();
}, 60_000);

test('it serves from the files of the version alone, verified and read-only', async () => {
  const [pod] = (await kubectl(['-n', scene.namespace, 'get', 'pods', '-l', `plimsoll.dev/deployment=${scene.name}`, '-o', 'name']))
    .trim()
    .split('\n');
  const logs = await kubectl(['-n', scene.namespace, 'logs', pod ?? '', '--all-containers']);
  expect(logs).toContain(`verified ${(await scene.modelVersion('1')).status?.resolved?.digest ?? 'no digest'}`);
  expect(logs).toContain(`serving model "${MODEL}" on :${PORT}`);
  const mounts = await kubectl(['-n', scene.namespace, 'get', pod ?? '', '-o', 'jsonpath={.spec.containers[0].volumeMounts}']);
  expect(JSON.parse(mounts)).toContainEqual({ name: 'plimsoll-model', mountPath: MODEL_PATH, subPath: 'model', readOnly: true });
}, 30_000);

test('another version of it is asked its own request, released by what the gateway counts, and fails nobody', async () => {
  await scene.release('2');
  const { status } = await scene.finished(2, 90_000);
  expect(status).toMatchObject({ outcome: 'Promoted' });
  expect(status?.checks?.map(({ name }) => name)).toEqual(['errors', 'latency']);
  await scene.ready();
  const { samples, revisions } = load.figures();
  expect(samples).toEqual([]);
  expect(Object.keys(revisions)).toHaveLength(2);
}, 120_000);

test('a version that answers the request wrongly is rolled back before it gets traffic', async () => {
  await scene.release('shape');
  const { status, spec } = await scene.finished(3, 60_000);
  expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ProbeFailed' });
  expect(status?.message).toContain(`POST /v1/models/${MODEL}:predict was answered with HTTP 500, not 200`);
  expect(load.figures().revisions[spec.to.revision]).toBeUndefined();
}, 90_000);

describe('what is said wrongly of it', () => {
  test('a readinessProbe that is missing is asked for, and no release is begun', async () => {
    await deploy('2', {}, { readinessProbe: undefined });
    expect(await conditionBecomes(scene, 'Accepted', 'False/InvalidTemplate')).toMatch(/needs a readinessProbe in container model/);
    expect(await scene.releases()).toHaveLength(3);
  }, 60_000);

  test('an answer without the expected text fails the release, and mending the probe is enough to go on', async () => {
    await deploy('2', { probe: { ...PROBE, expect: { contains: '"outputs"' } } });
    expect((await scene.finished(4, 60_000)).status).toMatchObject({ outcome: 'RolledBack', reason: 'ProbeFailed' });
    await deploy('2');
    await scene.ready();
    expect(await scene.releases()).toHaveLength(4);
  }, 120_000);

  test('a ConfigMap that is missing is named, and making it is enough to go on', async () => {
    await deploy('2', { probe: { path: PROBE.path, bodyFrom: { configMapKeyRef: { name: 'probe', key: 'rows' } } } });
    await scene.until(
      'the ConfigMap is named',
      async () => {
        const message = conditionOf(await scene.deployment(), 'Ready')?.message;
        return message?.includes('ConfigMap probe of spec.runtime.custom.probe.bodyFrom does not exist') === true ? true : undefined;
      },
      30_000,
    );
    const metadata = { name: 'probe', namespace: scene.namespace };
    await scene.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { rows: PROBE.body } });
    expect((await scene.finished(5, 60_000)).status).toMatchObject({ outcome: 'Promoted' });
  }, 120_000);

  test('a port at which nobody listens is a missing answer: held against nobody, and the right port is enough to go on', async () => {
    const right = runtime();
    const custom = { port: 9001, modelPath: MODEL_PATH, probe: PROBE };
    await scene.deploy('2', { rollout: { ...ROLLOUT, progressDeadline: '15s' }, runtime: { ...right, custom } });
    const { status } = await scene.finished(6, 60_000);
    expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Infrastructure', reason: 'ProbeUnreachable' });
    expect(status?.message).toMatch(/had no answer within its progress deadline: .*ECONNREFUSED/);
    await deploy('2');
    const last = (await scene.finished(7, 60_000)).status;
    expect([last?.outcome, last?.reason, last?.message]).toEqual(['Promoted', 'Promoted', expect.any(String)]);
    expect((await load.stop()).samples).toEqual([]);
  }, 150_000);
});
