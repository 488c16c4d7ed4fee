import { describe, expect, test } from '@jest/globals';
import { DEFAULT_ANALYSIS } from '../../../../src/core/analysis/config.ts';
import { createRandom } from '../../../../src/core/simulation/random.ts';
import { simulateRun, type SimulatedPlan } from '../../../../src/core/simulation/run.ts';
import { looksUntilCertified, simulate, spread } from '../../../../src/core/simulation/summary.ts';
import type { Traffic } from '../../../../src/core/simulation/traffic.ts';

const config = { ...DEFAULT_ANALYSIS, floor: 0.005 };
const equal: Traffic = { requestsPerLook: 600, stableRate: 0.005, candidateRate: 0.005, bursts: 1 };
const outage: Traffic = { ...equal, candidateRate: 0.5 };
const plan: SimulatedPlan = {
  steps: [
    { weight: 5, holdMs: 150_000 },
    { weight: 50, holdMs: 150_000 },
  ],
  intervalMs: 15_000,
  settleMs: 20_000,
  minRequests: 100,
  evidenceDeadlineMs: 600_000,
  promoteWhen: 'NotWorse',
  checks: 1,
};

describe('a made-up release', () => {
  test('of a version that is no different is promoted when the last hold is over', () => {
    const run = simulateRun(createRandom(1), equal, plan, config);
    expect(run).toMatchObject({ outcome: 'promoted', looks: 20, elapsedMs: 24 * 15_000 });
    // Twelve intervals with 5 % of 600 and twelve with half.
    expect(Math.abs(run.exposed - 12 * 330)).toBeLessThan(4 * Math.sqrt(12 * 330));
  });

  test('of an outage is rolled back at the second look with evidence', () => {
    const run = simulateRun(createRandom(1), outage, plan, config);
    expect(run).toMatchObject({ outcome: 'rolledBack', looks: 2, elapsedMs: 4 * 15_000 });
    expect(run.exposedBad / run.exposed).toBeGreaterThan(0.3);
  });

  test('is the same with the same seed', () => {
    expect(simulateRun(createRandom(3), equal, plan, config)).toEqual(simulateRun(createRandom(3), equal, plan, config));
    expect(simulateRun(createRandom(3), equal, plan, config)).not.toEqual(simulateRun(createRandom(4), equal, plan, config));
  });

  test('waits for minRequests after the hold, and is inconclusive at the deadline', () => {
    const trickle = { ...equal, requestsPerLook: 40 };
    // Two requests a look at 5 %: some fifty looks until there are a hundred, more than the hold and this deadline have.
    const hasty = { ...plan, evidenceDeadlineMs: 300_000 };
    expect(simulateRun(createRandom(1), trickle, hasty, config)).toMatchObject({ outcome: 'inconclusive', looks: 30 });
    const patient = simulateRun(createRandom(1), trickle, { ...plan, evidenceDeadlineMs: 3_600_000 }, config);
    expect(patient.outcome).toBe('promoted');
    expect(patient.looks).toBeGreaterThan(50);
  });

  test('waits for nothing at weight 0, where nothing is compared', () => {
    const dark = { ...plan, steps: [{ weight: 0, holdMs: 60_000 }] };
    expect(simulateRun(createRandom(1), equal, dark, config)).toMatchObject({ outcome: 'promoted', looks: 4, exposed: 0 });
  });

  test('with Certified waits for a certificate, which little traffic does not give in time', () => {
    const certified = { ...plan, promoteWhen: 'Certified' } as const;
    expect(simulateRun(createRandom(1), equal, certified, config).outcome).toBe('inconclusive');
    const plenty = { ...equal, requestsPerLook: 20_000 };
    expect(simulateRun(createRandom(1), plenty, certified, config).outcome).toBe('promoted');
  });

  test('finds a regression in one of several checks, a little later than in one alone', () => {
    const worse = { ...equal, candidateRate: 0.025 };
    const looks = (checks: number): number => simulate(1, 20, worse, { ...plan, checks }, config).looksToCatch.p50 ?? NaN;
    expect(looks(4)).toBeGreaterThanOrEqual(looks(1));
    expect(looks(4)).toBeLessThan(2 * looks(1));
  });
});

describe('many of them', () => {
  test('are promoted, rolled back or inconclusive, and more runs begin with the same ones', () => {
    const few = simulate(1, 10, { ...equal, candidateRate: 0.015 }, plan, config);
    expect(few.promoted + few.rolledBack + few.inconclusive).toBeCloseTo(1, 12);
    expect(few.rolledBack).toBeGreaterThan(0);
    expect(few).toEqual(simulate(1, 10, { ...equal, candidateRate: 0.015 }, plan, config));
    expect(few.exposedMore / few.exposed).toBeCloseTo(0.01, 2);
  });

  test('give no looks to catch where nothing was caught', () => {
    expect(simulate(1, 5, equal, plan, config)).toMatchObject({ rolledBack: 0, looksToCatch: { p50: null, p95: null } });
  });

  test('are certified sooner at half of the traffic than at a twentieth, and never where nothing can be told', () => {
    const plenty = { ...equal, requestsPerLook: 10_000 };
    const [half, little] = [50, 5].map((weight) => looksUntilCertified(1, 10, plenty, weight, config).p50 ?? NaN);
    expect(half).toBeLessThan(little!);
    expect(looksUntilCertified(1, 2, { ...equal, requestsPerLook: 1 }, 5, config)).toEqual({ p50: null, p95: null });
  });
});

test('spread is by nearest rank', () => {
  expect(spread([4, 1, 3, 2])).toEqual({ p50: 2, p95: 4 });
  expect(spread([])).toEqual({ p50: null, p95: null });
});
