// A server that people really run: MLServer with real scikit-learn models, good and bad.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PORTS } from '../../deploy/local/cluster/index.ts';
import { startLoad, type Load } from '../../deploy/local/load/generator.ts';
import { buildModels, type DigitsModels, type DigitsVersion } from '../../deploy/local/models/digits.ts';
import { deployOnMlserver } from '../support/mlserver.ts';
import { MODEL, QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const RATE = 20;

let scene: Scenario;
let models: DigitsModels;
let load: Load | undefined;
let stable = '';

async function publish(version: DigitsVersion): Promise<void> {
  const path = `/digits/${version}/model.joblib`;
  scene.files.put(path, await readFile(join(models.versions[version], 'model.joblib')));
  await scene.version(version, {}, { format: { name: 'sklearn' }, source: { http: { url: scene.files.url(path) } } });
}

beforeAll(async () => {
  models = await buildModels(() => undefined);
  scene = await Scenario.open('mlserver');
  await Promise.all([publish('v1'), publish('v5'), publish('v6')]);
  await deployOnMlserver(scene, 'v1', models.heldOut.rows.slice(0, 1), { rollout: { ...QUICK_ROLLOUT, progressDeadline: '40s' } });
  stable = (await scene.deployment()).status?.stable?.revision ?? '';
}, 240_000);

afterAll(async () => {
  await load?.stop();
  await scene.close();
}, 60_000);

test('v1 recognises digits that it has never seen, through the gateway', async () => {
  const { rows, labels } = models.heldOut;
  load = startLoad({ port: PORTS.gateway, host: scene.host, model: MODEL, rate: RATE, rows, labels });
  const running = load;
  await scene.until('200 digits were answered', () => Promise.resolve(running.figures().answered >= 200 ? true : undefined), 60_000);
  const figures = running.figures();
  expect(figures.samples).toEqual([]);
  const { requests = 0, wrong = 0 } = figures.revisions[stable] ?? {};
  expect(1 - wrong / requests).toBeGreaterThan(0.9);
}, 90_000);

test('v5, which wants another input shape, is refused by the probe and never gets a request', async () => {
  await scene.release('v5');
  const { status } = await scene.finished(2, 120_000);
  expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ProbeFailed' });
  expect(status?.message).toMatch(/request rows\.json was answered with HTTP 500/);
}, 150_000);

test('v6, a truncated file, is never ready and is rolled back on evidence', async () => {
  await scene.release('v6');
  const { status } = await scene.finished(3, 120_000);
  expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'CrashLoop' });
  expect(status?.message).toMatch(/ends by itself with exit code 0, which a server must not/);
}, 150_000);

test('and whoever asked v1 meanwhile got answers from v1 alone', async () => {
  const figures = await load?.stop();
  expect(Object.keys(figures?.revisions ?? {})).toEqual([stable]);
  expect(figures?.samples).toEqual([]);
}, 30_000);
