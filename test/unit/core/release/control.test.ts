import { describe, expect, test } from '@jest/globals';
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import { createWorld, type World } from '../../../support/world.ts';
import { ended, holdingAt, releasing } from './scenario.ts';

type Control = NonNullable<ModelRelease['spec']['control']>;

/** What a person writes into the record of the newest release. */
function ask(world: World, action: Control['action'], reason = 'a good one'): void {
  const release = world.newest();
  const control: Control = { action, by: 'alice', reason };
  world.api.put({ ...release, spec: { ...release.spec, control } });
}

describe('a release that a person pauses', () => {
  test('stays at its weight however good it is, says who and why, and goes on when told to', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    ask(world, 'Pause', 'the campaign');
    await world.run(300_000);
    expect(world.weight('2')).toBe(5);
    expect(world.newest().status?.message).toContain('at 5 %: paused by alice: the campaign');
    expect(world.condition('Ready')).toBe('False/Paused');
    expect(world.condition('Stalled')).toBeUndefined();
    expect(world.events.filter(({ reason }) => reason === 'Paused')).toHaveLength(1);
    ask(world, 'Run');
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('is taken off all the same when its evidence speaks against it', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    ask(world, 'Pause');
    await world.run(10_000);
    world.behave('2', { errorRate: 0.4 });
    expect((await ended(world)).status).toMatchObject({ outcome: 'RolledBack', reason: 'ErrorRateWorse' });
    world.assertSound();
  });

  test('between a weight and its hold is measured all the same', async () => {
    const world = await releasing({ errorRate: 0.4 });
    await world.until(() => world.weight('2') === 5);
    ask(world, 'Pause');
    expect((await ended(world)).status).toMatchObject({ outcome: 'RolledBack', reason: 'ErrorRateWorse' });
  });

  test('before its first step gets no traffic', async () => {
    const world = await releasing({ readyAfterMs: 20_000 });
    await world.run(5000);
    ask(world, 'Pause');
    await world.run(600_000);
    expect(world.newest().status?.phase).toBe('Paused');
    expect(world.served('2').requests).toBe(0);
    ask(world, 'Run');
    expect((await ended(world)).status?.outcome).toBe('Promoted');
  });

  test('writes nothing while it is paused', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    ask(world, 'Pause');
    // Until no verdict changes any more.
    await world.run(600_000);
    const before = world.api.writes.length;
    await world.run(300_000);
    expect(world.api.writes.slice(before).map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([]);
  });
});

describe('spec.rollout.paused', () => {
  test('holds a running release, and lets it go on when it is removed', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    world.edit({ rollout: { ...world.deployment.spec.rollout, paused: true } });
    await world.run(300_000);
    expect(world.weight('2')).toBe(25);
    world.edit({ rollout: { ...world.deployment.spec.rollout, paused: false } });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('keeps the next release from starting, and says so', async () => {
    const paused = createWorld();
    paused.serve('1', { rollout: { paused: true } });
    await paused.run(60_000);
    expect(paused.releases).toEqual([]);
    expect(paused.condition('Ready')).toBe('False/Paused');
    paused.edit({ rollout: {} });
    await paused.run(60_000);
    expect(paused.condition('Ready')).toBe('True/Serving');
  });

  test('does not keep a failing release from being taken off', async () => {
    const world = await releasing({ errorRate: 0.4 });
    await holdingAt(world, 5);
    world.edit({ rollout: { ...world.deployment.spec.rollout, paused: true } });
    expect((await ended(world)).status?.reason).toBe('ErrorRateWorse');
  });
});

describe('a release that a person promotes', () => {
  test('skips the steps that are left once all its pods are Ready, and the record says who', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    ask(world, 'Promote', 'seen enough');
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'Promoted', message: 'version 2 serves: promoted by alice: seen enough' });
    expect(release.status?.windows?.map(({ weight }) => weight)).toEqual([5]);
  });

  test('before its first step is asked a probe all the same', async () => {
    const world = await releasing({ probe: 'Failed', readyAfterMs: 20_000 });
    await world.run(5000);
    ask(world, 'Promote');
    expect((await ended(world)).status?.reason).toBe('ProbeFailed');
    expect(world.served('2').requests).toBe(0);
  });

  test('is taken off when the evidence fails before all has moved', async () => {
    const world = await releasing({ room: 2 });
    await holdingAt(world, 5);
    ask(world, 'Promote');
    world.behave('2', { errorRate: 0.4 });
    expect((await ended(world)).status?.reason).toBe('ErrorRateWorse');
  });
});

describe('a release that a person aborts', () => {
  test('is taken off, says who, condemns nobody and is not tried again by itself', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    ask(world, 'Abort', 'wrong model');
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'Aborted', class: 'User', message: 'version 2 was aborted by alice: wrong model' });
    await world.run(600_000);
    expect(world.releases).toHaveLength(2);
    expect(world.condition('Ready')).toBe('False/Aborted');
    expect(world.condition('Stalled')).toBe('True/Aborted');
    expect(world.weight('1')).toBe(100);
    world.assertSound();
  });

  test('is released again by a retry token, once', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    ask(world, 'Abort');
    await ended(world);
    world.edit({ rollout: { ...world.deployment.spec.rollout, retry: { version: '2', token: 'a' } } });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    expect(world.newest().spec.cause).toMatchObject({ type: 'Retry', retryToken: 'a', attempt: 1 });
    world.assertSound();
  });
});
