// A version's own copy in a claim: made once, taken first by new pods, and enough for them while the source is away.
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Volumes } from '../support/claims.ts';
import { kubectl } from '../support/cluster.ts';
import { conditionOf, versionBecomes } from '../support/expectations.ts';
import { Scenario } from '../support/scenario.ts';

const run = promisify(execFile);
const STORAGE = { storage: { claim: { name: 'copies' } } };

let scene: Scenario;
let volumes: Volumes;
let folder = '';

async function hexOf(version: string): Promise<string> {
  return (await scene.modelVersion(version)).status?.resolved?.digest.slice('sha256:'.length) ?? 'none';
}

/** Digest of the copy, by coreutils. */
async function digestOfCopy(hex: string): Promise<string> {
  const listing = `find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`;
  const { stdout } = await run('sh', ['-c', listing], { cwd: join(folder, 'sha256', hex) });
  return stdout.slice(0, 64);
}

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function servingPods(): Promise<readonly Pod[]> {
  const path = `/api/v1/namespaces/${scene.namespace}/pods?labelSelector=plimsoll.dev/deployment`;
  return (await scene.read<{ items: readonly Pod[] }>(path)).items;
}

/** Takes all serving pods away (some may be ending already) and waits for others in their place; gives what their fetch containers said. */
async function replacePods(): Promise<string> {
  const before = (await servingPods()).map(({ metadata }) => metadata.name);
  await kubectl(['-n', scene.namespace, 'delete', 'pods', '--wait=false', '--ignore-not-found', ...before]);
  const pod = await scene.until('another pod is Ready', async () => {
    const isReady = ({ status }: Pod): boolean =>
      status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
    return (await servingPods()).find((candidate) => !before.includes(candidate.metadata.name) && isReady(candidate));
  }, 60_000);
  return await kubectl(['-n', scene.namespace, 'logs', pod.metadata.name, '-c', 'plimsoll-fetch']);
}

beforeAll(async () => {
  scene = await Scenario.open('storage');
  volumes = new Volumes(scene);
  folder = await volumes.folder();
  await volumes.claim('copies', folder);
  await Promise.all([scene.version('one', {}, STORAGE), scene.version('later')]);
}, 60_000);

afterAll(async () => {
  await scene.close();
  await volumes.remove();
}, 60_000);

test('a version with storage is Ready once its copy is whole, and says where it is', async () => {
  const message = await versionBecomes(scene, 'one', 'Durable', 'True/Stored');
  const hex = await hexOf('one');
  expect(message).toBe(`claim copies holds a whole copy in sha256/${hex}`);
  expect(await digestOfCopy(hex)).toBe(hex);
  const { status } = await scene.modelVersion('one');
  expect(status?.stored?.claim).toBe('copies');
  expect(conditionOf(await scene.modelVersion('one'), 'Ready')?.is).toBe('True/Ready');
  expect(scene.files.requests('/one/model.json')).toBe(1);
  const row = await kubectl(['-n', scene.namespace, 'get', 'mver', 'toy-one']);
  expect(row.split('\n')[0]).toContain('DURABLE');
}, 90_000);

test('a version without says what that means', async () => {
  expect(await versionBecomes(scene, 'later', 'Durable', 'False/PerPodDownload')).toContain('none starts while that is away');
}, 60_000);

describe('pods of a version with a copy', () => {
  beforeAll(async () => {
    await scene.deploy('one', { replicas: 1 });
    await scene.ready(90_000);
  }, 120_000);

  test('never ask the source', async () => {
    expect(scene.files.requests('/one/model.json')).toBe(1);
    expect(conditionOf(await scene.deployment(), 'Available')?.message).toContain('new ones take the copy in claim copies first');
  });

  test('come back while the source is away, from the copy', async () => {
    scene.files.setFault('/one/model.json', { kind: 'status', status: 503 });
    const log = await replacePods();
    expect(log).toContain(`from pvc://copies/sha256/${await hexOf('one')}`);
    expect(log).toContain('verified sha256:');
    await scene.ready();
    expect(scene.files.requests('/one/model.json')).toBe(1);
  }, 120_000);

  test('take the source when the copy is not the recorded bytes, and say so', async () => {
    scene.files.setFault('/one/model.json', { kind: 'none' });
    const path = join(folder, 'sha256', await hexOf('one'), 'model.json');
    const bytes = await readFile(path);
    await chmod(path, 0o644);
    await writeFile(path, JSON.stringify({ features: 4, failPercent: 100 }));
    const log = await replacePods();
    expect(log).toContain('the copy in claim copies is no good: The bytes are not the recorded ones');
    expect(log).toContain(`from ${scene.files.url('/one/model.json')}`);
    await writeFile(path, bytes);
  }, 120_000);
});

