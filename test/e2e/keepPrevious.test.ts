// After the promotion: the version before is kept, the new one is watched, and the way back is one write. And blue/green before it.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { kubectl } from '../support/cluster.ts';
import { failuresOfOthers, keepDiary, type Diary } from '../support/diary.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const RATE = 50;
const STORY_MS = 180_000;

let scene: Scenario;
let diary: Diary;
const records: LoadRecord[] = [];

async function watched(number: number): Promise<ModelRelease> {
  return await scene.until(
    `release ${number} is watched`,
    async () => (await scene.releases()).find(({ spec, status }) => spec.number === number && status?.phase === 'Watching'),
    90_000,
  );
}

beforeAll(async () => {
  scene = await Scenario.open('keep');
  await Promise.all([scene.version('1.0.0'), scene.version('2.0.0'), scene.version('3.0.0')]);
  await scene.deploy('1.0.0', { rollout: { ...QUICK_ROLLOUT, steps: [{ weight: 50, hold: '4s' }], keepPrevious: { for: '10m' } } });
  await scene.ready();
  diary = await keepDiary(scene);
  scene.load(RATE, { onRecord: (record) => records.push(record) });
}, STORY_MS);

afterAll(async () => {
  await diary.stop();
  await scene.close();
}, 30_000);

describe('keepPrevious', () => {
  let release: ModelRelease;

  beforeAll(async () => {
    await scene.release('2.0.0');
    release = await watched(2);
  }, STORY_MS);

  test('leaves the version before at its size, and the deployment Ready', async () => {
    const deployment = await scene.ready();
    expect(deployment.status).toMatchObject({ phase: 'Watching', stable: { version: '2.0.0' }, previous: { version: '1.0.0' } });
    const { items } = await scene.read<{ items: { status: { readyReplicas?: number } }[] }>(
      `/apis/apps/v1/namespaces/${scene.namespace}/deployments`,
    );
    expect(items.map(({ status }) => status.readyReplicas)).toEqual([2, 2]);
    await scene.until('callers in the cluster reach it', () => Promise.resolve(diary.inCluster.at(-1) === '2.0.0' || undefined), 10_000);
  });

  test(
    'goes back by one write of the route when the spec does, and no request fails',
    async () => {
      await sleep(3000);
      const before = diary.routes.length;
      await scene.release('1.0.0');
      const finished = await scene.finished(2, 30_000);
      expect(finished.status).toMatchObject({ outcome: 'Reverted', class: 'User', decision: 'RollBack' });
      await scene.ready();
      await sleep(1000);
      const decisions = new Set(diary.routes.slice(before).map(({ decision }) => decision));
      expect([...decisions]).toEqual(['r2/RollBack/User:Reverted']);
      expect(diary.routes.at(-1)).toMatchObject({ selected: finished.spec.from?.revision });
      const last = Math.max(...records.filter(({ revision }) => revision === release.spec.to.revision).map(({ sentAt }) => sentAt));
      const decided = diary.routes.find(({ decision }) => decision === 'r2/RollBack/User:Reverted')?.atMs ?? 0;
      expect(last - decided).toBeLessThan(2000);
      expect(failuresOfOthers(records, []).slice(0, 5)).toEqual([]);
      expect(diary.inClusterFailures).toEqual([]);
    },
    STORY_MS,
  );
});

describe('steps of weight 0', () => {
  test(
    'hold the candidate up without a request, then move everything at once, and no request fails',
    async () => {
      const rollout = { steps: [{ weight: 0, hold: '6s' }], keepPrevious: null };
      await kubectl(['-n', scene.namespace, 'patch', 'mdep', scene.name, '--type=merge', '-p', JSON.stringify({ spec: { rollout } })]);
      await scene.release('3.0.0');
      const holding = await scene.until(
        'release 3 holds',
        async () => (await scene.releases()).find(({ spec, status }) => spec.number === 3 && status?.phase === 'Holding'),
        60_000,
      );
      const met = (): number => records.filter(({ revision }) => revision === holding.spec.to.revision).length;
      await sleep(3000);
      expect(met()).toBe(0);
      const finished = await scene.finished(3);
      expect(finished.status?.outcome).toBe('Promoted');
      expect(finished.status?.message).toContain('every step was held without traffic');
      await sleep(2000);
      expect(met()).toBeGreaterThan(50);
      expect(failuresOfOthers(records, []).slice(0, 5)).toEqual([]);
    },
    STORY_MS,
  );
});
