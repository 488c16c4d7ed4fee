// What the evidence of real requests says at 200 requests/s: equal versions are not rolled back for errors that both have, and come in
// bursts; a version with five times as many is found at a weight of 5 %.
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PORTS } from '../../deploy/local/cluster/index.ts';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { kubeconfig } from '../support/cluster.ts';
import { BURSTY, openEvidence } from '../support/evidenceScene.ts';
import type { Scenario } from '../support/scenario.ts';

const STORY_MS = 400_000;

/** What a user sees of a command for the terminal. */
async function plimsoll(...words: readonly string[]): Promise<string> {
  const main = resolve(import.meta.dirname, '../../src/main.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...words], { env: { ...process.env, KUBECONFIG: kubeconfig() } });
  return stdout;
}

describe('two versions whose errors are the same: 0.5 %, in bursts of four', () => {
  let scene: Scenario;

  beforeAll(async () => {
    ({ scene } = await openEvidence('aa', 2, { '1': BURSTY, '2': BURSTY, '3': BURSTY }, [[5, '10s'], [50, '10s']]));
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
  let release: ModelRelease;

  beforeAll(async () => {
    ({ scene, records } = await openEvidence('five-times', INTERVAL_SECONDS, { '1': { failPercent: 0.5 }, '2': { failPercent: 2.5 } }, [[5, '10m']]));
  }, STORY_MS);

  afterAll(async () => {
    await scene.close();
  }, 30_000);

  test('is rolled back within 40 looks, with its figures', async () => {
    const started = Date.now();
    await scene.release('2');
    release = await scene.finished(2, (LOOKS + 8) * INTERVAL_SECONDS * 1000);
    const errors = release.status?.checks?.find(({ name }) => name === 'errors');
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
    expect(errors?.explanation).toMatch(/^candidate \d+\/\d+ vs stable \d+\/\d+: e=[\d^.]+ >= 100, ratio >= [\d.]+ with 99% confidence/);
    expect(Number(errors?.evidence?.['looks'])).toBeLessThanOrEqual(LOOKS);
    const met = records.filter(({ revision }) => revision === release.spec.to.revision);
    const failed = met.filter(({ status }) => status !== 200).length;
    console.log(`5x errors at 5 %: ${errors?.evidence?.['looks']} looks, ${Math.round((Date.now() - started) / 1000)} s, ${met.length} requests met it, ${failed} failed`);
  }, STORY_MS);

  test('is judged the same by replay, from Prometheus alone', async () => {
    const words = ['-n', scene.namespace, '--prometheus', `http://127.0.0.1:${PORTS.prometheus}`];
    const said = await plimsoll('replay', release.metadata.name, ...words);
    expect(said).toContain(release.status?.checks?.[0]?.explanation?.slice(0, 40));
    expect(said).toMatch(/agree/);
  }, 60_000);

  test('is told by explain, with how long evidence would take for the next one', async () => {
    const words = ['-n', scene.namespace, '--prometheus', `http://127.0.0.1:${PORTS.prometheus}`];
    const said = await plimsoll('explain', scene.name, ...words);
    expect(said).toMatch(/RolledBack/);
    expect(said).toMatch(/at (19|20)\d(\.\d)? requests\/s/);
  }, 60_000);
});
