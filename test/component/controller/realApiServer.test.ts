// Client, reflector, lease and events against a real API server: what the fake one is believed to do like it.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { KubeObject } from '../../../src/api/resources.ts';
import { RESOURCE } from '../../../src/api/resources.ts';
import type { CallReport, KubeClient, ListPage, WatchEvent } from '../../../src/controller/client.ts';
import { createEventRecorder } from '../../../src/controller/events.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import { createLeaderElector } from '../../../src/controller/lease.ts';
import type { Reflector } from '../../../src/controller/reflector.ts';
import { createReflector } from '../../../src/controller/reflector.ts';
import { microTime } from '../../../src/controller/times.ts';
import { realClock } from '../../support/clocks.ts';
import { fullObject, withValue } from '../../support/crdObjects.ts';
import type { PrivateApiServer } from '../../support/privateApiServer.ts';
import { startPrivateApiServer } from '../../support/privateApiServer.ts';

let server: PrivateApiServer;
let namespace = '';
let client: KubeClient;
const reports: CallReport[] = [];

beforeAll(async () => {
  server = await startPrivateApiServer();
  namespace = await server.createNamespace('controller');
  client = createKubeClient(server.kubeConfig(), { clock: realClock, onCall: (report) => reports.push(report) });
}, 120_000);
afterAll(() => server.stop());

const configMap = (name: string, data: Record<string, string>, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels },
  data,
});
const ref = (name: string) => ({ resource: RESOURCE.configMap, namespace, name });

async function until(what: () => boolean, patienceMs = 15_000): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!what()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('writing', () => {
  test('pitfall 19: the same apply again changes no resource version, and a field left out is removed', async () => {
    const first = await client.apply(configMap('applied', { a: '1', b: '2' }), { fieldManager: 'tester' });
    const again = await client.apply(configMap('applied', { a: '1', b: '2' }), { fieldManager: 'tester' });
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const less = await client.apply(configMap('applied', { a: '1' }), { fieldManager: 'tester' });
    expect(less['data']).toEqual({ a: '1' });
  });

  test('an apply with an old version is a Conflict and changes nothing', async () => {
    const { metadata } = await client.apply(configMap('locked', { a: '1' }), { fieldManager: 'tester' });
    await client.apply(configMap('locked', { a: '2' }), { fieldManager: 'tester' });
    const late = client.apply(configMap('locked', { a: '3' }), { fieldManager: 'tester', resourceVersion: metadata.resourceVersion });
    await expect(late).rejects.toMatchObject({ kind: 'Conflict' });
    expect((await client.get(ref('locked')))?.['data']).toEqual({ a: '2' });
  });

  test('an apply for an object that is gone makes it anew despite the version, but not with its uid', async () => {
    const { metadata } = await client.apply(configMap('gone', { a: '1' }), { fieldManager: 'tester' });
    const { uid, resourceVersion } = metadata;
    await client.remove(ref('gone'));
    await expect(client.apply(configMap('gone', { a: '2' }), { fieldManager: 'tester', uid, resourceVersion })).rejects.toMatchObject({
      kind: 'Conflict',
    });
    expect(await client.get(ref('gone'))).toBeUndefined();
    const anew = await client.apply(configMap('gone', { a: '2' }), { fieldManager: 'tester', resourceVersion });
    expect(anew.metadata.uid).not.toBe(uid);
    await expect(client.apply(configMap('gone', { a: '3' }), { fieldManager: 'tester', uid })).rejects.toMatchObject({ kind: 'Conflict' });
    const locked = await client.apply(configMap('gone', { a: '3' }), {
      fieldManager: 'tester',
      uid: anew.metadata.uid,
      resourceVersion: anew.metadata.resourceVersion,
    });
    expect(locked['data']).toEqual({ a: '3' });
  });

  test('an apply with version 1 makes an object that is absent, and is a Conflict for one that exists', async () => {
    const apply = (value: string) => client.apply(configMap('absent', { a: value }), { fieldManager: 'tester', resourceVersion: '1' });
    expect((await apply('1')).metadata.name).toBe('absent');
    await expect(apply('2')).rejects.toMatchObject({ kind: 'Conflict' });
    expect(await client.get({ resource: RESOURCE.configMap, namespace, name: 'absent' })).toMatchObject({ data: { a: '1' } });
  });

  test('create, replace and remove know AlreadyExists, Conflict and what is gone already', async () => {
    const made = await client.create(configMap('made', { a: '1' }));
    await expect(client.create(configMap('made', { a: '1' }))).rejects.toMatchObject({ kind: 'AlreadyExists' });
    await client.replace({ ...made, data: { a: '2' } });
    await expect(client.replace({ ...made, data: { a: '3' } })).rejects.toMatchObject({ kind: 'Conflict' });
    await expect(client.remove(ref('made'), { uid: '00000000-0000-0000-0000-000000000000' })).rejects.toMatchObject({ kind: 'Conflict' });
    expect(await client.remove(ref('made'), { uid: made.metadata.uid })).toBe(made.metadata.uid);
    expect(await client.remove(ref('made'))).toBeUndefined();
  });

  test('status of a Deployment is written through its own path', async () => {
    const labels = { app: 'idle' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'none.invalid/none:1' }] } };
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'idle', namespace },
      spec: { replicas: 0, selector: { matchLabels: labels }, template },
    };
    await client.apply(deployment, { fieldManager: 'tester' });
    const { apiVersion, kind, metadata } = deployment;
    const condition = {
      type: 'Tested',
      status: 'True',
      reason: 'Test',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      lastUpdateTime: '2026-01-01T00:00:00Z',
    };
    const after = await client.apply(
      { apiVersion, kind, metadata, status: { conditions: [condition] } },
      { fieldManager: 'tester-status', subresource: 'status' },
    );
    expect(after.status).toMatchObject({ conditions: expect.arrayContaining([expect.objectContaining({ type: 'Tested' })]) as unknown });
  });

  test('pitfall 23: status of what is gone is NotFound and makes nothing', async () => {
    const gone = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'never', namespace }, status: { readyReplicas: 1 } };
    await expect(client.apply(gone, { fieldManager: 'tester', subresource: 'status' })).rejects.toMatchObject({ kind: 'NotFound' });
    expect(await client.get({ resource: RESOURCE.deployment, namespace, name: 'never' })).toBeUndefined();
  });

  test('pitfall 16: times of a Lease have six digits after the second, or the server refuses them', async () => {
    const lease = (renewTime: string) => ({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'times', namespace },
      spec: { holderIdentity: 'one', leaseDurationSeconds: 15, acquireTime: renewTime, renewTime },
    });
    const nowMs = Date.UTC(2026, 4, 6, 7, 8, 9, 754);
    await expect(client.create(lease(new Date(nowMs).toISOString()))).rejects.toMatchObject({ kind: 'Invalid', code: 400 });
    const made = await client.create(lease(microTime(nowMs)));
    expect(made.spec).toMatchObject({ renewTime: '2026-05-06T07:08:09.754000Z' });
  });

  test('an invalid object is Invalid and says which field', async () => {
    await expect(client.apply({ ...configMap('bad', {}), data: { '%%': 'x' } }, { fieldManager: 'tester' })).rejects.toMatchObject({
      kind: 'Invalid',
      code: 422,
      message: expect.stringContaining('data[%%]') as unknown,
    });
  });
});

