// The readiness guard: a candidate whose pods go away loses its traffic at once, and its release if they stay away.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import type { Load } from '../../deploy/local/load/generator.ts';
import { kubectl } from '../support/cluster.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const RATE = 50;
const WEIGHT = 50;

let scene: Scenario;
let load: Load;
const records: LoadRecord[] = [];

/** Waits until the newest release holds; gives the number of its windows of evidence. */
async function holding(windows: number): Promise<void> {
  await scene.until(
    `the release holds for time ${windows}`,
    async () => {
      const status = (await scene.releases()).at(-1)?.status;
      return status?.phase === 'Holding' && status.windows?.length === windows ? true : undefined;
    },
    90_000,
  );
}

function failuresSince(index: number): readonly LoadRecord[] {
  return records.slice(index).filter(({ status }) => status !== 200);
}

beforeAll(async () => {
  scene = await Scenario.open('guard');
  await Promise.all([scene.version('1'), scene.version('2'), scene.version('3', { crashAfterSeconds: 15 })]);
  await scene.deploy('1', {
    rollout: {
      ...QUICK_ROLLOUT,
      steps: [
        { weight: 25, hold: '4s' },
        { weight: WEIGHT, hold: '15s' },
      ],
    },
  });
  await scene.ready(90_000);
  load = scene.load(RATE, { onRecord: (record) => records.push(record) });
}, 120_000);

afterAll(async () => {
  await scene.close();
}, 60_000);

test('a candidate pod that is deleted and comes back within the grace costs few requests, and the step begins anew', async () => {
  await scene.release('2');
  await holding(2);
  const before = records.length;
  const revision = (await scene.releases()).at(-1)?.spec.to.revision ?? '';
  await kubectl([
    '-n',
    scene.namespace,
    'delete',
    'pod',
    '-l',
    `plimsoll.dev/revision=${revision}`,
    '--grace-period=0',
    '--force',
    '--wait=false',
  ]);
  await holding(3);
  const release = await scene.finished(2, 120_000);
  expect(release.status?.outcome).toBe('Promoted');
  const weights = release.status?.timeline?.filter(({ weight }) => weight !== undefined).map(({ event, weight }) => `${event} ${weight}`);
  expect(weights).toEqual(['Holding 25', `Holding ${WEIGHT}`, 'Scaling 0', `Holding ${WEIGHT}`, 'Promoting 100', 'Promoted 100']);
  const windows = release.status?.windows ?? [];
  expect(windows.map(({ step }) => step)).toEqual([0, 1, 1]);
  expect(Date.parse(windows[1]?.to ?? '')).toBeLessThanOrEqual(Date.parse(windows[2]?.from ?? ''));
  expect(
    (await scene.events()).some(
      ({ reason, message }) => reason === 'CandidateUnavailable' && message.includes(`falls from ${WEIGHT} % to 0 %`),
    ),
  ).toBe(true);
  // Less than 2 s worth of the candidate's share.
  const failures = failuresSince(before).length;
  process.stdout.write(`guard: ${failures} requests failed when the pod was deleted\n`);
  expect(failures).toBeLessThan((2 * RATE * WEIGHT) / 100);
}, 180_000);

test('a candidate that ends by itself loses its weight at once and, past the grace, its release, on evidence', async () => {
  await scene.ready();
  const before = records.length;
  // One pod, so that each end of it leaves none. The hold is longer than its life, so that it is never promoted in between.
  await scene.deploy('3', { replicas: 1, rollout: { ...QUICK_ROLLOUT, steps: [{ weight: WEIGHT, hold: '25s' }] } });
  const release = await scene.finished(3, 180_000);
  expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'CandidateUnavailable' });
  expect(release.status?.message).toMatch(
    /too few Ready pods for its share for longer than 6s: container model ends by itself with exit code 1/,
  );
  const failures = failuresSince(before);
  const falls = release.status?.timeline?.filter(({ event, weight }) => event === 'Scaling' && weight === 0) ?? [];
  expect(falls.length).toBeGreaterThanOrEqual(1);
  // Each fall costs less than 2 s worth of the candidate's share.
  expect(failures.length).toBeLessThan((falls.length * 2 * RATE * WEIGHT) / 100);
  await load.stop();
  process.stdout.write(`guard: ${failures.length} of ${records.length - before} requests failed in ${falls.length} falls\n`);
}, 240_000);
