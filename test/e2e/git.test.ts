// A model that is kept in Git itself: by a tag over http with a password, by a branch over ssh with a key; pinned to commits by Jobs, fetched
// by the pods that serve it.
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildModels, type DigitsModels, type DigitsVersion } from '../../deploy/local/models/digits.ts';
import { nodeAddress } from '../../deploy/local/models/server.ts';
import { removeTree } from '../../src/sources/tree.ts';
import type { TestServer } from '../component/sources/fixtures.ts';
import { makeWorkshop, serveGit, type Workshop } from '../component/sources/git/repositories.ts';
import { versionBecomes } from '../support/expectations.ts';
import { accuracy, deployOnMlserver, replacePods } from '../support/mlserver.ts';
import { Scenario, WITHOUT_EVIDENCE } from '../support/scenario.ts';
import { startSshd, type SshServer } from '../support/sshd.ts';

const USER = { username: 'deploy', password: 'hush-correct-horse' };

let scene: Scenario;
let models: DigitsModels;
let folder: string;
let shop: Workshop;
let web: TestServer;
let ssh: SshServer;

/** Commits a model into the folder `models/digits`; gives the commit. */
async function commit(version: DigitsVersion): Promise<string> {
  return shop.commit({
    'models/digits/model.joblib': await readFile(join(models.versions[version], 'model.joblib')),
    'README.md': version,
  });
}

async function publish(version: string, repository: string, revision: string, secret: string): Promise<void> {
  const source = { git: { repository, revision, path: 'models/digits' } };
  await scene.version(version, {}, { format: { name: 'sklearn' }, source, access: { secretRef: { name: secret } } });
  await versionBecomes(scene, version, 'Ready', 'True/Ready', 120_000);
}

beforeAll(async () => {
  models = await buildModels(() => undefined);
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-e2e-git-'));
  shop = makeWorkshop(join(folder, 'digits'));
  const authorization = `Basic ${Buffer.from(`${USER.username}:${USER.password}`).toString('base64')}`;
  web = await serveGit(folder, { authorization, address: '0.0.0.0' });
  ssh = await startSshd({ address: nodeAddress() });
  scene = await Scenario.open('git');
  const key = { 'ssh-privatekey': ssh.key, known_hosts: ssh.knownHosts };
  for (const [name, stringData] of Object.entries({ web: USER, ssh: key })) {
    await scene.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: scene.namespace }, stringData });
  }
}, 900_000);

afterAll(async () => {
  await scene.close();
  await Promise.all([web.close(), ssh.stop()]);
  await removeTree(folder);
}, 60_000);

test('a tag is pinned to its commit, and what stood there recognises digits', async () => {
  const first = await commit('v1');
  shop.git(['tag', 'v1.0.0']);
  await publish('1', `http://${nodeAddress()}:${new URL(web.url).port}/digits/.git`, 'v1.0.0', 'web');
  expect((await scene.modelVersion('1')).status).toMatchObject({
    resolved: { pins: { commit: first }, files: 1 },
    metadata: { code: { commit: first } },
  });
  await deployOnMlserver(scene, '1', models.heldOut.rows.slice(0, 1));
  expect(await accuracy(scene, models.heldOut)).toBeGreaterThan(0.9);
}, 300_000);

test('the tag moves: a new pod serves the same bytes', async () => {
  const before = (await scene.modelVersion('1')).status?.resolved?.digest;
  await commit('v3');
  shop.git(['tag', '--force', 'v1.0.0']);
  await replacePods(scene, models.heldOut.rows.slice(0, 1));
  expect(await accuracy(scene, models.heldOut)).toBeGreaterThan(0.9);
  expect((await scene.modelVersion('1')).status?.resolved?.digest).toBe(before);
}, 200_000);

test('a branch over ssh is the next version, which is released', async () => {
  const next = await commit('v2');
  await publish('2', `ssh://git@${nodeAddress()}:${ssh.port}${shop.folder}`, 'main', 'ssh');
  expect((await scene.modelVersion('2')).status?.resolved?.pins).toEqual({ commit: next });
  await deployOnMlserver(scene, '2', models.heldOut.rows.slice(0, 1), WITHOUT_EVIDENCE);
  expect((await scene.finished(2, 180_000)).status).toMatchObject({ outcome: 'Promoted' });
  expect(await accuracy(scene, models.heldOut)).toBeGreaterThan(0.9);
}, 300_000);
