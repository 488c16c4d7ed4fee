// The client against a real HTTP server: what goes over the wire, and what comes back when things go wrong.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { RESOURCE } from '../../../src/api/resources.ts';
import type { CallReport, KubeClient } from '../../../src/controller/client.ts';
import type { KubeError } from '../../../src/controller/errors.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import type { FakeApiServer } from '../../support/apiServer.ts';
import { startApiServer } from '../../support/apiServer.ts';
import { realClock } from '../../support/clocks.ts';

let server: FakeApiServer;
let client: KubeClient;
let reports: CallReport[];

beforeEach(async () => {
  server = await startApiServer();
  reports = [];
  client = createKubeClient(server.kubeConfig(), { clock: realClock, deadlineMs: 2000, onCall: (report) => reports.push(report) });
});
afterEach(() => server.close());

const deployment = (name: string, spec: object = { replicas: 1 }) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'risk' },
  spec,
});
const ref = (name: string) => ({ resource: RESOURCE.deployment, namespace: 'risk', name });
const failure = async (call: Promise<unknown>): Promise<KubeError> =>
  call.then(
    () => Promise.reject(new Error('the call did not fail')),
    (error: unknown) => error as KubeError,
  );

describe('reading', () => {
  test('an object that does not exist is undefined, and not an error', async () => {
    expect(await client.get(ref('none'))).toBeUndefined();
  });

  test('pitfall 24: objects are plain JSON: times stay strings', async () => {
    server.put(deployment('a'));
    const found = await client.get(ref('a'));
    expect(typeof found?.metadata.creationTimestamp).toBe('string');
    expect(found?.spec).toEqual({ replicas: 1 });
  });

  test('a list is read in pages, and its items know their kind although the server leaves it out', async () => {
    for (let index = 0; index < 7; index += 1) server.put(deployment(`d${index}`));
    const { items } = await client.list(RESOURCE.deployment, { pageSize: 3 });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['d0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6']);
    expect(items.every(({ apiVersion, kind }) => apiVersion === 'apps/v1' && kind === 'Deployment')).toBe(true);
    expect(server.requests.map(({ query }) => query['limit'])).toEqual(['3', '3', '3']);
  });

  test('pitfall 12: a list is asked for 500 objects at a time, with its selector and namespace', async () => {
    server.put({ ...deployment('mine'), metadata: { name: 'mine', namespace: 'risk', labels: { app: 'x' } } });
    server.put({ ...deployment('other'), metadata: { name: 'other', namespace: 'elsewhere', labels: { app: 'x' } } });
    server.put(deployment('unlabelled'));
    const { items } = await client.list(RESOURCE.deployment, { namespace: 'risk', labelSelector: 'app=x' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['mine']);
    expect(server.requests[0]?.query['limit']).toBe('500');
  });
});

