// A model that DVC keeps and GTO has put into a stage, as a team has them: pinned by a Job, fetched by the pod that serves it, and answering
// for digits that it has never seen; and what happens when the stage moves.
import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '../../deploy/local/images/command.ts';
import { buildModels, type DigitsModels, type DigitsVersion } from '../../deploy/local/models/digits.ts';
import { nodeAddress } from '../../deploy/local/models/server.ts';
import { removeTree } from '../../src/sources/tree.ts';
import type { TestServer } from '../component/sources/fixtures.ts';
import { makeWorkshop, serveGit, type Workshop } from '../component/sources/git/repositories.ts';
import { dvcVenv, serveFolder } from '../support/dvc.ts';
import { versionBecomes } from '../support/expectations.ts';
import { accuracy, deployOnMlserver, replacePods } from '../support/mlserver.ts';
import { Scenario } from '../support/scenario.ts';

const ARTIFACTS = 'artifacts:\n  digits:\n    path: model.joblib\n    type: model\n';

let scene: Scenario;
let models: DigitsModels;
let folder: string;
let shop: Workshop;
let git: TestServer;
let store: TestServer;

/** Runs dvc or gto in the team's repository. */
async function team(program: 'dvc' | 'gto', ...args: readonly string[]): Promise<void> {
  const identity = {
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.com',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.com',
  };
  const env = { ...identity, DVC_NO_ANALYTICS: '1', HOME: folder };
  await run(join(await dvcVenv(), 'bin', program), args, { cwd: shop.folder, env });
}

/** Adds a model, pushes its bytes to the store, and puts it into stage prod; gives the commit. */
async function train(model: DigitsVersion, version: string): Promise<string> {
  await cp(join(models.versions[model], 'model.joblib'), join(shop.folder, 'model.joblib'));
  await team('dvc', 'add', '--quiet', 'model.joblib');
  await team('dvc', 'push', '--quiet', '--remote', 'disk');
  shop.git(['add', '--all']);
  shop.git(['commit', '--quiet', '-m', version]);
  await team('gto', 'register', 'digits', '--version', version);
  await team('gto', 'assign', 'digits', '--version', version, '--stage', 'prod');
  return shop.git(['rev-parse', 'HEAD']).trim();
}

async function publish(version: string): Promise<void> {
  const repository = `http://${nodeAddress()}:${new URL(git.url).port}/digits/.git`;
  await scene.version(version, {}, { format: { name: 'sklearn' }, source: { dvc: { repository, artifact: 'digits', stage: 'prod' } } });
  await versionBecomes(scene, version, 'Ready', 'True/Ready', 120_000);
}

beforeAll(async () => {
  models = await buildModels(() => undefined);
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-e2e-dvc-'));
  await mkdir(join(folder, 'store'));
  shop = makeWorkshop(join(folder, 'repositories/digits'));
  [git, store] = await Promise.all([
    serveGit(join(folder, 'repositories'), { address: '0.0.0.0' }),
    serveFolder(join(folder, 'store'), '0.0.0.0'),
  ]);
  await team('dvc', 'init', '--quiet');
  await team('dvc', 'remote', 'add', '--default', 'store', `http://${nodeAddress()}:${new URL(store.url).port}`);
  await team('dvc', 'remote', 'add', '--local', 'disk', join(folder, 'store'));
  await writeFile(join(shop.folder, 'dvc.yaml'), ARTIFACTS);
  scene = await Scenario.open('dvc');
}, 900_000);

afterAll(async () => {
  await scene.close();
  await Promise.all([git.close(), store.close()]);
  await removeTree(folder);
}, 60_000);

test('what is in stage prod is pinned to its commit and recognises digits', async () => {
  const commit = await train('v1', 'v1.0.0');
  await publish('1');
  const { status } = await scene.modelVersion('1');
  expect(status?.resolved?.pins).toEqual({ commit, version: 'v1.0.0' });
  expect(status?.metadata).toMatchObject({ code: { commit }, tags: { type: 'model' } });
  await deployOnMlserver(scene, '1', models.heldOut.rows.slice(0, 1));
  expect(await accuracy(scene, models.heldOut)).toBeGreaterThan(0.9);
}, 500_000);

test('the stage moves: a new pod serves the same bytes; a new version is the next', async () => {
  const before = (await scene.modelVersion('1')).status?.resolved?.digest;
  const commit = await train('v2', 'v1.1.0');
  await replacePods(scene, models.heldOut.rows.slice(0, 1));
  expect(await accuracy(scene, models.heldOut)).toBeGreaterThan(0.9);
  expect((await scene.modelVersion('1')).status?.resolved?.digest).toBe(before);
  await publish('2');
  const { resolved } = (await scene.modelVersion('2')).status ?? {};
  expect(resolved?.pins).toEqual({ commit, version: 'v1.1.0' });
  expect(resolved?.digest).not.toBe(before);
}, 400_000);
