// CheckSets as the operator's own caches show them: who is looked at when one changes, and what a pass then sees.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { RESOURCE } from '../../../src/api/resources.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import type { Observed } from '../../../src/core/observed.ts';
import { createCaches, type Caches } from '../../../src/observe/caches.ts';
import { observeDeployment } from '../../../src/observe/deployment.ts';
import { startApiServer, type FakeApiServer } from '../../support/apiServer.ts';
import { createSeededRandom, realClock } from '../../support/clocks.ts';
import { runCaches } from '../../support/runningCaches.ts';
import { SETTINGS } from '../../support/world.ts';
import { checkSetObject, deploymentObject, NAMESPACE, SPEC } from '../../support/world/objects.ts';

let server: FakeApiServer;
let client: KubeClient;
let caches: Caches;
let stop: AbortController;
let ended: Promise<unknown>;
/** Names of ModelDeployments that wait for a pass. */
let told: Set<string>;

const ERRORS = { name: 'errors', errorRate: {} };

beforeEach(async () => {
  server = await startApiServer();
  client = createKubeClient(server.kubeConfig(), { clock: realClock, deadlineMs: 5000, rate: { perSecond: 1000, burst: 1000 } });
  stop = new AbortController();
  told = new Set();
  caches = createCaches({
    client,
    clock: realClock,
    random: createSeededRandom(),
    onDeployment: (_, name) => told.add(name),
    onVersion: () => undefined,
    onError: () => undefined,
  });
  for (const [name, checkSets] of Object.entries({ one: ['platform'], two: ['team', 'platform'], other: ['team'], none: undefined })) {
    const object = deploymentObject({ analysis: { ...SPEC.analysis, ...(checkSets ? { checkSets } : {}) } });
    server.put({ ...object, metadata: { ...object.metadata, name } });
  }
  ({ ended } = await runCaches(caches, stop.signal));
  told.clear();
});

afterEach(async () => {
  stop.abort();
  await ended;
  await server.close();
});

/** Puts a CheckSet into a namespace and waits until the caches have it. */
async function put(name: string, check = ERRORS, namespace = NAMESPACE): Promise<void> {
  const object = checkSetObject(name, [check]);
  server.put({ ...object, metadata: { ...object.metadata, namespace } });
  await until(() => caches.checkSets.get(namespace, name)?.spec.checks[0]?.name === check.name);
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function observe(name: string): Promise<Observed | undefined> {
  const sources = { client, caches, settings: SETTINGS, probes: () => new Map(), samples: () => [], alerts: () => [], alertsProblem: () => undefined };
  return await observeDeployment(sources, NAMESPACE, name, stop.signal);
}

describe('a CheckSet', () => {
  test('that comes, changes or goes brings a pass to those who name it, and to nobody else', async () => {
    await put('platform');
    expect([...told].sort()).toEqual(['one', 'two']);
    told.clear();
    await put('platform', { ...ERRORS, name: 'failures' });
    expect([...told].sort()).toEqual(['one', 'two']);
    told.clear();
    server.remove('plimsoll.dev/v1alpha1', RESOURCE.checkSet.plural, NAMESPACE, 'platform');
    await until(() => caches.checkSets.get(NAMESPACE, 'platform') === undefined);
    expect([...told].sort()).toEqual(['one', 'two']);
  });

  test('is seen by a pass over those who name it', async () => {
    await put('platform');
    await put('unnamed');
    expect([...((await observe('two'))?.checkSets.keys() ?? [])]).toEqual(['platform']);
    expect((await observe('none'))?.checkSets.size).toBe(0);
  });

  test('of another namespace is none', async () => {
    await put('platform', ERRORS, 'elsewhere');
    expect(told.size).toBe(0);
    expect((await observe('one'))?.checkSets.size).toBe(0);
  });
});
