import { describe, expect, test } from '@jest/globals';
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import { RESOURCE } from '../../../../src/api/resources.ts';
import { NAME, NAMESPACE } from '../../../support/world/objects.ts';
import type { World } from '../../../support/world.ts';
import { ended, releasing, writesSince } from './scenario.ts';

const KEEP = {
  rollout: { steps: [{ weight: 50, hold: '1m' }], keepPrevious: { for: '10m' } },
  triggers: { alerts: { matchLabels: { severity: 'page' } } },
};

/** Version 2 has been promoted, and version 1 is kept. */
async function watching(): Promise<World> {
  const world = await releasing({}, KEEP);
  await world.until(() => world.newest().status?.phase === 'Watching');
  await world.run(60_000);
  return world;
}

const sizes = (world: World): readonly number[] =>
  world.api.view(RESOURCE.deployment).map(({ spec }) => (spec as { replicas: number }).replicas);
const selected = (world: World): string | undefined =>
  world.api.get<{ readonly spec: { readonly selector: Record<string, string> } }>(RESOURCE.service, NAMESPACE, NAME)?.spec.selector[
    'plimsoll.dev/revision'
  ];

describe('after a promotion with keepPrevious', () => {
  test('the new version serves and is Ready, the one before keeps its size, and nothing is written', async () => {
    const world = await watching();
    expect(world.weight('2')).toBe(100);
    expect(world.condition('Ready')).toBe('True/Serving');
    expect(world.deployment.status).toMatchObject({ phase: 'Watching', stable: { version: '2' }, previous: { version: '1' } });
    expect(world.deployment.status?.candidate).toBeUndefined();
    expect(new Set(sizes(world)).size).toBe(1);
    expect(sizes(world)).toHaveLength(2);
    const before = world.api.writes.length;
    await world.run(300_000);
    expect(writesSince(world, before)).toEqual([]);
  });

  test('the release ends as Promoted when the time is over, and the version before is taken away', async () => {
    const world = await watching();
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted', phase: 'Promoted' });
    const status = world.newest().status;
    expect(Date.parse(status?.finishedAt ?? '') - Date.parse(status?.promotedAt ?? '')).toBeGreaterThanOrEqual(10 * 60_000);
    expect(sizes(world)).toHaveLength(1);
    expect(world.deployment.status?.previous).toBeUndefined();
    world.assertSound();
  });

  test('errors that were not there before roll back by one route write, and condemn the revision', async () => {
    const world = await watching();
    const routes = (): number => world.api.writes.filter(({ kind }) => kind === 'HTTPRoute').length;
    const before = routes();
    world.behave('2', { errorRate: 0.3 });
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse', decision: 'RollBack' });
    expect(release.status?.message).toContain('since the promotion');
    expect(world.weight('1')).toBe(100);
    expect(routes() - before).toBe(1);
    expect(selected(world)).toBe(world.newest().spec.from?.revision);
    expect(world.condition('Stalled')).toBe('True/RolledBack');
    world.assertSound();
  });

  test('an error rate like before does not', async () => {
    const world = await watching();
    world.behave('2', { errorRate: 0.003 });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
  });

  test('an alert rolls back', async () => {
    const world = await watching();
    world.alerts = [{ labels: { alertname: 'Late', namespace: NAMESPACE, severity: 'page' }, activeAtMs: world.now }];
    expect((await ended(world)).status).toMatchObject({ outcome: 'RolledBack', reason: 'AlertFiring' });
  });

  test('no data do nothing', async () => {
    const world = await watching();
    world.gateway.metrics = 'Down';
    expect((await ended(world)).status?.outcome).toBe('Promoted');
  });

  test('pods that are all gone roll back past the grace', async () => {
    const world = await watching();
    world.behave('2', { fate: 'Crash' });
    expect((await ended(world)).status).toMatchObject({ outcome: 'RolledBack', reason: 'CandidateUnavailable', class: 'Evidence' });
    expect(world.weight('1')).toBe(100);
  });

  test('a person may abort, which is the way back', async () => {
    const world = await watching();
    const release = world.newest();
    const control: ModelRelease['spec']['control'] = { action: 'Abort', by: 'alice', reason: 'complaints' };
    world.api.put({ ...release, spec: { ...release.spec, control } });
    expect((await ended(world)).status).toMatchObject({ outcome: 'Aborted', class: 'User' });
    expect(world.weight('1')).toBe(100);
    world.assertSound();
  });

  test('the spec going back to the version before is the same', async () => {
    const world = await watching();
    world.release('1');
    expect((await ended(world)).status).toMatchObject({ outcome: 'Reverted', class: 'User' });
    expect(world.weight('1')).toBe(100);
    expect(world.condition('Ready')).toBe('True/Serving');
    expect(world.releases).toHaveLength(2);
    world.assertSound();
  });

  test('a third version ends the watch as Promoted and is released', async () => {
    const world = await watching();
    world.release('3');
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    await world.until(() => world.newest().spec.to.version === '3' && world.newest().status?.promotedAt !== undefined);
    expect(world.newest().spec.from?.version).toBe('2');
    world.assertSound();
  });

  test('a restart, a lost status and a removed route change nothing', async () => {
    const world = await watching();
    const { status: _, ...rest } = world.newest();
    world.api.put(rest);
    const { status: __, ...deployment } = world.deployment;
    world.api.put(deployment);
    world.restart();
    await world.run(60_000);
    expect(world.newest().status?.phase).toBe('Watching');
    expect(world.deployment.status).toMatchObject({ stable: { version: '2' }, previous: { version: '1' } });
    world.api.remove(RESOURCE.httpRoute, NAMESPACE, NAME);
    await world.run(60_000);
    expect(world.weight('2')).toBe(100);
    world.assertSound();
  });

  test('replicas that change apply to both', async () => {
    const world = await watching();
    world.edit({ replicas: 5 });
    await world.run(60_000);
    expect(sizes(world)).toEqual([5, 5]);
  });

  test('keepPrevious that is removed ends the watch', async () => {
    const world = await watching();
    world.edit({ rollout: {} });
    await world.run(60_000);
    expect(world.newest().status?.outcome).toBe('Promoted');
  });
});

