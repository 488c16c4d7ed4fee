import { describe, expect, test } from '@jest/globals';
import type { CheckSpec } from '../../../../src/core/release/checks/kind.ts';
import { RESOURCE } from '../../../../src/api/resources.ts';
import { NAME, NAMESPACE, type DeploymentSpec } from '../../../support/world/objects.ts';
import type { Behaviour, World } from '../../../support/world.ts';
import { ended, releasing, servingWorld } from './scenario.ts';

const ALONE: Partial<DeploymentSpec> = { traffic: { none: {} } };
const BY_PODS = { byPods: true };

async function working(behaviour: Partial<Behaviour> = {}, spec: Partial<DeploymentSpec> = {}): Promise<World> {
  return await releasing(behaviour, { ...ALONE, ...spec }, BY_PODS);
}

/** The Deployment of a version, while it has one. */
function workload(world: World, version: string): { readonly replicas: number; readonly decision: string } | undefined {
  const found = world.api
    .view(RESOURCE.deployment)
    .find(({ metadata }) => world.versionOf(metadata.name.slice(NAME.length + 1)) === version);
  if (!found) return undefined;
  const annotations = (found.metadata['annotations'] ?? {}) as Record<string, string>;
  return { replicas: (found['spec'] as { readonly replicas: number }).replicas, decision: annotations['plimsoll.dev/decision'] ?? '' };
}

describe('with traffic.none', () => {
  test('there is neither a route nor a Service of the name, and the probe goes through the Service of the revision', async () => {
    const world = await servingWorld(ALONE, BY_PODS);
    expect(world.api.view(RESOURCE.httpRoute)).toEqual([]);
    expect(world.api.get(RESOURCE.service, NAMESPACE, NAME)).toBeUndefined();
    expect(world.api.view(RESOURCE.service)).toHaveLength(1);
    expect(world.deployment.status).toMatchObject({ phase: 'Serving', traffic: { inCluster: 'None' } });
    expect(workload(world, '1')?.decision).toMatch(/^r1\/Promote\//);
    world.assertSound();
  });

  test('nothing is written at rest', async () => {
    const world = await servingWorld(ALONE, BY_PODS);
    const before = world.api.writes.length;
    await world.run(600_000);
    expect(world.api.writes.length).toBe(before);
  });

  test('a better version grows beside the old one to its full size, and only then the old one is scaled away', async () => {
    const world = await working();
    const seen: string[] = [];
    await world.until(() => {
      const entry = `${workload(world, '2')?.replicas ?? 0}/${workload(world, '1')?.replicas ?? 0}`;
      if (seen.at(-1) !== entry) seen.push(entry);
      return workload(world, '1') === undefined;
    });
    expect(seen).toEqual(['0/4', '1/4', '4/4', '4/0']);
    expect(world.newest().status).toMatchObject({ outcome: 'Promoted' });
    await world.run(60_000);
    expect(world.condition('Ready')).toBe('True/Serving');
    world.assertSound();
  });

  test('a version that fails loses its pods in the very write that carries the decision', async () => {
    const world = await working({ errorRate: 0.4 });
    await ended(world);
    const written = world.api.writes.filter(
      ({ kind, verb, after }) =>
        kind === 'Deployment' && verb === 'apply' && JSON.stringify(after).includes('r2/RollBack/Evidence:ErrorRateWorse'),
    );
    expect(written.map(({ before, after }) => [before?.['spec'], after?.['spec']])).toEqual([
      [expect.objectContaining({ replicas: 1 }), expect.objectContaining({ replicas: 0 })],
    ]);
    expect(world.newest().status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'ErrorRateWorse' });
    expect([workload(world, '2'), workload(world, '1')?.replicas]).toEqual([undefined, 4]);
    world.assertSound();
  });

  test('with limits alone nobody has to serve a request: minRequests does not hold', async () => {
    const world = await working(
      {},
      { analysis: { interval: '5s', checks: [{ name: 'lag', limit: { query: 'max(queue_lag)', max: '10' } }] } },
    );
    world.gateway.requestsPerSecond = 0;
    world.gateway.values = () => 3;
    const release = await ended(world);
    expect(release.spec.plan.evidence).toBe('Nobody');
    expect(release.status).toMatchObject({ outcome: 'Promoted' });
    world.assertSound();
  });

  test('where nobody counts requests, minRequests is asked of the events that the queries of a check count', async () => {
    const world = await working(
      {},
      {
        rollout: { steps: [{ weight: 50, hold: '2m' }], evidenceDeadline: '5m' },
        analysis: { interval: '5s', minRequests: 100, checks: [{ name: 'wrong', compare: { bad: 'wrong_{{version}}', total: 'told_{{version}}' } }] },
      },
    );
    let every = 60_000;
    world.gateway.values = (promql, atMs) => (promql.startsWith('wrong') ? 0 : Math.floor(atMs / every));
    await world.until(() => world.newest().status?.phase === 'Paused');
    expect(world.newest().spec.plan.evidence).toBe('Nobody');
    expect(world.newest().status?.message).toContain('fewer than 100 requests had reached the candidate');
    every = 100;
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'Promoted' });
    world.assertSound();
  });

  test('labels that come late and are optional are not waited for', async () => {
    const late: CheckSpec = { name: 'wrong', optional: true, compare: { bad: 'wrong_{{version}}', total: 'told_{{version}}' } };
    const lag: CheckSpec = { name: 'lag', limit: { query: 'max(queue_lag)', max: '10' } };
    const world = await working({}, { analysis: { interval: '5s', checks: [lag, late] } });
    world.gateway.values = (promql) => (promql.includes('queue_lag') ? 3 : null);
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted' });
    world.assertSound();
  });

  test('a limit that is exceeded takes the pods away', async () => {
    const world = await working(
      {},
      { analysis: { interval: '5s', checks: [{ name: 'lag', limit: { query: 'max(queue_lag)', max: '10' } }] } },
    );
    world.gateway.values = () => 30;
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', reason: 'LimitExceeded' });
    expect(workload(world, '2')).toBeUndefined();
    world.assertSound();
  });

  test('a revision whose failure was not its own gets its pods back when it is tried again', async () => {
    const world = await working({ probe: 'Unreachable' });
    await world.until(() => world.newest().status?.finishedAt !== undefined && world.newest().spec.number === 2);
    world.behave('2', { probe: 'Passed' });
    const release = await ended(world);
    expect([release.spec.number, release.status?.outcome]).toEqual([3, 'Promoted']);
    expect(workload(world, '2')?.replicas).toBe(4);
    world.assertSound();
  });

  test('what serves is known from its Deployment when records and status are lost', async () => {
    const world = await servingWorld(ALONE, BY_PODS);
    world.api.remove(RESOURCE.modelRelease, NAMESPACE, `${NAME}-r1`);
    const { status: _, ...deployment } = world.deployment;
    world.api.put(deployment);
    world.release('2');
    const release = await ended(world);
    expect(release.spec.from?.version).toBe('1');
    world.assertSound();
  });
});
