// Many releases one after the other, good and bad, each with the operator killed at a moment that nobody chose.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import { failuresOfOthers } from '../support/diary.ts';
import { killOperator } from '../support/operator.ts';
import { Scenario, type Behaviour } from '../support/scenario.ts';

const RATE = 50;
const RELEASES = 16;
const KINDS: readonly { readonly kind: string; readonly behaviour: Behaviour; readonly outcome: string; readonly reason: string }[] = [
  { kind: 'good', behaviour: {}, outcome: 'Promoted', reason: 'Promoted' },
  { kind: 'failing', behaviour: { failWhenFirstAtLeast: 7 }, outcome: 'RolledBack', reason: 'ErrorRateWorse' },
  { kind: 'good', behaviour: {}, outcome: 'Promoted', reason: 'Promoted' },
  { kind: 'slow', behaviour: { latencyMs: 120 }, outcome: 'RolledBack', reason: 'LatencyWorse' },
];
/** The operator dies somewhere within this time after the version changed: a release of three steps takes about as long. */
const KILL_WITHIN_MS = 45_000;

let scene: Scenario;
const records: LoadRecord[] = [];
const bad: string[] = [];

beforeAll(async () => {
  scene = await Scenario.open('many');
  await scene.version('0');
  await scene.deploy('0');
  await scene.ready(90_000);
  scene.load(RATE, { onRecord: (record) => records.push(record) });
}, 120_000);

afterAll(async () => {
  await scene.close();
}, 60_000);

for (let i = 1; i <= RELEASES; i += 1) {
  const { kind, behaviour, outcome, reason } = KINDS[(i - 1) % KINDS.length]!;
  test(`release ${i}, of a ${kind} version, ends ${outcome} though the operator is killed in it, and costs nobody else a request`, async () => {
    await scene.version(String(i), behaviour);
    const before = records.length;
    await scene.release(String(i));
    const killAfterMs = Math.floor(Math.random() * KILL_WITHIN_MS);
    const killed = sleep(killAfterMs).then(killOperator);
    const release = await scene.finished(i + 1, 240_000);
    await killed;
    const { revision } = release.spec.to;
    if (outcome !== 'Promoted') bad.push(revision);
    const met = records.slice(before).filter((record) => record.revision === revision);
    const failed = met.filter(({ status }) => status !== 200).length;
    process.stdout.write(
      `| ${i} | ${kind} | ${(killAfterMs / 1000).toFixed(1)} | ${release.status?.outcome} | ${release.status?.reason} | ${met.length} | ${failed} |\n`,
    );
    expect(release.status).toMatchObject({ outcome, reason });
    expect(failuresOfOthers(records.slice(before), bad).slice(0, 5)).toEqual([]);
    // An operator that was killed between the record and the deployment's status leaves the second to the next one.
    await scene.until(
      'the status says how it ended',
      async () => {
        const { phase = '' } = (await scene.deployment()).status ?? {};
        return ['Serving', 'RolledBack', 'Promoting', 'RollingBack'].includes(phase) ? phase : undefined;
      },
      60_000,
    );
  }, 300_000);
}
