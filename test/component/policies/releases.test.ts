// The record of a release is the operator's. People steer it by spec.control, under their own name. On a real API server.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Answer } from '../../support/apiAccess.ts';
import { fullObject, withValue } from '../../support/crdObjects.ts';
import { ADMIN, EDITOR, Guarded, OPERATOR } from '../../support/policies.ts';

const MANAGER = 'mia@example.com';
/** May do everything with our kinds, status included. */
const OWNER = 'olga@example.com';
const RECORD = 'fraud-r7';
const { status: STATUS, ...RELEASE } = withValue(fullObject('modelreleases'), 'spec.control', undefined);
let cluster: Guarded;

beforeAll(async () => {
  cluster = await Guarded.start();
  await cluster.give(MANAGER, ['plimsoll-release-manager']);
  const resources = ['modeldeployments', 'modelversions', 'modelreleases', 'modelreleases/status'];
  const verbs = ['get', 'list', 'create', 'update', 'patch', 'delete', 'deletecollection'];
  await cluster.give(OWNER, [], [{ apiGroups: ['plimsoll.dev'], resources, verbs }]);
}, 120_000);
afterAll(() => cluster.stop());

const refusal = (answer: Answer): readonly [number, string] => [answer.status, answer.message.replace(/^.* denied request: /, '')];
const control = (by: string, action = 'Pause'): object => ({ spec: { control: { action, by } } });
const patch = async (as: string, body: object, place = RECORD): Promise<Answer> => await cluster.patch(as, 'modelreleases', place, body);

const ONLY_MADE = 'only the operator makes ModelReleases; to start a release, change spec.version or spec.runtime of the ModelDeployment';
const ONLY_DELETED =
  'a ModelRelease is the record of what was released, so only the operator deletes it, or the end of its namespace; ' +
  'to end a running release, set spec.control.action to Abort';
const ONLY_STATUS = 'status of a ModelRelease is written by the operator only; to steer the release, set spec.control';
const ONLY_CONTROL =
  "labels, ownerReferences and finalizers of a ModelRelease are the operator's, which finds its records by them; " +
  'you may only set spec.control';

describe('a ModelRelease', () => {
  test.each([OWNER, ADMIN])('is not made by %s, whatever rights they have', async (as) => {
    expect(refusal(await cluster.create(as, 'modelreleases', RELEASE))).toEqual([403, ONLY_MADE]);
  });

  test('is made by the operator, which also writes its status and labels', async () => {
    const labels = { 'plimsoll.dev/managed-by': 'plimsoll', 'plimsoll.dev/deployment': 'fraud' };
    const object = { ...RELEASE, metadata: { name: RECORD, labels } };
    expect((await cluster.create(OPERATOR, 'modelreleases', object)).status).toBe(201);
    const { finishedAt: _, ...running } = STATUS ?? {};
    expect((await patch(OPERATOR, { status: running }, `${RECORD}/status`)).status).toBe(200);
    expect((await patch(OPERATOR, { metadata: { labels: { 'plimsoll.dev/outcome': 'RolledBack' } } })).status).toBe(200);
  });

  test.each([OWNER, ADMIN])('has its status from nobody but the operator, so not from %s', async (as) => {
    expect(refusal(await patch(as, { status: { message: 'all went well' } }, `${RECORD}/status`))).toEqual([403, ONLY_STATUS]);
  });

  test.each([
    ['labels', { 'plimsoll.dev/outcome': null }],
    ['labels', { 'plimsoll.dev/deployment': 'other' }],
    ['labels', null],
    ['ownerReferences', [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'f3a1c07b-0000-4000-8000-000000000000' }]],
    ['finalizers', ['example.com/keep']],
  ])('keeps its %s when a person changes them to %j', async (field, value) => {
    for (const as of [MANAGER, OWNER]) expect(refusal(await patch(as, { metadata: { [field]: value } }))).toEqual([403, ONLY_CONTROL]);
  });

  test('bears an annotation, and an update that changes nothing', async () => {
    expect((await patch(MANAGER, { metadata: { annotations: { 'example.com/ticket': '42' } } })).status).toBe(200);
    expect((await patch(MANAGER, {})).status).toBe(200);
  });

  test.each([OWNER, ADMIN])('is not deleted by %s, alone or with all others', async (as) => {
    expect(refusal(await cluster.remove(as, 'modelreleases', RECORD))).toEqual([403, ONLY_DELETED]);
    expect(refusal(await cluster.remove(as, 'modelreleases'))).toEqual([403, ONLY_DELETED]);
  });

  test('is beyond whom no role lets at it, as for any other object', async () => {
    for (const answer of [await patch(EDITOR, control(EDITOR)), await patch('nobody@example.com', control('nobody@example.com'))]) {
      expect([answer.status, answer.message]).toEqual([403, expect.stringContaining('cannot patch resource "modelreleases"')]);
    }
  });
});

describe('spec.control', () => {
  test.each(['Pause', 'Run', 'Promote', 'Abort'])('%s is set by whoever may update ModelReleases, under their own name', async (action) => {
    const answer = await patch(MANAGER, control(MANAGER, action));
    expect([answer.status, answer.body['spec']]).toEqual([200, expect.objectContaining({ control: { action, by: MANAGER } })]);
  });

  test.each([OWNER, OPERATOR])("is not set under the name %s instead of one's own", async (by) => {
    const answer = await patch(MANAGER, { spec: { control: { action: 'Pause', by } } });
    expect(refusal(answer)).toEqual([403, `spec.control is set under your own name: give by: ${MANAGER} with it`]);
  });

  test('is not changed while it keeps the name of somebody else, nor taken away', async () => {
    await patch(MANAGER, control(MANAGER));
    const own = `spec.control is set under your own name: give by: ${OWNER} with it`;
    expect(refusal(await patch(OWNER, { spec: { control: { action: 'Promote' } } }))).toEqual([403, own]);
    expect(refusal(await patch(OWNER, { spec: { control: null } }))).toEqual([403, own]);
    expect((await patch(OWNER, control(OWNER, 'Promote'))).status).toBe(200);
  });

  test('opens nothing else of spec', async () => {
    const answer = await patch(MANAGER, { spec: { control: { action: 'Run', by: MANAGER }, cause: { type: 'Template' } } });
    expect([answer.status, answer.message]).toEqual([422, expect.stringContaining('only spec.control may change')]);
  });
});

describe('the end of a record', () => {
  test.each(['namespace-controller', 'generic-garbage-collector'])('comes with %s of the cluster', async (name) => {
    const other = { ...RELEASE, metadata: { name: 'fraud-r8' }, spec: { ...RELEASE.spec, number: 8 } };
    expect((await cluster.create(OPERATOR, 'modelreleases', other)).status).toBe(201);
    expect((await cluster.remove(`system:serviceaccount:kube-system:${name}`, 'modelreleases', 'fraud-r8')).status).toBe(200);
  });

  test('is never brought by them otherwise: they may not make or change one', async () => {
    const controller = 'system:serviceaccount:kube-system:generic-garbage-collector';
    expect((await patch(controller, { status: { message: 'x' } }, `${RECORD}/status`)).status).toBe(403);
    expect((await cluster.create(controller, 'modelreleases', RELEASE)).status).toBe(403);
  });
});
