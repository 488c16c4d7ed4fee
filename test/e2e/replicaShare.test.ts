// Releases without a gateway: callers inside the cluster use Service `<name>`, and shares are made by the number of pods.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { lost, shareOf, startCallers, type Callers } from '../support/callers.ts';
import { kubectl, request } from '../support/cluster.ts';
import { conditionOf } from '../support/expectations.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const RATE = 50;
const STORY_MS = 180_000;
const SHARED = {
  replicas: 3,
  traffic: { replicaShare: {}, drain: '2s' },
  rollout: {
    ...QUICK_ROLLOUT,
    steps: [
      { weight: 5, hold: '8s' },
      { weight: 50, hold: '6s' },
    ],
  },
};
/** Pods go on answering for so long after they are told to end: with a drain of 2 s, their preStop sleep. And 3 s for all that comes before. */
const BOUND_MS = 5000;

interface Service {
  readonly spec: { readonly clusterIP: string; readonly selector: Readonly<Record<string, string>> };
}

let scene: Scenario;
/** New connections, and connections that stay open. */
let fresh: Callers;
let kept: Callers;

async function service(): Promise<Service> {
  return await scene.read<Service>(`/api/v1/namespaces/${scene.namespace}/services/${scene.name}`);
}

async function holding(number: number, step: number): Promise<ModelRelease> {
  return await scene.until(
    `release ${number} holds at step ${step}`,
    async () => {
      const release = (await scene.releases()).find(({ spec }) => spec.number === number);
      return release?.status?.phase === 'Holding' && release.status.step === step ? release : undefined;
    },
    60_000,
  );
}

beforeAll(async () => {
  scene = await Scenario.open('share');
  await Promise.all([
    scene.version('1.0.0'),
    scene.version('2.0.0'),
    // By the input and not by chance: the probe's zeros are answered, 3 of the 10 rows of the callers are not.
    scene.version('3.0.0', { failWhenFirstAtLeast: 7 }),
    scene.version('4.0.0'),
  ]);
  await scene.deploy('1.0.0', SHARED);
  await scene.ready();
  const { clusterIP } = (await service()).spec;
  await scene.until(
    'kube-proxy knows the Service',
    async () => {
      const first = startCallers(clusterIP, scene.name, 20);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await first.stop();
      return lost(first.calls).length === 0 ? true : undefined;
    },
    20_000,
  );
  fresh = startCallers(clusterIP, scene.name, RATE);
  kept = startCallers(clusterIP, scene.name, RATE / 2, { connections: 12 });
}, STORY_MS);

afterAll(async () => {
  await Promise.all([fresh.stop(), kept.stop()]);
  await scene.close();
}, 60_000);

test('the Service selects what serves, and there is no route', async () => {
  const deployment = await scene.deployment();
  const { selector } = (await service()).spec;
  expect(selector).toEqual({ 'plimsoll.dev/deployment': scene.name, 'plimsoll.dev/revision': deployment.status?.stable?.revision });
  const { body } = await request('GET', `/apis/gateway.networking.k8s.io/v1/namespaces/${scene.namespace}/httproutes`);
  expect((body as { items: unknown[] }).items).toEqual([]);
  expect(deployment.status?.traffic).toEqual({ inCluster: 'ByReplicas' });
});

