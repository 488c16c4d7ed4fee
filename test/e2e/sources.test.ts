// Versions from a registry and a bucket that ask who one is, and from a folder that a TFX pipeline pushes to: each ends in a pod that answers
// from its bytes.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { request as httpRequest } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PORTS } from '../../deploy/local/cluster/index.ts';
import { nodeAddress } from '../../deploy/local/models/server.ts';
import { Volumes } from '../support/claims.ts';
import { versionBecomes } from '../support/expectations.ts';
import { startMoto, type Moto } from '../support/moto.ts';
import { predicted } from '../support/mlserver.ts';
import { READER, registryBench, type RegistryBench } from '../support/registry.ts';
import { Scenario, WITHOUT_EVIDENCE } from '../support/scenario.ts';

/** Written once by TensorFlow. */
const SAVED_MODEL = resolve(import.meta.dirname, '../component/sources/tfx/saved-model');
const FILES = ['fingerprint.pb', 'saved_model.pb', 'variables/variables.data-00000-of-00001', 'variables/variables.index'];
const ROWS = [[1, 2, 3, 4]];

let scene: Scenario;
let registry: RegistryBench;
let moto: Moto;
let volumes: Volumes;

/** What the test server makes a model of. */
function model(salt: string): Buffer {
  return Buffer.from(JSON.stringify({ features: 4, salt }));
}

async function secret(name: string, stringData: object): Promise<{ readonly secretRef: { readonly name: string } }> {
  await scene.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: scene.namespace }, stringData });
  return { secretRef: { name } };
}

/** What the gateway answers to a GET. */
async function fileAt(path: string): Promise<Buffer> {
  return await new Promise((answered, failed) => {
    const options = { host: '127.0.0.1', port: PORTS.gateway, path: `/${path}`, headers: { host: scene.host } };
    httpRequest(options, (response) => void buffer(response).then(answered, failed))
      .on('error', failed)
      .end();
  });
}

beforeAll(async () => {
  scene = await Scenario.open('sources');
  volumes = new Volumes(scene);
  [registry, moto] = await Promise.all([registryBench(nodeAddress()), startMoto(nodeAddress())]);
}, 300_000);

afterAll(async () => {
  await scene.close();
  await Promise.all([registry.stop(), moto.stop(), volumes.remove()]);
}, 60_000);

test('oci: what oras has pushed, from a registry that asks for a password', async () => {
  const digest = await registry.oras(['push', `${registry.open.host}/risk/fraud:1.0.0`, 'model.json:application/json'], {
    'model.json': model('oci'),
  });
  const { host } = await registry.asking('password');
  const access = await secret('registry', READER);
  await scene.version('oci', {}, { source: { oci: { reference: `${host}/risk/fraud:1.0.0`, plainHTTP: true } }, access });
  await versionBecomes(scene, 'oci', 'Ready', 'True/Ready', 60_000);
  expect((await scene.modelVersion('oci')).status?.resolved?.uri).toBe(`oci://${host}/risk/fraud@${digest}`);
  await scene.deploy('oci', { replicas: 1 });
  await scene.ready();
  expect(await predicted(scene, ROWS)).toBeDefined();
}, 200_000);

test('s3: an object of a versioned bucket, with keys', async () => {
  const access = await secret('bucket', await moto.user('reader'));
  await moto.bucket('models', 'versioned');
  const versionId = await moto.put('models', 'fraud/model.json', model('s3'), 'private');
  await moto.mustSign(true);
  const source = { s3: { endpoint: moto.url, bucket: 'models', prefix: 'fraud/model.json' } };
  await scene.version('s3', {}, { source, access });
  await versionBecomes(scene, 's3', 'Ready', 'True/Ready', 60_000);
  expect((await scene.modelVersion('s3')).status?.resolved?.pins).toEqual({ versionId });
  await scene.deploy('s3', { replicas: 1, ...WITHOUT_EVIDENCE });
  await scene.ready(90_000);
  expect(await predicted(scene, ROWS)).toBeDefined();
}, 200_000);

test('tfx: a blessed SavedModel, byte for byte', async () => {
  const claim = await volumes.folder();
  await cp(SAVED_MODEL, join(claim, 'serving/10'), { recursive: true });
  await mkdir(join(claim, 'blessing'));
  await writeFile(join(claim, 'blessing/BLESSED'), '');
  await volumes.claim('pipeline', claim);
  const tfx = { claim: 'pipeline', base: 'serving', version: '10', blessing: ['blessing'] };
  await scene.version('tfx', {}, { format: { name: 'tensorflow' }, source: { tfx } });
  await versionBecomes(scene, 'tfx', 'Ready', 'True/Ready', 60_000);
  expect((await scene.modelVersion('tfx')).status?.resolved?.pins).toEqual({ version: '10' });
  const container = {
    name: 'model',
    image: 'images.local/mlserver:1.7.1',
    imagePullPolicy: 'Never',
    command: ['python3', '-m', 'http.server', '--directory', '/mnt/models', '8080'],
    resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
    readinessProbe: { httpGet: { path: '/saved_model.pb', port: 8080 }, periodSeconds: 1 },
  };
  const runtime = {
    preset: 'custom' as const,
    custom: { port: 8080, probe: { path: '/saved_model.pb' } },
    template: { spec: { containers: [container] } },
  };
  await scene.deploy('tfx', { replicas: 1, runtime, ...WITHOUT_EVIDENCE });
  await scene.ready(90_000);
  for (const path of FILES) expect((await fileAt(path)).equals(await readFile(join(SAVED_MODEL, path)))).toBe(true);
}, 200_000);
