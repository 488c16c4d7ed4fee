// Reflector and lease against a real API server behind a line that is cut, and whose etcd forgets old versions within seconds.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { ResourceType } from '../../../src/api/resources.ts';
import { RESOURCE } from '../../../src/api/resources.ts';
import type { CallReport, KubeClient } from '../../../src/controller/client.ts';
import { isKubeError } from '../../../src/controller/errors.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import type { LeaderElector } from '../../../src/controller/lease.ts';
import { createLeaderElector } from '../../../src/controller/lease.ts';
import type { Reflector } from '../../../src/controller/reflector.ts';
import { createReflector } from '../../../src/controller/reflector.ts';
import type { Caches } from '../../../src/observe/caches.ts';
import { watchAges } from '../../../src/operator/lead.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { realClock } from '../../support/clocks.ts';
import type { Line } from '../../support/line.ts';
import { layLine, overLine } from '../../support/line.ts';
import type { PrivateApiServer } from '../../support/privateApiServer.ts';
import { startPrivateApiServer } from '../../support/privateApiServer.ts';

let server: PrivateApiServer;
let line: Line;
let namespace = '';
/** Over the line. */
let client: KubeClient;
/** Beside it. */
let others: KubeClient;
const reports: CallReport[] = [];
const renewals = { durationMs: 3000, renewDeadlineMs: 2000, retryMs: 300 };

beforeAll(async () => {
  // Without its watch cache the server answers for ConfigMaps from etcd, and so knows nothing that etcd has forgotten.
  server = await startPrivateApiServer({ apiserver: ['--etcd-compaction-interval', '1s', '--watch-cache-sizes', 'configmaps#0'] });
  line = await layLine(server.port);
  namespace = await server.createNamespace('gaps');
  client = createKubeClient(overLine(server.kubeConfig(), line.port), { clock: realClock, onCall: (report) => reports.push(report) });
  others = createKubeClient(server.kubeConfig(), { clock: realClock });
}, 120_000);
afterAll(async () => {
  await line.close();
  await server.stop();
});

const configMap = (name: string, value: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data: { value },
});
const service = (name: string, value: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, annotations: { value } },
  spec: { ports: [{ port: 80 }] },
});
const reported = (verb: CallReport['verb'], resource: ResourceType): number =>
  reports.filter((report) => report.verb === verb && report.resource === resource.plural).length;
const applyByOthers = (object: ReturnType<typeof configMap> | ReturnType<typeof service>) =>
  others.apply(object, { fieldManager: 'other' });

async function until(what: () => boolean | Promise<boolean>, patienceMs = 20_000): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await what())) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until a watch from this version is refused. etcd forgets a version only once something has been written after it. */
async function untilForgotten(resourceVersion: string | undefined): Promise<void> {
  const from = { namespace, resourceVersion: resourceVersion ?? '', timeoutSeconds: 1, silenceMs: 5000 };
  await until(async () => {
    await applyByOthers(configMap('unrelated', String(performance.now())));
    const watch = others.watch(RESOURCE.configMap, from, new AbortController().signal);
    try {
      await watch.next();
      return false;
    } catch (error) {
      if (isKubeError(error, 'Gone')) return true;
      throw error;
    } finally {
      await watch.return();
    }
  });
}

/** Follows a resource over the line while `work` runs. */
async function following(
  resource: ResourceType,
  valueOf: (object: { readonly [field: string]: unknown }) => string,
  work: (reflector: Reflector<{ name: string; value: string }>, errors: readonly string[]) => Promise<void>,
): Promise<void> {
  const errors: string[] = [];
  const stop = new AbortController();
  const reflector = createReflector({
    client,
    resource,
    namespace,
    project: (object) => ({ name: object.metadata.name, value: valueOf(object) }),
    onError: (error) => errors.push(error.message),
    clock: realClock,
    random: Math.random,
    backoff: { firstMs: 50, capMs: 200 },
  });
  const ended = reflector.run(stop.signal);
  try {
    await until(() => reflector.hasSynced());
    await work(reflector, errors);
  } finally {
    line.mend();
    stop.abort();
    await ended;
  }
}

describe('a cut line', () => {
  test('is made good by watching on from where it was cut, without a new list', async () => {
    await applyByOthers(service('kept', '1'));
    await applyByOthers(service('gone', '1'));
    const valueOf = (object: { readonly [field: string]: unknown }) =>
      (object['metadata'] as { annotations: { value: string } }).annotations.value;
    await following(RESOURCE.service, valueOf, async (reflector, errors) => {
      await until(() => reported('watch', RESOURCE.service) === 1);
      const lists = reported('list', RESOURCE.service);
      await applyByOthers(service('kept', '2'));
      await until(() => reflector.get(namespace, 'kept')?.value === '2');
      line.cut();
      await applyByOthers(service('kept', '3'));
      await others.remove({ resource: RESOURCE.service, namespace, name: 'gone' });
      await applyByOthers(service('new', '1'));
      await until(() => errors.length > 0);
      expect(reflector.get(namespace, 'gone')).toBeDefined();
      line.mend();
      await until(() => reflector.get(namespace, 'new') !== undefined);
      expect(reflector.list().toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
        { name: 'kept', value: '3' },
        { name: 'new', value: '1' },
      ]);
      expect(reported('list', RESOURCE.service)).toBe(lists);
    });
  }, 60_000);
});

