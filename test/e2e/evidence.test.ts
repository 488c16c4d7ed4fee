// What the evidence of real requests says at 200 requests/s: equal versions are not rolled back for errors that both have, and come in
// bursts; a version with five times as many is found at a weight of 5 %.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const RATE = 200;
/** So many looks, for the burst factor, before a release begins. */
const HISTORY_LOOKS = 12;
const STORY_MS = 400_000;
const CHECKS = [{ name: 'errors', errorRate: { relativeMargin: '50%', absoluteFloor: '0.1%' } }];

/** A scene in which version 1 serves, under load for long enough to be known. */
async function begin(title: string, intervalSeconds: number, behaviours: Readonly<Record<string, object>>, weights: readonly [number, string][]): Promise<{ scene: Scenario; records: LoadRecord[] }> {
  const scene = await Scenario.open(title);
  const records: LoadRecord[] = [];
  await Promise.all(Object.entries(behaviours).map(async ([version, behaviour]) => await scene.version(version, behaviour)));
  await scene.deploy('1', {
    rollout: { ...QUICK_ROLLOUT, steps: weights.map(([weight, hold]) => ({ weight, hold })), evidenceDeadline: '10m' },
    analysis: { interval: `${intervalSeconds}s`, minRequests: 50, checks: CHECKS },
  });
  await scene.ready(90_000);
  scene.load(RATE, { onRecord: (record) => records.push(record) });
  await sleep(HISTORY_LOOKS * intervalSeconds * 1000);
  return { scene, records };
}

describe('two versions whose errors are the same: 0.5 %, in bursts of four', () => {
  const bursty = { failPercent: 0.125, failBurst: 4 };
  let scene: Scenario;

  beforeAll(async () => {
    ({ scene } = await begin('aa', 2, { '1': bursty, '2': bursty, '3': bursty }, [[5, '10s'], [25, '10s'], [50, '10s']]));
  }, STORY_MS);

  afterAll(async () => {
    await scene.close();
  }, 30_000);

  test.each([2, 3])('release %i is not rolled back', async (number) => {
    await scene.release(String(number));
    const release = await scene.finished(number, 240_000);
    expect(release.status).toMatchObject({ outcome: 'Promoted' });
    expect(Number(release.status?.checks?.[0]?.evidence?.['candidateRequests'])).toBeGreaterThan(500);
  }, STORY_MS);
});

describe('a version with five times as many errors, at 5 %', () => {
  const LOOKS = 40;
  const INTERVAL_SECONDS = 5;
  let scene: Scenario;
  let records: LoadRecord[];

  beforeAll(async () => {
    ({ scene, records } = await begin('five-times', INTERVAL_SECONDS, { '1': { failPercent: 0.5 }, '2': { failPercent: 2.5 } }, [[5, '10m']]));
  }, STORY_MS);

  afterAll(async () => {
    await scene.close();
  }, 30_000);

  test('is rolled back within 40 looks, with its figures', async () => {
    const started = Date.now();
    await scene.release('2');
    const release = await scene.finished(2, (LOOKS + 8) * INTERVAL_SECONDS * 1000);
    const errors = release.status?.checks?.find(({ name }) => name === 'errors');
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
    expect(errors?.explanation).toMatch(/^candidate \d+\/\d+ vs stable \d+\/\d+: e=[\d^.]+ >= 100, ratio >= [\d.]+ with 99% confidence/);
    expect(Number(errors?.evidence?.['looks'])).toBeLessThanOrEqual(LOOKS);
    const met = records.filter(({ revision }) => revision === release.spec.to.revision);
    const failed = met.filter(({ status }) => status !== 200).length;
    console.log(`5x errors at 5 %: ${errors?.evidence?.['looks']} looks, ${Math.round((Date.now() - started) / 1000)} s, ${met.length} requests met it, ${failed} failed`);
  }, STORY_MS);
});
