// What becomes of an action when the world has changed since the look at it.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { LABEL, MANAGED_BY_VALUE } from '../../../src/api/names.ts';
import { applyActions, type Applier } from '../../../src/apply/actions.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import type { Action } from '../../../src/core/observed.ts';
import type { FakeApiServer } from '../../support/apiServer.ts';
import { startApiServer } from '../../support/apiServer.ts';
import { realClock } from '../../support/clocks.ts';

let server: FakeApiServer;
let applier: Applier;
let written: (string | undefined)[];

beforeEach(async () => {
  server = await startApiServer();
  applier = {
    client: createKubeClient(server.kubeConfig(), { clock: realClock }),
    prober: { start: () => undefined, results: () => new Map(), forget: () => undefined },
    findQueryProblem: () => Promise.resolve(undefined),
    mustStillLead: () => 15_000,
    onWritten: ({ kind, metadata }) => written.push(`${kind} ${metadata.resourceVersion ?? ''}`),
    onRemoved: ({ kind }) => written.push(`no ${kind}`),
  };
  written = [];
});
afterEach(() => server.close());

const statusOf = (kind: string): Action => ({
  type: 'ApplyStatus',
  object: { apiVersion: 'plimsoll.dev/v1alpha1', kind, metadata: { name: 'fraud', namespace: 'risk' }, status: { phase: 'Ready' } },
});
const apply = async (action: Action): Promise<void> => await applyActions(applier, [action], new AbortController().signal);

test.each(['ModelDeployment', 'ModelVersion'])('pitfall 23: status of a %s that was deleted meanwhile is no failure', async (kind) => {
  await apply(statusOf(kind));
  expect(server.requests).toMatchObject([{ verb: 'patch', subresource: 'status', status: 404 }]);
  expect(server.list('plimsoll.dev/v1alpha1', `${kind.toLowerCase()}s`)).toEqual([]);
});

test('status of a record that is not there is a failure: the pass must not go on without it', async () => {
  await expect(apply(statusOf('ModelRelease'))).rejects.toMatchObject({ kind: 'NotFound' });
});

test('what the API server has after a write is told at once; a rehearsal and a refusal have changed nothing', async () => {
  const object = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'fraud', namespace: 'risk' }, spec: { ports: [] } };
  await apply({ type: 'Apply', object, fieldManager: 'plimsoll', dryRun: true });
  expect(written).toEqual([]);
  await apply({ type: 'Apply', object, fieldManager: 'plimsoll' });
  const { metadata } = server.get('v1', 'services', 'risk', 'fraud') ?? {};
  expect(written).toEqual([`Service ${metadata?.resourceVersion ?? ''}`]);
  server.inject({ verb: 'patch', status: 409 });
  await expect(apply({ type: 'Apply', object, fieldManager: 'plimsoll' })).rejects.toMatchObject({ kind: 'Conflict' });
  expect(written).toHaveLength(1);
});

describe('what no cache shows and is believed to be gone', () => {
  const labels = { [LABEL.managedBy]: MANAGED_BY_VALUE, [LABEL.deployment]: 'fraud' };
  const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'fraud-0123456789', namespace: 'risk', labels } };
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'fraud', namespace: 'risk' }, spec: { ports: [] } };
  const begin = (): Promise<void> =>
    applyActions(applier, [{ type: 'ConfirmAbsent', object }, { type: 'Create', object: service }], new AbortController().signal);

  test('is asked for; nothing is written for that', async () => {
    await begin();
    expect(server.requests.map(({ verb, status }) => [verb, status])).toEqual([
      ['get', 404],
      ['create', 201],
    ]);
  });

  test('ends the pass when it is there, and so when that cannot be known', async () => {
    server.put(object);
    await expect(begin()).rejects.toMatchObject({ kind: 'Conflict' });
    server.inject({ verb: 'get', status: 500 });
    await expect(begin()).rejects.toThrow();
    expect(written).toEqual([]);
  });

  test('is told when its name is somebody else\'s', async () => {
    server.put({ ...object, metadata: { ...object.metadata, labels: {} } });
    await expect(begin()).rejects.toMatchObject({ name: 'NameTaken' });
  });
});

test('what is only of use, and refused, does not end the pass; what is needed does', async () => {
  const object = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'asks', namespace: 'risk' }, spec: {} };
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'fraud', namespace: 'risk' }, spec: { ports: [] } };
  const actions = (isOptional: boolean): readonly Action[] => [
    { type: 'Create', object, isOptional },
    { type: 'Apply', object: service, fieldManager: 'plimsoll' },
  ];
  server.inject({ verb: 'create', status: 403, times: 2 });
  await applyActions(applier, actions(true), new AbortController().signal);
  expect(written).toHaveLength(1);
  await expect(applyActions(applier, actions(false), new AbortController().signal)).rejects.toMatchObject({ name: 'ActionRefused' });
  server.inject({ verb: 'create', status: 500 });
  await expect(applyActions(applier, actions(true), new AbortController().signal)).rejects.toThrow();
  expect(written).toHaveLength(1);
});
