// The admission policies where an operator works: its own account passes in all that it does, people are held to their rights, and the
// record says who asked.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Load } from '../../deploy/local/load/generator.ts';
import { kubectl, request } from '../support/cluster.ts';
import { Scenario } from '../support/scenario.ts';

const AUTHOR = 'alice@example.com';
const EDITOR = 'ed@example.com';
const VIEWER = 'vera@example.com';

let scene: Scenario;
let load: Load;

/** kubectl in the scene's namespace as this user, or as the administrator; a refusal is the answer. */
async function as(user: string | undefined, words: readonly string[]): Promise<string> {
  return await kubectl(['-n', scene.namespace, ...(user === undefined ? [] : [`--as=${user}`]), ...words]).catch((error: unknown) =>
    String(error),
  );
}

const patch = async (user: string | undefined, what: string, body: object, ...more: readonly string[]): Promise<string> =>
  await as(user, ['patch', ...what.split('/'), '--type=merge', '-p', JSON.stringify(body), ...more]);

async function bind(user: string, roles: readonly string[]): Promise<void> {
  for (const role of roles) {
    const words = ['create', 'rolebinding', `${user.split('@')[0] ?? ''}-${role}`, `--clusterrole=${role}`, `--user=${user}`];
    await kubectl(['-n', scene.namespace, ...words]);
  }
}

beforeAll(async () => {
  scene = await Scenario.open('policies');
  await bind(AUTHOR, ['edit', 'plimsoll-edit', 'plimsoll-release-manager']);
  await bind(EDITOR, ['plimsoll-edit', 'plimsoll-release-manager']);
  await bind(VIEWER, ['view']);
  await scene.version('1');
  await scene.version('2');
  await scene.deploy('1');
  await scene.ready(90_000);
  load = scene.load(20);
}, 120_000);

afterAll(async () => {
  await scene.close();
}, 60_000);

test('the policies mean something to the API server: it warns of no expression', async () => {
  for (const name of ['plimsoll-deployment-author', 'plimsoll-version-author', 'plimsoll-release-author']) {
    const { body } = await request('GET', `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/${name}`);
    const status = body['status'] as { readonly typeChecking?: { readonly expressionWarnings?: unknown } } | undefined;
    expect([name, status?.typeChecking]).toEqual([name, {}]);
  }
});

describe('a user without rights is refused', () => {
  test('a release, for lack of the right to create Deployments', async () => {
    expect(await patch(EDITOR, 'mdep/toy', { spec: { version: '2' } })).toContain(
      `a ModelDeployment runs pods, so ${EDITOR} needs the right to create Deployments in namespace ${scene.namespace}`,
    );
    expect((await scene.releases()).length).toBe(1);
  });

  test('everything but to look, with the role view of the cluster, which has ours in it', async () => {
    expect(await as(VIEWER, ['get', 'mver,mdep,mrel', '-o', 'name'])).toContain('modelrelease.plimsoll.dev/toy-r1');
    expect(await patch(VIEWER, 'mdep/toy', { spec: { replicas: 3 } })).toContain('cannot patch resource "modeldeployments"');
  });
});

describe('a user with them', () => {
  test('releases, others pause and promote under their own name, and the record names them and the commit', async () => {
    const annotations = { 'plimsoll.dev/commit': '4f0c2a7d9be1', 'plimsoll.dev/changed-by': 'somebody@example.com' };
    expect(await patch(AUTHOR, 'mdep/toy', { metadata: { annotations }, spec: { version: '2' } })).toContain('patched');
    await scene.until('release 2 has begun', async () => ((await scene.releases()).length === 2 ? true : undefined), 30_000);
    const control = (by: string, action: string): object => ({ spec: { control: { action, by } } });
    const own = `spec.control is set under your own name: give by: ${EDITOR} with it`;
    expect(await patch(EDITOR, 'mrel/toy-r2', control(AUTHOR, 'Promote'))).toContain(own);
    expect(await patch(EDITOR, 'mrel/toy-r2', control(EDITOR, 'Pause'))).toContain('patched');
    await scene.until(
      'release 2 is paused',
      async () => ((await scene.releases())[1]?.status?.phase === 'Paused' ? true : undefined),
      60_000,
    );
    expect(await patch(EDITOR, 'mrel/toy-r2', control(EDITOR, 'Promote'))).toContain('patched');
    const release = await scene.finished(2);
    expect(release.status).toMatchObject({ outcome: 'Promoted', message: `version 2 serves: promoted by ${EDITOR}` });
    expect(release.spec.cause).toMatchObject({ type: 'Version', changedBy: AUTHOR, commit: '4f0c2a7d9be1' });
    expect(load.figures().samples).toEqual([]);
    const wide = await as(VIEWER, ['get', 'mrel', 'toy-r2', '-o', 'wide']);
    expect(wide).toMatch(/ BY /);
    expect(wide).toContain(AUTHOR);
  }, 150_000);

  test('gets no ServiceAccount that they may not use', async () => {
    const template = { spec: { runtime: { template: { spec: { serviceAccountName: 'robot' } } } } };
    expect(await patch(AUTHOR, 'mdep/toy', template)).toContain(`${AUTHOR} needs the verb use on that ServiceAccount`);
  });

  test('does not write the record, and the administrator does not delete it', async () => {
    expect(await as(undefined, ['delete', 'mrel', 'toy-r2'])).toContain('only the operator deletes it');
    expect(await patch(AUTHOR, 'mrel/toy-r2', { metadata: { labels: { 'plimsoll.dev/outcome': 'RolledBack' } } })).toContain(
      'you may only set spec.control',
    );
    expect((await scene.releases()).map(({ metadata }) => metadata.name)).toEqual(['toy-r1', 'toy-r2']);
  });
});
