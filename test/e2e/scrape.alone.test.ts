// Releases while no Prometheus runs: the operator reads the gateway's Envoy, or the pods, by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startProcess, stopProcess } from '../../deploy/local/cluster/index.ts';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import type { ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { lost, startCallers, type Callers } from '../support/callers.ts';
import { failuresOfOthers } from '../support/diary.ts';
import { QUICK_ANALYSIS, QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const RATE = 50;
const STORY_MS = 240_000;
/** Of each step, so that looks which a busy machine misses are waited for. */
const MIN_REQUESTS = 40;
const SCRAPED: Partial<ModelDeploymentSpec> = { analysis: { ...QUICK_ANALYSIS, minRequests: MIN_REQUESTS, metrics: { scrape: {} } } };

let routed: Scenario;
let shared: Scenario;
let callers: Callers;
const records: LoadRecord[] = [];

async function open(title: string, spec: Partial<ModelDeploymentSpec>): Promise<Scenario> {
  const scene = await Scenario.open(title);
  // By the input and not by chance: the probe's zeros are answered, 3 of the 10 rows of the load are not.
  await Promise.all([scene.version('1.0.0'), scene.version('2.0.0'), scene.version('3.0.0', { failWhenFirstAtLeast: 7 })]);
  await scene.deploy('1.0.0', { ...SCRAPED, ...spec });
  await scene.ready(90_000);
  return scene;
}

beforeAll(async () => {
  await stopProcess('prometheus');
  const steps = [{ weight: 40, hold: '10s' }];
  [routed, shared] = await Promise.all([
    open('scraped', {}),
    open('scraped-pods', { replicas: 2, traffic: { replicaShare: {}, drain: '2s' }, rollout: { ...QUICK_ROLLOUT, steps } }),
  ]);
  routed.load(RATE, { onRecord: (record) => records.push(record) });
  const { spec } = await shared.read<{ readonly spec: { readonly clusterIP: string } }>(`/api/v1/namespaces/${shared.namespace}/services/${shared.name}`);
  await shared.until(
    'kube-proxy knows the Service',
    async () => {
      const first = startCallers(spec.clusterIP, shared.name, 20);
      await sleep(500);
      await first.stop();
      return lost(first.calls).length === 0 ? true : undefined;
    },
    20_000,
  );
  callers = startCallers(spec.clusterIP, shared.name, RATE);
}, STORY_MS);

afterAll(async () => {
  await startProcess('prometheus');
  await callers.stop();
  await Promise.all([routed.close(), shared.close()]);
}, 60_000);

/** The same version released in both scenes at once. */
async function released(version: string, number: number): Promise<readonly [routed: ModelRelease, shared: ModelRelease]> {
  await Promise.all([routed.release(version), shared.release(version)]);
  return await Promise.all([routed.finished(number), shared.finished(number)]);
}

test('a good version is promoted on what the gateway, or the pods, counted', async () => {
  const releases = await released('2.0.0', 2);
  expect(releases.map(({ spec }) => [spec.plan.metrics, spec.plan.evidence])).toEqual([['Scrape', undefined], ['Scrape', 'MLServer']]);
  for (const { status } of releases) {
    expect(status).toMatchObject({ outcome: 'Promoted' });
    expect(status?.requests?.candidate).toBeGreaterThanOrEqual(MIN_REQUESTS);
    for (const { explanation } of status?.checks ?? []) expect(explanation).toMatch(/candidate 0\/\d+ vs stable \d+\/\d+/);
  }
  expect(failuresOfOthers(records).slice(0, 5)).toEqual([]);
  expect(lost(callers.calls).slice(0, 5)).toEqual([]);
}, STORY_MS);

test('one that fails on three of ten inputs is rolled back', async () => {
  const releases = await released('3.0.0', 3);
  for (const { status } of releases) expect(status).toMatchObject({ outcome: 'RolledBack', reason: 'ErrorRateWorse' });
  expect(failuresOfOthers(records, releases.map(({ spec }) => spec.to.revision)).slice(0, 5)).toEqual([]);
}, STORY_MS);