test('a Job that is killed while it copies leaves nothing at the place of the copy, and the next one makes it', async () => {
  scene.files.setFault('/killed/model.json', { kind: 'slow', bytesPerSecond: 10 });
  await scene.version('killed', {}, STORAGE);
  const names = (pattern: RegExp): Promise<readonly string[]> =>
    readdir(join(folder, 'sha256')).then((all) => all.filter((name) => pattern.test(name)));
  await scene.until('a copy grows', async () => ((await names(/^\.partial-/)).length > 0 ? true : undefined), 60_000);
  const whole = await names(/^[^.]/);
  const pods = ['-n', scene.namespace, 'pods', '-l', 'plimsoll.dev/model-version=toy-killed'];
  await kubectl(['delete', ...pods, '--grace-period=0', '--force']);
  scene.files.setFault('/killed/model.json', { kind: 'none' });
  expect(await names(/^[^.]/)).toEqual(whole);
  await versionBecomes(scene, 'killed', 'Durable', 'True/Stored', 90_000);
  const hex = await hexOf('killed');
  expect(await digestOfCopy(hex)).toBe(hex);
}, 180_000);

test('storage that is added later is filled by a Job, and starts no release', async () => {
  const { spec } = await scene.modelVersion('later');
  const load = scene.load(20);
  await scene.release('later');
  const first = await scene.finished(2);
  await load.stop();
  expect(first.status?.outcome).toBe('Promoted');
  await scene.version('later', {}, { source: spec.source, ...STORAGE });
  await versionBecomes(scene, 'later', 'Durable', 'True/Stored', 60_000);
  const hex = await hexOf('later');
  expect(await digestOfCopy(hex)).toBe(hex);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  expect(await scene.releases()).toHaveLength(2);
  const deployment = await scene.ready();
  expect(deployment.status?.stable?.revision).toBe(first.spec.to.revision);
}, 180_000);

test('a limit makes room by removing what nobody needs, keeps what versions name, and says when that is not enough', async () => {
  const hex = '0'.repeat(64);
  const idle = join(folder, 'sha256', hex);
  await mkdir(idle);
  await writeFile(join(idle, 'model.json'), Buffer.alloc(5_000_000));
  // As if a Job had made it.
  for (const path of [idle, join(idle, 'model.json')]) await chown(path, 65_532, 65_532);
  const longAgo = Date.now() / 1000 - 7200;
  await utimes(idle, longAgo, longAgo);
  const named = await Promise.all(['one', 'killed'].map(hexOf));
  await scene.version('limited', {}, { storage: { ...STORAGE.storage, limit: '4M' } });
  await versionBecomes(scene, 'limited', 'Durable', 'True/Stored', 90_000);
  const left = await readdir(join(folder, 'sha256'));
  expect(left).not.toContain(hex);
  expect(left).toEqual(expect.arrayContaining([...named, await hexOf('limited')]));
  await scene.version('small', {}, { storage: { ...STORAGE.storage, limit: '1' } });
  const message = await versionBecomes(scene, 'small', 'Ready', 'False/StorageFailed', 90_000);
  expect(message).toContain('does not fit into claim copies: spec.storage.limit is 1 bytes');
  expect(await readdir(join(folder, 'sha256'))).toEqual(expect.arrayContaining(named));
}, 180_000);

test('a claim that is missing is named by Durable, while the version stays Ready; removing storage is enough', async () => {
  const { spec } = await scene.modelVersion('later');
  await scene.version('later', {}, { source: spec.source, storage: { claim: { name: 'forgotten' } } });
  const message = await versionBecomes(scene, 'later', 'Durable', 'False/ClaimMissing', 60_000);
  expect(message).toContain('there is no PersistentVolumeClaim forgotten in this namespace');
  expect(conditionOf(await scene.modelVersion('later'), 'Ready')?.is).toBe('True/Ready');
  await scene.version('later', {}, { source: spec.source });
  await versionBecomes(scene, 'later', 'Durable', 'False/PerPodDownload');
}, 120_000);
