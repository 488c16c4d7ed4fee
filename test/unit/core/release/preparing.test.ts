import { describe, expect, test } from '@jest/globals';
import type { ProbeResult } from '../../../../src/core/observed.ts';
import { plan } from '../../../../src/core/plan.ts';
import type { PodFate } from '../../../support/world/pods.ts';
import { ended, holdingAt, releasing, servingWorld, writesSince } from './scenario.ts';

describe('before it gets any traffic, a version', () => {
  test('that answers its probe wrongly is condemned', async () => {
    const world = await releasing({ probe: 'Failed' });
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ProbeFailed' });
    expect(release.status?.message).toContain('failed its probe before any traffic');
    expect(world.served('2').requests).toBe(0);
    expect(world.api.writes.every(({ kind }) => kind !== 'HTTPRoute') || world.weight('2') === 0).toBe(true);
    world.assertSound();
  });

  test('whose pods come up quickly costs its record no write of its own', async () => {
    const world = await releasing();
    const from = world.api.writes.length;
    await holdingAt(world, 5);
    expect(writesSince(world, from).filter((write) => write.endsWith('ModelRelease'))).toEqual([
      'create ModelRelease',
      'applyStatus ModelRelease',
    ]);
    expect(world.newest().status?.timeline?.map(({ event }) => event)).toEqual(['Preparing', 'Holding']);
    expect(world.newest().status?.startedAt).toBe(world.newest().metadata.creationTimestamp);
  });

  test('whose pods take their time is shown to be prepared: by the deployment at once, by its record when it lasts', async () => {
    const world = await releasing({ fate: 'NeverReady' });
    await world.run(5000);
    expect([world.deployment.status?.phase, world.newest().status]).toEqual(['Preparing', undefined]);
    await world.run(6000);
    expect(world.newest().status?.phase).toBe('Preparing');
  });

  test('whose probe finds nobody is asked again, and condemned for nothing', async () => {
    const world = await releasing({ probe: 'Unreachable' });
    await world.run(60_000);
    expect(world.newest().status?.phase).toBe('Preparing');
    expect(world.newest().status?.message).toContain('the probe of version 2 has no answer yet: connection refused');
    world.behave('2', { probe: 'Passed' });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('that is being asked again is looked at again when the answer is there, and not over and over until then', async () => {
    const world = await releasing({ probe: 'Unreachable' });
    await world.run(20_000);
    const unreachable = (probe: ProbeResult): boolean => probe.state === 'Unreachable';
    const pass = world.passes.findLast(({ observed }) => [...observed.probes.values()].some(unreachable))!;
    const observed = { ...pass.observed, releases: world.releases };
    const probe = [...observed.probes.values()].find(unreachable) as Extract<ProbeResult, { state: 'Unreachable' }>;
    const waiting = plan(observed, probe.atMs + 400);
    const asking = plan(observed, probe.atMs + 1000);
    expect([waiting.actions.some(({ type }) => type === 'Probe'), waiting.requeueAfterMs]).toEqual([false, 600]);
    expect([asking.actions.some(({ type }) => type === 'Probe'), asking.requeueAfterMs]).toEqual([true, undefined]);
  });

  test('whose probe never finds anybody is tried again later', async () => {
    const world = await releasing({ probe: 'Unreachable' });
    const release = await ended(world);
    expect(release.status).toMatchObject({ class: 'Infrastructure', reason: 'ProbeUnreachable' });
  });

  const fates: readonly (readonly [fate: PodFate, kind: 'Evidence' | 'Infrastructure', reason: string])[] = [
    ['Crash', 'Evidence', 'CrashLoop'],
    ['OutOfMemory', 'Evidence', 'OOMKilled'],
    ['NeverReady', 'Evidence', 'NotReady'],
    ['BadArchive', 'Evidence', 'ArchiveRefused'],
    ['ImagePull', 'Infrastructure', 'ImagePullBackOff'],
    ['Unschedulable', 'Infrastructure', 'InsufficientCapacity'],
    ['SourceDown', 'Infrastructure', 'SourceUnreachable'],
  ];
  test.each(fates)('whose pods end as %s fails with class %s', async (fate, kind, reason) => {
    const world = await releasing({ fate });
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: kind, reason });
    expect(world.served('2').requests).toBe(0);
    expect(world.weight('1')).toBe(100);
    world.assertSound();
  });

  test('is told about while it waits, with the cause', async () => {
    const world = await releasing({ fate: 'ImagePull' });
    await world.run(20_000);
    expect(world.deployment.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain(
      'cannot start: Back-off pulling image',
    );
  });
});

describe('a version that failed for want of its surroundings', () => {
  test('is tried again after 30 s, then after twice as long, and promoted when they are mended', async () => {
    const world = await releasing({ fate: 'ImagePull' });
    await ended(world);
    await ended(world);
    const [first, second, third] = world.releases.slice(1);
    const gap = (a: typeof first, b: typeof first): number =>
      (Date.parse(b?.metadata.creationTimestamp ?? '') - Date.parse(a?.status?.finishedAt ?? '')) / 1000;
    expect(gap(first, second)).toBeGreaterThanOrEqual(29);
    expect(gap(first, second)).toBeLessThan(32);
    expect(gap(second, third)).toBeGreaterThanOrEqual(59);
    expect(gap(second, third)).toBeLessThan(62);
    world.behave('2', { fate: 'Ready' });
    await world.until(() => world.newest().status?.outcome === 'Promoted');
    world.assertSound();
  });

  test('says in the meantime when it will be tried again', async () => {
    const world = await releasing({ fate: 'Unschedulable' });
    await world.until(() => world.releases.length > 1 && world.newest().status?.finishedAt !== undefined);
    await world.run(5000);
    expect(world.deployment.status?.phase).toBe('Waiting');
    expect(world.deployment.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain('is tried again at');
  });
});

describe('a version that cannot be had', () => {
  test('because it does not exist starts no release, and does as soon as it is applied', async () => {
    const world = await servingWorld();
    world.edit({ version: '2' });
    await world.run(60_000);
    expect(world.releases).toHaveLength(1);
    expect(world.condition('Ready')).toBe('False/VersionMissing');
    expect(world.condition('Available')).toBe('True/Serving');
    world.addVersion('2');
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('because it is being resolved is waited for', async () => {
    const world = await servingWorld();
    world.addVersion('2', 'Resolving');
    world.edit({ version: '2' });
    await world.run(60_000);
    expect(world.condition('Ready')).toBe('False/VersionNotReady');
    expect(world.condition('Reconciling')).toBe('True/VersionNotReady');
    expect(world.weight('1')).toBe(100);
  });

  test('because it was refused stalls, and traffic stays where it is', async () => {
    const world = await servingWorld();
    world.addVersion('2', 'Refused');
    world.edit({ version: '2' });
    await world.run(60_000);
    expect(world.condition('Stalled')).toBe('True/VersionRefused');
    expect(world.condition('Accepted')).toBe('False/VersionRefused');
    expect(world.releases).toHaveLength(1);
  });

  test('because its template is refused says so, and mending the template is enough to go on', async () => {
    const world = await servingWorld();
    world.edit({ runtime: { preset: 'mlserver', template: { spec: { containers: [{ name: 'other', image: 'x' }] } } } });
    await world.run(30_000);
    expect(world.condition('Accepted')).toBe('False/InvalidTemplate');
    world.edit({ runtime: { preset: 'mlserver', template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.2' }] } } } });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
  });
});

test('a pod that crashes, is up for a moment and crashes again is told once', async () => {
  const world = await releasing({ fate: 'Crash' });
  for (let turn = 0; turn < 4; turn += 1) {
    await world.run(15_000);
    world.behave('2', { fate: turn % 2 === 0 ? 'Ready' : 'Crash', readyAfterMs: 60_000 });
  }
  await world.run(10_000);
  expect(world.events.filter(({ reason }) => reason === 'CrashLoop')).toHaveLength(1);
  world.assertSound();
});
