// Versions that answer the probe and fail, or dawdle, once they have real traffic.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import type { Load } from '../../deploy/local/load/generator.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { durationMs } from '../../src/core/time.ts';
import { failuresOfOthers, keepDiary, type Diary } from '../support/diary.ts';
import { killOperator, operatorLeads } from '../support/operator.ts';
import { findFirstFailure, type FirstFailure } from '../support/replay.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const RATE = 50;
/** The first step is held for long enough that a busy machine's late scrapes are evidence before the share grows. */
const SPEC = {
  rollout: {
    ...QUICK_ROLLOUT,
    steps: [
      { weight: 5, hold: '15s' },
      { weight: 25, hold: '4s' },
      { weight: 50, hold: '4s' },
    ],
  },
};
const REACTION_MS = 1000;
const QUIET_MS = 20_000;
const STORY_MS = 240_000;

let scene: Scenario;
let load: Load;
let diary: Diary;
const records: LoadRecord[] = [];
/** Revisions that are bad on purpose: only their failures are excused. */
const bad: string[] = [];

/** Releases a version that is to be rolled back; gives the release once it is finished. */
async function releaseBad(version: string, number: number): Promise<ModelRelease> {
  await scene.release(version);
  const release = await scene.finished(number, 120_000);
  bad.push(release.spec.to.revision);
  return release;
}

function sentTo(release: ModelRelease): readonly LoadRecord[] {
  return records.filter(({ revision }) => revision === release.spec.to.revision);
}

/** What a replay over Prometheus's data says, beside the last request that the candidate was sent. */
async function replay(release: ModelRelease): Promise<FirstFailure & { readonly lastSentMs: number }> {
  const before = (await scene.releases()).findLast(
    ({ spec, status }) => spec.number < release.spec.number && status?.outcome === 'Promoted',
  );
  const places = { stable: 'a', candidate: 'b', stableSinceMs: Date.parse(before?.status?.finishedAt ?? '') } as const;
  const first = await findFirstFailure(release, places, Date.now());
  if (first === undefined) throw new Error(`A replay of release ${release.spec.number} does not fail.`);
  return { ...first, lastSentMs: Math.max(...sentTo(release).map(({ sentAt }) => sentAt)) };
}

beforeAll(async () => {
  scene = await Scenario.open('rollback');
  await Promise.all([
    scene.version('1.0.0'),
    // By the input and not by chance: the probe's zeros are answered, 3 of the 10 rows of the load are not.
    scene.version('2.0.0', { failWhenFirstAtLeast: 7 }),
    scene.version('3.0.0', { latencyMs: 120 }),
    scene.version('4.0.0'),
  ]);
  await scene.deploy('1.0.0', SPEC);
  await scene.ready();
  diary = await keepDiary(scene);
  load = scene.load(RATE, { onRecord: (record) => records.push(record) });
}, STORY_MS);

afterAll(async () => {
  await scene.close();
}, 30_000);

