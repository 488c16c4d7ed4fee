import { describe, expect, test } from '@jest/globals';
import { stampConditions, type Statement } from '../../../../src/core/status/conditions.ts';
import { STATES } from '../../../support/conditionStates.ts';
import { ended, releasing } from '../release/scenario.ts';

const READY: Statement = { type: 'Ready', status: 'True', reason: 'Serving', message: 'version 1 serves' };
const AT = Date.UTC(2026, 0, 1);

describe('a condition', () => {
  test('carries the generation that it is about and the time of its last change', () => {
    expect(stampConditions([READY], undefined, 3, AT)).toEqual([
      { ...READY, observedGeneration: 3, lastTransitionTime: '2026-01-01T00:00:00.000Z' },
    ]);
  });

  test('keeps its time while its status stays, whatever its reason and message say', () => {
    const before = stampConditions([READY], undefined, 3, AT);
    const [after] = stampConditions([{ ...READY, reason: 'Other', message: 'other' }], before, 4, AT + 1000);
    expect(after).toMatchObject({ reason: 'Other', observedGeneration: 4, lastTransitionTime: '2026-01-01T00:00:00.000Z' });
  });

  test('gets a new time when its status changes', () => {
    const before = stampConditions([READY], undefined, 3, AT);
    expect(stampConditions([{ ...READY, status: 'False' }], before, 3, AT + 1000)[0]?.lastTransitionTime).toBe('2026-01-01T00:00:01.000Z');
  });

  test('is cut to what the API takes', () => {
    expect(stampConditions([{ ...READY, message: 'x'.repeat(5000) }], undefined, 1, AT)[0]?.message).toHaveLength(2048);
  });
});

describe('the conditions of a deployment', () => {
  test.each(STATES)('when $name', async ({ enter, phase, ready, available, accepted, reconciling, stalled }) => {
    const world = await enter();
    expect({
      phase: world.deployment.status?.phase,
      ready: world.condition('Ready'),
      available: world.condition('Available'),
      accepted: world.condition('Accepted'),
      reconciling: world.condition('Reconciling'),
      stalled: world.condition('Stalled'),
    }).toEqual({ phase, ready, available, accepted, reconciling, stalled });
    const { metadata, status } = world.deployment;
    expect(status?.conditions?.every(({ observedGeneration }) => observedGeneration === metadata.generation)).toBe(true);
    expect(status?.observedGeneration).toBe(metadata.generation);
  });

  test('that was rolled back tell the version, the check and the way out', async () => {
    const world = await releasing({ errorRate: 0.3 });
    await ended(world);
    const message = world.deployment.status?.conditions?.find(({ type }) => type === 'Stalled')?.message;
    expect(message).toContain('version 1 serves; release 2 found version 2 bad: version 2 failed check errors');
    expect(message).toContain('give another version, change its runtime, or set spec.rollout.retry {version: "2", token: <a new one>}');
  });
});
