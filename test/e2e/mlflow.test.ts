// A version from a real MLflow server, which pods reach by a Service: resolved by a Job, fetched by the pod that serves it, and served by
// MLServer; and what happens to it when people move on in MLflow.
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PORTS } from '../../deploy/local/cluster/index.ts';
import { nodeAddress } from '../../deploy/local/models/server.ts';
import { kubectl } from '../support/cluster.ts';
import { versionBecomes } from '../support/expectations.ts';
import { ADMIN, startMlflow, type Mlflow } from '../support/mlflow.ts';
import { MODEL, Scenario } from '../support/scenario.ts';

const TEMPLATE = {
  spec: {
    containers: [
      {
        name: 'model',
        image: 'images.local/mlserver:1.7.1',
        imagePullPolicy: 'Never',
        env: [{ name: 'MLSERVER_PARALLEL_WORKERS', value: '0' }],
        resources: { requests: { cpu: '50m', memory: '200Mi' }, limits: { memory: '1Gi' } },
      },
    ],
  },
};
/** Two of the rows that the model was trained on, and what they are. */
const ROWS = { inputs: [{ name: 'predict', shape: [2, 2], datatype: 'FP64', data: [1, 20, 40, 50] }] };
const LABELS = [0, 1];

let scene: Scenario;
let mlflow: Mlflow;

/** A version that the alias names now. */
async function publish(version: string): Promise<void> {
  const server = `http://mlflow.${scene.namespace}:5000`;
  const source = { mlflow: { server, model: mlflow.trained.model, alias: 'champion' } };
  await scene.version(version, {}, { format: { name: 'sklearn' }, source, access: { secretRef: { name: 'mlflow' } } });
}

/** What the gateway answers to the rows; undefined when it is no prediction. */
async function predicted(): Promise<unknown> {
  const body = await new Promise<string>((answered, failed) => {
    const headers = { host: scene.host, 'content-type': 'application/json' };
    const options = { host: '127.0.0.1', port: PORTS.gateway, path: `/v2/models/${MODEL}/infer`, method: 'POST', headers };
    const call = httpRequest(
      options,
      (response) => void text(response).then(response.statusCode === 200 ? answered : () => answered('{}'), failed),
    );
    call.on('error', failed);
    call.end(JSON.stringify(ROWS));
  });
  return (JSON.parse(body) as { readonly outputs?: readonly { readonly data: unknown }[] }).outputs?.[0]?.data;
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
  const data = { 'two-rows.json': JSON.stringify(ROWS) };
  await scene.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'probe', namespace }, data });
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
  const probe = { requests: { configMapRef: { name: 'probe' } } };
  await scene.deploy('1', { replicas: 1, runtime: { preset: 'mlserver', template: TEMPLATE }, probe });
  await scene.ready(180_000);
  expect(await predicted()).toEqual(LABELS);
}, 300_000);

test('the alias moves and the version is deleted in MLflow: a new pod serves the same bytes; a new version is the next', async () => {
  const { trained } = mlflow;
  await mlflow.ask('POST', '2.0/mlflow/registered-models/alias', { name: trained.model, alias: 'champion', version: '2' });
  await mlflow.ask('DELETE', '2.0/mlflow/model-versions/delete', { name: trained.model, version: '1' });
  const before = (await scene.modelVersion('1')).status?.resolved?.digest;
  const inNamespace = ['-n', scene.namespace];
  const selector = `plimsoll.dev/deployment=${scene.name}`;
  await kubectl([...inNamespace, 'delete', 'pods', '-l', selector, '--wait=true']);
  await kubectl([...inNamespace, 'wait', 'pods', '-l', selector, '--for=condition=Ready', '--timeout=120s']);
  await scene.until('the new pod answers', async () => ((await predicted()) === undefined ? undefined : true), 30_000);
  expect(await predicted()).toEqual(LABELS);
  expect((await scene.modelVersion('1')).status?.resolved?.digest).toBe(before);

  await publish('2');
  await versionBecomes(scene, '2', 'Ready', 'True/Ready', 120_000);
  const next = (await scene.modelVersion('2')).status;
  expect(next?.resolved?.pins).toMatchObject({ version: '2' });
  expect(next?.resolved?.digest).not.toBe(before);
  expect(next?.metadata?.training?.run).toBe(trained.second);
}, 400_000);