describe('a version that fails on three of ten inputs', () => {
  let release: ModelRelease;

  beforeAll(async () => {
    release = await releaseBad('2.0.0', 2);
  }, STORY_MS);

  test('is rolled back on evidence, with an explanation in figures', async () => {
    expect(release.status).toMatchObject({
      phase: 'RolledBack',
      outcome: 'RolledBack',
      class: 'Evidence',
      reason: 'ErrorRateWorse',
      decision: 'RollBack',
    });
    expect(release.status?.message).toMatch(/version 2\.0\.0 failed check errors: .*%/);
    const check = release.status?.checks?.find(({ name }) => name === 'errors');
    expect(check).toMatchObject({ verdict: 'Fail' });
    expect(Number(check?.evidence?.['candidateBad'])).toBeGreaterThan(0);
    // The labels are a write of their own, after that of the status.
    const labels = await scene.until(
      'the record has its labels',
      async () => {
        const { labels: found } = (await scene.releases()).find(({ spec }) => spec.number === release.spec.number)?.metadata ?? {};
        return found?.['plimsoll.dev/outcome'] === undefined ? undefined : found;
      },
      10_000,
    );
    expect(labels).toMatchObject({ 'plimsoll.dev/outcome': 'RolledBack', 'plimsoll.dev/class': 'Evidence' });
  });

  test('gets its last request at most one interval and a second after the scrape with which a replay fails', async () => {
    const { scrapeMs, lookMs, lastSentMs, reason } = await replay(release);
    const intervalMs = durationMs(release.spec.plan.interval, '');
    expect(reason).toBe('ErrorRateWorse');
    expect(lookMs - scrapeMs).toBeLessThanOrEqual(intervalMs);
    expect(lastSentMs - scrapeMs).toBeLessThanOrEqual(intervalMs + REACTION_MS);
    // The decision is no earlier than the evidence, either.
    const decided = diary.routes.find(({ decision }) => decision === 'r2/RollBack/Evidence:ErrorRateWorse');
    expect(decided?.atMs).toBeGreaterThan(lookMs);
  });

  test('costs nobody else a request', () => {
    expect(failuresOfOthers(records, bad).slice(0, 5)).toEqual([]);
    expect(sentTo(release).filter(({ status }) => status !== 200).length).toBeGreaterThan(0);
    expect(sentTo(release).length).toBeLessThan(300);
  });

  test('leaves the deployment serving the old version, and says so', async () => {
    const deployment = await scene.until(
      'the deployment rests',
      async () => {
        const now = await scene.deployment();
        return now.status?.phase === 'RolledBack' ? now : undefined;
      },
      20_000,
    );
    expect(deployment.status?.stable?.version).toBe('1.0.0');
    const ready = deployment.status?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'False', reason: 'RolledBack' });
    const available = deployment.status?.conditions?.find(({ type }) => type === 'Available');
    expect(available?.status).toBe('True');
  });

  test(
    'is not tried again, neither for the same spec applied anew nor after a restart of the operator',
    async () => {
      const before = (await scene.releases()).map(({ metadata }) => metadata.uid);
      await scene.deploy('2.0.0', SPEC);
      await killOperator();
      await operatorLeads();
      await sleep(QUIET_MS);
      expect((await scene.releases()).map(({ metadata }) => metadata.uid)).toEqual(before);
      expect(diary.routes.at(-1)?.weights).toEqual([100, 0]);
      expect(failuresOfOthers(records, bad).slice(0, 5)).toEqual([]);
    },
    STORY_MS,
  );
});

describe('a version that takes 120 ms where 50 ms are allowed', () => {
  let release: ModelRelease;

  beforeAll(async () => {
    release = await releaseBad('3.0.0', 3);
  }, STORY_MS);

  test('is rolled back on evidence though it fails no request', () => {
    expect(release.status).toMatchObject({ phase: 'RolledBack', class: 'Evidence', reason: 'LatencyWorse' });
    expect(release.status?.message).toMatch(/version 3\.0\.0 failed check latency: /);
    expect(sentTo(release).filter(({ status }) => status !== 200)).toEqual([]);
  });

  test('gets its last request at most one interval and a second after the scrape with which a replay fails', async () => {
    const { scrapeMs, lastSentMs, reason } = await replay(release);
    expect(reason).toBe('LatencyWorse');
    expect(lastSentMs - scrapeMs).toBeLessThanOrEqual(durationMs(release.spec.plan.interval, '') + REACTION_MS);
  });
});

describe('another version after two bad ones', () => {
  test(
    'is released from the version that serves, and no request fails but those of the bad versions',
    async () => {
      await scene.release('4.0.0');
      const release = await scene.finished(4, 120_000);
      expect(release.spec.from?.version).toBe('1.0.0');
      expect(release.status?.outcome).toBe('Promoted');
      await scene.until(
        'callers in the cluster meet the new version',
        () => Promise.resolve(diary.inCluster.at(-1) === '4.0.0' ? true : undefined),
        10_000,
      );
      await load.stop();
      await diary.stop();
      expect(failuresOfOthers(records, bad).slice(0, 5)).toEqual([]);
      expect(diary.inCluster).toEqual(['1.0.0', '4.0.0']);
    },
    STORY_MS,
  );
});