describe('a misspelt field', () => {
  const named = (field: string): unknown =>
    expect.objectContaining({ kind: 'Invalid', retryable: false, message: expect.stringContaining(field) as unknown });

  test('of a built-in kind is refused by every way of writing', async () => {
    const misspelt = (name: string) => ({ ...configMap(name, { a: '1' }), dta: { a: '2' } });
    await expect(client.create(misspelt('created'))).rejects.toEqual(named('dta'));
    await expect(client.apply(misspelt('created'), { fieldManager: 'tester' })).rejects.toEqual(named('dta'));
    expect(await client.get(ref('created'))).toBeUndefined();
    const made = await client.create(configMap('made-well', { a: '1' }));
    await expect(client.replace({ ...made, data: { a: '2' }, dta: {} })).rejects.toEqual(named('dta'));
    expect((await client.get(ref('made-well')))?.['data']).toEqual({ a: '1' });
  });

  test('of a kind of ours is refused too, in status as in spec', async () => {
    const crds = ['modelversions', 'modeldeployments', 'modelreleases', 'checksets'].map((plural) => `crd/${plural}.plimsoll.dev`);
    await server.kubectl(['create', '-k', join(import.meta.dirname, '../../../crds')]);
    await server.kubectl(['wait', '--for=condition=established', '--timeout=30s', ...crds]);
    const full = fullObject('modelversions');
    const object = { ...full, metadata: { ...full.metadata, namespace } };
    const { status, ...intent } = object;
    await client.apply(intent, { fieldManager: 'tester' });
    await expect(client.apply(withValue(intent, 'spec.source.http.ulr', 'x'), { fieldManager: 'tester' })).rejects.toEqual(named('ulr'));
    await expect(client.create(withValue(intent, 'spec.source.http.ulr', 'x'))).rejects.toEqual(named('ulr'));
    const { spec: _, ...report } = { ...object, status };
    const misspelt = { ...report, status: { ...status, resolvd: {} } };
    await expect(client.apply(misspelt, { fieldManager: 'tester', subresource: 'status' })).rejects.toEqual(named('resolvd'));
    expect((await client.apply(report, { fieldManager: 'tester', subresource: 'status' })).status).toEqual(status);
  }, 60_000);
});

