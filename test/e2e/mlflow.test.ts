// A version from a real MLflow server, which pods reach by a Service: resolved by a Job, fetched by the pod that serves it, and served by
// MLServer; what happens to it when people move on in MLflow; and what MLflow itself says of it.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { nodeAddress } from '../../deploy/local/models/server.ts';
import type { ModelVersionSpec } from '../../src/api/generated/modelversion.ts';
import { versionBecomes } from '../support/expectations.ts';
import { ADMIN, startMlflow, type Mlflow } from '../support/mlflow.ts';
import { deployOnMlserver, predicted, replacePods } from '../support/mlserver.ts';
import { Scenario, WITHOUT_EVIDENCE } from '../support/scenario.ts';

/** Two of the rows that the model was trained on, and what they are. */
const ROWS = [
  [1, 20],
  [40, 50],
];
const LABELS = [0, 1];

let scene: Scenario;
let mlflow: Mlflow;

const champion = (): object => ({ model: mlflow.trained.model, alias: 'champion' });

/** A version that the alias names now, or another one in MLflow. */
async function publish(version: string, pointer: object = champion(), spec: object = {}): Promise<void> {
  const source = { mlflow: { server: `http://mlflow.${scene.namespace}:5000`, ...pointer } } as ModelVersionSpec['source'];
  await scene.version(version, {}, { format: { name: 'sklearn' }, source, access: { secretRef: { name: 'mlflow' } }, ...spec });
}

const tagKey = (): string => `plimsoll.dev/${scene.namespace}/${scene.name}`;

/** What the tags of a version in MLflow say of the ModelDeployment. */
async function tagsOf(model: string, version: string): Promise<readonly unknown[]> {
  const query = new URLSearchParams({ name: model, version }).toString();
  const { model_version: found } = (await mlflow.ask('GET', `2.0/mlflow/model-versions/get?${query}`)) as {
    readonly model_version: { readonly tags?: readonly { readonly key: string; readonly value: string }[] };
  };
  return (found.tags ?? []).filter(({ key }) => key === tagKey()).map(({ value }) => value);
}

async function mlflowSays(model: string, version: string, ...values: readonly string[]): Promise<void> {
  await scene.until(
    `MLflow says of ${model} ${version}: ${values.join(', ')}`,
    async () => (JSON.stringify(await tagsOf(model, version)) === JSON.stringify(values) ? true : undefined),
    120_000,
  );
}

beforeAll(async () => {
  scene = await Scenario.open('mlflow');
  const { namespace } = scene;
  mlflow = await startMlflow({ host: '0.0.0.0', allowedHosts: [`mlflow.${namespace}:5000`] });
  const port = Number(new URL(mlflow.url).port);
  await scene.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'mlflow', namespace },
    spec: { ports: [{ name: 'http', port: 5000, targetPort: port }] },
  });
  await scene.apply({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'mlflow-host', namespace, labels: { 'kubernetes.io/service-name': 'mlflow' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: [{ addresses: [nodeAddress()] }],
  });
  await scene.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'mlflow', namespace }, stringData: ADMIN });
}, 900_000);

afterAll(async () => {
  await scene.close();
  // There is none if it did not start, which is then what is told.
  await (mlflow as Mlflow | undefined)?.stop();
}, 60_000);

test('a version by its alias is resolved, with what MLflow knows about it, and answers a real inference', async () => {
  await publish('1');
  await versionBecomes(scene, '1', 'Ready', 'True/Ready', 120_000);
  const { status } = await scene.modelVersion('1');
  expect(status?.resolved?.pins).toMatchObject({ model: 'Fraud%20Detection%20(EU)', version: '1' });
  expect(status?.metadata).toMatchObject({
    code: { repository: 'https://git.example.com/fraud.git' },
    training: { run: mlflow.trained.run, parameters: { solver: 'lbfgs' } },
    metrics: { auc: '0.947' },
    model: { flavors: { sklearn: '1.9.1' } },
  });
  await deployOnMlserver(scene, '1', ROWS);
  expect(await predicted(scene, ROWS)).toEqual(LABELS);
}, 300_000);

test('the alias moves and the version is deleted in MLflow: a new pod serves the same bytes; a new version is the next', async () => {
  const { trained } = mlflow;
  await mlflow.ask('POST', '2.0/mlflow/registered-models/alias', { name: trained.model, alias: 'champion', version: '2' });
  await mlflow.ask('DELETE', '2.0/mlflow/model-versions/delete', { name: trained.model, version: '1' });
  const before = (await scene.modelVersion('1')).status?.resolved?.digest;
  await replacePods(scene, ROWS);
  expect(await predicted(scene, ROWS)).toEqual(LABELS);
  expect((await scene.modelVersion('1')).status?.resolved?.digest).toBe(before);

  await publish('2');
  await versionBecomes(scene, '2', 'Ready', 'True/Ready', 120_000);
  const next = (await scene.modelVersion('2')).status;
  expect(next?.resolved?.pins).toMatchObject({ version: '2' });
  expect(next?.resolved?.digest).not.toBe(before);
  expect(next?.metadata?.training?.run).toBe(trained.second);
}, 400_000);

test('MLflow says where a version is served: while it is tried, when it is promoted, and no more when another one is', async () => {
  const { model } = mlflow.trained;
  const tagged = { writeTags: true };
  await publish('2', undefined, tagged);
  await publish('3', { model: 'copied', version: '1' }, tagged);
  await versionBecomes(scene, '3', 'Ready', 'True/Ready', 120_000);
  await versionBecomes(scene, '2', 'Tagged', 'True/Written', 120_000);
  expect(await tagsOf(model, '2')).toEqual([]);

  await deployOnMlserver(scene, '2', ROWS, WITHOUT_EVIDENCE);
  await mlflowSays(model, '2', 'Serving 100% (toy-2)');

  const slowly = { ...WITHOUT_EVIDENCE.rollout, steps: [{ weight: 25, hold: '60s' }] };
  const promoted = deployOnMlserver(scene, '3', ROWS, { ...WITHOUT_EVIDENCE, rollout: slowly });
  await mlflowSays('copied', '1', 'Candidate 25% (toy-3)');
  await mlflowSays(model, '2', 'Serving 75% (toy-2)');
  await promoted;
  await mlflowSays('copied', '1', 'Serving 100% (toy-3)');
  await mlflowSays(model, '2');
  await versionBecomes(scene, '2', 'Tagged', 'True/Written', 60_000);
  await scene.until(
    'the status of version 3 says what MLflow says',
    async () => ((await scene.modelVersion('3')).status?.tags?.[tagKey()] === 'Serving 100% (toy-3)' ? true : undefined),
    60_000,
  );
  const registered = await mlflow.ask('GET', `2.0/mlflow/registered-models/get?${new URLSearchParams({ name: model }).toString()}`);
  expect(registered).toMatchObject({ registered_model: { aliases: [{ alias: 'champion', version: '2' }] } });
}, 600_000);
