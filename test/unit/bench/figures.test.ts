import { describe, expect, test } from '@jest/globals';
import type { Write } from '../../bench/audit.ts';
import { histogramPercentiles, percentiles, releaseWrites } from '../../bench/figures.ts';

describe('percentiles', () => {
  test('are values that were measured, and of a hundred the 99th is not the worst', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentiles(values)).toEqual({ p50: 50, p99: 99 });
    expect(percentiles([7])).toEqual({ p50: 7, p99: 7 });
  });

  test('of a histogram count only what came between the two scrapes, over all other labels', () => {
    const bucket = (le: string, value: number, result = 'success') => ({ name: 'x_bucket', labels: { le, kind: 'A', result }, value });
    const before = [bucket('0.1', 50), bucket('1', 50), bucket('+Inf', 50)];
    const well = [bucket('0.1', 140), bucket('1', 148), bucket('+Inf', 148)];
    const after = [...well, bucket('0.1', 0, 'error'), bucket('1', 2, 'error'), bucket('+Inf', 2, 'error')];
    expect(histogramPercentiles(before, after, 'x', { kind: 'A' })).toEqual({ p50: 55.6, p99: 910 });
  });
});

describe('writes of a release', () => {
  const write = (verb: string, resource: string, more: Partial<Write> = {}): Write => ({
    receivedMs: 0,
    answeredMs: 0,
    verb,
    resource,
    namespace: 'risk',
    name: 'fraud',
    code: 200,
    isDryRun: false,
    decision: undefined,
    ...more,
  });
  const route = (decision: string): Write => write('patch', 'httproutes', { decision });
  const statuses = [write('patch', 'modelreleases/status'), write('patch', 'modeldeployments/status')];
  const pods = write('patch', 'deployments');

  test('a step begins with its pods or else with its weight, and ends where the next begins; the first begins with its pods too', () => {
    const writes = [
      write('create', 'modelreleases'),
      write('patch', 'services'),
      pods,
      ...statuses,
      route('r2/Shift/0'),
      ...statuses,
      write('patch', 'modeldeployments/status'),
      pods,
      route('r2/Shift/1'),
      ...statuses,
      route('r2/Shift/2'),
      ...statuses,
      pods,
      route('r2/Promote/0a1b2c3d4e'),
      ...statuses,
    ];
    expect(releaseWrites(writes)).toMatchObject({ total: writes.length, steps: [5, 4, 3], refused: 0 });
  });

  test('rehearsals, Events and the Lease are no writes of a release; what was refused is one', () => {
    const counted = releaseWrites([
      write('patch', 'deployments', { isDryRun: true }),
      write('create', 'events'),
      write('update', 'leases'),
      write('patch', 'modeldeployments/status', { code: 409 }),
      pods,
    ]);
    const byResource = { 'patch deployments': 1, 'patch modeldeployments/status': 1 };
    expect(counted).toEqual({ total: 2, steps: [], refused: 1, byResource });
  });

  test('a roll-back ends the step', () => {
    expect(releaseWrites([pods, route('r2/Shift/0'), ...statuses, route('r2/RollBack/Evidence:X'), ...statuses]).steps).toEqual([4]);
  });
});
