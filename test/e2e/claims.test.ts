// ModelVersions from a PersistentVolumeClaim, and archives of every kind: what is pinned and served, and what is said when it cannot be.
import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Volumes } from '../support/claims.ts';
import { kubectl } from '../support/cluster.ts';
import { conditionOf, versionBecomes } from '../support/expectations.ts';
import { Scenario, type KubeEvent } from '../support/scenario.ts';

const run = promisify(execFile);

let scene: Scenario;
let volumes: Volumes;
let folder = '';

function pvc(claim: string, path?: string): { readonly source: { readonly pvc: { readonly claim: string; readonly path?: string } } } {
  return { source: { pvc: { claim, ...(path === undefined ? {} : { path }) } } };
}

async function digestOf(path: string): Promise<string> {
  const listing = `cd ${path} && find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`;
  return `sha256:${(await run('sh', ['-c', listing])).stdout.slice(0, 64)}`;
}

async function warnings(version: string): Promise<readonly string[]> {
  const selector = encodeURIComponent(`involvedObject.kind=ModelVersion,involvedObject.name=toy-${version}`);
  const { items } = await scene.read<{ items: KubeEvent[] }>(`/api/v1/namespaces/${scene.namespace}/events?fieldSelector=${selector}`);
  return items.filter(({ type }) => type === 'Warning').map(({ reason, message }) => `${reason}: ${message}`);
}

beforeAll(async () => {
  scene = await Scenario.open('claims');
  volumes = new Volumes(scene);
  folder = await volumes.folder();
  const model = join(folder, 'fraud/folder');
  await mkdir(join(model, 'more'), { recursive: true });
  await writeFile(join(model, 'model.json'), JSON.stringify({ features: 4, salt: 'claim' }));
  await writeFile(join(model, 'more/notes.txt'), 'kept beside the model\n');
  await symlink('/etc', join(folder, 'outside'));
  await run('tar', ['-C', model, '-cf', join(folder, 'model.tar'), '.']);
  await run('python3', ['-m', 'zipfile', '-c', join(folder, 'model.zip'), join(model, 'model.json'), join(model, 'more')]);
  scene.files.put('/model.zip', await readFile(join(folder, 'model.zip')));
  scene.files.put('/model.tar', await readFile(join(folder, 'model.tar')));
  await volumes.claim('models', folder);
  await Promise.all([
    scene.version('folder', {}, pvc('models', 'fraud/folder')),
    scene.version('tar', {}, pvc('models', 'model.tar')),
    scene.version('zip', {}, pvc('models', 'model.zip')),
    scene.version('http-tar', {}, { source: { http: { url: scene.files.url('/model.tar') } } }),
    scene.version('http-zip', {}, { source: { http: { url: scene.files.url('/model.zip') } } }),
    scene.version('nothing', {}, pvc('models', 'fraud/9.9.9')),
    scene.version('link', {}, pvc('models', 'outside/hostname')),
    scene.version('unclaimed', {}, pvc('forgotten')),
  ]);
}, 60_000);

afterAll(async () => {
  await scene.close();
  await volumes.remove();
}, 60_000);

test('a folder, a .tar and a .zip are the same version, from a claim or over HTTP', async () => {
  const digest = await digestOf(join(folder, 'fraud/folder'));
  for (const version of ['folder', 'tar', 'zip', 'http-tar', 'http-zip']) {
    await versionBecomes(scene, version, 'Ready', 'True/Ready', 90_000);
    expect((await scene.modelVersion(version)).status?.resolved).toMatchObject({ digest, files: 2 });
  }
  expect((await scene.modelVersion('folder')).status?.resolved?.uri).toBe('pvc://models/fraud/folder');
}, 120_000);

test('a version in a claim serves; the claim is mounted read-only, and into the fetch container alone', async () => {
  await scene.deploy('folder', { replicas: 1 });
  await scene.ready(90_000);
  const load = scene.load(10);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const { revisions } = await load.stop();
  expect(Object.values(revisions).map(({ failed }) => failed)).toEqual([0]);
  const path = `/api/v1/namespaces/${scene.namespace}/pods?labelSelector=plimsoll.dev/deployment`;
  const spec = (await scene.read<{ items: { spec: PodSpec }[] }>(path)).items[0]?.spec;
  const claims = spec?.volumes.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim ?? []);
  expect(claims).toEqual([{ claimName: 'models', readOnly: true }]);
  const mounting = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].filter(({ volumeMounts }) =>
    volumeMounts.some(({ name }) => name === 'plimsoll-source'),
  );
  expect(mounting.map(({ name }) => name)).toEqual(['plimsoll-fetch']);
}, 150_000);

interface PodContainer {
  readonly name: string;
  readonly volumeMounts: readonly { readonly name: string }[];
}

interface PodSpec {
  readonly volumes: readonly { readonly persistentVolumeClaim?: object }[];
  readonly initContainers: readonly PodContainer[];
  readonly containers: readonly PodContainer[];
}

describe('what cannot be had from a claim is said in a condition and an Event:', () => {
  test('a path that is not there', async () => {
    const message = await versionBecomes(scene, 'nothing', 'Ready', 'False/NotFound');
    expect(message).toContain("Claim models holds no 'fraud/9.9.9'. Check spec.source.pvc.path.");
    expect((await warnings('nothing')).join()).toContain("NotFound: Claim models holds no 'fraud/9.9.9'");
  }, 60_000);

  test('a link that leads out of the claim', async () => {
    const message = await versionBecomes(scene, 'link', 'Ready', 'False/SourceRefused');
    expect(message).toContain("'outside/hostname' in claim models leads out of the claim by a symbolic link");
    expect(conditionOf(await scene.modelVersion('link'), 'Stalled')?.is).toBe('True/SourceRefused');
    expect((await warnings('link')).join()).toContain('SourceRefused: ');
  }, 60_000);

  test('a claim that does not exist; once it does, the version is pinned', async () => {
    const words = 'there is no PersistentVolumeClaim forgotten in this namespace; create it, or name another one';
    expect(await versionBecomes(scene, 'unclaimed', 'Ready', 'False/ClaimMissing', 60_000)).toContain(words);
    expect((await warnings('unclaimed')).join()).toContain(`ClaimMissing: the resolve Job waits: ${words}`);
    await volumes.claim('forgotten', join(folder, 'fraud/folder'));
    await versionBecomes(scene, 'unclaimed', 'Ready', 'True/Ready', 120_000);
    const jobs = await kubectl(['-n', scene.namespace, 'get', 'jobs', '-l', 'plimsoll.dev/model-version=toy-unclaimed', '-o', 'name']);
    expect(jobs.trim().split('\n')).toHaveLength(1);
  }, 200_000);
});
