import { describe, expect, test } from '@jest/globals';
import { requestRate } from '../../../../src/core/analysis/rows.ts';
import { sayForecast } from '../../../../src/core/release/forecast.ts';
import { ended, holdingAt, releasing } from './scenario.ts';

describe('what evidence a release may expect', () => {
  test('is told by an Event and in the message when the first hold begins, and not again', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    const { message } = world.newest().status ?? {};
    const [told] = world.events.filter(({ reason }) => reason === 'EvidenceForecast');
    expect(told).toMatchObject({ type: 'Normal' });
    expect(told?.message).toMatch(/^at 100 requests\/s: 100 requests at 5 % take 20s; a candidate that is no different is certified after about /);
    expect(message).toBe(`holding at 5 % for 50s, and until the checks allow more; ${told?.message ?? ''}`);
    world.restart();
    await world.run(20_000);
    expect(world.newest().status?.message).toBe(message);
    await world.until(() => world.newest().status?.step === 1);
    expect(world.newest().status?.message).toBe('holding at 25 % for 20s, and until the checks allow more');
    await ended(world);
    expect(world.events.filter(({ reason }) => reason.startsWith('Evidence'))).toHaveLength(1);
    world.assertSound();
  });

  test('is a warning where it cannot come before the deadline', async () => {
    const analysis = { interval: '5s', minRequests: 100_000, checks: [{ name: 'errors', errorRate: {} }] };
    const world = await releasing({}, { analysis, rollout: { steps: [{ weight: 5, hold: '1m' }], evidenceDeadline: '5m' } });
    await holdingAt(world, 5);
    expect(world.events.filter(({ reason }) => reason.startsWith('Evidence'))).toMatchObject([
      { type: 'Warning', reason: 'EvidenceLate', message: expect.stringContaining('that step 1 has 100000 requests at 5 % takes about 6h') as unknown },
    ]);
  });

  test.each([
    ['without checks', { interval: '5s', minRequests: 100, checks: [] }],
    ['when no request can be counted', { interval: '5s', checks: [{ name: 'queue', limit: { query: 'max(queue)', max: '10' } }] }],
  ])('is not told %s', async (what, analysis) => {
    const spec = what === 'without checks' ? { analysis } : { analysis, traffic: { none: {} } };
    const world = await releasing({}, spec);
    world.gateway.values = () => 1;
    await ended(world);
    expect(world.events.filter(({ reason }) => reason.startsWith('Evidence'))).toEqual([]);
  });
});

describe('the rate of requests', () => {
  const look = (atMs: number, stable: number, candidate: number) => ({
    atMs,
    stable: { gateway: { requests: stable, bad: 0 } },
    candidate: { gateway: { requests: candidate, bad: 0 } },
    value: null,
  });

  test('is that of both versions, over the time between the first and the last look with data', () => {
    const hole = { atMs: 30_000, stable: null, candidate: null, value: null };
    expect(requestRate([look(0, 100, 0), look(15_000, 100, 0), hole, look(60_000, 640, 60)], 60_000)).toBe(10);
    expect(requestRate([look(0, 100, 0), look(15_000, 250, 0), look(60_000, 640, 60)], 15_000)).toBe(10);
    expect(requestRate([look(0, 7, 0), look(15_000, 7, 0)], 15_000)).toBe(0);
  });

  test('is not known without two looks that have data', () => {
    expect(requestRate([], 0)).toBeUndefined();
    expect(requestRate([look(0, 100, 0)], 0)).toBeUndefined();
  });
});

describe('the words of a forecast', () => {
  const weight = (percent: number, requestsMs: number, certifiedMs?: number) => ({ weight: percent, requestsMs, certifiedMs });

  test('name the slowest weight for requests, and every one for certainty', () => {
    const weights = [weight(5, 50_000, 7_100_000), weight(50, 5000, 1_200_001)];
    expect(sayForecast({ requestsPerSecond: 40, weights, late: undefined }, 100)).toBe(
      'at 40 requests/s: 100 requests at 5 % take 50s; a candidate that is no different is certified after about 119m at 5 %, 21m at 50 %',
    );
  });

  test('leave out what is not known', () => {
    expect(sayForecast({ requestsPerSecond: 0.5, weights: [weight(50, 400_000)], late: undefined }, 100)).toBe(
      'at 0.5 requests/s: 100 requests at 50 % take 7m',
    );
    expect(sayForecast({ requestsPerSecond: 12.3, weights: [], late: undefined }, 0)).toBe('there are 12 requests/s');
    expect(sayForecast({ requestsPerSecond: 0, weights: [weight(50, Infinity)], late: undefined }, 100)).toBe(
      'no request was counted before the release, so no evidence is to be expected',
    );
  });

  test('say what comes too late, and the way out', () => {
    const late = { what: 'certificates', step: 1, weight: 50, takesMs: undefined, givenMs: 4_200_000 } as const;
    expect(sayForecast({ requestsPerSecond: 2000, weights: [weight(50, 100)], late }, 100)).toBe(
      'at 2000 requests/s: 100 requests at 50 % take 1s; that step 2 is certified at 50 % never comes, and its hold and the deadline give it 70m: a larger weight, or a longer spec.rollout.evidenceDeadline, makes it possible',
    );
  });
});
