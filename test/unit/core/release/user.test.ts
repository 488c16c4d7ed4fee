import { describe, expect, test } from '@jest/globals';
import { RESOURCE } from '../../../../src/api/resources.ts';
import { NAME, NAMESPACE } from '../../../support/world/objects.ts';
import { ended, holdingAt, releasing, servingWorld, writesSince } from './scenario.ts';

describe('a spec that changes in a release', () => {
  test('back to the version that serves ends it as Reverted, and condemns nobody', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    world.release('1');
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'Reverted', class: 'User', reason: 'Reverted' });
    expect(world.weight('1')).toBe(100);
    expect(world.condition('Ready')).toBe('True/Serving');
    world.release('2');
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('to a third version ends it as Superseded first, and then releases the third', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    world.release('3');
    expect((await ended(world)).status?.outcome).toBe('Superseded');
    await world.until(() => world.newest().status?.outcome === 'Promoted');
    expect(world.newest().spec).toMatchObject({ number: 3, from: { version: '1' }, to: { version: '3' } });
    expect(world.weight('3')).toBe(100);
    world.assertSound();
  });

  test('before the candidate has traffic ends it as well', async () => {
    const world = await releasing({ readyAfterMs: 60_000 });
    await world.run(10_000);
    world.release('1');
    expect((await ended(world)).status?.outcome).toBe('Reverted');
    expect(world.served('2').requests).toBe(0);
    expect(world.api.view(RESOURCE.deployment)).toHaveLength(1);
    world.assertSound();
  });

  test('of hostname applies at once, and weights and decision stay as they are', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    const before = world.route;
    world.edit({ traffic: { gateway: { parentRefs: [{ name: 'public' }], hostnames: ['scores.example.com'] } } });
    await world.run(10);
    expect(
      world.api.get<{ readonly spec: { readonly hostnames: readonly string[] } }>(RESOURCE.httpRoute, NAMESPACE, NAME)?.spec.hostnames,
    ).toEqual(['scores.example.com']);
    expect(world.route?.slots).toEqual(before?.slots);
    expect(world.route?.decision).toEqual(before?.decision);
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('of steps and checks does not loosen the gates of the release that runs', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    world.edit({ rollout: { steps: [{ weight: 100, hold: '0s' }] }, analysis: { interval: '5s', minRequests: 1 } });
    await ended(world);
    expect(world.releases[1]?.status?.windows?.map(({ weight }) => weight)).toEqual([5, 25, 50]);
    world.assertSound();
  });

  test('of replicas changes the size of what serves, at rest and in a release', async () => {
    const world = await servingWorld();
    const sizes = (): readonly number[] =>
      world.api
        .view(RESOURCE.deployment)
        .map(({ spec }) => (spec as { replicas: number }).replicas)
        .toSorted();
    world.edit({ replicas: 6 });
    await world.run(10_000);
    expect(sizes()).toEqual([6]);
    world.release('2');
    await holdingAt(world, 50);
    expect(sizes()).toEqual([3, 6]);
    world.edit({ replicas: 8 });
    await ended(world);
    expect(sizes()).toEqual([8]);
    expect(world.newest().status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('of drain is a release, since it is the pods that must know it', async () => {
    const world = await servingWorld();
    world.edit({ traffic: { gateway: { parentRefs: [{ name: 'public' }], hostnames: ['fraud.example.com'] }, drain: '1m' } });
    await ended(world);
    expect(world.newest()).toMatchObject({ spec: { cause: { type: 'Template' } }, status: { outcome: 'Promoted' } });
    world.assertSound();
  });
});

describe('the record of a release', () => {
  test('says who asked for it and from which commit, as the annotations of the ModelDeployment do, cut to what the record holds', async () => {
    const world = await servingWorld();
    expect(world.releases[0]?.spec.cause).toEqual({ type: 'First', attempt: 1 });
    const { deployment } = world;
    const annotations = { 'plimsoll.dev/changed-by': 'a'.repeat(300), 'plimsoll.dev/commit': 'c'.repeat(80) };
    world.api.put({ ...deployment, metadata: { ...deployment.metadata, annotations } });
    world.release('2');
    await ended(world);
    expect(world.newest().spec.cause).toEqual({ type: 'Version', attempt: 1, changedBy: 'a'.repeat(253), commit: 'c'.repeat(64) });
    world.assertSound();
  });
});

describe("what is not this operator's to touch", () => {
  test('a ModelDeployment that is being deleted', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    const { deployment } = world;
    world.api.put({
      ...deployment,
      metadata: { ...deployment.metadata, deletionTimestamp: '2026-11-24T11:00:00Z', finalizers: ['example.com/keep'] },
    });
    const before = world.api.writes.length;
    await world.run(600_000);
    expect(writesSince(world, before)).toEqual([]);
    expect(world.weight('2')).toBe(25);
  });

  test('a deployment or a release with a status of a newer operator', async () => {
    for (const kind of ['modelDeployment', 'modelRelease'] as const) {
      const world = await releasing();
      await holdingAt(world, 25);
      const object = kind === 'modelDeployment' ? world.deployment : world.newest();
      world.api.put({ ...object, status: { ...object.status, schema: 99 } });
      const before = world.api.writes.length;
      await world.run(600_000);
      expect(writesSince(world, before)).toEqual([]);
      expect(world.events.at(-1)?.reason).toBe('NewerState');
    }
  });

  test('the spec of a ModelDeployment, ever', async () => {
    const world = await releasing();
    const { generation } = world.deployment.metadata;
    await ended(world);
    expect(world.deployment.metadata.generation).toBe(generation);
  });
});

