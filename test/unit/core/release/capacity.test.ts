import { describe, expect, test } from '@jest/globals';
import { RESOURCE, type KubeObject as StoredObject } from '../../../../src/api/resources.ts';
import { NAME, SPEC, type DeploymentSpec } from '../../../support/world/objects.ts';
import type { Behaviour, World } from '../../../support/world.ts';
import { ended, holdingAt, releasing, servingWorld } from './scenario.ts';

type Capacity = NonNullable<NonNullable<DeploymentSpec['rollout']>['capacity']>;

async function scarce(capacity: Capacity, behaviour: Partial<Behaviour> = {}, steps: readonly number[] = [25, 50, 75]): Promise<World> {
  const rollout = { ...SPEC.rollout, capacity, steps: steps.map((weight) => ({ weight, hold: '20s' })) };
  return await releasing(behaviour, { rollout });
}

function pods(world: World, version: string): number {
  const found = world.api
    .view(RESOURCE.deployment)
    .filter(({ metadata }) => world.versionOf(metadata.name.slice(NAME.length + 1)) === version);
  return found.reduce((sum, deployment) => sum + (deployment['spec'] as { readonly replicas: number }).replicas, 0);
}

/** Weight of the candidate, its pods and stable's, whenever one of them changes. */
async function follow(world: World, isDone: () => boolean): Promise<readonly string[]> {
  const seen: string[] = [];
  await world.until(() => {
    const entry = `${world.weight('2')} % ${pods(world, '2')}/${pods(world, '1')}`;
    if (seen.at(-1) !== entry) seen.push(entry);
    return isDone();
  });
  return seen;
}

const isOver = (world: World) => (): boolean => world.newest().spec.number === 2 && world.newest().status?.finishedAt !== undefined;

function reasonOf(world: World): string {
  const ready = world.deployment.status?.conditions?.find(({ type }) => type === 'Ready');
  return `${ready?.reason ?? ''}: ${ready?.message ?? ''}`;
}

describe('capacity by default', () => {
  test('is the share for the candidate and everything for stable, and is written into the plan', async () => {
    const world = await scarce({});
    const seen = await follow(world, isOver(world));
    expect(world.newest().spec.plan.capacity).toEqual({ candidate: 'Proportional', stable: 'Hold' });
    expect(seen.filter((entry) => !entry.startsWith('0 %'))).toEqual([
      '25 % 1/4',
      '25 % 2/4',
      '50 % 2/4',
      '50 % 3/4',
      '75 % 3/4',
      '75 % 4/4',
      '100 % 4/4',
    ]);
    world.assertSound();
  });

  test('makes a roll-back one write, and the status says so', async () => {
    const world = await scarce({});
    await holdingAt(world, 50);
    expect(world.deployment.status?.rollback).toBe('Instant');
    await ended(world);
    expect(world.deployment.status?.rollback).toBeUndefined();
  });
});

test('a candidate of full capacity has all its pods before the first step', async () => {
  const world = await scarce({ candidate: 'Full' });
  const seen = await follow(world, isOver(world));
  expect(seen.filter((entry) => !entry.startsWith('0 %'))).toEqual(['25 % 4/4', '50 % 4/4', '75 % 4/4', '100 % 4/4']);
  world.assertSound();
});

