import { describe, expect, test } from '@jest/globals';
import type { CountingServer } from '../../../../src/core/analysis/servers.ts';
import { LABEL } from '../../../../src/api/names.ts';
import { RESOURCE } from '../../../../src/api/resources.ts';
import { NAME, NAMESPACE, type DeploymentSpec } from '../../../support/world/objects.ts';
import { createWorld, type Behaviour, type World } from '../../../support/world.ts';
import { ended, releasing, servingWorld } from './scenario.ts';

const SHARED: Partial<DeploymentSpec> = { traffic: { replicaShare: {} } };
const BY_PODS = { byPods: true };

/** Version 2 of this behaviour is released by the number of pods. */
async function sharing(behaviour: Partial<Behaviour> = {}, spec: Partial<DeploymentSpec> = {}): Promise<World> {
  return await releasing(behaviour, { ...SHARED, ...spec }, BY_PODS);
}

/** The revision that Service `<name>` selects; '' while it selects all of the deployment's pods. */
function selected(world: World): string | undefined {
  const service = world.api.get(RESOURCE.service, NAMESPACE, NAME);
  const { selector } = service?.['spec'] as { readonly selector: Record<string, string> };
  expect(selector[LABEL.deployment]).toBe(NAME);
  return world.versionOf(selector[LABEL.revision] ?? '');
}

function pods(world: World, version: string): number {
  const found = world.api
    .view(RESOURCE.deployment)
    .filter(({ metadata }) => world.versionOf(metadata.name.slice(NAME.length + 1)) === version);
  return found.reduce((sum, deployment) => sum + (deployment['spec'] as { readonly replicas: number }).replicas, 0);
}

