// Versions that answer every request, and are worse all the same: each is found by its check, with its sentence.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import type { ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { failuresOfOthers } from '../support/diary.ts';
import { QUICK_ANALYSIS, QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const RATE = 100;
const STORY_MS = 300_000;
const LATENCY_MS = 10;
/** Counters of the model's own, of one version: its pods are named after its revision. */
const own = (metric: string): string => `${metric}{namespace="{{namespace}}", pod=~"{{deployment}}-{{revision}}-.*"}`;

const VERSIONS = {
  '1': { latencyMs: LATENCY_MS, wrongPercent: 2 },
  'slow-tail': { latencyMs: LATENCY_MS, wrongPercent: 2, slowPercent: 1, slowMs: 19 * LATENCY_MS },
  wrong: { latencyMs: LATENCY_MS, wrongPercent: 12 },
  shifted: { latencyMs: LATENCY_MS, wrongPercent: 2, zeroPercent: 50 },
  same: { latencyMs: LATENCY_MS, wrongPercent: 2 },
};

const CHECKS: NonNullable<NonNullable<ModelDeploymentSpec['analysis']>['checks']> = [
  { name: 'errors', errorRate: {} },
  { name: 'latency', latency: {} },
  { name: 'accuracy', compare: { bad: own('wrong_predictions_total'), total: own('labelled_predictions_total') } },
  { name: 'predictions', shift: { counts: own('predictions_total'), bin: 'class' } },
  { name: 'split', split: {} },
];

type Checks = typeof CHECKS;
/** What a ModelDeployment has that names none: the more checks there are, the more evidence each one needs. */
const DEFAULTS: Checks = CHECKS.filter(({ errorRate, latency }) => errorRate ?? latency);
const WITH_SERVED: Checks = [...CHECKS, { name: 'served', errorRate: { source: 'Runtime' } }];

let scene: Scenario;
const records: LoadRecord[] = [];

beforeAll(async () => {
  scene = await Scenario.open('verdicts');
  await Promise.all(Object.entries(VERSIONS).map(async ([version, behaviour]) => await scene.version(version, behaviour)));
  await deploy('1', '20s');
  await scene.ready(90_000);
  scene.load(RATE, { onRecord: (record) => records.push(record) });
  await sleep(24_000);
}, STORY_MS);

afterAll(async () => {
  await scene.close();
}, 30_000);

async function deploy(version: string, hold: string, checks = CHECKS): Promise<void> {
  await scene.deploy(version, {
    rollout: { ...QUICK_ROLLOUT, steps: [{ weight: 40, hold }], evidenceDeadline: '20s' },
    analysis: { ...QUICK_ANALYSIS, minRequests: 100, checks },
  });
}

/** One in a hundred takes its time to be told from chance; all else is found, or not, within a short hold. */
async function released(version: string, number: number, hold = '20s', checks = CHECKS): Promise<ModelRelease> {
  await deploy(version, hold, checks);
  return await scene.finished(number, 200_000);
}

function report(title: string, release: ModelRelease): void {
  const met = records.filter(({ revision }) => revision === release.spec.to.revision).length;
  const seconds = (Date.parse(release.status?.finishedAt ?? '') - Date.parse(release.status?.evidenceSince ?? '')) / 1000;
  console.log(`${title}: ${release.status?.reason}, ${seconds} s after the first look, ${met} requests met it`);
}

function checkOf(release: ModelRelease, name: string): NonNullable<NonNullable<ModelRelease['status']>['checks']>[number] | undefined {
  return release.status?.checks?.find((check) => check.name === name);
}

test('a slow tail, 1 % of the requests 20 times slower, is found at the boundary where it lies', async () => {
  const release = await released('slow-tail', 2, '3m', DEFAULTS);
  report('slow tail', release);
  expect(release.status).toMatchObject({ outcome: 'RolledBack', reason: 'LatencyWorse' });
  expect(checkOf(release, 'latency')?.explanation).toMatch(/^slower than \d+ ms: candidate \d+\/\d+ vs stable \d+\/\d+: e=/);
}, STORY_MS);

test('wrong predictions are found by their labels', async () => {
  const release = await released('wrong', 3);
  report('wrong predictions', release);
  expect(release.status).toMatchObject({ outcome: 'RolledBack', reason: 'RateWorse' });
  expect(checkOf(release, 'accuracy')?.explanation).toMatch(/^candidate \d+\/\d+ vs stable \d+\/\d+: e=/);
}, STORY_MS);

describe('another distribution of predictions', () => {
  test('is held and reported, and rolls nothing back', async () => {
    await deploy('shifted', '20s');
    const paused = await scene.until(
      'the release is paused for its shift',
      async () => (await scene.releases()).find(({ spec, status }) => spec.number === 4 && status?.phase === 'Paused'),
      120_000,
    );
    expect(paused.status?.message).toContain('check predictions is suspect');
    const verdict = (await scene.deployment()).status?.verdicts?.find(({ check }) => check === 'predictions');
    expect(verdict).toMatchObject({ verdict: 'Inconclusive/Suspect' });
    expect(verdict?.explanation).toMatch(/^PSI [\d.]+ of \d+ against \d+ of stable in \d+ bins: e=[\d^.]+/);
    expect((await scene.deployment()).status?.weight).toBe(40);
  }, STORY_MS);

  test('gives way to the next version, which is as good as the one that serves, and is promoted', async () => {
    const release = await released('same', 5, '20s', WITH_SERVED);
    report('same', release);
    expect(release.status).toMatchObject({ outcome: 'Promoted' });
    const words = release.status?.checks?.map(({ name, verdict }) => `${name} ${verdict}`);
    expect(words).toEqual(expect.arrayContaining(['split Pass', 'predictions Pass']));
    expect(checkOf(release, 'served')?.explanation).toMatch(/^counted by the model servers \(MLServer\): candidate \d+\/\d+ vs stable/);
    expect(words?.filter((word) => !/(Pass|Collecting)$/.test(word))).toEqual([]);
    expect(failuresOfOthers(records).slice(0, 5)).toEqual([]);
  }, STORY_MS);
});
