// Traffic that is not split as the route says: Envoy is told other weights behind the back of whoever wrote the route.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import { clusterName } from '../../src/metrics/envoyGateway.ts';
import { kubectl } from '../support/cluster.ts';
import { failuresOfOthers } from '../support/diary.ts';
import { QUICK_ANALYSIS, QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const RATE = 100;
const STORY_MS = 240_000;
/** Of 100, where the route says 40. */
const WEIGHT = 40;

let scene: Scenario;
const records: LoadRecord[] = [];

beforeAll(async () => {
  scene = await Scenario.open('split');
  await Promise.all([scene.version('1'), scene.version('2'), scene.version('3')]);
  await scene.deploy('1', {
    rollout: { ...QUICK_ROLLOUT, steps: [{ weight: WEIGHT, hold: '10s' }], evidenceDeadline: '10m' },
    analysis: { ...QUICK_ANALYSIS, minRequests: 20, checks: [{ name: 'errors', errorRate: {} }, { name: 'share', split: {} }] },
  });
  await scene.ready(90_000);
  scene.load(RATE, { onRecord: (record) => records.push(record) });
}, STORY_MS);

afterAll(async () => {
  await mend();
  await scene.close();
}, 60_000);

/** Envoy gives the candidate, in this slot, another weight beside stable's 60. */
async function breakSplit(slot: 'a' | 'b', weight: number): Promise<void> {
  const cluster = clusterName(scene.namespace, scene.name, slot);
  await scene.apply({
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'EnvoyPatchPolicy',
    metadata: { name: 'split', namespace: 'default' },
    spec: {
      targetRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'eg' },
      type: 'JSONPatch',
      jsonPatches: [
        {
          type: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
          name: 'default/eg/http',
          operation: { op: 'replace', jsonPath: `..clusters[?(@.name == '${cluster}')]`, path: '/weight', value: weight },
        },
      ],
    },
  });
}

async function mend(): Promise<void> {
  await kubectl(['-n', 'default', 'delete', 'envoypatchpolicy', 'split', '--ignore-not-found']);
}

function shareSince(from: number, revision: string): number {
  const sent = records.filter(({ sentAt }) => sentAt > from);
  return (100 * sent.filter((record) => record.revision === revision).length) / sent.length;
}

test.each([
  [2, '2', 'b', 240, 80],
  [3, '3', 'a', 6, 9],
] as const)('release %i, whose share is not what its route says, is held and told; and goes on once it is', async (number, version, slot, weight, share) => {
  await breakSplit(slot, weight);
  const from = Date.now();
  await scene.release(version);
  const held = await scene.until(
    'the split is found out',
    async () => {
      const { verdicts } = (await scene.deployment()).status ?? {};
      return verdicts?.find(({ check, verdict }) => check === 'share' && verdict === 'Inconclusive/SplitMismatch');
    },
    60_000,
  );
  const foundMs = Date.now();
  await sleep(12_000);
  const release = (await scene.releases()).find(({ spec }) => spec.number === number);
  expect(release?.status?.phase).toBe('Holding');
  const seen = shareSince(foundMs, release?.spec.to.revision ?? '');
  console.log(`${seen.toFixed(1)} % in place of ${WEIGHT} %: told ${((foundMs - from) / 1000).toFixed(1)} s after the release began: ${held.explanation}`);
  expect(Math.abs(seen - share)).toBeLessThan(4);
  expect(held.explanation).toMatch(/40 ?%/);
  expect((await scene.events()).some(({ reason }) => reason === 'CheckSplitMismatch')).toBe(true);
  await mend();
  const ended = await scene.finished(number, 120_000);
  expect(ended.status).toMatchObject({ outcome: 'Promoted' });
  expect(failuresOfOthers(records, []).slice(0, 5)).toEqual([]);
}, STORY_MS);
