// A server that people really run, and what it answers: MLServer, as the preset `mlserver` starts it.
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { PORTS } from '../../deploy/local/cluster/index.ts';
import type { HeldOut } from '../../deploy/local/models/digits.ts';
import type { ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import { kubectl } from './cluster.ts';
import { MODEL, type Scenario } from './scenario.ts';

/** With one process. */
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

/** A request of the Open Inference Protocol for these rows. */
function inference(rows: readonly (readonly number[])[]): object {
  const shape = [rows.length, rows[0]?.length ?? 0];
  return { inputs: [{ name: 'predict', shape, datatype: 'FP64', data: rows.flat() }] };
}

/** Deploys a version on MLServer, with the request that a candidate must answer, and waits until it is served. */
export async function deployOnMlserver(
  scene: Scenario,
  version: string,
  rows: readonly (readonly number[])[],
  spec: Partial<ModelDeploymentSpec> = {},
): Promise<void> {
  const data = { 'rows.json': JSON.stringify(inference(rows)) };
  await scene.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'probe', namespace: scene.namespace }, data });
  const probe = { requests: { configMapRef: { name: 'probe' } } };
  await scene.deploy(version, { replicas: 1, runtime: { preset: 'mlserver', template: TEMPLATE }, probe, ...spec });
  await scene.ready(180_000);
}

/** Deletes the pods and waits for new ones, which fetch the model again, until they answer. */
export async function replacePods(scene: Scenario, rows: readonly (readonly number[])[]): Promise<void> {
  const pods = ['pods', '-n', scene.namespace, '-l', `plimsoll.dev/deployment=${scene.name}`];
  await kubectl(['delete', ...pods, '--wait=true']);
  await kubectl(['wait', ...pods, '--for=condition=Ready', '--timeout=120s']);
  await scene.until('the new pod answers', () => predicted(scene, rows), 30_000);
}

/** What the gateway answers to the rows; undefined when it is no prediction. */
export async function predicted(scene: Scenario, rows: readonly (readonly number[])[]): Promise<readonly number[] | undefined> {
  const body = await new Promise<string>((answered, failed) => {
    const headers = { host: scene.host, 'content-type': 'application/json' };
    const options = { host: '127.0.0.1', port: PORTS.gateway, path: `/v2/models/${MODEL}/infer`, method: 'POST', headers };
    const call = httpRequest(
      options,
      (response) => void text(response).then(response.statusCode === 200 ? answered : () => answered('{}'), failed),
    );
    call.on('error', failed);
    call.end(JSON.stringify(inference(rows)));
  });
  return (
    JSON.parse(body) as {
      readonly outputs?: readonly { readonly data: readonly number[] }[];
    }
  ).outputs?.[0]?.data;
}

/** The share of digits that it has never seen and are recognised, of the first hundred. */
export async function accuracy(scene: Scenario, { rows, labels }: HeldOut): Promise<number> {
  const asked = rows.slice(0, 100);
  const answers = (await predicted(scene, asked)) ?? [];
  return answers.filter((answer, index) => answer === labels[index]).length / asked.length;
}
