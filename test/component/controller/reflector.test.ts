// The reflector against a server that fails in every way that a watch can fail.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { RESOURCE } from '../../../src/api/resources.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import type { Reflector, ReflectorOptions } from '../../../src/controller/reflector.ts';
import { createReflector } from '../../../src/controller/reflector.ts';
import type { FakeApiServer } from '../../support/apiServer.ts';
import { startApiServer } from '../../support/apiServer.ts';
import { createSeededRandom, realClock } from '../../support/clocks.ts';

type Seen = { readonly name: string; readonly replicas: number; readonly team: string };
type Change = readonly [before: Seen | undefined, after: Seen | undefined];

let server: FakeApiServer;
let client: KubeClient;
let stop: AbortController;
let running: Promise<void>[];
let changes: Change[];
let errors: string[];

beforeEach(async () => {
  server = await startApiServer();
  client = createKubeClient(server.kubeConfig(), { clock: realClock, deadlineMs: 1000, rate: { perSecond: 1000, burst: 1000 } });
  stop = new AbortController();
  running = [];
  changes = [];
  errors = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  await server.close();
});

const put = (name: string, replicas: number, team = 'a') =>
  server.put({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'risk', labels: { team } },
    spec: { replicas, unneeded: 'x' },
  });

function start(over: Partial<ReflectorOptions<Seen>> = {}): Reflector<Seen> {
  const reflector = createReflector<Seen>({
    client,
    resource: RESOURCE.deployment,
    project: ({ metadata, spec }) => ({
      name: metadata.name,
      replicas: (spec as { replicas: number }).replicas,
      team: metadata.labels?.['team'] ?? '',
    }),
    indexes: { byTeam: ({ team }) => [team] },
    onChange: (before, after) => changes.push([before, after]),
    onError: (error, doing) => errors.push(`${doing}: ${error.message}`),
    clock: realClock,
    random: createSeededRandom(),
    backoff: { firstMs: 20, capMs: 100 },
    ...over,
  });
  running.push(reflector.run(stop.signal));
  return reflector;
}

