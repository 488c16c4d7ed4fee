// People in a release: pause, go on, promote and abort by spec.control of the record, freeze, and the retry token.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { kubectl } from '../support/cluster.ts';
import { failuresOfOthers } from '../support/diary.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const RATE = 30;
const STORY_MS = 180_000;

let scene: Scenario;
const records: LoadRecord[] = [];
const bad: string[] = [];

async function ask(number: number, action: string, reason: string): Promise<void> {
  const control = { action, by: 'admin', reason };
  const patch = JSON.stringify({ spec: { control } });
  await kubectl(['-n', scene.namespace, 'patch', 'mrel', `${scene.name}-r${number}`, '--type=merge', '-p', patch]);
}

async function inPhase(number: number, phase: string, weight?: number): Promise<ModelRelease> {
  return await scene.until(
    `release ${number} is ${phase}`,
    async () => {
      const release = (await scene.releases()).find(({ spec }) => spec.number === number);
      const fits = release?.status?.phase === phase && (weight === undefined || release.status.timeline?.at(-1)?.weight === weight);
      return fits ? release : undefined;
    },
    60_000,
  );
}

async function patchRollout(rollout: object): Promise<void> {
  await kubectl(['-n', scene.namespace, 'patch', 'mdep', scene.name, '--type=merge', '-p', JSON.stringify({ spec: { rollout } })]);
}

beforeAll(async () => {
  scene = await Scenario.open('control');
  await Promise.all([
    scene.version('1.0.0'),
    scene.version('2.0.0'),
    scene.version('3.0.0', { failWhenFirstAtLeast: 7 }),
    scene.version('4.0.0'),
  ]);
  await scene.deploy('1.0.0');
  await scene.ready();
  scene.load(RATE, { onRecord: (record) => records.push(record) });
}, STORY_MS);

afterAll(async () => {
  await scene.close();
  expect(failuresOfOthers(records, bad).slice(0, 5)).toEqual([]);
}, 30_000);

describe('a release that a person steers', () => {
  test(
    'stays where it is paused, is promoted by hand, and its record says who and why',
    async () => {
      await scene.release('2.0.0');
      await inPhase(2, 'Holding', 5);
      await ask(2, 'Pause', 'the campaign begins');
      const paused = await inPhase(2, 'Paused', 5);
      expect(paused.status?.message).toContain('paused by admin: the campaign begins');
      const ready = (await scene.deployment()).status?.conditions?.find(({ type }) => type === 'Ready');
      expect(ready).toMatchObject({ status: 'False', reason: 'Paused' });
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      expect((await scene.releases()).at(-1)?.status?.timeline?.at(-1)).toMatchObject({ event: 'Paused', weight: 5 });
      await ask(2, 'Promote', 'seen enough');
      const release = await scene.finished(2);
      expect(release.status).toMatchObject({ outcome: 'Promoted' });
      expect(release.status?.message).toBe('version 2.0.0 serves: promoted by admin: seen enough');
      await scene.ready();
    },
    STORY_MS,
  );

  test(
    'is aborted, is not tried again by itself, and is by a token, once',
    async () => {
      await scene.release('4.0.0');
      await inPhase(3, 'Holding');
      await ask(3, 'Abort', 'wrong model');
      expect((await scene.finished(3)).status).toMatchObject({ outcome: 'Aborted', class: 'User' });
      await new Promise((resolve) => setTimeout(resolve, 8000));
      expect(await scene.releases()).toHaveLength(3);
      await patchRollout({ retry: { version: '4.0.0', token: 'a' } });
      expect((await scene.finished(4)).status?.outcome).toBe('Promoted');
      expect((await scene.releases()).at(-1)?.spec.cause).toMatchObject({ type: 'Retry', retryToken: 'a' });
      await scene.ready();
    },
    STORY_MS,
  );
});

describe('onFailure: Freeze', () => {
  test(
    'leaves a failing version at its weight until a person aborts it, which makes it known to be bad',
    async () => {
      await patchRollout({ ...QUICK_ROLLOUT, onFailure: 'Freeze' });
      await scene.release('3.0.0');
      const frozen = await inPhase(5, 'Frozen');
      bad.push(frozen.spec.to.revision);
      const weight = frozen.status?.timeline?.at(-1)?.weight ?? 0;
      expect(weight).toBeGreaterThan(0);
      expect(frozen.status?.message).toMatch(/frozen at \d+ %: version 3\.0\.0 failed check errors/);
      const stalled = (await scene.deployment()).status?.conditions?.find(({ type }) => type === 'Stalled');
      expect(stalled).toMatchObject({ status: 'True', reason: 'Frozen' });
      await new Promise((resolve) => setTimeout(resolve, 6000));
      expect((await scene.releases()).at(-1)?.status?.phase).toBe('Frozen');
      await ask(5, 'Abort', 'as the checks say');
      expect((await scene.finished(5)).status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
    },
    STORY_MS,
  );
});
