import { describe, expect, test } from '@jest/globals';
import { RESOURCE } from '../../../../src/api/resources.ts';
import { createWorld } from '../../../support/world.ts';
import { NAME, NAMESPACE } from '../../../support/world/objects.ts';
import { ended, holdingAt, releasing, servingWorld, writesSince } from './scenario.ts';

describe('the first version', () => {
  test('is probed before it gets any traffic, then gets all of it', async () => {
    const world = createWorld();
    world.serve('1');
    await world.run(3200);
    expect(world.route).toBeUndefined();
    await world.run(60_000);
    expect(world.weight('1')).toBe(100);
    expect(world.newest().status).toMatchObject({ outcome: 'Promoted', decision: 'Promote', phase: 'Promoted' });
    expect(world.newest().spec).toMatchObject({ number: 1, cause: { type: 'First' }, plan: { steps: [], checks: [] } });
    expect(world.deployment.status).toMatchObject({ phase: 'Serving', stable: { version: '1', slot: 'a' } });
    world.assertSound();
  });

  test('that answers its probe wrongly gets no traffic, and its route leads nowhere', async () => {
    const world = createWorld();
    world.behave('1', { probe: 'Failed' });
    world.serve('1');
    await world.run(60_000);
    expect(world.newest().status).toMatchObject({ outcome: 'Failed', class: 'Evidence', reason: 'ProbeFailed' });
    expect(world.route).toMatchObject({ decision: { decision: 'RollBack' }, slots: { a: { weight: 0 }, b: { weight: 0 } } });
    const route = world.api.get<{ readonly spec: object }>(RESOURCE.httpRoute, NAMESPACE, NAME);
    expect(route?.spec).toEqual({});
    expect(world.served('1').requests).toBe(0);
    expect(world.condition('Available')).toBe('False/FirstVersionFailed');
  });

  test('is tried again after trouble that was not its own, and serves in the end', async () => {
    const world = createWorld();
    world.behave('1', { fate: 'ImagePull' });
    world.serve('1');
    await world.until(() => world.releases.at(-1)?.status?.finishedAt !== undefined);
    expect(world.newest().status).toMatchObject({ outcome: 'Failed', class: 'Infrastructure', reason: 'ImagePullBackOff' });
    world.behave('1', { fate: 'Ready' });
    await world.run(120_000);
    expect(world.newest().spec.number).toBe(2);
    expect(world.condition('Ready')).toBe('True/Serving');
    world.assertSound();
  });
});

