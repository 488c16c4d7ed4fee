// What a version needs is compared with what the real image of MLServer has: a Job asks it, and a strict version is held back.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PYTHON } from '../../deploy/local/images/mlserver.ts';
import { buildModels } from '../../deploy/local/models/digits.ts';
import type { ModelVersion } from '../../src/api/generated/modelversion.ts';
import { tarOf } from '../component/sources/fixtures.ts';
import { kubectl } from '../support/cluster.ts';
import { conditionBecomes, conditionOf, versionBecomes } from '../support/expectations.ts';
import { deployOnMlserver } from '../support/mlserver.ts';
import { MODEL, MODELSERVER, Scenario, WITHOUT_EVIDENCE } from '../support/scenario.ts';

const IMAGE = 'images.local/mlserver:1.7.1';
const NUMPY = 'numpy>=2,<3';

let scene: Scenario;
let other: Scenario | undefined;
let model: Buffer;
let row: readonly (readonly number[])[];
/** scikit-learn as the image has it. */
let installed: string;

/** A version of a model, with the requirements beside it. */
async function publish(
  place: Scenario,
  version: string,
  files: Readonly<Record<string, string | Buffer>>,
  spec: Partial<ModelVersion['spec']> = {},
): Promise<void> {
  const path = `/dependencies/${version}.tar`;
  place.files.put(path, await tarOf(Object.entries(files).map(([name, content]) => ({ name, content: Buffer.from(content) }))));
  await place.version(version, {}, { format: { name: 'sklearn' }, source: { http: { url: place.files.url(path) } }, ...spec });
  await versionBecomes(place, version, 'Ready', 'True/Ready', 120_000);
}

async function inspections(): Promise<readonly string[]> {
  const args = ['-n', scene.namespace, 'get', 'jobs', '-l', `plimsoll.dev/deployment=${scene.name}`, '-o', 'name'];
  return (await kubectl(args)).trim().split('\n');
}

beforeAll(async () => {
  const models = await buildModels(() => undefined);
  model = await readFile(join(models.versions.v1, 'model.joblib'));
  const lock = await readFile(join(import.meta.dirname, '../../deploy/local/images/mlserver/requirements.lock'), 'utf8');
  installed = /^scikit-learn==(\S+)/m.exec(lock)?.[1] ?? '';
  scene = await Scenario.open('dependencies');
  row = models.heldOut.rows.slice(0, 1);
}, 240_000);

afterAll(async () => {
  await other?.close();
  await scene.close();
}, 60_000);

test('a version whose requirements the image meets serves, and the condition says so', async () => {
  await publish(scene, 'fits', {
    'model.joblib': model,
    'requirements.txt': `scikit-learn==${installed}\n${NUMPY}\npywin32; sys_platform == "win32"\n`,
    'python_env.yaml': `python: ${PYTHON.replace('python', '')}.0\ndependencies: [-r requirements.txt]\n`,
  });
  expect((await scene.modelVersion('fits')).status?.metadata?.dependencies?.packages).toContainEqual({
    name: 'scikit-learn',
    specifier: `==${installed}`,
    from: 'requirements.txt',
  });
  await deployOnMlserver(scene, 'fits', row, WITHOUT_EVIDENCE);
  const message = await conditionBecomes(scene, 'DependenciesMatch', 'True/Match', 120_000);
  expect(message).toBe(`3 of what version fits needs are in image ${IMAGE} as asked for`);
  const { inspected, stable } = (await scene.deployment()).status ?? {};
  expect(inspected).toMatchObject({ image: IMAGE, packages: { 'scikit-learn': installed } });
  expect(inspected?.python).toMatch(new RegExp(`^${PYTHON.replace('python', '')}\\.`));
  expect(stable?.version).toBe('fits');
}, 300_000);

test('one that needs another version serves too, with a warning, and the image is not asked again', async () => {
  const before = await inspections();
  await publish(scene, 'differs', {
    'model.joblib': model,
    'requirements.txt': `scikit-learn==1.0.2\n${NUMPY}\npywin32; sys_platform == "win32"\n# differs\n`,
  });
  await scene.release('differs');
  expect((await scene.finished(2, 120_000)).status?.outcome).toBe('Promoted');
  const message = await conditionBecomes(scene, 'DependenciesMatch', 'False/DependencyMismatch');
  expect(message).toContain(`it has scikit-learn ${installed} where requirements.txt wants ==1.0.2`);
  expect((await scene.events()).filter(({ reason }) => reason === 'DependencyMismatch')).toMatchObject([{ type: 'Warning' }]);
  expect(conditionOf(await scene.deployment(), 'Ready')?.is).toBe('True/Serving');
  expect(await inspections()).toEqual(before);
}, 240_000);

test('a strict one is refused before anything of it is made, stable stays, and Warn lets it through', async () => {
  await publish(
    scene,
    'strict',
    { 'model.joblib': model, 'requirements.txt': `scikit-learn==1.0.2\nno-such-package>=1\n` },
    { dependencies: 'Strict' },
  );
  await scene.release('strict');
  const message = await conditionBecomes(scene, 'Ready', 'False/DependencyMismatch', 120_000);
  expect(message).toContain(
    `it has scikit-learn ${installed} where requirements.txt wants ==1.0.2, and lacks no-such-package>=1 (requirements.txt)`,
  );
  expect(message).toContain(`ModelVersion ${MODEL}-strict is Strict`);
  const deployment = await scene.deployment();
  expect(conditionOf(deployment, 'Available')?.is).toBe('True/Serving');
  expect(deployment.status).toMatchObject({ phase: 'Refused', stable: { version: 'differs' } });
  expect(await scene.releases()).toHaveLength(2);
  const patch = JSON.stringify({ spec: { dependencies: 'Warn' } });
  await kubectl(['-n', scene.namespace, 'patch', 'mver', `${MODEL}-strict`, '--type=merge', '-p', patch]);
  expect((await scene.finished(3, 120_000)).status?.outcome).toBe('Promoted');
}, 300_000);

test('an image without Python cannot say what it has, and serves all the same', async () => {
  other = await Scenario.open('dependencies-none');
  const files = { 'model.json': JSON.stringify({ features: 4 }), 'requirements.txt': 'xgboost==3.0.0\n' };
  await publish(other, 'good', files, { format: { name: 'xgboost' } });
  await other.deploy('good', { replicas: 1, runtime: { preset: 'mlserver', template: MODELSERVER } });
  await other.ready(120_000);
  const message = await conditionBecomes(other, 'DependenciesMatch', 'Unknown/DependenciesUnknown', 120_000);
  expect(message).toMatch(/cannot say what it has: its program python3 cannot be started, as in an image without Python$/);
}, 300_000);
