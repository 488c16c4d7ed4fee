// Versions that are missing, gone, other than stated, or out of reach: who says so, that stable goes on, and that mending is enough.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Load } from '../../deploy/local/load/generator.ts';
import { kubectl } from '../support/cluster.ts';
import { conditionBecomes, conditionOf, versionBecomes } from '../support/expectations.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const ROLLOUT = { ...QUICK_ROLLOUT, progressDeadline: '20s', steps: [{ weight: 50, hold: '2s' }] };

let scene: Scenario;
let load: Load;

async function eventSays(object: string, reason: string, message: RegExp): Promise<void> {
  await scene.until(
    `an Event ${reason} of ${object} says ${message.source}`,
    async () => {
      const args = ['-n', scene.namespace, 'get', 'events', '--field-selector', `involvedObject.name=${object},reason=${reason}`];
      const said = await kubectl([...args, '-o', 'jsonpath={.items[*].message}']);
      return message.test(said) ? true : undefined;
    },
    15_000,
  );
}

beforeAll(async () => {
  scene = await Scenario.open('bad-version');
  await Promise.all([scene.version('1'), scene.version('wrong', {}, { digest: `sha256:${'0'.repeat(64)}` })]);
  await scene.deploy('1', { rollout: ROLLOUT });
  await scene.ready(90_000);
  load = scene.load(20);
}, 120_000);

afterAll(async () => {
  await scene.close();
}, 60_000);

test('a version that does not exist yet is named, and released as soon as it is applied', async () => {
  await scene.release('2');
  const message = await conditionBecomes(scene, 'Ready', 'False/VersionMissing');
  expect(message).toMatch(
    /there is no ModelVersion toy-2 in this namespace; apply it, or name another one in spec\.version; version 1 goes on/,
  );
  expect(conditionOf(await scene.deployment(), 'Available')?.is).toBe('True/Serving');
  await eventSays(scene.name, 'VersionMissing', /there is no ModelVersion toy-2/);
  expect(await scene.releases()).toHaveLength(1);
  await scene.version('2');
  expect((await scene.finished(2, 90_000)).status?.outcome).toBe('Promoted');
}, 150_000);

describe('a version that was deleted while it serves', () => {
  test('goes on serving from its record, also in a new pod, and is told', async () => {
    await scene.ready();
    await kubectl(['-n', scene.namespace, 'delete', 'modelversion', 'toy-2']);
    expect(await conditionBecomes(scene, 'Ready', 'False/VersionMissing')).toMatch(/version 2 goes on serving/);
    const revision = (await scene.deployment()).status?.stable?.revision ?? '';
    const selector = `plimsoll.dev/revision=${revision}`;
    const [pod = ''] = (await kubectl(['-n', scene.namespace, 'get', 'pods', '-l', selector, '-o', 'name'])).trim().split('\n');
    await kubectl(['-n', scene.namespace, 'delete', pod]);
    await kubectl(['-n', scene.namespace, 'rollout', 'status', `deployment/${scene.name}-${revision}`, '--timeout=60s']);
    expect(conditionOf(await scene.deployment(), 'Available')?.is).toBe('True/Serving');
    await scene.version('2');
    await scene.ready();
    expect(await scene.releases()).toHaveLength(2);
  }, 150_000);

  test('and made again with other bytes is another revision: released with its steps, from digest to digest', async () => {
    await kubectl(['-n', scene.namespace, 'delete', 'modelversion', 'toy-2']);
    await scene.version('2', { latencyMs: 1 });
    const { spec, status } = await scene.finished(3, 90_000);
    expect(spec).toMatchObject({ cause: { type: 'Version' }, from: { version: '2' }, to: { version: '2' } });
    expect(spec.to.digest).not.toBe(spec.from?.digest);
    expect(`${status?.outcome ?? ''}: ${status?.message ?? ''}`).toMatch(/^Promoted: /);
    expect(load.figures().samples).toEqual([]);
  }, 150_000);
});

test('a digest that does not match keeps the version from being released, and another version is enough to go on', async () => {
  await scene.release('wrong');
  const message = await conditionBecomes(scene, 'Accepted', 'False/VersionRefused');
  expect(message).toMatch(/ModelVersion toy-wrong is not ready: .*sha256:0{64}/);
  expect(message.match(/sha256:[0-9a-f]{64}/g)).toHaveLength(2);
  await eventSays(scene.name, 'VersionRefused', /sha256:0{64}/);
  expect(await scene.releases()).toHaveLength(3);
  await scene.release('2');
  await scene.ready();
}, 90_000);

describe('what the resolve Job needs and is missing', () => {
  test('a Secret is named, and making it is enough', async () => {
    await scene.version('secret', {}, { access: { secretRef: { name: 'absent' } } });
    const message = await versionBecomes(scene, 'secret', 'Ready', 'False/SecretMissing');
    expect(message).toMatch(/there is no Secret absent in this namespace; create it, or name another one/);
    await eventSays('toy-secret', 'SecretMissing', /there is no Secret absent/);
    const metadata = { name: 'absent', namespace: scene.namespace };
    await scene.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { token: 'any' } });
    await versionBecomes(scene, 'secret', 'Ready', 'True/Ready', 150_000);
  }, 240_000);

  test('a service account is named, and making it is enough', async () => {
    await scene.version('account', {}, { access: { serviceAccountName: 'absent' } });
    const message = await versionBecomes(scene, 'account', 'Ready', 'False/ServiceAccountMissing');
    expect(message).toMatch(/there is no ServiceAccount absent in this namespace; create it, or name another one/);
    const metadata = { name: 'absent', namespace: scene.namespace };
    await scene.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    await versionBecomes(scene, 'account', 'Ready', 'True/Ready', 150_000);
  }, 240_000);
});
