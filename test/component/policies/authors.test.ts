// Whoever writes a ModelDeployment or a ModelVersion needs the rights that the pods behind it would need. On a real API server.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Answer } from '../../support/apiAccess.ts';
import type { Body } from '../../support/crdObjects.ts';
import { fullObject, withValue } from '../../support/crdObjects.ts';
import { EDITOR, Guarded, MAKE_PODS } from '../../support/policies.ts';

const AUTHOR = 'alice@example.com';
let cluster: Guarded;

beforeAll(async () => {
  cluster = await Guarded.start();
  const accounts = { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['use'], resourceNames: ['gpu', 'model-reader'] };
  await cluster.give(AUTHOR, ['plimsoll-edit'], [...MAKE_PODS, accounts]);
}, 120_000);
afterAll(() => cluster.stop());

const refusal = (answer: Answer): readonly [number, string] => [answer.status, answer.message.replace(/^.* denied request: /, '')];
const deployment = (pod: object = {}): Body =>
  withValue(fullObject('modeldeployments'), 'spec.runtime.template.spec', { containers: [{ name: 'model', image: 'x' }], ...pod });
const version = (access: object | undefined): Body => withValue(fullObject('modelversions'), 'spec.access', access);

const RUNS_PODS = (user: string): string =>
  `a ModelDeployment runs pods, so ${user} needs the right to create Deployments in namespace ${cluster.namespace} ` +
  '(verb create on deployments.apps)';
const RUNS_JOB = (user: string): string =>
  `a ModelVersion runs a Job that reads its source, so ${user} needs the right to create Jobs in namespace ${cluster.namespace} ` +
  '(verb create on jobs.batch)';
const RUNS_AS = (account: string): string =>
  `the pods would run as ServiceAccount ${account} (spec.runtime.template), so ${AUTHOR} needs the verb use on that ServiceAccount in ` +
  `namespace ${cluster.namespace}; leave it out to run them as default`;

describe('a ModelDeployment', () => {
  test('is not made by someone who may not create Deployments, and the refusal says what is missing', async () => {
    const answer = await cluster.create(EDITOR, 'modeldeployments', deployment());
    expect(refusal(answer)).toEqual([403, RUNS_PODS(EDITOR)]);
    expect(answer.message).toBe(
      `modeldeployments.plimsoll.dev "fraud" is forbidden: ValidatingAdmissionPolicy 'plimsoll-deployment-author' ` +
        `with binding 'plimsoll-deployment-author' denied request: ${RUNS_PODS(EDITOR)}`,
    );
  });

  test('is made, changed and deleted by someone who may', async () => {
    expect((await cluster.create(AUTHOR, 'modeldeployments', deployment())).status).toBe(201);
    expect((await cluster.patch(AUTHOR, 'modeldeployments', 'fraud', { spec: { replicas: 2 } })).status).toBe(200);
    expect((await cluster.remove(AUTHOR, 'modeldeployments', 'fraud')).status).toBe(200);
  });

  test('of another author keeps its spec from someone who may not; labels are theirs to set', async () => {
    await cluster.create(AUTHOR, 'modeldeployments', deployment());
    const image = { runtime: { template: { spec: { containers: [{ name: 'model', image: 'mine' }] } } } };
    expect(refusal(await cluster.patch(EDITOR, 'modeldeployments', 'fraud', { spec: image }))).toEqual([403, RUNS_PODS(EDITOR)]);
    expect((await cluster.patch(EDITOR, 'modeldeployments', 'fraud', { metadata: { labels: { team: 'risk' } } })).status).toBe(200);
    await cluster.remove(AUTHOR, 'modeldeployments', 'fraud');
  });

  test.each(['serviceAccountName', 'serviceAccount'])('whose template has a %s needs the right to use that account', async (field) => {
    const answer = await cluster.create(AUTHOR, 'modeldeployments', deployment({ [field]: 'admin' }));
    expect(refusal(answer)).toEqual([403, RUNS_AS('admin')]);
    for (const own of ['gpu', 'default', '']) {
      expect((await cluster.create(AUTHOR, 'modeldeployments', deployment({ [field]: own }))).status).toBe(201);
      await cluster.remove(AUTHOR, 'modeldeployments', 'fraud');
    }
  });

  test('needs it for the second name of the field also beside the first', async () => {
    const answer = await cluster.create(AUTHOR, 'modeldeployments', deployment({ serviceAccountName: 'gpu', serviceAccount: 'admin' }));
    expect(answer.status).toBe(403);
  });

  test('does not get another account by a later change', async () => {
    await cluster.create(AUTHOR, 'modeldeployments', deployment());
    const change = { spec: { runtime: { template: { spec: { serviceAccountName: 'admin' } } } } };
    expect(refusal(await cluster.patch(AUTHOR, 'modeldeployments', 'fraud', change))).toEqual([403, RUNS_AS('admin')]);
    await cluster.remove(AUTHOR, 'modeldeployments', 'fraud');
  });

  test('with an account that is no text is refused and not let through', async () => {
    expect((await cluster.create(AUTHOR, 'modeldeployments', deployment({ serviceAccountName: 7 }))).status).toBeGreaterThanOrEqual(400);
  });
});

