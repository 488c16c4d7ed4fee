import { describe, expect, test } from '@jest/globals';
import type { Fault } from '../../../support/world/api.ts';
import type { DeploymentSpec } from '../../../support/world/objects.ts';
import type { Behaviour, World } from '../../../support/world.ts';
import { servingWorld } from './scenario.ts';

const QUICK: Partial<DeploymentSpec> = {
  replicas: 2,
  traffic: { gateway: { parentRefs: [{ name: 'public' }] }, drain: '5s' },
  rollout: {
    steps: [
      { weight: 25, hold: '15s' },
      { weight: 60, hold: '10s' },
    ],
    unavailableGrace: '10s',
    progressDeadline: '1m',
  },
};

/** How a release ended, and how the world was left. */
interface Ending {
  readonly outcome: string | undefined;
  readonly class: string | undefined;
  readonly reason: string | undefined;
  readonly weights: readonly number[];
  readonly serves: string | undefined;
}

/** One whole release of version 2, with a fault at its write number `index`. Ends when the world is at rest. */
async function release(
  behaviour: Partial<Behaviour>,
  index?: number,
  fault?: Fault,
): Promise<{ readonly world: World; readonly ending: Ending; readonly writes: number; readonly hit: string }> {
  const world = await servingWorld(QUICK, {}, 20_000);
  const from = world.api.writes.length;
  let hit = '';
  world.api.fault = (write, { kind }) => {
    if (index === undefined || write !== from + index) return undefined;
    hit = kind;
    return fault;
  };
  world.behave('2', behaviour);
  world.release('2');
  await world.until(() => world.releases[1]?.status?.finishedAt !== undefined);
  await world.run(25_000);
  const status = world.releases[1]?.status;
  const ending = {
    outcome: status?.outcome,
    class: status?.class,
    reason: status?.reason,
    weights: [world.weight('1'), world.weight('2')],
    serves: world.deployment.status?.stable?.version,
  };
  return { world, ending, writes: world.api.writes.length - from, hit };
}

const good = { outcome: 'Promoted', class: undefined, reason: 'Promoted', weights: [0, 100], serves: '2' };
const failing = { outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse', weights: [100, 0], serves: '1' };
const crashing = { outcome: 'RolledBack', class: 'Evidence', reason: 'CrashLoop', weights: [100, 0], serves: '1' };

describe('a release in which the operator is', () => {
  test.each([
    ['killed after', 'KillAfter', 'a good version', {}, good],
    ['killed after', 'KillAfter', 'a failing version', { errorRate: 0.4 }, failing],
    ['killed after', 'KillAfter', 'a version that crashes', { fate: 'Crash' }, crashing],
    ['left without an answer to', 'Lost', 'a good version', {}, good],
    ['left without an answer to', 'Lost', 'a failing version', { errorRate: 0.4 }, failing],
    ['refused', 'Refused', 'a good version', {}, good],
    ['told of a conflict at', 'Conflict', 'a failing version', { errorRate: 0.4 }, failing],
  ] as const)('%s any one of its writes (%s) ends as it would have, for %s', async (_, fault, __, behaviour, ending) => {
    const plain = await release(behaviour);
    expect(plain.ending).toEqual(ending);
    for (let index = 0; index < plain.writes; index += 1) {
      const { world, ending: found, hit } = await release(behaviour, index, fault);
      expect({ index, hit, ...found }).toEqual({ index, hit: expect.stringMatching(/./), ...ending });
      expect({ index, hit, violations: world.violations }).toEqual({ index, hit, violations: [] });
      expect(world.releases).toHaveLength(2);
    }
  });
});

describe('a roll-back', () => {
  test('whose every status write fails takes the traffic off all the same', async () => {
    const world = await servingWorld(QUICK, {}, 20_000);
    world.behave('2', { errorRate: 0.4 });
    world.release('2');
    await world.until(() => world.weight('2') === 25 && world.releases[1]?.status?.phase === 'Holding');
    world.api.fault = (_, { kind }) => (kind === 'ModelRelease' || kind === 'ModelDeployment' ? 'Refused' : undefined);
    await world.run(120_000);
    expect(world.weight('2')).toBe(0);
    world.restart();
    await world.run(60_000);
    expect(world.weight('2')).toBe(0);
    world.api.fault = () => undefined;
    await world.run(10_000);
    expect(world.releases[1]?.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
    world.assertSound();
  });

  test('is not undone by an operator that has not seen the route yet', async () => {
    const world = await servingWorld(QUICK, { lags: [() => 0, (plural) => (plural === 'httproutes' ? 45_000 : 0)] }, 60_000);
    world.behave('2', { errorRate: 0.4 });
    world.release('2');
    await world.until(() => world.releases[1]?.status?.finishedAt !== undefined);
    await world.run(120_000);
    expect(world.releases[1]?.status?.outcome).toBe('RolledBack');
    expect(world.weight('2')).toBe(0);
    world.assertSound();
  });

  test('is not undone by another operator whose caches are half a minute old', async () => {
    const world = await servingWorld(QUICK, { lags: [() => 0, () => 30_000] }, 60_000);
    world.behave('2', { errorRate: 0.4 });
    world.release('2');
    await world.until(() => world.releases[1]?.status?.finishedAt !== undefined);
    await world.run(120_000);
    expect(world.releases[1]?.status?.outcome).toBe('RolledBack');
    expect(world.weight('2')).toBe(0);
    expect(world.releases).toHaveLength(2);
    world.assertSound();
  });
});