describe('following', () => {
  test('more than 500 objects come in two requests, as they were at the first one, and a watch goes on from there', async () => {
    const quick = createKubeClient(server.kubeConfig(), { clock: realClock, rate: { perSecond: 1000, burst: 1000 } });
    const name = (index: number): string => `many-${String(index).padStart(3, '0')}`;
    await Promise.all(Array.from({ length: 501 }, (_, index) => quick.create(configMap(name(index), {}, { set: 'many' }))));
    const pages = client.listPages(RESOURCE.configMap, { namespace, labelSelector: 'set=many' });
    const first = (await pages.next()).value as ListPage;
    await client.remove(ref(name(500)));
    const second = (await pages.next()).value as ListPage;
    expect([first.items.length, second.items.map(({ metadata }) => metadata.name)]).toEqual([500, [name(500)]]);
    expect((await pages.next()).done).toBe(true);
    const from = { namespace, labelSelector: 'set=many', resourceVersion: second.resourceVersion, timeoutSeconds: 10, silenceMs: 10_000 };
    const watch = client.watch(RESOURCE.configMap, from, new AbortController().signal);
    expect((await watch.next()).value).toMatchObject({ type: 'DELETED', object: { metadata: { name: name(500) } } });
    await watch.return();
  }, 60_000);

  test('pitfall 4: a watch that sees nothing is told of newer versions by bookmarks', async () => {
    const { resourceVersion } = await client.list(RESOURCE.configMap, { namespace });
    const object = { ...configMap('elsewhere', {}), metadata: { name: 'elsewhere', namespace: 'default' } };
    let elsewhere: Promise<KubeObject> | undefined;
    const onOpen = (): void => void (elsewhere = client.apply(object, { fieldManager: 'tester' }));
    // The server sends one each minute, and some in the last two seconds.
    const from = { namespace, resourceVersion, timeoutSeconds: 6, silenceMs: 20_000, onOpen };
    const watch = client.watch(RESOURCE.configMap, from, new AbortController().signal);
    const event = (await watch.next()).value as WatchEvent;
    expect(event.type).toBe('BOOKMARK');
    const written = Number((await elsewhere)?.metadata.resourceVersion);
    expect(written).toBeGreaterThan(Number(resourceVersion));
    expect(Number(event.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(written);
    await watch.return();
  }, 30_000);

  test('lists come in pages and know their kind; a watch follows, and an object that leaves the selection is gone', async () => {
    for (let index = 0; index < 5; index += 1)
      await client.apply(configMap(`page-${index}`, { a: '1' }, { set: 'pages' }), { fieldManager: 'tester' });
    const errors: string[] = [];
    const stop = new AbortController();
    const reflector: Reflector<{ name: string; a: string }> = createReflector({
      client,
      resource: RESOURCE.configMap,
      namespace,
      labelSelector: 'set=pages',
      pageSize: 2,
      project: (object) => ({ name: object.metadata.name, a: (object['data'] as { a: string }).a }),
      onError: (error) => errors.push(error.message),
      clock: realClock,
      random: Math.random,
    });
    const lists = reports.filter(({ verb }) => verb === 'list').length;
    const ended = reflector.run(stop.signal);
    await until(() => reflector.hasSynced());
    expect(reports.filter(({ verb }) => verb === 'list').length - lists).toBe(3);
    expect(reflector.list()).toHaveLength(5);
    await client.apply(configMap('page-0', { a: '2' }, { set: 'pages' }), { fieldManager: 'tester' });
    await client.apply(configMap('page-1', { a: '1' }, { set: 'other' }), { fieldManager: 'tester' });
    await client.remove(ref('page-2'));
    await until(() => reflector.list().length === 3 && reflector.get(namespace, 'page-0')?.a === '2');
    stop.abort();
    await ended;
    expect(errors).toEqual([]);
  }, 30_000);
});

describe('leading', () => {
  test('pitfall 15: two candidates: one leads; when it releases, the other leads within one try', async () => {
    const leading: string[] = [];
    const candidate = (identity: string) => {
      const stop = new AbortController();
      const elector = createLeaderElector({
        client,
        namespace,
        name: 'lease',
        identity,
        clock: realClock,
        random: Math.random,
        onAcquired: () => leading.push(identity),
        onLost: (reason) => leading.push(`${identity} lost: ${reason}`),
        onError: (error) => leading.push(`${identity}: ${error.message}`),
      });
      return { elector, stop, ended: elector.run(stop.signal) };
    };
    const one = candidate('one');
    await until(() => one.elector.isLeader());
    const two = candidate('two');
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect([one.elector.isLeader(), two.elector.isLeader()]).toEqual([true, false]);
    const released = performance.now();
    one.stop.abort();
    await one.ended;
    await until(() => two.elector.isLeader(), 5000);
    expect(performance.now() - released).toBeLessThan(3000);
    expect(leading).toEqual(['one', 'two']);
    two.stop.abort();
    await two.ended;
  }, 30_000);
});

describe('events', () => {
  test('kubectl describe shows what was recorded, and how often', async () => {
    const object = await client.apply(configMap('described', { a: '1' }), { fieldManager: 'tester' });
    const recorder = createEventRecorder({ client, clock: realClock, component: 'plimsoll', instance: 'test' });
    for (let times = 0; times < 2; times += 1) {
      recorder.record({ regarding: object, type: 'Warning', reason: 'RolledBack', message: 'errors: 26 of 105' });
      await recorder.flush();
    }
    const said = await server.kubectl(['describe', 'configmap', 'described', '--namespace', namespace]);
    expect(said).toMatch(/Warning\s+RolledBack\s+.*\(x2 over .*\)\s+plimsoll\s+errors: 26 of 105/);
  });
});
