import { describe, expect, test } from '@jest/globals';
import { stampConditions, type Statement } from '../../../../src/core/status/conditions.ts';
import { createWorld, type World } from '../../../support/world.ts';
import { ended, holdingAt, releasing, servingWorld } from '../release/scenario.ts';

const READY: Statement = { type: 'Ready', status: 'True', reason: 'Serving', message: 'version 1 serves' };
const AT = Date.UTC(2026, 0, 1);

describe('a condition', () => {
  test('carries the generation that it is about and the time of its last change', () => {
    expect(stampConditions([READY], undefined, 3, AT)).toEqual([
      { ...READY, observedGeneration: 3, lastTransitionTime: '2026-01-01T00:00:00.000Z' },
    ]);
  });

  test('keeps its time while its status stays, whatever its reason and message say', () => {
    const before = stampConditions([READY], undefined, 3, AT);
    const [after] = stampConditions([{ ...READY, reason: 'Other', message: 'other' }], before, 4, AT + 1000);
    expect(after).toMatchObject({ reason: 'Other', observedGeneration: 4, lastTransitionTime: '2026-01-01T00:00:00.000Z' });
  });

  test('gets a new time when its status changes', () => {
    const before = stampConditions([READY], undefined, 3, AT);
    expect(stampConditions([{ ...READY, status: 'False' }], before, 3, AT + 1000)[0]?.lastTransitionTime).toBe('2026-01-01T00:00:01.000Z');
  });

  test('is cut to what the API takes', () => {
    expect(stampConditions([{ ...READY, message: 'x'.repeat(5000) }], undefined, 1, AT)[0]?.message).toHaveLength(2048);
  });
});

/** Ready, Available, Reconciling and Stalled, as `status/reason`. */
function row(world: World): readonly (string | undefined)[] {
  return ['Ready', 'Available', 'Reconciling', 'Stalled'].map((type) => world.condition(type));
}

describe('the conditions of a deployment', () => {
  test('that serves what its spec names', async () => {
    expect(row(await servingWorld())).toEqual(['True/Serving', 'True/Serving', undefined, undefined]);
  });

  test('that waits for its first version', async () => {
    const world = createWorld();
    world.serve('1');
    await world.run(1000);
    expect(row(world)).toEqual(['False/Releasing', 'False/NoVersionYet', 'True/Releasing', undefined]);
  });

  test('in any step of a release', async () => {
    const world = await releasing();
    for (const weight of [5, 25, 50]) {
      await holdingAt(world, weight);
      expect(row(world)).toEqual(['False/Releasing', 'True/Serving', 'True/Releasing', undefined]);
    }
  });

  test('that is paused for want of evidence', async () => {
    const world = await releasing();
    world.gateway.metrics = 'Down';
    await world.until(() => world.newest().status?.phase === 'Paused');
    await world.run(10);
    expect(row(world)).toEqual(['False/Paused', 'True/Serving', undefined, undefined]);
  });

  test('that was rolled back, with the version, the check and the way out', async () => {
    const world = await releasing({ errorRate: 0.3 });
    await ended(world);
    expect(row(world)).toEqual(['False/RolledBack', 'True/Serving', undefined, 'True/RolledBack']);
    const message = world.deployment.status?.conditions?.find(({ type }) => type === 'Stalled')?.message;
    expect(message).toContain('version 1 serves; release 2 found version 2 bad: version 2 failed check errors');
    expect(message).toContain('give another version, change its runtime, or set spec.rollout.retry {version: "2", token: <a new one>}');
  });

  test('whose spec went back to the version that serves', async () => {
    const world = await releasing({ errorRate: 0.3 });
    await ended(world);
    world.release('1');
    await world.run(10_000);
    expect(row(world)).toEqual(['True/Serving', 'True/Serving', undefined, undefined]);
  });

  test('whose first version failed', async () => {
    const world = createWorld();
    world.behave('1', { fate: 'Crash' });
    world.serve('1');
    await ended(world);
    expect(row(world)).toEqual(['False/FirstVersionFailed', 'False/FirstVersionFailed', undefined, 'True/FirstVersionFailed']);
  });

  test('whose pods are all gone', async () => {
    const world = await servingWorld();
    world.behave('1', { fate: 'Unschedulable' });
    await world.run(10_000);
    expect(row(world)).toEqual(['False/NoReadyPods', 'False/NoReadyPods', 'True/NoReadyPods', undefined]);
  });

  test('whose gateway refuses the route', async () => {
    const world = await servingWorld();
    world.gateway.mood = 'Refuses';
    world.edit({ traffic: { gateway: { parentRefs: [{ name: 'public' }], hostnames: ['x.example.com'] } } });
    await world.run(10_000);
    expect(row(world)).toEqual(['False/RouteRefused', 'True/Serving', undefined, 'True/RouteRefused']);
    expect(world.condition('Accepted')).toBe('False/RouteRefused');
  });

  test('are about the generation that was seen', async () => {
    const world = await releasing();
    await ended(world);
    const { metadata, status } = world.deployment;
    expect(status?.conditions?.every(({ observedGeneration }) => observedGeneration === metadata.generation)).toBe(true);
    expect(status?.observedGeneration).toBe(metadata.generation);
  });
});