describe('a line that dies in silence', () => {
  test('pitfall 10: shows as a watch that grows old, and the watch is opened anew although nothing said that it had ended', async () => {
    const metrics = createMetrics({ version: '0', commit: '', monotonicMs: realClock.monotonic, processMetrics: false });
    const stop = new AbortController();
    const impatient = createKubeClient(overLine(server.kubeConfig(), line.port), { clock: realClock, deadlineMs: 1000 });
    const opened: number[] = [];
    const reflector = createReflector({
      client: {
        ...impatient,
        watch: (resource, options, signal) => {
          opened.push(performance.now());
          return impatient.watch(resource, options, signal);
        },
      },
      resource: RESOURCE.service,
      namespace,
      project: ({ metadata }) => metadata.name,
      clock: realClock,
      random: Math.random,
      silenceMs: 2000,
      backoff: { firstMs: 50, capMs: 200 },
    });
    const caches = { services: reflector } as unknown as Caches;
    const age = async (): Promise<number> => Number(/^plimsoll_watch_age_seconds.* (\S+)$/m.exec((await metrics.render()).body)?.[1]);
    const running = [reflector.run(stop.signal), watchAges(caches, metrics, realClock, stop.signal)];
    try {
      await until(() => reflector.hasSynced() && opened.length === 1);
      const hushed = performance.now();
      line.hush();
      await applyByOthers(service('unheard', '1'));
      await until(async () => (await age()) > 5);
      expect(reflector.secondsSinceActivity()).toBeGreaterThan(4);
      expect(opened.slice(1).map((at) => Math.round((at - hushed) / 1000))[0]).toBeLessThanOrEqual(10);
      expect(reflector.get(namespace, 'unheard')).toBeUndefined();
      line.mend();
      await until(() => reflector.get(namespace, 'unheard') !== undefined);
      await until(async () => (await age()) < 5);
    } finally {
      line.mend();
      stop.abort();
      await Promise.all(running);
      metrics.close();
    }
  }, 60_000);
});

describe('versions that etcd has forgotten', () => {
  test('a list whose next page comes too late ends with Gone', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) await applyByOthers(configMap(name, '1'));
    const pages = client.listPages(RESOURCE.configMap, { namespace, pageSize: 1 });
    const first = await pages.next();
    await untilForgotten(first.done === true ? undefined : first.value.resourceVersion);
    await expect(pages.next()).rejects.toMatchObject({ kind: 'Gone', code: 410, retryable: true });
  }, 60_000);

  test('a watch from one ends with Gone', async () => {
    const { metadata } = await applyByOthers(configMap('watched', '1'));
    await untilForgotten(metadata.resourceVersion);
    const from = { namespace, resourceVersion: metadata.resourceVersion ?? '', timeoutSeconds: 5, silenceMs: 10_000 };
    await expect(client.watch(RESOURCE.configMap, from, new AbortController().signal).next()).rejects.toMatchObject({ kind: 'Gone' });
  }, 60_000);

  test('pitfall 9: a reflector that was cut off for that long lists again and notices what was deleted meanwhile', async () => {
    await applyByOthers(configMap('kept', '1'));
    await applyByOthers(configMap('gone', '1'));
    await following(
      RESOURCE.configMap,
      (object) => (object['data'] as { value: string }).value,
      async (reflector, errors) => {
        const lists = reported('list', RESOURCE.configMap);
        const { metadata } = await applyByOthers(configMap('kept', '2'));
        await until(() => reflector.get(namespace, 'kept')?.value === '2');
        line.cut();
        await others.remove({ resource: RESOURCE.configMap, namespace, name: 'gone' });
        await applyByOthers(configMap('kept', '3'));
        await untilForgotten(metadata.resourceVersion);
        expect(reflector.get(namespace, 'gone')).toBeDefined();
        line.mend();
        await until(() => reflector.get(namespace, 'gone') === undefined);
        expect(reflector.get(namespace, 'kept')?.value).toBe('3');
        expect(reported('list', RESOURCE.configMap)).toBeGreaterThan(lists);
        await applyByOthers(configMap('kept', '4'));
        await until(() => reflector.get(namespace, 'kept')?.value === '4');
        expect(errors.length).toBeGreaterThan(0);
      },
    );
  }, 60_000);
});

describe('a leader behind a cut line', () => {
  test('pitfall 15: gives up before the other one takes the lease, whose times the server takes as they are', async () => {
    const stop = new AbortController();
    const story: string[] = [];
    const runs: Promise<void>[] = [];
    const compete = (identity: string, over: KubeClient): LeaderElector => {
      const told = { onAcquired: () => story.push(`${identity} leads`), onLost: () => story.push(`${identity} gives up`) };
      const elector = createLeaderElector({
        ...renewals,
        ...told,
        client: over,
        namespace,
        name: 'lease',
        identity,
        clock: realClock,
        random: Math.random,
      });
      runs.push(elector.run(stop.signal));
      return elector;
    };
    const stored = async () => (await others.get({ resource: RESOURCE.lease, namespace, name: 'lease' }))?.spec as Record<string, unknown>;
    try {
      const one = compete('one', client);
      await until(() => one.isLeader());
      const first = await stored();
      expect(first).toMatchObject({ holderIdentity: 'one', leaseDurationSeconds: 3, leaseTransitions: 0 });
      expect(first['acquireTime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      const two = compete('two', others);
      line.cut();
      await until(() => two.isLeader());
      expect(story).toEqual(['one leads', 'one gives up', 'two leads']);
      expect(one.isLeader()).toBe(false);
      expect(await stored()).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
    } finally {
      line.mend();
      stop.abort();
      await Promise.all(runs);
    }
  }, 60_000);
});