describe('writing', () => {
  test('pitfall 18: apply is a forced server-side apply, whose content type the server accepts', async () => {
    await client.apply(deployment('a'), { fieldManager: 'tester' });
    expect(server.requests[0]).toMatchObject({
      verb: 'patch',
      contentType: 'application/apply-patch+yaml',
      query: { fieldManager: 'tester', force: 'true' },
      body: deployment('a'),
      status: 200,
    });
  });

  test('a field that was applied before and is left out now is removed', async () => {
    await client.apply(deployment('a', { replicas: 2, paused: true }), { fieldManager: 'tester' });
    const after = await client.apply(deployment('a', { replicas: 2 }), { fieldManager: 'tester' });
    expect(after.spec).toEqual({ replicas: 2 });
  });

  test('pitfall 18: status is written on its own path and changes nothing else', async () => {
    await client.apply(deployment('a'), { fieldManager: 'tester' });
    const after = await client.apply(
      { ...deployment('a', { replicas: 9 }), status: { readyReplicas: 1 } },
      { fieldManager: 'status', subresource: 'status' },
    );
    expect(after).toMatchObject({ spec: { replicas: 1 }, status: { readyReplicas: 1 } });
    expect(server.requests.at(-1)?.subresource).toBe('status');
  });

  test('an apply with the version of an older state fails with Conflict and changes nothing', async () => {
    const before = await client.apply(deployment('a', { replicas: 1 }), { fieldManager: 'tester' });
    await client.apply(deployment('a', { replicas: 2 }), { fieldManager: 'tester' });
    const error = await failure(
      client.apply(deployment('a', { replicas: 3 }), { fieldManager: 'tester', resourceVersion: before.metadata.resourceVersion }),
    );
    expect(error).toMatchObject({ kind: 'Conflict', code: 409, retryable: true });
    expect(server.get('apps/v1', 'deployments', 'risk', 'a')?.['spec']).toEqual({ replicas: 2 });
  });

  test('an apply for one certain object neither makes it anew when it is gone nor touches a later one of that name', async () => {
    const { metadata } = await client.apply(deployment('a'), { fieldManager: 'tester' });
    await client.remove(ref('a'));
    expect(await failure(client.apply(deployment('a'), { fieldManager: 'tester', uid: metadata.uid }))).toMatchObject({ kind: 'Conflict' });
    expect(await client.get(ref('a'))).toBeUndefined();
    await client.apply(deployment('a'), { fieldManager: 'tester' });
    expect(await failure(client.apply(deployment('a', { replicas: 9 }), { fieldManager: 'tester', uid: metadata.uid }))).toMatchObject({
      kind: 'Conflict',
      code: 409,
    });
    expect((await client.get(ref('a')))?.spec).toEqual({ replicas: 1 });
  });

  test('a dry run is said to be one and stores nothing', async () => {
    await client.apply(deployment('a'), { fieldManager: 'tester', dryRun: true });
    expect(server.requests[0]?.query['dryRun']).toBe('All');
    expect(server.get('apps/v1', 'deployments', 'risk', 'a')).toBeUndefined();
  });

  test('creating what exists fails with AlreadyExists, not with Conflict', async () => {
    await client.create(deployment('a'));
    expect(await failure(client.create(deployment('a')))).toMatchObject({ kind: 'AlreadyExists', code: 409 });
  });

  test('replacing sends the whole object and respects its version', async () => {
    const first = await client.create(deployment('a'));
    await client.replace({ ...first, spec: { replicas: 5 } });
    expect(await failure(client.replace({ ...first, spec: { replicas: 6 } }))).toMatchObject({ kind: 'Conflict' });
    expect((await client.get(ref('a')))?.spec).toEqual({ replicas: 5 });
  });

  test('every write asks the server to refuse fields that it does not know', async () => {
    await client.apply(deployment('a'), { fieldManager: 'tester' });
    await client.apply(deployment('a'), { fieldManager: 'tester', subresource: 'status' });
    const made = await client.create(deployment('b'));
    await client.replace(made);
    expect(server.requests.map(({ verb, query }) => [verb, query['fieldValidation']])).toEqual([
      ['patch', 'Strict'],
      ['patch', 'Strict'],
      ['create', 'Strict'],
      ['update', 'Strict'],
    ]);
  });

  test('removing what does not exist is a success', async () => {
    await client.remove(ref('none'));
    expect(server.requests[0]).toMatchObject({ verb: 'delete', status: 404 });
  });

  test('removing with the uid of an earlier object of that name leaves the new one alone', async () => {
    server.put(deployment('a'));
    expect(await failure(client.remove(ref('a'), { uid: 'another' }))).toMatchObject({ kind: 'Conflict' });
    expect(await client.get(ref('a'))).toBeDefined();
    expect(server.requests[0]?.body).toMatchObject({ propagationPolicy: 'Background', preconditions: { uid: 'another' } });
  });
});