describe('a ModelVersion', () => {
  test('is not made by someone who may not create Jobs', async () => {
    expect(refusal(await cluster.create(EDITOR, 'modelversions', version(undefined)))).toEqual([403, RUNS_JOB(EDITOR)]);
  });

  test('is made by someone who may, also with an account that they may use', async () => {
    for (const access of [undefined, {}, { serviceAccountName: 'default' }, { serviceAccountName: 'model-reader' }]) {
      expect((await cluster.create(AUTHOR, 'modelversions', version(access))).status).toBe(201);
      await cluster.remove(AUTHOR, 'modelversions', 'fraud-1.4.0');
    }
  });

  test('gets no account that its author may not use, neither at first nor later', async () => {
    const message =
      `a Job would run as ServiceAccount admin (spec.access.serviceAccountName), so ${AUTHOR} needs the verb use on that ServiceAccount ` +
      `in namespace ${cluster.namespace}; leave it out to run it as default`;
    const access = { serviceAccountName: 'admin' };
    expect(refusal(await cluster.create(AUTHOR, 'modelversions', version(access)))).toEqual([403, message]);
    await cluster.create(AUTHOR, 'modelversions', version(undefined));
    expect(refusal(await cluster.patch(AUTHOR, 'modelversions', 'fraud-1.4.0', { spec: { access } }))).toEqual([403, message]);
    await cluster.remove(AUTHOR, 'modelversions', 'fraud-1.4.0');
  });
});

describe('the annotation plimsoll.dev/changed-by', () => {
  const CHANGED_BY = 'plimsoll.dev/changed-by';
  const OTHER = 'bob@example.com';
  const forged = { metadata: { annotations: { [CHANGED_BY]: 'carol@example.com' } } };
  const kinds = [
    ['modeldeployments', 'fraud', { spec: { replicas: 5 } }],
    ['modelversions', 'fraud-1.4.0', { spec: { displayVersion: 'v1' } }],
  ] as const;

  beforeAll(async () => {
    await cluster.give(OTHER, ['plimsoll-edit'], MAKE_PODS);
  });

  test.each(kinds)('of %s names whoever changed spec last, and cannot be forged or removed', async (plural, name, change) => {
    const changedBy = async (): Promise<string | undefined> => (await cluster.read(plural, name)).metadata.annotations?.[CHANGED_BY];
    const object = plural === 'modeldeployments' ? deployment() : version(undefined);
    await cluster.create(AUTHOR, plural, withValue(object, 'metadata', { name, ...forged.metadata }));
    expect(await changedBy()).toBe(AUTHOR);
    // what leaves spec as it is changes nothing, whatever it says
    for (const body of [
      forged,
      { metadata: { annotations: { [CHANGED_BY]: null } } },
      { metadata: { annotations: null } },
      { metadata: { labels: { a: 'b' } } },
    ]) {
      expect((await cluster.patch(OTHER, plural, name, body)).status).toBe(200);
      expect(await changedBy()).toBe(AUTHOR);
    }
    expect((await cluster.patch(OTHER, plural, name, { ...change, ...forged })).status).toBe(200);
    expect(await changedBy()).toBe(OTHER);
    await cluster.remove(AUTHOR, plural, name);
  });

  test('of an object from before the policy is made by nobody else than the caller', async () => {
    const policy = '/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings/plimsoll-changed-by';
    const { body } = await cluster.server.request('GET', policy);
    const { name } = body['metadata'] as { readonly name: string };
    await cluster.server.request('DELETE', policy);
    await cluster.until(async () => {
      await cluster.remove(AUTHOR, 'modeldeployments', 'fraud');
      await cluster.create(AUTHOR, 'modeldeployments', deployment());
      return (await cluster.read('modeldeployments', 'fraud')).metadata.annotations === undefined;
    });
    await cluster.server.request('POST', policy.replace(/\/[^/]*$/, ''), { body: { ...body, metadata: { name } } });
    await cluster.awaitPolicies();
    await cluster.patch(OTHER, 'modeldeployments', 'fraud', forged);
    expect((await cluster.read('modeldeployments', 'fraud')).metadata.annotations).toEqual({ [CHANGED_BY]: OTHER });
    await cluster.remove(AUTHOR, 'modeldeployments', 'fraud');
  }, 60_000);
});