async function until(what: () => boolean, patienceMs = 4000): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!what()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what.toString()}; errors: ${errors.join('; ')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
const count = (verb: string): number => server.requests.filter((request) => request.verb === verb).length;
const replicasOf = (reflector: Reflector<Seen>, name: string): number | undefined => reflector.get('risk', name)?.replicas;

describe('following a resource', () => {
  test('the store follows additions, changes and deletions', async () => {
    put('a', 1);
    const reflector = start();
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    put('b', 2);
    put('a', 5);
    await until(() => replicasOf(reflector, 'a') === 5);
    server.remove('apps/v1', 'deployments', 'risk', 'b');
    await until(() => reflector.list().length === 1);
    expect(changes.map(([before, after]) => [before?.replicas, after?.replicas])).toEqual([
      [undefined, 1],
      [undefined, 2],
      [1, 5],
      [2, undefined],
    ]);
    expect(errors).toEqual([]);
  });

  test('it is not synced before the last page of the first list is in', async () => {
    for (let index = 0; index < 5; index += 1) put(`d${index}`, index);
    server.inject({ verb: 'list', delayMs: 50, times: 3 });
    const reflector = start({ pageSize: 2 });
    await until(() => changes.length >= 2);
    expect(reflector.hasSynced()).toBe(false);
    await until(() => reflector.hasSynced());
    expect(reflector.list()).toHaveLength(5);
  });

  test('pitfall 12: only the projection is kept, and nobody can change it', async () => {
    put('a', 1);
    const reflector = start({ project: () => ({ name: 'x', replicas: 1, team: 'a', nested: { list: [1] } }) });
    await until(() => reflector.hasSynced());
    const stored = reflector.get('risk', 'a') as unknown as { nested: { list: number[] } };
    expect(JSON.stringify(stored)).not.toContain('unneeded');
    expect(() => stored.nested.list.push(2)).toThrow(TypeError);
  });

  test('an index follows an object that changes sides, and forgets one that is gone', async () => {
    put('a', 1, 'red');
    put('b', 1, 'red');
    const reflector = start();
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    put('a', 1, 'blue');
    await until(() => reflector.byIndex('byTeam', 'blue').length === 1);
    expect(reflector.byIndex('byTeam', 'red').map(({ name }) => name)).toEqual(['b']);
    server.remove('apps/v1', 'deployments', 'risk', 'b');
    await until(() => reflector.byIndex('byTeam', 'red').length === 0);
    expect(() => reflector.byIndex('byColour', 'red')).toThrow('There is no index byColour; there are: byTeam.');
  });

  test('list and watch carry the label selector, and an object that leaves the selection is gone', async () => {
    put('a', 1, 'red');
    put('b', 1, 'blue');
    const reflector = start({ labelSelector: 'team=red' });
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    expect(reflector.list().map(({ name }) => name)).toEqual(['a']);
    put('a', 1, 'blue');
    await until(() => reflector.list().length === 0);
    expect(server.requests.map(({ query }) => query['labelSelector'])).toEqual(['team=red', 'team=red']);
  });

  test('the same version of an object told twice is a change only once', async () => {
    put('a', 1);
    const reflector = start();
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    const stored = server.get('apps/v1', 'deployments', 'risk', 'a');
    server.inject({ verb: 'watch', text: JSON.stringify({ type: 'MODIFIED', object: stored }) });
    server.cutWatches();
    await until(() => count('watch') === 2);
    put('z', 1);
    await until(() => replicasOf(reflector, 'z') === 1);
    expect(changes).toHaveLength(2);
  });
});

describe('a watch that breaks', () => {
  test('pitfall 5: a 500 on the watch does not end it', async () => {
    server.inject({ verb: 'watch', status: 500 });
    const reflector = start();
    await until(() => errors.length === 1 && server.openWatches() === 1);
    put('a', 1);
    await until(() => replicasOf(reflector, 'a') === 1);
    expect(errors[0]).toMatch(/^watch: watch deployments: 500/);
    expect(count('list')).toBe(1);
  });

  test.each([401, 403, 429, 503])('pitfall 22: a %i on the list is tried again until it works', async (status) => {
    put('a', 1);
    server.inject({ verb: 'list', status, times: 2 });
    const reflector = start();
    await until(() => reflector.hasSynced());
    expect(replicasOf(reflector, 'a')).toBe(1);
    expect(errors).toHaveLength(2);
  });

  test('after a cut connection it resumes from where it was, and misses nothing', async () => {
    put('a', 1);
    const reflector = start();
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    server.inject({ verb: 'watch', delayMs: 100 });
    server.cutWatches();
    await until(() => count('watch') === 2);
    put('b', 2); // while no watch is open
    server.remove('apps/v1', 'deployments', 'risk', 'a');
    await until(() => replicasOf(reflector, 'b') === 2 && reflector.list().length === 1);
    expect(count('list')).toBe(1);
  });

  test('pitfall 9: Gone leads to a new list at once, which finds what was deleted meanwhile', async () => {
    put('a', 1);
    put('b', 1);
    server.inject({ verb: 'watch', status: 410, delayMs: 100 });
    const reflector = start({ backoff: { firstMs: 60_000, capMs: 60_000 } }); // only a try without waiting can come in time
    await until(() => count('watch') === 1);
    server.remove('apps/v1', 'deployments', 'risk', 'a');
    await until(() => reflector.list().length === 1);
    expect(changes.at(-1)).toEqual([{ name: 'a', replicas: 1, team: 'a' }, undefined]);
    expect(count('list')).toBe(2);
  });

  test('a server that answers Gone again and again is not stormed', async () => {
    server.inject({ verb: 'watch', status: 410, times: 1000 });
    start({ backoff: { firstMs: 100, capMs: 100 } });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(count('list')).toBeGreaterThan(2);
    expect(count('list')).toBeLessThan(15);
  });

  test('a server that closes each watch at once is not stormed', async () => {
    const reflector = start({ backoff: { firstMs: 100, capMs: 100 } });
    await until(() => reflector.hasSynced());
    const closing = setInterval(() => server.cutWatches(), 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    clearInterval(closing);
    expect(count('watch')).toBeLessThan(15);
  });

  test('pitfall 5: the wait between failures grows', async () => {
    server.inject({ verb: 'list', status: 500, times: 1000 });
    start({ backoff: { firstMs: 20, capMs: 10_000 } });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(count('list')).toBeGreaterThan(3);
    expect(count('list')).toBeLessThan(9); // 20, 40, 80, 160, 320 ms, each at least half
  });

  test('pitfall 13: an unreadable line is not skipped: the watch starts over and the event comes again', async () => {
    const reflector = start();
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    server.inject({ verb: 'watch', text: '{"type":"ADDED","object":{"metad' });
    server.cutWatches();
    await until(() => errors.some((error) => error.includes('an event is not JSON')));
    put('a', 1);
    await until(() => replicasOf(reflector, 'a') === 1);
  });

  test('a bookmark moves the place to resume from, so that a quiet resource does not fall out of the history', async () => {
    const reflector = start();
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    const other = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'risk' } };
    server.put(other);
    server.compact();
    server.sendBookmarks();
    await new Promise((resolve) => setTimeout(resolve, 30));
    server.cutWatches();
    await until(() => count('watch') === 2 && server.openWatches() === 1);
    put('a', 1);
    await until(() => replicasOf(reflector, 'a') === 1);
    expect(count('list')).toBe(1);
  });

  test('pitfall 4: a quiet watch is opened anew without being an error', async () => {
    const reflector = start({ silenceMs: 1100 });
    await until(() => count('watch') >= 3, 6000);
    expect(errors).toEqual([]);
    expect(count('list')).toBe(1);
    expect(server.openWatches()).toBe(1);
    expect(reflector.secondsSinceActivity()).toBeLessThan(2);
  });
});