describe('a good version', () => {
  beforeAll(async () => {
    await scene.release('2.0.0');
  });

  test(
    'gets the share that one pod of four makes, and the status says which',
    async () => {
      await holding(2, 0);
      const from = Date.now();
      const deployment = await scene.until(
        'the status shows the share',
        async () => {
          const now = await scene.deployment();
          return now.status?.weight === 5 ? now : undefined;
        },
        10_000,
      );
      expect(deployment.status?.traffic).toEqual({ inCluster: 'ByReplicas', achievedWeight: 25 });
      expect(conditionOf(deployment, 'Accepted')?.message).toMatch(/shares are made by the number of pods: 3 replicas: 5 % becomes 25 %/);
      expect((await service()).spec.selector).toEqual({ 'plimsoll.dev/deployment': scene.name });
      await new Promise((resolve) => setTimeout(resolve, 5000));
      const share = shareOf(
        fresh.calls.filter(({ sentAt }) => sentAt > from + 500),
        '2.0.0',
      );
      // 250 requests by chance: 25 % and five standard deviations.
      expect(Math.abs(share - 25)).toBeLessThan(14);
    },
    STORY_MS,
  );

  test(
    'is promoted on what its pods counted, and no request fails on the way',
    async () => {
      const { status, spec } = await scene.finished(2);
      expect(status).toMatchObject({ outcome: 'Promoted', phase: 'Promoted' });
      expect(spec.plan.evidence).toBe('MLServer');
      expect(status?.requests?.candidate).toBeGreaterThan(20);
      const deployment = await scene.ready();
      expect((await service()).spec.selector['plimsoll.dev/revision']).toBe(deployment.status?.stable?.revision);
      expect(lost(fresh.calls).slice(0, 5)).toEqual([]);
      expect((await scene.events()).filter(({ reason }) => reason === 'WeightsApproximated').map(({ count }) => count)).toEqual([1]);
    },
    STORY_MS,
  );
});

describe('a version that fails on three of ten inputs', () => {
  let release: ModelRelease;

  beforeAll(async () => {
    await scene.release('3.0.0');
    release = await scene.finished(3);
    await new Promise((resolve) => setTimeout(resolve, 2 * BOUND_MS));
  }, STORY_MS);

  test('is rolled back on what its pods counted', () => {
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
  });

  test('answers no new connection any more a moment after the decision', () => {
    expect(lastTo('3.0.0', fresh) - decidedAt(release)).toBeLessThan(2000);
  });

  test('costs nobody else a request, and leaves no pod', async () => {
    expect(lost(fresh.calls).slice(0, 5)).toEqual([]);
    expect(lost(kept.calls).slice(0, 5)).toEqual([]);
    expect(await podsOf(release)).toEqual([]);
  });
});

describe('a version that is aborted while connections to it are open', () => {
  test(
    'answers them no longer than its pods take to end',
    async () => {
      const rollout = { ...SHARED.rollout, steps: [{ weight: 50, hold: '1h' }] };
      await scene.deploy('4.0.0', { ...SHARED, rollout });
      await holding(4, 0);
      const open = startCallers((await service()).spec.clusterIP, scene.name, RATE / 2, { connections: 30 });
      const reached = (): boolean => open.calls.some(({ version }) => version === '4.0.0');
      await scene.until('an open connection leads to the candidate', () => Promise.resolve(reached() ? true : undefined), 20_000);
      const patch = JSON.stringify({ spec: { control: { action: 'Abort', by: 'admin' } } });
      await kubectl(['-n', scene.namespace, 'patch', 'mrel', `${scene.name}-r4`, '--type=merge', '-p', patch]);
      const release = await scene.finished(4);
      await new Promise((resolve) => setTimeout(resolve, 2 * BOUND_MS));
      await open.stop();
      const late = lastTo('4.0.0', open) - decidedAt(release);
      process.stdout.write(`over open connections the candidate's last answer came ${late} ms after the decision\n`);
      expect(late).toBeLessThan(BOUND_MS);
      expect(await podsOf(release)).toEqual([]);
      expect(lost(fresh.calls).slice(0, 5)).toEqual([]);
    },
    STORY_MS,
  );
});

function decidedAt({ status }: ModelRelease): number {
  return Date.parse(status?.timeline?.find(({ event }) => event === 'RollingBack')?.at ?? '');
}

/** When the last request was sent that this version answered, well or badly. */
function lastTo(version: string, { calls }: Callers): number {
  return Math.max(...calls.filter((call) => call.version === version || call.status === 500).map(({ sentAt }) => sentAt));
}

async function podsOf({ spec }: ModelRelease): Promise<readonly unknown[]> {
  const selector = encodeURIComponent(`plimsoll.dev/revision=${spec.to.revision}`);
  const { items } = await scene.read<{ items: unknown[] }>(`/api/v1/namespaces/${scene.namespace}/pods?labelSelector=${selector}`);
  return items;
}