describe('failures', () => {
  test('pitfall 21: a server that never answers is a Timeout after the deadline', async () => {
    server.inject({ verb: 'get', hang: true });
    const started = performance.now();
    expect(await failure(client.get(ref('a'), { deadlineMs: 100 }))).toMatchObject({ kind: 'Timeout', retryable: true, code: undefined });
    expect(performance.now() - started).toBeLessThan(1000);
    expect(reports).toEqual([expect.objectContaining({ verb: 'get', resource: 'deployments', code: 'timeout' })]);
  });

  test('an abort of the caller ends the call at once', async () => {
    server.inject({ verb: 'get', hang: true });
    const stop = new AbortController();
    const call = failure(client.get(ref('a'), { signal: stop.signal }));
    setTimeout(() => stop.abort(), 20);
    expect(await call).toMatchObject({ kind: 'Aborted', retryable: false });
    expect(reports[0]?.code).toBe('aborted');
  });

  test('a cut connection is a Network error that names the cause', async () => {
    server.inject({ verb: 'get', reset: true });
    const error = await failure(client.get(ref('a')));
    expect(error).toMatchObject({ kind: 'Network', retryable: true });
    expect(error.message).toMatch(/^get deployments risk\/a: .*(other side closed|ECONNRESET|socket)/i);
  });

  test('a write whose answer is lost fails although it has happened: the caller has to look', async () => {
    server.inject({ verb: 'patch', lost: true });
    expect(await failure(client.apply(deployment('a'), { fieldManager: 'tester' }))).toMatchObject({ kind: 'Network' });
    expect(server.get('apps/v1', 'deployments', 'risk', 'a')).toBeDefined();
  });

  test('pitfall 14: 429 says how long to wait', async () => {
    server.inject({ verb: 'get', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 7 });
    expect(await failure(client.get(ref('a')))).toMatchObject({ kind: 'TooManyRequests', retryAfterMs: 7000, retryable: true });
  });

  test('an answer that is not JSON is a Server error', async () => {
    server.inject({ verb: 'get', text: '<html>' });
    expect(await failure(client.get(ref('a')))).toMatchObject({ kind: 'Server' });
  });

  test('pitfall 20: no error holds the token, whatever went wrong', async () => {
    const config = server.kubeConfig();
    config.loadFromClusterAndUser({ name: 'fake', server: server.url, skipTLSVerify: true }, { name: 'tester', token: 'very-secret' });
    const authenticated = createKubeClient(config, { clock: realClock, deadlineMs: 100 });
    server.inject({ status: 403, reason: 'Forbidden' });
    server.inject({ reset: true });
    server.inject({ hang: true });
    for (let tries = 0; tries < 3; tries += 1) {
      const error = await failure(authenticated.get(ref('a')));
      expect(`${error.stack ?? ''} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain('very-secret');
    }
  });

  test('every call is reported with verb, resource and code', async () => {
    await client.apply(deployment('a'), { fieldManager: 'tester' });
    await client.get(ref('a'));
    await client.get(ref('none'));
    await client.remove(ref('a'));
    expect(reports.map(({ verb, resource, code }) => `${verb} ${resource} ${code}`)).toEqual([
      'patch deployments 200',
      'get deployments 200',
      'get deployments 404',
      'delete deployments 200',
    ]);
    expect(reports.every(({ seconds }) => seconds >= 0 && seconds < 2)).toBe(true);
  });
});

describe('credentials', () => {
  test('pitfall 22: after a 401 the token is read anew, so that a rotated one is used by the next call', async () => {
    const config = server.kubeConfig();
    const user = { name: 'tester', token: 'old' };
    config.loadFromClusterAndUser({ name: 'fake', server: server.url, skipTLSVerify: true }, user);
    const authenticated = createKubeClient(config, { clock: realClock });
    server.requireToken('old');
    await authenticated.get(ref('a'));
    server.requireToken('new');
    user.token = 'new';
    expect(await failure(authenticated.get(ref('a')))).toMatchObject({ kind: 'Unauthorized', retryable: true });
    expect(await authenticated.get(ref('a'))).toBeUndefined();
  });
});

describe('the rate limit', () => {
  test('pitfall 14: ordinary calls wait for it, a priority call passes all of them', async () => {
    const limited = createKubeClient(server.kubeConfig(), { clock: realClock, rate: { perSecond: 4, burst: 1 } });
    const order: string[] = [];
    const started = performance.now();
    await Promise.all([
      ...['first', 'second', 'third'].map((name) => limited.get(ref(name)).then(() => order.push(name))),
      limited.get(ref('urgent'), { priority: true }).then(() => order.push('urgent')),
    ]);
    expect(order.slice(0, 2).sort()).toEqual(['first', 'urgent']);
    expect(order.slice(2)).toEqual(['second', 'third']);
    expect(performance.now() - started).toBeGreaterThan(400);
  });

  test('waiting for it counts towards the deadline', async () => {
    const limited = createKubeClient(server.kubeConfig(), { clock: realClock, rate: { perSecond: 0.1, burst: 1 }, deadlineMs: 50 });
    await limited.get(ref('first'));
    expect(await failure(limited.get(ref('second')))).toMatchObject({ kind: 'Timeout' });
    expect(server.requests).toHaveLength(1);
  });
});