describe('resync', () => {
  test('pitfall 10: a full list from time to time repairs what a watch has lost unnoticed', async () => {
    put('a', 1);
    const deaf: KubeClient = {
      ...client,
      watch: async function* (resource, options, signal) {
        for await (const event of client.watch(resource, options, signal)) if (event.type === 'BOOKMARK') yield event;
      },
    };
    const reflector = start({ client: deaf, resyncMs: 1000 });
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    put('a', 7);
    put('b', 1);
    await until(() => replicasOf(reflector, 'a') === 7 && replicasOf(reflector, 'b') === 1);
    server.remove('apps/v1', 'deployments', 'risk', 'b');
    await until(() => reflector.list().length === 1);
  });

  test('a resync that fails leaves the watch going', async () => {
    const reflector = start({ resyncMs: 1000, backoff: { firstMs: 2000, capMs: 4000 } });
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    server.inject({ verb: 'list', status: 503, times: 100 });
    await until(() => errors.length > 0 && server.openWatches() === 1);
    put('a', 1);
    await until(() => replicasOf(reflector, 'a') === 1, 1500);
    expect(errors.every((error) => error.startsWith('list: '))).toBe(true);
  });

  test('objects that did not change are not told again', async () => {
    put('a', 1);
    start({ resyncMs: 500 });
    await until(() => count('list') >= 2, 6000);
    expect(changes).toHaveLength(1);
  });
});