describe('a stable version that releases its pods', () => {
  test('keeps what its share needs after each held step, so a promotion fits into the pods that there are', async () => {
    const world = await scarce({ stable: 'Release' });
    world.kubelet.quota = 5;
    const seen = await follow(world, isOver(world));
    expect(world.newest().status?.outcome).toBe('Promoted');
    expect(seen.filter((entry) => !entry.startsWith('0 %'))).toEqual([
      '25 % 1/4',
      '25 % 2/3',
      '50 % 2/3',
      '50 % 3/2',
      '75 % 3/2',
      '75 % 4/1',
      '100 % 4/1',
    ]);
    await world.run(60_000);
    expect([pods(world, '1'), pods(world, '2')]).toEqual([0, 4]);
    world.assertSound();
  });

  test('says how many pods a roll-back would need', async () => {
    const world = await scarce({ stable: 'Release' });
    await holdingAt(world, 25);
    expect(world.deployment.status?.rollback).toBe('Instant');
    await holdingAt(world, 75);
    expect(world.deployment.status?.rollback).toBe('NeedsPods(2)');
  });

  test('gets its share back as fast as its pods become Ready, and the candidate gives them their places', async () => {
    const world = await scarce({ stable: 'Release' });
    world.kubelet.quota = 5;
    await holdingAt(world, 75);
    world.behave('2', { errorRate: 0.5 });
    await world.until(() => world.route?.decision?.decision === 'RollBack');
    const decided = world.weight('2');
    const seen = await follow(world, isOver(world));
    const weights = [decided, ...seen.map((entry) => Number(entry.split(' ')[0]))];
    expect(weights).toEqual([...weights].sort((a, b) => b - a));
    expect([...new Set(weights)]).toEqual([50, 25, 0]);
    expect(world.newest().status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
    expect(pods(world, '1')).toBe(4);
    world.assertSound();
  });

  test('takes everything at once from a candidate without a Ready pod', async () => {
    const world = await scarce({ stable: 'Release' });
    await holdingAt(world, 75);
    world.behave('2', { fate: 'Crash' });
    await world.until(() => world.weight('2') < 75);
    expect(world.weight('2')).toBe(0);
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', reason: 'CandidateUnavailable' });
    world.assertSound();
  });

  test('gets nothing more than it can carry from a candidate that has lost some of its pods', async () => {
    const world = await scarce({ stable: 'Release' });
    await holdingAt(world, 75);
    world.behave('2', { room: 1 });
    await world.until(() => world.newest().status?.unavailableSince !== undefined);
    expect(world.weight('2')).toBe(50);
    expect(pods(world, '1')).toBe(4);
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', reason: 'CandidateUnavailable' });
    world.assertSound();
  });

  test('that cannot get its pods back keeps the candidate at its weight, and says why', async () => {
    const world = await scarce({ stable: 'Release' });
    await holdingAt(world, 75);
    world.kubelet.quota = 4;
    world.behave('2', { errorRate: 0.5 });
    await world.until(() => world.route?.decision?.decision === 'RollBack');
    await world.run(60_000);
    expect(world.weight('2')).toBe(50);
    expect(reasonOf(world)).toMatch(
      /^InsufficientCapacity: version 1 waits for pods: the API server refuses more pods: exceeded quota: gpus/,
    );
    world.kubelet.quota = Infinity;
    world.kubelet.wake();
    await ended(world);
    expect(world.newest().status?.outcome).toBe('RolledBack');
    world.assertSound();
  });
});

describe('pods that find no place', () => {
  test('for want of quota are told at once, in the words of the API server, and once', async () => {
    const world = await scarce({});
    world.kubelet.quota = 4;
    await world.run(2000);
    const told =
      'version 2 waits for pods: the API server refuses more pods: exceeded quota: gpus, requested: pods=1, used: pods=5, limited: pods=5';
    expect(reasonOf(world)).toBe(`InsufficientCapacity: ${told}`);
    await world.run(30_000);
    expect(world.events.filter(({ reason }) => reason === 'InsufficientCapacity')).toEqual([
      expect.objectContaining({ type: 'Warning', message: told }),
    ]);
    expect(world.weight('1')).toBe(100);
    world.kubelet.quota = Infinity;
    world.kubelet.wake();
    await ended(world);
    expect(world.newest().status?.outcome).toBe('Promoted');
  });

  test('for want of quota are asked for again, less and less often, so that room is used soon after it is there', async () => {
    const world = await servingWorld({ replicas: 4 });
    world.kubelet.quota = 4;
    world.edit({ replicas: 5 });
    await world.run(60_000);
    const time = (object: StoredObject | undefined): string | undefined => object?.metadata.annotations?.['plimsoll.dev/pods-asked-at'];
    const asked = (): number => world.api.writes.filter(({ before: old, after: made }) => made && time(made) !== time(old)).length;
    expect(asked()).toBeGreaterThan(3);
    expect(asked()).toBeLessThan(7);
    // A ReplicaSet alone would try again 82 s after the first refusal.
    world.kubelet.quota = 5;
    await world.run(16_000);
    expect(pods(world, '1')).toBe(5);
    const after = asked();
    await world.run(20_000);
    expect(asked()).toBe(after);
    world.assertSound();
  });

  test('on any node are told at once, and end the release as no fault of the version', async () => {
    const world = await scarce({}, { room: 0 });
    await world.run(10_000);
    expect(reasonOf(world)).toMatch(
      /^InsufficientCapacity: version 2 waits for pods: no node takes the pod: 0\/3 nodes are available: insufficient memory/,
    );
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Infrastructure', reason: 'InsufficientCapacity' });
    expect(world.weight('1')).toBe(100);
  });

  test('in a later step leave the traffic where it is', async () => {
    const world = await scarce({}, { room: 1 });
    await holdingAt(world, 25);
    await world.until(() => reasonOf(world).startsWith('InsufficientCapacity'));
    await world.run(30_000);
    expect(world.weight('2')).toBe(25);
    expect(world.newest().status?.phase).toBe('Scaling');
    world.assertSound();
  });
});