describe('without a gateway', () => {
  test('the first version is served by the Service alone: there is no route', async () => {
    const world = await servingWorld(SHARED, BY_PODS);
    expect(selected(world)).toBe('1');
    expect(world.api.view(RESOURCE.httpRoute)).toEqual([]);
    expect(world.deployment.status).toMatchObject({ phase: 'Serving', traffic: { inCluster: 'ByReplicas' } });
    expect(world.deployment.status?.traffic?.achievedWeight).toBeUndefined();
    world.assertSound();
  });

  test('nothing is written at rest', async () => {
    const world = await servingWorld(SHARED, BY_PODS);
    const before = world.api.writes.length;
    await world.run(600_000);
    expect(world.api.writes.length).toBe(before);
  });

  test('a better version gets the shares that pods can make, and stable keeps all its pods until it is out of the Service', async () => {
    const world = await sharing();
    const seen: string[] = [];
    await world.until(() => {
      const entry = `${selected(world) || 'both'} ${pods(world, '2')}/${pods(world, '1')}`;
      if (seen.at(-1) !== entry) seen.push(entry);
      return world.newest().status?.finishedAt !== undefined && world.newest().spec.number === 2;
    });
    // Of 4 replicas: 5 % is one pod (20 %), 25 % is one (20 %, nearer than 33), 50 % is four.
    expect(seen.filter((entry) => !entry.startsWith('1 '))).toEqual(['both 1/4', 'both 4/4', '2 4/0']);
    expect(world.newest().status).toMatchObject({ outcome: 'Promoted' });
    await world.run(60_000);
    expect([pods(world, '1'), pods(world, '2')]).toEqual([0, 4]);
    expect(world.newest().spec.plan.evidence).toBe('MLServer');
    world.assertSound();
  });

  test('leaves no request unanswered on its way', async () => {
    const world = await sharing();
    const before = world.gateway.unserved;
    await ended(world);
    expect(world.gateway.unserved).toBe(before);
    expect(world.newest().status?.outcome).toBe('Promoted');
  });

  test('tells once which shares cannot be met, and what there will be', async () => {
    const world = await sharing();
    await ended(world);
    const told = world.events.filter(({ reason }) => reason === 'WeightsApproximated');
    const sentence =
      'shares are made by the number of pods: 4 replicas: 5 % becomes 20 %, 25 % becomes 20 %; more replicas make finer shares';
    expect(told).toEqual([expect.objectContaining({ type: 'Warning', message: sentence })]);
    const accepted = world.deployment.status?.conditions?.find(({ type }) => type === 'Accepted');
    expect(accepted).toMatchObject({ status: 'True', message: `the spec can be carried out; ${sentence}` });
  });

  test('the status shows the share that is had, not the one that was wanted', async () => {
    const world = await sharing();
    await world.until(() => world.newest().status?.phase === 'Holding');
    expect(world.deployment.status).toMatchObject({ weight: 5, traffic: { inCluster: 'ByReplicas', achievedWeight: 20 } });
  });

  test('a version that fails is taken out of the Service by the first write, and its pods go at once', async () => {
    const world = await sharing({ errorRate: 0.4 });
    await world.until(() => world.route?.decision?.decision === 'RollBack');
    expect(selected(world)).toBe('1');
    expect(pods(world, '2')).toBe(0);
    const decided = world.api.writes.findLastIndex(({ kind, name }) => kind === 'Service' && name === NAME);
    expect(world.api.writes.slice(decided, decided + 2).map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([
      'apply Service',
      'delete Deployment',
    ]);
    await world.run(60_000);
    expect(world.newest().status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
    world.assertSound();
  });

  test('a Service that somebody changed by hand is put right, and stays so', async () => {
    const world = await servingWorld(SHARED, BY_PODS);
    const service = world.api.get(RESOURCE.service, NAMESPACE, NAME)!;
    world.api.put({ ...service, spec: { ...(service['spec'] as object), selector: { [LABEL.deployment]: NAME, app: 'theirs' } } });
    expect(world.route).toBeUndefined();
    await world.run(5000);
    expect(selected(world)).toBe('1');
    world.assertSound();
  });

  test('a candidate that loses its pods loses its share, and past the grace its release', async () => {
    const world = await sharing();
    await world.until(() => world.newest().status?.phase === 'Holding');
    world.behave('2', { fate: 'Crash' });
    await ended(world);
    expect(world.newest().status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'CandidateUnavailable' });
    world.assertSound();
  });

  test('a third version waits until the second has no pods any more', async () => {
    const world = await sharing();
    await world.until(() => world.newest().status?.phase === 'Holding');
    world.release('3');
    await world.until(() => world.releases.at(-1)?.spec.number === 3 && world.newest().status?.phase === 'Holding');
    expect(selected(world)).toBe('');
    expect([pods(world, '1'), pods(world, '2'), pods(world, '3')]).toEqual([4, 0, 1]);
    world.assertSound();
  });
});

describe("a server of one's own without a gateway", () => {
  const custom = (
    port: number,
    checks: NonNullable<DeploymentSpec['analysis']>['checks'],
    metrics?: CountingServer,
  ): Partial<DeploymentSpec> => ({
    ...SHARED,
    runtime: {
      preset: 'custom',
      custom: { port, probe: { path: '/predict', body: '{}' }, ...(metrics === undefined ? {} : { metrics }) },
      template: { spec: { containers: [{ name: 'model', image: 'own:1', readinessProbe: { httpGet: { path: '/', port } } }] } },
    },
    analysis: { interval: '5s', ...(checks ? { checks } : {}) },
  });
  const LIMITS = [{ name: 'lag', limit: { query: 'max(lag)', max: '10' } }];
  const ERRORS = [{ name: 'errors', errorRate: {} }];

  test('is refused with checks that nobody could judge, and mending them is enough', async () => {
    const world = createWorld(BY_PODS);
    world.serve('1', custom(8000, ERRORS));
    await world.run(30_000);
    expect(world.condition('Accepted')).toBe('False/ChecksNotCountable');
    expect(world.releases).toEqual([]);
    world.edit(custom(8000, LIMITS));
    await world.run(60_000);
    expect([world.condition('Accepted'), world.condition('Ready')]).toEqual(['True/Accepted', 'True/Serving']);
  });

  test('is judged by its own counters, where it is said whose they are', async () => {
    const world = await releasing({ errorRate: 0.4 }, custom(8000, ERRORS, 'Triton'), BY_PODS);
    const release = await ended(world);
    expect(release.spec.plan.evidence).toBe('Triton');
    expect(release.status).toMatchObject({ outcome: 'RolledBack', reason: 'ErrorRateWorse' });
    world.assertSound();
  });

  test('is not compared with another kind of server', async () => {
    const world = await servingWorld(custom(8000, ERRORS, 'Triton'), BY_PODS);
    world.edit(custom(8000, ERRORS, 'VLLM'));
    await world.run(30_000);
    expect(world.condition('Accepted')).toBe('False/ChecksNotCountable');
    expect(world.releases).toHaveLength(1);
    world.edit(custom(8000, [], 'VLLM'));
    await world.until(() => world.newest().spec.number === 2 && world.newest().status?.finishedAt !== undefined);
    expect(world.newest()).toMatchObject({ spec: { plan: { evidence: 'VLLM' } }, status: { outcome: 'Promoted' } });
    world.assertSound();
  });

  test('must keep its port, since both versions are behind one Service', async () => {
    const world = await servingWorld(custom(8000, LIMITS), BY_PODS);
    world.edit(custom(9000, LIMITS));
    await world.run(30_000);
    expect(world.condition('Accepted')).toBe('False/PortChanged');
    expect(selected(world)).toBe('1');
    expect(world.releases).toHaveLength(1);
  });
});