describe('learning from answers', () => {
  /** Nothing comes from the watch until `server.cutWatches` is called again. */
  async function deaf(reflector: Reflector<Seen>): Promise<void> {
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    server.inject({ verb: 'watch', delayMs: 300 });
    server.cutWatches();
    await until(() => count('watch') === 2);
  }
  const write = (name: string, replicas: number, team = 'a') =>
    client.apply(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace: 'risk', labels: { team } },
        spec: { replicas },
      },
      { fieldManager: 'tester' },
    );

  test('an answer is seen before the watch tells it, and told once', async () => {
    put('a', 1);
    const reflector = start();
    await deaf(reflector);
    reflector.learn(await write('a', 2));
    reflector.learn(await write('new', 3));
    expect([replicasOf(reflector, 'a'), replicasOf(reflector, 'new')]).toEqual([2, 3]);
    put('later', 1);
    await until(() => replicasOf(reflector, 'later') === 1);
    expect(changes.map(([before, after]) => [before?.replicas, after?.replicas, after?.name])).toEqual([
      [undefined, 1, 'a'],
      [1, 2, 'a'],
      [undefined, 3, 'new'],
      [undefined, 1, 'later'],
    ]);
  });

  test('what the watch tells later about an earlier version does not bring it back', async () => {
    put('a', 1);
    const reflector = start();
    await deaf(reflector);
    put('a', 5); // somebody else's write, which the watch still has to tell
    reflector.learn(await write('a', 6));
    put('later', 1);
    await until(() => replicasOf(reflector, 'later') === 1);
    expect(replicasOf(reflector, 'a')).toBe(6);
    expect(changes.filter(([, after]) => after?.name === 'a').map(([, after]) => after?.replicas)).toEqual([1, 6]);
  });

  test('an answer that comes when newer is known, or when the object is gone, changes nothing', async () => {
    const reflector = start();
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    const early = await write('a', 1);
    put('a', 7);
    await until(() => replicasOf(reflector, 'a') === 7);
    reflector.learn(early);
    expect(replicasOf(reflector, 'a')).toBe(7);
    server.remove('apps/v1', 'deployments', 'risk', 'a');
    await until(() => reflector.list().length === 0);
    reflector.learn(early);
    expect(reflector.list()).toEqual([]);
  });

  test('the end of an earlier object of that name does not take the new one away', async () => {
    put('a', 1);
    const reflector = start();
    await deaf(reflector);
    server.remove('apps/v1', 'deployments', 'risk', 'a');
    reflector.learn(await write('a', 2));
    put('later', 1);
    await until(() => replicasOf(reflector, 'later') === 1);
    expect(replicasOf(reflector, 'a')).toBe(2);
  });

  test('an object that a write has deleted is gone before the watch tells it, and a later one of its name stays', async () => {
    const first = put('a', 1);
    const reflector = start();
    await deaf(reflector);
    server.remove('apps/v1', 'deployments', 'risk', 'a');
    reflector.forget('risk', 'a', first.metadata.uid ?? '');
    expect(reflector.list()).toEqual([]);
    reflector.learn(await write('a', 2));
    reflector.forget('risk', 'a', first.metadata.uid ?? '');
    put('later', 1);
    await until(() => replicasOf(reflector, 'later') === 1);
    expect(replicasOf(reflector, 'a')).toBe(2);
    const ofA = changes.filter(([before, after]) => (before ?? after)?.name === 'a');
    expect(ofA.map(([, after]) => after?.replicas)).toEqual([1, undefined, 2]);
  });

  test('an object that is not selected is not learned, nor anything before the first list is complete', async () => {
    server.inject({ verb: 'list', delayMs: 100 });
    const reflector = start({ labelSelector: 'team=red' });
    reflector.learn(await write('early', 1, 'red'));
    expect(reflector.list()).toEqual([]);
    await until(() => reflector.hasSynced() && reflector.list().length === 1);
    reflector.learn(await write('other', 1, 'blue'));
    expect(reflector.list().map(({ name }) => name)).toEqual(['early']);
  });

  test('a kind that the server does not have counts as one without objects after a while, and is seen when it comes', async () => {
    server.inject({ verb: 'list', status: 404, times: 8 });
    put('a', 1);
    const reflector = start({ absentAfterMs: 150, backoff: { firstMs: 50, capMs: 50 } });
    await until(() => errors.length > 0);
    expect(reflector.hasSynced()).toBe(false);
    await until(() => reflector.hasSynced());
    expect(reflector.list()).toEqual([]);
    const told = errors.length;
    await until(() => replicasOf(reflector, 'a') === 1);
    expect(errors).toHaveLength(told);
  });

  test('a kind whose objects were seen is not taken for absent', async () => {
    put('a', 1);
    const reflector = start({ absentAfterMs: 1, resyncMs: 30 });
    await until(() => reflector.hasSynced());
    server.inject({ verb: 'list', status: 404, times: 5 });
    await until(() => errors.length >= 3);
    expect(replicasOf(reflector, 'a')).toBe(1);
    expect(errors[0]).toMatch(/^list: /);
  });

  test('a list is believed also when it is older: etcd may have been restored', async () => {
    const reflector = start({ resyncMs: 1000 });
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    put('a', 1);
    await until(() => replicasOf(reflector, 'a') === 1);
    const newest = await write('a', 9);
    reflector.learn({ ...newest, metadata: { ...newest.metadata, resourceVersion: `${newest.metadata.resourceVersion ?? ''}000` } });
    const lists = count('list');
    put('a', 2);
    await until(() => count('list') > lists && replicasOf(reflector, 'a') === 2);
  });
});

