import { describe, expect, test } from '@jest/globals';
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import type { World } from '../../../support/world.ts';
import { ended, holdingAt, releasing } from './scenario.ts';

function ask(world: World, action: NonNullable<ModelRelease['spec']['control']>['action']): void {
  const release = world.newest();
  world.api.put({ ...release, spec: { ...release.spec, control: { action, by: 'alice' } } });
}

const FREEZE = { rollout: { onFailure: 'Freeze' as const } };

async function frozen(): Promise<World> {
  const world = await releasing({}, FREEZE);
  await holdingAt(world, 25);
  world.behave('2', { errorRate: 0.4 });
  await world.until(() => world.newest().status?.phase === 'Frozen');
  await world.run(10);
  return world;
}

describe('onFailure: Freeze', () => {
  test('leaves the weights as they are, says why, and waits for a person without a write', async () => {
    const world = await frozen();
    expect(world.condition('Stalled')).toBe('True/Frozen');
    expect(world.newest().status?.message).toContain('frozen at 25 %: version 2 failed check errors');
    const before = world.api.writes.length;
    await world.run(300_000);
    expect(world.weight('2')).toBe(25);
    expect(world.api.writes.length).toBe(before);
    world.assertSound();
  });

  test('is ended by Abort, and the revision is known to be bad', async () => {
    const world = await frozen();
    ask(world, 'Abort');
    expect((await ended(world)).status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
    expect(world.condition('Stalled')).toBe('True/RolledBack');
    world.assertSound();
  });

  test('is ended by Promote, since the person has seen the evidence', async () => {
    const world = await frozen();
    ask(world, 'Promote');
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted', message: 'version 2 serves: promoted by alice' });
  });

  test('is ended by the spec going back, and the revision stays known to be bad', async () => {
    const world = await frozen();
    world.release('1');
    expect((await ended(world)).status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence' });
    world.release('2');
    await world.run(600_000);
    expect(world.releases).toHaveLength(2);
    expect(world.condition('Ready')).toBe('False/RolledBack');
  });

  test('does not keep weight on pods that are gone', async () => {
    const world = await frozen();
    world.behave('2', { fate: 'Crash' });
    await world.run(600_000);
    expect(world.weight('2')).toBe(0);
    expect(world.newest().status?.phase).toBe('Frozen');
    world.assertSound();
  });

  test('concerns only candidates with traffic: a failed probe ends the release', async () => {
    const world = await releasing({ probe: 'Failed' }, FREEZE);
    expect((await ended(world)).status?.reason).toBe('ProbeFailed');
  });
});

describe('onInconclusive: Rollback', () => {
  test('takes off what could not be judged, condemns nobody and tries again', async () => {
    const world = await releasing({}, { rollout: { onInconclusive: 'Rollback', evidenceDeadline: '5m' } });
    world.gateway.metrics = 'Down';
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Infrastructure', reason: 'Inconclusive' });
    expect(release.status?.message).toContain('5m after the hold was over there are no data for every check');
    world.gateway.metrics = 'Works';
    await world.until(() => world.newest().status?.outcome === 'Promoted');
    expect(world.newest().spec.cause.attempt).toBe(2);
    world.assertSound();
  });
});

describe('infrastructureRetries', () => {
  test('ends the attempts, says so, and a retry token begins anew', async () => {
    const world = await releasing({ fate: 'ImagePull' }, { rollout: { infrastructureRetries: 1, progressDeadline: '30s' } });
    await world.run(600_000);
    expect(world.releases.map(({ spec }) => spec.cause.attempt)).toEqual([1, 1, 2]);
    expect(world.condition('Stalled')).toBe('True/RetriesExhausted');
    const message = world.deployment.status?.conditions?.find(({ type }) => type === 'Stalled')?.message;
    expect(message).toContain('version 1 serves; version 2 failed 2 times for want of infrastructure');
    expect(message).toContain('set spec.rollout.retry {version: "2", token: <a new one>}');
    world.behave('2', { fate: 'Ready' });
    await world.run(600_000);
    expect(world.releases).toHaveLength(3);
    world.edit({ rollout: { ...world.deployment.spec.rollout, retry: { version: '2', token: 'x' } } });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('of 0 tries once', async () => {
    const world = await releasing({ fate: 'ImagePull' }, { rollout: { infrastructureRetries: 0, progressDeadline: '30s' } });
    await world.run(600_000);
    expect(world.releases).toHaveLength(2);
  });
});

describe('a retry token', () => {
  async function bad(): Promise<World> {
    const world = await releasing({ errorRate: 0.4 });
    await ended(world);
    return world;
  }
  const retry = (world: World, version: string, token: string): void =>
    world.edit({ rollout: { ...world.deployment.spec.rollout, retry: { version, token } } });

  test('tries a known-bad revision once more, and it is condemned again by its evidence', async () => {
    const world = await bad();
    retry(world, '2', '1');
    expect((await ended(world)).status?.reason).toBe('ErrorRateWorse');
    await world.run(600_000);
    expect(world.releases).toHaveLength(3);
    retry(world, '2', '2');
    world.behave('2', { errorRate: 0.002 });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('for another version does nothing', async () => {
    const world = await bad();
    retry(world, '3', '1');
    await world.run(600_000);
    expect(world.releases).toHaveLength(2);
  });

  test('left in the spec does not revive the same version later', async () => {
    const world = await bad();
    retry(world, '2', '1');
    await ended(world);
    world.release('1');
    await world.run(60_000);
    world.release('2');
    await world.run(600_000);
    expect(world.releases).toHaveLength(3);
    expect(world.condition('Ready')).toBe('False/RolledBack');
  });

  test('is a release of its own kind in the record', async () => {
    const world = await bad();
    retry(world, '2', 'again');
    await ended(world);
    expect(world.newest().spec.cause).toMatchObject({ type: 'Retry', retryToken: 'again' });
  });
});

describe('historyLimit', () => {
  test('removes the oldest records, but not what the ledger still needs', async () => {
    const world = await releasing({ errorRate: 0.4 }, { rollout: { steps: [{ weight: 50, hold: '10s' }], historyLimit: 2 } });
    await ended(world);
    for (const version of ['3', '4', '5', '6']) {
      world.release(version);
      await world.until(() => world.newest().spec.to.version === version && world.newest().status?.outcome === 'Promoted');
    }
    await world.run(60_000);
    expect(world.releases.map(({ spec }) => spec.to.version)).toEqual(['2', '5', '6']);
    world.release('2');
    await world.run(600_000);
    expect(world.condition('Ready')).toBe('False/KnownBad');
    world.assertSound();
  });
});
