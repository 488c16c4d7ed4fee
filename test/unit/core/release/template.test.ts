import { describe, expect, test } from '@jest/globals';
import { RESOURCE } from '../../../../src/api/resources.ts';
import { NAME, NAMESPACE, type DeploymentSpec } from '../../../support/world/objects.ts';
import type { World } from '../../../support/world.ts';
import { ended, servingWorld } from './scenario.ts';

type Runtime = DeploymentSpec['runtime'];

/** The runtime of the world with members of its container replaced. */
function mlserver(container: Readonly<Record<string, unknown>>): Runtime {
  return { preset: 'mlserver', template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.1', ...container }] } } };
}

/** A server of the user's own. */
function own(custom: Partial<NonNullable<Runtime['custom']>> = {}): Runtime {
  const container = { name: 'model', image: 'own:1', readinessProbe: { httpGet: { path: '/health', port: 8000 } } };
  return {
    preset: 'custom',
    custom: { port: 8000, probe: { path: '/predict' }, ...custom },
    template: { spec: { containers: [container] } },
  };
}

interface ServiceObject {
  readonly spec: { readonly ports: readonly { readonly targetPort: number }[] };
}

function targetPort(world: World, service: string): number | undefined {
  return world.api.get<ServiceObject>(RESOURCE.service, NAMESPACE, service)?.spec.ports[0]?.targetPort;
}

describe('a change of spec.runtime alone is a release', () => {
  test.each([
    ['image', mlserver({}), mlserver({ image: 'mlserver:1.7.2' })],
    ['an argument', mlserver({}), mlserver({ args: ['--debug'] })],
    ['a variable', mlserver({}), mlserver({ env: [{ name: 'MLSERVER_PARALLEL_WORKERS', value: '1' }] })],
    ['resources', mlserver({}), mlserver({ resources: { limits: { memory: '1Gi' } } })],
    ['preset', mlserver({}), own()],
    ['the port', own(), own({ port: 9000 })],
    ['the model path', own(), own({ modelPath: '/models/fraud/1' })],
    ['the probe', own(), own({ probe: { path: '/other' } })],
  ])('with its steps and checks: %s', async (_, before, after) => {
    const world = await servingWorld({ runtime: before });
    world.edit({ runtime: after });
    const release = await ended(world);
    expect(release.spec.cause.type).toBe('Template');
    expect(release.spec.from).toMatchObject({ version: '1', digest: release.spec.to.digest });
    expect(release.status?.timeline?.filter(({ event }) => event === 'Holding').map(({ weight }) => weight)).toEqual([5, 25, 50]);
    expect(release.status?.checks?.map(({ name }) => name)).toEqual(['errors', 'latency']);
    expect(release.status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('but replicas are not', async () => {
    const world = await servingWorld();
    world.edit({ replicas: 6 });
    await world.run(60_000);
    expect(world.releases).toHaveLength(1);
    expect(world.condition('Ready')).toBe('True/Serving');
    expect(world.api.view(RESOURCE.deployment).map(({ spec }) => (spec as { readonly replicas: number }).replicas)).toEqual([6]);
  });
});

describe('a runtime that is bad', () => {
  test('condemns its own revision and not the version: the old template serves on, another one is released, and only the bad one is known', async () => {
    const world = await servingWorld();
    const stable = world.newest().spec.to.revision;
    world.behave('1', { probe: 'Failed' });
    world.edit({ runtime: mlserver({ args: ['--broken'] }) });
    const bad = await ended(world);
    expect(bad.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ProbeFailed' });
    expect(world.condition('Ready')).toBe('False/RolledBack');
    expect(world.route?.slots.a).toMatchObject({ revision: stable, weight: 100 });

    world.behave('1', { probe: 'Passed' });
    world.edit({ runtime: mlserver({}) });
    await world.run(60_000);
    expect(world.condition('Ready')).toBe('True/Serving');
    expect(world.releases).toHaveLength(2);

    world.edit({ runtime: mlserver({ args: ['--mended'] }) });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.edit({ runtime: mlserver({ args: ['--broken'] }) });
    await world.run(60_000);
    expect(world.condition('Ready')).toBe('False/KnownBad');
    expect(world.releases).toHaveLength(3);
    world.assertSound();
  });

  test('of custom, for its probe asks the wrong thing, is released again as soon as the probe is right', async () => {
    const world = await servingWorld({ runtime: own() });
    world.behave('1', { probe: 'Failed' });
    world.edit({ runtime: own({ port: 9000, probe: { path: '/typo' } }) });
    expect((await ended(world)).status?.reason).toBe('ProbeFailed');
    world.behave('1', { probe: 'Passed' });
    world.edit({ runtime: own({ port: 9000 }) });
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });
});

describe('the port of a server of its own', () => {
  test('is that of the revision: stable keeps its own until the other one has taken over', async () => {
    const world = await servingWorld({ runtime: own() });
    const [from] = world.releases.map(({ spec }) => spec.to.revision);
    world.edit({ runtime: own({ port: 9000 }) });
    await world.until(() => world.newest().status?.phase === 'Holding');
    const { revision } = world.newest().spec.to;
    expect([from, revision].map((each) => targetPort(world, `${NAME}-${each ?? ''}`))).toEqual([8000, 9000]);
    expect(targetPort(world, NAME)).toBe(8000);
    await ended(world);
    expect(targetPort(world, NAME)).toBe(9000);
  });

  test('is known from the record of the revision when the Service is gone and the spec says otherwise', async () => {
    const world = await servingWorld({ runtime: own() });
    world.behave('1', { probe: 'Failed' });
    world.edit({ runtime: own({ port: 9000 }) });
    await ended(world);
    world.api.remove(RESOURCE.service, NAMESPACE, NAME);
    await world.run(30_000);
    expect(targetPort(world, NAME)).toBe(8000);
  });
});
