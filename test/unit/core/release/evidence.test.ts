import { describe, expect, test } from '@jest/globals';
import { RESOURCE } from '../../../../src/api/resources.ts';
import { NAMESPACE } from '../../../support/world/objects.ts';
import { ended, holdingAt, releasing, servingWorld, writesSince } from './scenario.ts';

describe('a failing version', () => {
  test('is rolled back: the decision is in the route, in the same write as the weights', async () => {
    const world = await releasing({ errorRate: 0.26 });
    const from = world.api.writes.length;
    await world.until(() => world.newest().status?.decision === 'RollBack');
    const write = world.api.writes.slice(from).findLast(({ kind }) => kind === 'HTTPRoute');
    expect((write?.after?.metadata['annotations'] as Record<string, string>)['plimsoll.dev/decision']).toBe(
      'r2/RollBack/Evidence:ErrorRateWorse',
    );
    expect(world.weight('2')).toBe(0);
    expect(world.weight('1')).toBe(100);
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse', decision: 'RollBack' });
    expect(release.metadata.labels).toMatchObject({ 'plimsoll.dev/outcome': 'RolledBack', 'plimsoll.dev/class': 'Evidence' });
    expect(release.status?.message).toContain('version 2 failed check errors');
    world.assertSound();
  });

  test('is taken off by the only write of the pass that sees it; the statuses follow in the next one', async () => {
    const world = await releasing({ errorRate: 0.26 });
    await world.until(() => world.weight('2') === 5);
    await world.until(() => world.weight('2') === 0);
    const last = world.passes.findLast(({ planned }) =>
      planned.actions.some((action) => action.type === 'Apply' && action.object.kind === 'HTTPRoute'),
    );
    expect(last?.planned.actions).toMatchObject([{ type: 'Apply', urgent: true, object: { kind: 'HTTPRoute' } }]);
    expect(last?.planned).toMatchObject({ events: [{ reason: 'RollingBack' }], requeueAfterMs: 0 });
    expect(last?.writes).toBe(1);
    await world.until(() => world.newest().status?.decision === 'RollBack');
    expect(world.deployment.status?.phase).toBe('RollingBack');
  });

  test('meets few requests before it is taken off', async () => {
    const world = await releasing({ errorRate: 0.26 });
    await ended(world);
    // 5 requests/s reach it; settling takes 10 s, then 3 to 6 looks of 5 s.
    expect(world.served('2').requests).toBeGreaterThan(100);
    expect(world.served('2').requests).toBeLessThan(300);
  });

  test('is not tried again by a re-apply, a restart or a resync', async () => {
    const world = await releasing({ errorRate: 0.26 });
    await ended(world);
    const before = world.api.writes.length;
    world.restart();
    await world.run(3_600_000);
    world.edit({});
    await world.run(3_600_000);
    expect(writesSince(world, before)).toEqual([]);
    expect(world.releases).toHaveLength(2);
    expect(world.condition('Stalled')).toBe('True/RolledBack');
  });

  test('is not tried again when the spec comes back to it after another version', async () => {
    const world = await releasing({ errorRate: 0.26 });
    await ended(world);
    world.release('3');
    await ended(world);
    expect(world.newest().status?.outcome).toBe('Promoted');
    world.release('2');
    await world.run(600_000);
    expect(world.releases).toHaveLength(3);
    expect(world.condition('Stalled')).toBe('True/KnownBad');
    expect(world.weight('3')).toBe(100);
    world.assertSound();
  });

  test('may be tried again with another image, which is another revision', async () => {
    const world = await releasing({ errorRate: 0.26 });
    await ended(world);
    world.behave('2', { errorRate: 0.002 });
    world.edit({ runtime: { preset: 'mlserver', template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.2' }] } } } });
    const release = await ended(world);
    expect(release.spec.number).toBe(3);
    expect(release.status?.outcome).toBe('Promoted');
  });

  test('leaves the slot that it had, and its pods and Service go', async () => {
    const world = await releasing({ errorRate: 0.26 });
    await ended(world);
    const revision = world.deployment.status?.stable?.revision;
    expect(world.route?.slots).toEqual({ a: { revision, weight: 100 }, b: { revision, weight: 0 } });
    expect(world.api.view(RESOURCE.deployment)).toHaveLength(1);
    expect(world.api.view(RESOURCE.service)).toHaveLength(2);
  });
});

describe('a slow version', () => {
  test('is rolled back by the latency check', async () => {
    const world = await releasing({ slowRate: 0.9 });
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'LatencyWorse' });
    expect(release.status?.checks?.find(({ name }) => name === 'latency')?.verdict).toBe('Fail');
    world.assertSound();
  });

  test('within the margins is promoted', async () => {
    const world = await releasing({ slowRate: 0.011, errorRate: 0.0022 });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
  });
});

describe('a version that goes bad late', () => {
  test('is rolled back from the last step', async () => {
    const world = await releasing();
    await holdingAt(world, 50);
    world.behave('2', { errorRate: 0.5 });
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', reason: 'ErrorRateWorse' });
    world.assertSound();
  });
});

describe('a stable version that fails as much', () => {
  test('does not make the candidate look bad', async () => {
    const world = await servingWorld();
    world.behave('1', { errorRate: 0.2 });
    await world.run(300_000);
    world.behave('2', { errorRate: 0.2 });
    world.release('2');
    await world.run(600_000);
    expect(world.newest().status?.decision).not.toBe('RollBack');
  });
});

describe('a limit', () => {
  const checks = [{ name: 'queue', limit: { query: 'max(queue{revision="{{revision}}"})', max: '10' } }];

  test('is failed by two looks in a row, not by one', async () => {
    const world = await servingWorld({ analysis: { interval: '5s', minRequests: 100, checks } });
    let value = 1;
    world.gateway.values = () => value;
    world.release('2');
    await holdingAt(world, 5);
    await world.run(20_000);
    value = 99;
    await world.until(() => world.deployment.status?.verdict === 'Inconclusive/Suspect');
    value = 1;
    await world.run(20_000);
    expect(world.newest().status?.decision).toBe('Shift');
    value = 99;
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'LimitExceeded' });
    expect(release.status?.message).toContain('value 99, which must be at most 10');
    world.assertSound();
  });

  test('asks for the revision that is released', async () => {
    const world = await servingWorld({ analysis: { interval: '5s', minRequests: 100, checks } });
    const queries = new Set<string>();
    world.gateway.values = (promql) => {
      queries.add(promql);
      return 1;
    };
    world.release('2');
    const release = await ended(world);
    expect([...queries]).toEqual([`max(queue{revision="${release.spec.to.revision}"})`]);
    expect(release.status?.outcome).toBe('Promoted');
  });
});

