// A version from a real MLflow server, which pods reach by a Service: resolved by a Job, fetched by the pod that serves it, and served by
// MLServer; and what happens to it when people move on in MLflow.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { nodeAddress } from '../../deploy/local/models/server.ts';
import { versionBecomes } from '../support/expectations.ts';
import { ADMIN, startMlflow, type Mlflow } from '../support/mlflow.ts';
import { deployOnMlserver, predicted, replacePods } from '../support/mlserver.ts';
import { Scenario } from '../support/scenario.ts';

/** Two of the rows that the model was trained on, and what they are. */
const ROWS = [
  [1, 20],
  [40, 50],
];
const LABELS = [0, 1];

let scene: Scenario;
let mlflow: Mlflow;

/** A version that the alias names now. */
async function publish(version: string): Promise<void> {
  const server = `http://mlflow.${scene.namespace}:5000`;
  const source = { mlflow: { server, model: mlflow.trained.model, alias: 'champion' } };
  await scene.version(version, {}, { format: { name: 'sklearn' }, source, access: { secretRef: { name: 'mlflow' } } });
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
