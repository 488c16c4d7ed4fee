// What stands around the operator goes away in the middle of a release: first its evidence, then the API server. Alone, since these are
// everybody's. Envoy Gateway's control plane is left out: the local cluster cannot end it without ending Envoy.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startProcess, stopProcess } from '../../deploy/local/cluster/index.ts';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { failuresOfOthers } from '../support/diary.ts';
import { operatorLeads } from '../support/operator.ts';
import { Scenario } from '../support/scenario.ts';

const RATE = 50;
const BLIND_MS = 30_000;
const WITHOUT_API_MS = 5000;
const STORY_MS = 240_000;
const ROLLOUT = {
  steps: [
    { weight: 20, hold: '6s' },
    { weight: 50, hold: '4s' },
  ],
  progressDeadline: '60s',
  unavailableGrace: '6s',
};

let scene: Scenario;
const records: LoadRecord[] = [];

/** Begins a release and waits until it holds its first weight. */
async function holding(version: string, number: number): Promise<ModelRelease> {
  await scene.release(version);
  return await scene.until(
    `release ${number} holds`,
    async () => {
      const release = (await scene.releases()).find(({ spec }) => spec.number === number);
      return release?.status?.phase === 'Holding' ? release : undefined;
    },
    60_000,
  );
}

async function weights(): Promise<readonly number[]> {
  const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${scene.namespace}/httproutes/${scene.name}`;
  const route = await scene.read<{
    readonly spec: { readonly rules: readonly { readonly backendRefs: readonly { readonly weight: number }[] }[] };
  }>(path);
  return (route.spec.rules[0]?.backendRefs ?? []).map(({ weight }) => weight);
}

beforeAll(async () => {
  scene = await Scenario.open('nodata');
  await Promise.all([scene.version('1.0.0'), scene.version('2.0.0'), scene.version('3.0.0')]);
  await scene.deploy('1.0.0', { rollout: ROLLOUT });
  await scene.ready();
  scene.load(RATE, { onRecord: (record) => records.push(record) });
}, STORY_MS);

afterAll(async () => {
  // Whatever happened above: the tests after this one need both.
  await startProcess('kube-apiserver');
  await startProcess('prometheus');
  await scene.close();
}, 120_000);

describe('without Prometheus', () => {
  let during: { readonly verdict: string | undefined; readonly explanations: readonly string[] };
  let heldAt: ModelRelease;

  beforeAll(async () => {
    heldAt = await holding('2.0.0', 2);
    const before = await weights();
    await stopProcess('prometheus');
    const until = Date.now() + BLIND_MS;
    while (Date.now() < until) {
      expect(await weights()).toEqual(before);
      expect((await scene.releases()).at(-1)?.status?.finishedAt).toBeUndefined();
      await sleep(1000);
    }
    const { status } = await scene.deployment();
    during = { verdict: status?.verdict, explanations: (status?.verdicts ?? []).map(({ explanation }) => explanation ?? '') };
    await startProcess('prometheus');
  }, STORY_MS);

  test('a release neither goes on nor back for 30 s, and says that there are no data and why', () => {
    expect(during.verdict).toBe('Inconclusive/NoData');
    expect(during.explanations).toHaveLength(2);
    for (const explanation of during.explanations) expect(explanation).toMatch(/^no data: .*Prometheus.+\.$/);
  });

  test(
    'it goes on by itself when the data come again, over the same evidence, and is promoted',
    async () => {
      const release = await scene.finished(2, 120_000);
      expect(release.status?.outcome).toBe('Promoted');
      expect(release.status?.windows?.[0]?.from).toBe(heldAt.status?.windows?.[0]?.from);
      expect(failuresOfOthers(records).slice(0, 5)).toEqual([]);
    },
    STORY_MS,
  );
});

describe('with the API server restarted in the middle of a hold', () => {
  test(
    'the release goes on where it was and is promoted, and no request fails',
    async () => {
      await scene.ready();
      const held = await holding('3.0.0', 3);
      await stopProcess('kube-apiserver');
      await sleep(WITHOUT_API_MS);
      await startProcess('kube-apiserver');
      // It is ready some time before it has read the objects of custom kinds, and answers 429 until then.
      await scene.until('the API server has its releases again', async () => await scene.releases().catch(() => undefined), 30_000);
      const release = await scene.finished(3, 120_000);
      expect(release.metadata.uid).toBe(held.metadata.uid);
      expect(release.status?.outcome).toBe('Promoted');
      expect(release.status?.windows?.[0]?.from).toBe(held.status?.windows?.[0]?.from);
      expect(release.status?.windows?.map(({ step }) => step)).toEqual([0, 1]);
      await scene.ready();
      await operatorLeads();
      expect(failuresOfOthers(records).slice(0, 5)).toEqual([]);
    },
    STORY_MS,
  );
});