describe('handlers that throw', () => {
  test('pitfall 8: a throwing handler, in the list or in the watch, is reported and stops nothing', async () => {
    put('a', 1);
    const reflector = start({
      onChange: () => {
        throw new Error('handler is broken');
      },
    });
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    put('b', 1);
    put('a', 2);
    await until(() => replicasOf(reflector, 'a') === 2);
    expect(errors).toEqual(Array(3).fill('onChange: handler is broken'));
  });

  test('an object that cannot be projected keeps its last good value and stops no other', async () => {
    put('a', 1);
    const reflector = start();
    await until(() => reflector.hasSynced() && server.openWatches() === 1);
    server.put({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a', namespace: 'risk' } });
    put('b', 2);
    await until(() => replicasOf(reflector, 'b') === 2);
    expect(replicasOf(reflector, 'a')).toBe(1);
    expect(errors).toHaveLength(1);
  });
});

describe('stopping', () => {
  test('pitfall 6: a stop ends an open watch, without an error', async () => {
    start();
    await until(() => server.openWatches() === 1);
    stop.abort();
    await Promise.all(running);
    await until(() => server.openWatches() === 0);
    expect(errors).toEqual([]);
  });

  test('pitfall 7: a stop during the list leaks no watch', async () => {
    put('a', 1);
    server.inject({ verb: 'list', delayMs: 100 });
    start();
    await until(() => count('list') === 1);
    stop.abort();
    await Promise.all(running);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(count('watch')).toBe(0);
    expect(errors).toEqual([]);
  });

  test('pitfall 7: a stop while the watch is being opened leaks none', async () => {
    server.inject({ verb: 'watch', delayMs: 100 });
    start();
    await until(() => count('watch') === 1);
    stop.abort();
    await Promise.all(running);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(server.openWatches()).toBe(0);
  });

  test('a stop during a wait after a failure ends at once', async () => {
    server.inject({ verb: 'list', status: 500, times: 100 });
    start({ backoff: { firstMs: 60_000, capMs: 60_000 } });
    await until(() => errors.length === 1);
    const started = performance.now();
    stop.abort();
    await Promise.all(running);
    expect(performance.now() - started).toBeLessThan(500);
    expect(count('list')).toBe(1);
  });

  test('pitfall 11: a hundred broken watches leave one open connection and none after the stop', async () => {
    const reflector = start({ backoff: { firstMs: 1, capMs: 1 } });
    await until(() => reflector.hasSynced());
    for (let round = 0; round < 100; round += 1) {
      const before = count('watch');
      await until(() => server.openWatches() === 1);
      server.cutWatches();
      await until(() => count('watch') > before);
    }
    await until(() => server.openWatches() === 1);
    put('last', 1);
    await until(() => replicasOf(reflector, 'last') === 1);
    stop.abort();
    await Promise.all(running);
    await until(() => server.openWatches() === 0);
  });
});
