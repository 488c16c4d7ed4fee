// What a promotion takes: promoteWhen, fastPromote, optional checks and splits of traffic that do not happen, in whole releases.
import { describe, expect, test } from '@jest/globals';
import type { DeploymentSpec } from '../../../support/world/objects.ts';
import { SPEC } from '../../../support/world/objects.ts';
import { ended, holdingAt, releasing } from './scenario.ts';

type Analysis = NonNullable<DeploymentSpec['analysis']>;
const analysis = (more: Partial<Analysis>): Partial<DeploymentSpec> => ({ analysis: { ...SPEC.analysis, ...more } });
const ERRORS = [{ name: 'errors', errorRate: { relativeMargin: '50%', absoluteFloor: '1%' } }];

describe('promoteWhen', () => {
  test('Certified: the last step waits for its certificates, which NotWorse does not', async () => {
    const strict = { checks: [{ name: 'errors', errorRate: { relativeMargin: '10%', absoluteFloor: '0.1%' } }] };
    const quick = await releasing({ errorRate: 0.002 }, analysis(strict));
    expect((await ended(quick)).status).toMatchObject({ outcome: 'Promoted' });
    const world = await releasing({ errorRate: 0.002 }, analysis({ ...strict, promoteWhen: 'Certified' }));
    await holdingAt(world, 50);
    await world.run(240_000);
    expect(world.newest().status?.phase).toBe('Holding');
    expect(world.weight('2')).toBe(50);
    await world.until(() => world.newest().status?.phase === 'Paused');
    expect(world.newest().status?.message).toBe(
      'paused at 50 %: 10m after the hold was over errors had not certified the candidate; it goes on by itself when the evidence comes',
    );
    world.assertSound();
  });

  test('Certified: a certified candidate is promoted', async () => {
    const world = await releasing({ errorRate: 0 }, analysis({ checks: ERRORS, promoteWhen: 'Certified' }));
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted', checks: [{ name: 'errors', verdict: 'Pass' }] });
  });

  test('Certified: without traffic nothing is certified, and nothing promoted', async () => {
    const rollout = { steps: [{ weight: 0, hold: '20s' }], evidenceDeadline: '10m' };
    const world = await releasing({ errorRate: 0 }, { ...analysis({ checks: ERRORS, promoteWhen: 'Certified' }), rollout });
    await world.until(() => world.newest().status?.phase === 'Paused');
    expect(world.newest().status?.message).toContain('errors had not certified the candidate');
    expect(world.weight('2')).toBe(0);
  });

  test('is kept by the release that began with it', async () => {
    const world = await releasing({ errorRate: 0.002 }, analysis({ promoteWhen: 'Certified' }));
    await holdingAt(world, 5);
    expect(world.newest().spec.plan).toMatchObject({ promoteWhen: 'Certified' });
    world.edit(analysis({}));
    await world.run(10_000);
    expect(world.newest().spec.plan).toMatchObject({ promoteWhen: 'Certified' });
  });
});

describe('fastPromote', () => {
  const long = { steps: [{ weight: 50, hold: '1h' }], evidenceDeadline: '10m' };

  test('goes on before the hold is over, as soon as the candidate is certified', async () => {
    const world = await releasing({ errorRate: 0 }, { ...analysis({ checks: ERRORS, fastPromote: true }), rollout: long });
    await holdingAt(world, 50);
    await world.run(300_000);
    expect(world.newest().status?.outcome ?? world.weight('2')).toBe('Promoted');
  });

  test('waits as long as it is not certified', async () => {
    const strict = [{ name: 'errors', errorRate: { relativeMargin: '10%', absoluteFloor: '0.1%' } }];
    const world = await releasing({ errorRate: 0.002 }, { ...analysis({ checks: strict, fastPromote: true }), rollout: long });
    await holdingAt(world, 50);
    await world.run(300_000);
    expect(world.newest().status?.phase).toBe('Holding');
  });

  test('without checks that certify nothing is fast', async () => {
    const world = await releasing({ errorRate: 0 }, { ...analysis({ checks: [{ name: 'latency', latency: {} }], fastPromote: true }), rollout: long });
    await holdingAt(world, 50);
    await world.run(300_000);
    expect(world.newest().status?.phase).toBe('Holding');
  });
});

describe('the traffic that is not split as the weight says', () => {
  test('holds the release and is reported; it goes on by itself once the split is right', async () => {
    const checks = [...ERRORS, { name: 'split', split: {} }];
    const world = await releasing({ errorRate: 0.002 }, analysis({ checks }));
    await holdingAt(world, 5);
    world.gateway.takesOver = false;
    await world.until(() => world.weight('2') === 25);
    await world.run(120_000);
    expect(world.weight('2')).toBe(25);
    expect(world.deployment.status?.verdict).toBe('Inconclusive/SplitMismatch');
    const verdict = world.deployment.status?.verdicts?.find(({ check }) => check === 'split');
    expect(verdict?.explanation).toMatch(/^candidate got \d+ of \d+ requests at a weight of 25%: e=.* >= 1000, the traffic is not split as the weight says$/);
    world.gateway.takesOver = true;
    world.gateway.mood = 'Accepts';
    world.assertSound();
  });
});