describe('an alert', () => {
  const triggers = { alerts: { matchLabels: { model: 'fraud', severity: 'page' } } };
  const labels = { alertname: 'FraudScoresOdd', namespace: NAMESPACE, model: 'fraud', severity: 'page' };

  test('that became active in the release rolls it back', async () => {
    const world = await releasing({}, { triggers });
    await holdingAt(world, 5);
    world.alerts = [{ labels, activeAtMs: world.now }];
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'AlertFiring' });
    expect(release.status?.message).toContain('FraudScoresOdd');
  });

  test('that was active before, is of another namespace or lacks a label, changes nothing', async () => {
    const world = await servingWorld({ triggers });
    const sinceMs = world.now;
    world.release('2');
    await holdingAt(world, 5);
    world.alerts = [
      { labels, activeAtMs: sinceMs - 60_000 },
      // Both times are cut to whole seconds: in truth it may have been there first.
      { labels, activeAtMs: Math.floor(sinceMs / 1000) * 1000 },
      { labels: { ...labels, namespace: 'other' }, activeAtMs: world.now },
      { labels: { ...labels, severity: 'ticket' }, activeAtMs: world.now },
    ];
    expect((await ended(world)).status?.outcome).toBe('Promoted');
  });

  const UNKNOWN = 'waits at 5 %: it is not known whether alerts fire, since Prometheus cannot be asked for them';

  test('that cannot be read has not kept silent: the step does not end, says why, and goes on when alerts are known', async () => {
    const world = await servingWorld({ triggers });
    world.alertsProblem = 'The operator has no Prometheus.';
    world.release('2');
    await holdingAt(world, 5);
    await world.until(() => world.newest().status?.message === UNKNOWN);
    await world.run(20_000);
    const writes = world.api.writes.length;
    await world.run(300_000);
    // A check may still come to its verdict.
    expect(writesSince(world, writes).length).toBeLessThanOrEqual(2);
    await world.until(() => world.newest().status?.phase === 'Paused');
    expect(world.weight('2')).toBe(5);
    expect(world.newest().status?.message).toContain('after the hold was over it is not known whether alerts fire');
    world.alertsProblem = undefined;
    expect((await ended(world)).status?.outcome).toBe('Promoted');
  });

  test('that cannot be read is no reason to wait where nobody asked for one', async () => {
    const world = await servingWorld();
    world.alertsProblem = 'The operator has no Prometheus.';
    world.release('2');
    expect((await ended(world)).status?.outcome).toBe('Promoted');
  });

  test('that nobody asked for changes nothing', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    world.alerts = [{ labels, activeAtMs: world.now }];
    expect((await ended(world)).status?.outcome).toBe('Promoted');
  });
});

describe('a verdict that changes', () => {
  const told = (world: Awaited<ReturnType<typeof releasing>>): readonly string[] =>
    world.events.filter(({ reason }) => reason.startsWith('Check')).map(({ type, reason, message }) => `${type} ${reason} ${message}`);

  test('is told once by an Event, however many looks say the same and after a restart, and so is its end', async () => {
    const checks = [{ name: 'queue', limit: { query: 'max(queue{revision="{{revision}}"})', max: '10', for: '1h' } }];
    const world = await servingWorld({ analysis: { interval: '5s', minRequests: 100, checks } });
    let value = 1;
    world.gateway.values = () => value;
    world.release('2');
    await holdingAt(world, 5);
    await world.run(20_000);
    value = 99;
    await world.run(20_000);
    world.restart();
    await world.run(20_000);
    expect(told(world)).toEqual(['Warning CheckSuspect check queue: value 99, which must be at most 10']);
    value = 2;
    await world.run(20_000);
    expect(told(world).slice(1)).toEqual(['Normal CheckRecovered check queue: value 2, which must be at most 10']);
    value = NaN;
    await world.run(20_000);
    expect(told(world).slice(2)).toEqual([expect.stringMatching(/^Warning CheckNoData check queue: no data: /)]);
  });

  test('to a failure is told by the roll-back alone', async () => {
    const world = await releasing({ errorRate: 0.5 });
    await ended(world);
    expect(told(world).filter((event) => !event.startsWith('Warning CheckSuspect'))).toEqual([]);
  });

  test('of a good version is nothing to tell', async () => {
    const world = await releasing();
    await ended(world);
    expect(told(world)).toEqual([]);
  });
});
