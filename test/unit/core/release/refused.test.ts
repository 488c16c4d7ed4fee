import { describe, expect, test } from '@jest/globals';
import { RESOURCE } from '../../../../src/api/resources.ts';
import { LABEL, MANAGED_BY_VALUE } from '../../../../src/api/names.ts';
import { NAME, NAMESPACE, SPEC, type DeploymentSpec } from '../../../support/world/objects.ts';
import { createWorld, type World } from '../../../support/world.ts';
import { ended, releasing, servingWorld } from './scenario.ts';

interface RouteObject {
  readonly spec: { readonly parentRefs: readonly object[]; readonly hostnames: readonly string[] };
}

function route(world: World): RouteObject['spec'] | undefined {
  return world.api.get<RouteObject>(RESOURCE.httpRoute, NAMESPACE, NAME)?.spec;
}

function gateway(parent: string, hostname: string): Pick<DeploymentSpec, 'traffic'> {
  return { traffic: { gateway: { parentRefs: [{ name: parent }], hostnames: [hostname] }, drain: '30s' } };
}

/** Warning Events so far, by reason. */
function warnings(world: World): readonly string[] {
  return world.events.filter(({ type }) => type === 'Warning').map(({ reason }) => reason);
}

/** Another ModelDeployment's route for this host name. */
function addRival(world: World, hostname: string): void {
  world.api.put({
    ...RESOURCE.httpRoute,
    metadata: {
      name: 'other',
      namespace: NAMESPACE,
      labels: { [LABEL.managedBy]: MANAGED_BY_VALUE, [LABEL.deployment]: 'other' },
      creationTimestamp: '2026-11-24T09:00:00Z',
    },
    spec: { parentRefs: [{ name: 'public', group: 'gateway.networking.k8s.io', kind: 'Gateway' }], hostnames: [hostname] },
  });
}

describe('a Gateway that does not exist', () => {
  test('keeps a first version from being released, is told once, and nothing is made', async () => {
    const world = createWorld();
    world.serve('1', gateway('nowhere', 'fraud.example.com'));
    await world.run(60_000);
    expect([world.condition('Accepted'), world.condition('Stalled'), world.condition('Available')]).toEqual([
      'False/GatewayMissing',
      'True/GatewayMissing',
      'False/NoVersionYet',
    ]);
    expect(warnings(world)).toEqual(['GatewayMissing']);
    expect([world.releases, world.api.view(RESOURCE.deployment), world.api.view(RESOURCE.httpRoute)]).toEqual([[], [], []]);
    world.edit(gateway('public', 'fraud.example.com'));
    await world.run(60_000);
    expect(world.condition('Ready')).toBe('True/Serving');
    world.assertSound();
  });

  test('leaves the route of what serves as it is, also through a rollback, until it is mended', async () => {
    const world = await releasing({ errorRate: 0.4 });
    await world.until(() => world.newest().status?.phase === 'Holding');
    const before = route(world);
    world.edit(gateway('nowhere', 'x.example.com'));
    expect((await ended(world)).status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence' });
    expect(route(world)).toMatchObject({ parentRefs: before?.parentRefs, hostnames: before?.hostnames });
    expect(world.weight('1')).toBe(100);
    expect(world.condition('Ready')).toBe('False/GatewayMissing');
    world.edit({ ...gateway('public', 'x.example.com'), version: '1' });
    await world.run(30_000);
    expect(route(world)?.hostnames).toEqual(['x.example.com']);
    expect(world.condition('Ready')).toBe('True/Serving');
    world.assertSound();
  });
});

describe('a Gateway without such a listener', () => {
  test('leaves the route of what serves as it is, until it is mended', async () => {
    const world = await servingWorld();
    const before = route(world);
    world.edit({ traffic: { ...SPEC.traffic, gateway: { parentRefs: [{ name: 'public', sectionName: 'tls' }] } }, version: '2' });
    await world.run(60_000);
    expect([world.condition('Ready'), world.condition('Available')]).toEqual(['False/ListenerMissing', 'True/Serving']);
    expect(warnings(world)).toEqual(['ListenerMissing']);
    expect(route(world)).toEqual(before);
    expect(world.releases).toHaveLength(1);
    world.edit({ traffic: SPEC.traffic, version: '1' });
    await world.run(30_000);
    expect(world.condition('Ready')).toBe('True/Serving');
    world.assertSound();
  });
});

describe('a host name that another deployment has', () => {
  test('is not taken from it, and is had once it is free', async () => {
    const world = await servingWorld();
    addRival(world, 'x.example.com');
    world.edit(gateway('public', 'x.example.com'));
    await world.run(30_000);
    expect(world.condition('Accepted')).toBe('False/HostnameTaken');
    expect(world.deployment.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toBe(
      'host name x.example.com at Gateway risk/public is that of ModelDeployment risk/other already; give another one in spec.traffic.gateway.hostnames, or take it away there',
    );
    expect(route(world)?.hostnames).toEqual(SPEC.traffic.gateway?.hostnames);
    expect(warnings(world)).toEqual(['HostnameTaken']);
    const writes = world.api.writes.length;
    await world.run(120_000);
    expect(world.api.writes).toHaveLength(writes);
    world.api.remove(RESOURCE.httpRoute, NAMESPACE, 'other');
    await world.run(30_000);
    expect(route(world)?.hostnames).toEqual(['x.example.com']);
    expect(world.condition('Ready')).toBe('True/Serving');
    world.assertSound();
  });
});

describe('a query that can never have a value', () => {
  test.each(['sum(rate(', 'up{x="{{model}}"}'])('is found before a release is begun: %s', async (query) => {
    const world = await servingWorld();
    const checks = [{ name: 'own', limit: { query, max: '1' } }];
    world.edit({ version: '2', analysis: { ...SPEC.analysis, checks } });
    world.addVersion('2');
    await world.run(60_000);
    expect(world.releases).toHaveLength(1);
    expect(world.passes.at(-1)?.error?.message).toMatch(/^check own can never have a value, so no release is begun: /);
    world.edit({ analysis: SPEC.analysis! });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });
});

describe('a probe that failed', () => {
  test('is asked again by the release that a token starts', async () => {
    const world = await releasing({ probe: 'Failed' });
    expect((await ended(world)).status?.reason).toBe('ProbeFailed');
    world.behave('2', { probe: 'Passed' });
    world.edit({ rollout: { ...SPEC.rollout, retry: { version: '2', token: 'mended' } } });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });
});

describe('a version that is missing', () => {
  test('is told in an Event, once, and that the one before goes on serving', async () => {
    const world = await servingWorld();
    world.edit({ version: '2' });
    await world.run(60_000);
    expect(warnings(world)).toEqual(['VersionMissing']);
    expect(world.events.at(-1)?.message).toBe(
      'there is no ModelVersion fraud-2 in this namespace; apply it, or name another one in spec.version; version 1 goes on serving',
    );
  });

  test('though it serves is told too, and its pods stay', async () => {
    const world = await servingWorld();
    world.api.remove(RESOURCE.modelVersion, NAMESPACE, `${NAME}-1`);
    await world.run(60_000);
    expect(world.condition('Ready')).toBe('False/VersionMissing');
    expect(world.condition('Available')).toBe('True/Serving');
    world.addVersion('1');
    await world.run(60_000);
    expect(world.condition('Ready')).toBe('True/Serving');
    expect(world.releases).toHaveLength(1);
    world.assertSound();
  });
});
