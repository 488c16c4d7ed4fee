import { describe, expect, test } from '@jest/globals';
import { ended, holdingAt, releasing } from './scenario.ts';

describe('a candidate whose pods are lost', () => {
  test('loses its weight at once, before anything else', async () => {
    const world = await releasing();
    await holdingAt(world, 50);
    world.behave('2', { fate: 'Crash' });
    await world.run(100);
    expect(world.weight('2')).toBe(0);
    expect(world.weight('1')).toBe(100);
    expect(world.newest().status).toMatchObject({ decision: 'Shift', phase: 'Scaling' });
    expect(world.newest().status?.unavailableSince).toBeDefined();
    const urgent = world.passes.flatMap(({ planned }) => planned.actions).filter((action) => action.type === 'Apply' && action.urgent === true);
    expect(urgent).toMatchObject([{ object: { kind: 'HTTPRoute' } }]);
    world.assertSound();
  });

  test('for longer than the grace is rolled back, with the cause that its pods show', async () => {
    const world = await releasing();
    await holdingAt(world, 50);
    world.behave('2', { fate: 'OutOfMemory' });
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'CandidateUnavailable' });
    expect(release.status?.message).toContain('killed for want of memory');
    const since = Date.parse(
      release.status?.unavailableSince ?? release.status?.timeline?.find(({ event }) => event === 'Scaling')?.at ?? '',
    );
    expect(Date.parse(release.status?.finishedAt ?? '') - since).toBeLessThan(40_000);
    world.assertSound();
  });

  test('with the node is rolled back as Infrastructure, and tried again', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    world.behave('2', { fate: 'Unschedulable' });
    expect((await ended(world)).status).toMatchObject({ outcome: 'RolledBack', class: 'Infrastructure' });
    world.behave('2', { fate: 'Ready' });
    await world.until(() => world.newest().status?.outcome === 'Promoted');
    world.assertSound();
  });

  test('that come back within the grace gets its step again, with a new window of evidence', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    await world.run(12_000);
    world.behave('2', { fate: 'Crash' });
    await world.run(10_000);
    expect(world.weight('2')).toBe(0);
    world.behave('2', { fate: 'Ready' });
    await world.run(10_000);
    expect(world.weight('2')).toBe(25);
    expect(world.newest().status?.unavailableSince).toBeUndefined();
    const windows = world.newest().status?.windows ?? [];
    expect(windows.map(({ step, to }) => [step, to !== undefined])).toEqual([
      [0, true],
      [1, true],
      [1, false],
    ]);
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('in part keeps what the rest can carry', async () => {
    const world = await releasing();
    await holdingAt(world, 50);
    world.behave('2', { room: 1 });
    await world.run(100);
    expect(world.weight('2')).toBe(25);
    world.assertSound();
  });

  test('between the last step and its promotion is not promoted', async () => {
    const world = await releasing();
    await holdingAt(world, 50);
    await world.until(() =>
      world.api
        .view({ apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', namespaced: true })
        .every(({ spec }) => (spec as { replicas: number }).replicas === 4),
    );
    world.behave('2', { fate: 'Crash' });
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence' });
    world.assertSound();
  });
});

describe('a step that needs more pods than there is room for', () => {
  test('does not get its weight, and the release fails as Infrastructure', async () => {
    const world = await releasing({ room: 1 });
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Infrastructure', reason: 'InsufficientCapacity' });
    expect(release.status?.windows?.map(({ weight }) => weight)).toEqual([5, 25]);
    world.assertSound();
  });
});