describe('a version that is deleted', () => {
  test('while it serves goes on serving, and the status says what is missing', async () => {
    const world = await servingWorld();
    world.api.remove(RESOURCE.modelVersion, NAMESPACE, `${NAME}-1`);
    await world.run(60_000);
    expect(world.weight('1')).toBe(100);
    expect(world.condition('Available')).toBe('True/Serving');
    expect(world.condition('Ready')).toBe('False/VersionMissing');
    expect(world.api.view(RESOURCE.deployment)).toHaveLength(1);
  });

  test('while it is released goes on by its record', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    world.api.remove(RESOURCE.modelVersion, NAMESPACE, `${NAME}-2`);
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });
});

describe('status that is lost', () => {
  test('of a ModelDeployment is rebuilt, and what serves is not taken for a first version', async () => {
    const world = await servingWorld();
    const { status, ...rest } = world.deployment;
    world.api.put(rest);
    await world.run(60_000);
    expect(world.deployment.status).toMatchObject({ phase: status?.phase, stable: status?.stable, release: status?.release });
    expect(world.releases).toHaveLength(1);
    world.release('2');
    await ended(world);
    expect(world.newest().spec).toMatchObject({ number: 2, from: { version: '1' }, cause: { type: 'Version' } });
    world.assertSound();
  });

  test('of everything, as a restore leaves it, keeps what serves and what is known to be bad', async () => {
    const world = await releasing({ errorRate: 0.26 });
    await ended(world);
    for (const object of [world.deployment, ...world.releases]) {
      const { status: _, ...rest } = object;
      world.api.put(rest);
    }
    world.restart();
    await world.run(600_000);
    expect(world.releases).toHaveLength(2);
    expect(world.weight('1')).toBe(100);
    expect(world.deployment.status).toMatchObject({ phase: 'RolledBack', stable: { version: '1' } });
    world.assertSound();
  });

  test('together with all records of releases leaves the serving version serving', async () => {
    const world = await servingWorld();
    const { status: _, ...rest } = world.deployment;
    world.api.put(rest);
    for (const { metadata } of world.releases) world.api.remove(RESOURCE.modelRelease, NAMESPACE, metadata.name);
    world.release('2');
    await ended(world);
    expect(world.newest().spec.from).toMatchObject({ version: '1' });
    expect(world.newest().spec.plan.steps).toHaveLength(3);
    world.assertSound();
  });

  test('of a running release is rebuilt from the route', async () => {
    const world = await releasing();
    await holdingAt(world, 25);
    const { status: _, ...rest } = world.newest();
    world.api.put(rest);
    await world.run(5000);
    expect(world.weight('2')).toBe(25);
    expect((await ended(world)).status?.outcome).toBe('Promoted');
  });
});

describe('a deployment that is deleted and made anew', () => {
  test('begins with a first version, though the records of the earlier one are still there, and counts on', async () => {
    const world = await servingWorld();
    const { deployment } = world;
    for (const type of [RESOURCE.deployment, RESOURCE.service, RESOURCE.controllerRevision, RESOURCE.podDisruptionBudget, RESOURCE.httpRoute])
      for (const { metadata } of world.api.view(type)) world.api.remove(type, NAMESPACE, metadata.name);
    const { status: _, ...rest } = deployment;
    world.api.remove(RESOURCE.modelDeployment, NAMESPACE, NAME);
    world.api.put({ ...rest, metadata: { name: NAME, namespace: NAMESPACE } });
    await world.run(120_000);
    expect(world.releases.map(({ spec, status }) => [spec.number, spec.cause.type, status?.outcome])).toEqual([
      [1, 'First', 'Promoted'],
      [2, 'First', 'Promoted'],
    ]);
    expect(world.condition('Ready')).toBe('True/Serving');
  });

  test('does not try a revision again that was known to be bad', async () => {
    const world = await releasing({ errorRate: 0.3 });
    await ended(world);
    for (const type of [RESOURCE.deployment, RESOURCE.service, RESOURCE.controllerRevision, RESOURCE.podDisruptionBudget, RESOURCE.httpRoute])
      for (const { metadata } of world.api.view(type)) world.api.remove(type, NAMESPACE, metadata.name);
    const { status: _, ...rest } = world.deployment;
    world.api.remove(RESOURCE.modelDeployment, NAMESPACE, NAME);
    world.api.put({ ...rest, metadata: { name: NAME, namespace: NAMESPACE } });
    await world.run(120_000);
    expect(world.condition('Ready')).toBe('False/FirstVersionFailed');
    expect(world.releases).toHaveLength(2);
  });
});

describe('children that somebody removes', () => {
  test('are made anew, also when the record of their rendering is gone with them', async () => {
    const world = await servingWorld();
    for (const type of [RESOURCE.deployment, RESOURCE.service, RESOURCE.controllerRevision, RESOURCE.podDisruptionBudget])
      for (const { metadata } of world.api.view(type)) world.api.remove(type, NAMESPACE, metadata.name);
    await world.run(120_000);
    expect(world.condition('Ready')).toBe('True/Serving');
    expect(world.api.view(RESOURCE.deployment)).toHaveLength(1);
    expect(world.releases).toHaveLength(1);
  });
});