describe('a better version', () => {
  test('goes 5, 25, 50 and 100 percent and is promoted, without a change of slots', async () => {
    const world = await releasing();
    const weights: number[] = [];
    await world.until(() => {
      if (weights.at(-1) !== world.weight('2')) weights.push(world.weight('2'));
      return world.newest().status?.finishedAt !== undefined && world.weight('2') === 100;
    });
    expect(weights).toEqual([0, 5, 25, 50, 100]);
    const slots = world.route?.slots;
    await world.run(10_000);
    expect(world.newest().status).toMatchObject({ outcome: 'Promoted', phase: 'Promoted', decision: 'Promote', reason: 'Promoted' });
    expect(world.versionOf(slots?.b.revision ?? '')).toBe('2');
    expect(world.route?.slots.b).toEqual({ revision: slots?.b.revision, weight: 100 });
    expect(world.deployment.status).toMatchObject({ stable: { version: '2', slot: 'b' }, phase: 'Serving' });
    world.assertSound();
  });

  test('leaves no request unanswered on its way', async () => {
    const world = await releasing();
    const before = world.gateway.unserved;
    await ended(world);
    expect(world.gateway.unserved).toBe(before);
  });

  test('records each step with its window, and what every check says in the end', async () => {
    const world = await releasing();
    const release = await ended(world);
    expect(release.status?.windows?.map(({ step, weight, to }) => [step, weight, to !== undefined])).toEqual([
      [0, 5, true],
      [1, 25, true],
      [2, 50, true],
    ]);
    expect(release.status?.timeline?.map(({ event, weight }) => [event, weight])).toEqual([
      ['Preparing', undefined],
      ['Holding', 5],
      ['Holding', 25],
      ['Holding', 50],
      ['Promoting', 100],
      ['Promoted', 100],
    ]);
    expect(release.status?.checks?.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['errors', 'Pass'],
      ['latency', 'Pass'],
    ]);
    expect(release.status?.requests?.candidate).toBeGreaterThan(1000);
  });

  test('keeps the capacity of the version that serves until all traffic has left it', async () => {
    const world = await releasing();
    await holdingAt(world, 50);
    const workloads = world.api.view(RESOURCE.deployment).map(({ spec }) => (spec as { replicas: number }).replicas);
    expect(workloads.toSorted((a, b) => a - b)).toEqual([2, 4]);
  });

  test('takes the place of the old one, of which nothing is left but its record', async () => {
    const world = await releasing();
    await ended(world);
    const names = (kind: keyof typeof RESOURCE): readonly string[] => world.api.view(RESOURCE[kind]).map(({ metadata }) => metadata.name);
    const revision = world.deployment.status?.stable?.revision ?? '';
    expect(names('deployment')).toEqual([`${NAME}-${revision}`]);
    expect(names('service')).toEqual([NAME, `${NAME}-${revision}`].toSorted());
    expect(names('podDisruptionBudget')).toEqual([`${NAME}-${revision}`]);
    expect(names('controllerRevision')).toHaveLength(2);
    expect(
      world.api.get<{ readonly spec: { readonly selector: Record<string, string> } }>(RESOURCE.service, NAMESPACE, NAME)?.spec.selector,
    ).toMatchObject({ 'plimsoll.dev/revision': revision });
  });

  test('goes to the other slot at the next release, and back again', async () => {
    const world = await releasing();
    await ended(world);
    world.release('3');
    await ended(world);
    expect(world.newest().status?.outcome).toBe('Promoted');
    expect(world.deployment.status?.stable).toMatchObject({ version: '3', slot: 'a' });
    world.release('4');
    await ended(world);
    expect(world.deployment.status?.stable).toMatchObject({ version: '4', slot: 'b' });
    world.assertSound();
  });

  test('is promoted by steps of one weight as well', async () => {
    const world = await releasing({}, { rollout: { steps: [{ weight: 50 }] } });
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'Promoted' });
    expect(release.status?.windows).toHaveLength(1);
    world.assertSound();
  });

  test('with only another image is a release of its own, of the same version', async () => {
    const world = await servingWorld();
    world.edit({ runtime: { preset: 'mlserver', template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.2' }] } } } });
    const release = await ended(world);
    expect(release.spec).toMatchObject({ cause: { type: 'Template' }, from: { version: '1' }, to: { version: '1' } });
    expect(release.spec.to.revision).not.toBe(release.spec.from?.revision);
    expect(release.status?.outcome).toBe('Promoted');
    world.assertSound();
  });
});

describe('writes to the API server', () => {
  test('are at most four in each step, and the rest of a release is counted', async () => {
    const world = await releasing();
    const from = world.api.writes.length;
    await holdingAt(world, 5);
    const steps: number[] = [];
    for (const weight of [25, 50]) {
      const before = world.api.writes.length;
      await holdingAt(world, weight);
      steps.push(world.api.writes.length - before);
    }
    await ended(world);
    const verdicts = world.api.writes
      .slice(from)
      .filter(({ kind, before, after }) => kind === 'ModelDeployment' && placeOf(before) === placeOf(after)).length;
    const total = world.api.writes.slice(from).filter(({ verb }) => verb !== 'rehearse').length;
    // One more for each change of a check's verdict while a step is held, which the step itself did not cause.
    expect(Math.max(...steps)).toBeLessThanOrEqual(4 + 1);
    expect(verdicts).toBe(2);
    expect(total).toBeLessThanOrEqual(29);
  });

  test('are none while a step is held and no verdict changes', async () => {
    const world = await releasing({}, { rollout: { steps: [{ weight: 25, hold: '10m' }] } });
    await holdingAt(world, 25);
    await world.run(120_000);
    const before = world.api.writes.length;
    await world.run(300_000);
    expect(writesSince(world, before)).toEqual([]);
  });

  test('are none in a world at rest, also after a restart of the operator', async () => {
    const world = await servingWorld();
    const before = world.api.writes.length;
    await world.run(600_000);
    world.restart();
    await world.run(60_000);
    expect(writesSince(world, before)).toEqual([]);
  });
});

function placeOf(object: object | undefined): string {
  const { phase, weight } =
    (object as { readonly status?: { readonly phase?: string; readonly weight?: number } } | undefined)?.status ?? {};
  return `${phase}/${weight}`;
}

describe('what a promotion is worth', () => {
  test('is told by the regression that would have been caught, in the sentence and in the record', async () => {
    const world = await releasing();
    const release = await ended(world);
    const said = /^.*a candidate ([0-9.]+) times as bad in errors or ([0-9.]+) times as bad in latency would have been caught with 90 % probability$/;
    const [, errors, latency] = said.exec(release.status?.message ?? '') ?? [];
    expect(Number(errors)).toBeGreaterThan(1);
    expect(release.status?.checks?.map(({ evidence }) => evidence?.['catches90'])).toEqual([errors, latency]);
    world.assertSound();
  });

  test('is not asked at any other moment', async () => {
    const world = await releasing();
    await holdingAt(world, 50);
    expect(world.newest().status?.checks).not.toEqual([]);
    expect(JSON.stringify(world.newest().status)).not.toContain('catches90');
  });

  test('stays in the record while the version before is kept', async () => {
    const world = await releasing({}, { rollout: { steps: [{ weight: 50, hold: '5m' }], keepPrevious: { for: '2m' } } });
    await world.until(() => world.newest().status?.phase === 'Watching');
    const told = (): unknown => world.newest().status?.checks?.map(({ evidence }) => evidence?.['catches90']);
    const before = told();
    expect(before).toEqual([expect.any(String), expect.any(String)]);
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    expect(told()).toEqual(before);
  });
});
