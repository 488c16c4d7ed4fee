import { describe, expect, test } from '@jest/globals';
import type { MetricsMood } from '../../../support/world/gateway.ts';
import { ended, holdingAt, releasing } from './scenario.ts';

describe('without data', () => {
  test.each(['Down', 'Empty', 'NotANumber'] satisfies MetricsMood[])(
    '(%s) a release neither ends its step nor rolls back, and goes on by itself when data come',
    async (mood) => {
      const world = await releasing();
      await holdingAt(world, 5);
      world.gateway.metrics = mood;
      await world.run(300_000);
      expect(world.weight('2')).toBe(5);
      expect(world.newest().status?.decision).toBe('Shift');
      expect(world.deployment.status?.verdict).toMatch(/^Inconclusive\/No/);
      world.gateway.metrics = 'Works';
      expect((await ended(world)).status?.outcome).toBe('Promoted');
      world.assertSound();
    },
  );

  test.each(['Down', 'Empty', 'NotANumber'] satisfies MetricsMood[])(
    '(%s) a failing version is not rolled back, and is when data come',
    async (mood) => {
      const world = await releasing({ errorRate: 0.26 });
      world.gateway.metrics = mood;
      await holdingAt(world, 5);
      await world.run(300_000);
      expect(world.newest().status?.decision).toBe('Shift');
      world.gateway.metrics = 'Works';
      expect((await ended(world)).status).toMatchObject({ outcome: 'RolledBack', reason: 'ErrorRateWorse' });
    },
  );

  test('past the deadline for evidence a release is paused, says so, and goes on by itself when data come', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    world.gateway.metrics = 'Down';
    await world.run(700_000);
    expect(world.newest().status?.phase).toBe('Paused');
    expect(world.condition('Ready')).toBe('False/Paused');
    expect(world.condition('Reconciling')).toBeUndefined();
    expect(world.condition('Available')).toBe('True/Serving');
    expect(world.events.at(-1)).toMatchObject({ type: 'Warning', reason: 'Inconclusive' });
    const before = world.api.writes.length;
    await world.run(600_000);
    expect(world.api.writes.length).toBe(before);
    world.gateway.metrics = 'Works';
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('a promotion never happens', async () => {
    const world = await releasing();
    world.gateway.metrics = 'Down';
    await world.run(1_800_000);
    expect(world.weight('2')).toBe(5);
    expect(world.newest().status?.outcome).toBeUndefined();
  });
});

describe('with too few requests', () => {
  test('a step goes on until there are enough', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    world.gateway.requestsPerSecond = 2;
    await world.run(300_000);
    expect(world.weight('2')).toBe(5);
    world.gateway.requestsPerSecond = 100;
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('a step that stays so is paused, not promoted', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    world.gateway.requestsPerSecond = 0.1;
    await world.run(1_200_000);
    expect(world.newest().status?.phase).toBe('Paused');
    expect(world.newest().status?.message).toContain('fewer than 100 requests');
    expect(world.weight('2')).toBe(25);
  });
});

describe('a share that does not arrive', () => {
  test('is called NoAttribution, and nothing goes on', async () => {
    const world = await releasing();
    await world.until(() => world.weight('2') === 5);
    // The gateway says that it took the route over, but goes on as before: the slot gets what an idle one gets, of stable's requests.
    world.gateway.takesOver = false;
    world.gateway.idleShare = 0.01;
    await world.run(300_000);
    expect(world.deployment.status?.verdict).toBe('Inconclusive/NoAttribution');
    expect(world.weight('2')).toBe(5);
    expect(world.newest().status?.decision).toBe('Shift');
  });
});

describe('a gateway', () => {
  test('that does not answer for a route in time lets the release fail as Infrastructure', async () => {
    const world = await releasing();
    world.gateway.mood = 'Silent';
    await world.run(60_000);
    expect(world.newest().status?.phase).toBe('Shifting');
    await world.run(400_000);
    expect(world.newest().status).toMatchObject({ decision: 'RollBack', class: 'Infrastructure', reason: 'RouteNotAccepted' });
    world.gateway.mood = 'Accepts';
    await world.run(5000);
    expect(world.releases[1]?.status?.outcome).toBe('RolledBack');
    world.assertSound();
  });

  test('that refuses the route is told in the conditions', async () => {
    const world = await releasing();
    world.gateway.mood = 'Refuses';
    await world.run(60_000);
    expect(world.condition('Accepted')).toBe('False/RouteRefused');
    expect(world.newest().status?.message).toContain('no listener allows this host');
  });
});