describe('steps without traffic', () => {
  const BLUE_GREEN = { rollout: { steps: [{ weight: 0, hold: '10m' }] } };

  test('hold the candidate up for their time, and then all traffic moves at once', async () => {
    const world = await releasing({}, BLUE_GREEN);
    await world.until(() => world.newest().status?.phase === 'Holding');
    await world.run(300_000);
    expect(world.served('2').requests).toBe(0);
    expect(world.condition('Ready')).toBe('False/Releasing');
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'Promoted' });
    expect(release.status?.message).toContain('every step was held without traffic, so nothing was compared');
    world.assertSound();
  });

  test('are no reason to wait for requests, and the steps after them are', async () => {
    const world = await releasing({}, { rollout: { steps: [{ weight: 0, hold: '1m' }, { weight: 50, hold: '1m' }] } });
    const release = await ended(world);
    expect(release.status?.windows?.map(({ weight }) => weight)).toEqual([0, 50]);
    expect(release.status?.outcome).toBe('Promoted');
    world.assertSound();
  });
});

describe('checks: []', () => {
  test('promotes on readiness and probe alone, without metrics, and the record says so', async () => {
    const world = await releasing({}, { analysis: { checks: [] } });
    world.gateway.metrics = 'Down';
    const release = await ended(world);
    expect(release.status?.message).toContain('promoted without evidence, as asked');
    expect(release.status?.outcome).toBe('Promoted');
  });
});

describe('a limit without data', () => {
  const LIMIT = { name: 'queue', limit: { query: 'absent_metric', max: '1' } };

  test('holds a step without traffic when all traffic would come next, and pauses it', async () => {
    const world = await releasing({}, { analysis: { checks: [LIMIT] }, rollout: { steps: [{ weight: 0, hold: '1m' }], evidenceDeadline: '2m' } });
    world.gateway.metrics = 'Empty';
    await world.until(() => world.newest().status?.phase === 'Paused');
    await world.run(300_000);
    expect(world.newest().status?.message).toContain('check queue has no value, and all traffic would come next');
    expect(world.served('2').requests).toBe(0);
    world.assertSound();
  });

  test('lets a step without traffic end when a later one asks for it', async () => {
    const steps = [
      { weight: 0, hold: '1m' },
      { weight: 50, hold: '1m' },
    ];
    const world = await releasing({}, { analysis: { checks: [LIMIT] }, rollout: { steps, evidenceDeadline: '2m' } });
    world.gateway.metrics = 'Empty';
    await world.until(() => world.newest().status?.phase === 'Paused');
    expect(world.weight('2')).toBe(50);
    world.assertSound();
  });
});

describe('a promotion by hand before any step', () => {
  test('is watched against what stable had before the release', async () => {
    const world = await releasing({ readyAfterMs: 20_000 }, KEEP);
    const release = world.newest.bind(world);
    await world.until(() => world.releases.length > 1);
    const { spec, ...rest } = release();
    world.api.put({ ...rest, spec: { ...spec, control: { action: 'Promote', by: 'alice' } } });
    await world.until(() => release().status?.phase === 'Watching');
    await world.run(60_000);
    world.behave('2', { errorRate: 0.3 });
    expect((await ended(world)).status).toMatchObject({ outcome: 'RolledBack', reason: 'ErrorRateWorse' });
    world.assertSound();
  });
});
