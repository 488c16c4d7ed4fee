import { describe, expect, test } from '@jest/globals';
import { judge } from '../../../../src/core/analysis/analyse.ts';
import { DEFAULT_ANALYSIS } from '../../../../src/core/analysis/config.ts';
import { forecast, type EvidencePlan, type ShareCertifier } from '../../../../src/core/analysis/forecast.ts';
import { judgeRate } from '../../../../src/core/analysis/rate.ts';

const PLAN: EvidencePlan = {
  steps: [
    { weight: 5, holdMs: 300_000 },
    { weight: 25, holdMs: 600_000 },
    { weight: 50, holdMs: 600_000 },
  ],
  intervalMs: 15_000,
  minRequests: 100,
  evidenceDeadlineMs: 3_600_000,
  isCertifying: false,
};
const CONFIG = { ...DEFAULT_ANALYSIS, floor: 0.001 };

/** Intervals of 600 requests, `rate` of them bad, without any scatter. */
const steady = (rate: number, config = CONFIG): ShareCertifier => ({
  history: Array.from({ length: 120 }, () => ({ requests: 600, bad: 600 * rate })),
  config,
});

/** The first look at which the operator itself says pass, of a candidate that is exactly like stable. */
function firstPass({ history, config }: ShareCertifier, requestsPerLook: number, weight: number): number {
  const arm = (share: number) => ({ requests: requestsPerLook * share, bad: requestsPerLook * share * ((history[0]?.bad ?? 0) / (history[0]?.requests ?? 1)) });
  const row = { stable: arm(1 - weight / 100), candidate: arm(weight / 100) };
  for (let looks = 1; ; looks += 1) if (judge(Array.from({ length: looks }, () => row), history, config).verdict === 'pass') return looks;
}

describe('the forecast', () => {
  test('says when the least number of requests is there', () => {
    const { weights } = forecast(40, [steady(0.01)], PLAN);
    expect(weights.map(({ weight, requestsMs }) => [weight, requestsMs])).toEqual([[5, 50_000], [25, 10_000], [50, 4000 * 1.25]]);
  });

  test.each([0.01, 0.03])('says at which look a candidate that is no different is certified, as the operator does (rate %p)', (rate) => {
    const { weights } = forecast(40, [steady(rate)], PLAN);
    for (const { weight, certifiedMs } of weights) {
      expect(weight).toBeGreaterThan(0);
      expect((certifiedMs ?? NaN) / PLAN.intervalMs).toBe(firstPass(steady(rate), 600, weight));
    }
  });

  test('waits for the slowest of several, and says nothing where one never certifies', () => {
    const both = forecast(40, [steady(0.01), steady(0.003)], PLAN).weights;
    expect(both).toEqual(forecast(40, [steady(0.003)], PLAN).weights);
    const never = steady(0.01, { ...CONFIG, margin: 0, floor: 0 });
    expect(forecast(40, [steady(0.01), never], PLAN).weights.map(({ certifiedMs }) => certifiedMs)).toEqual([undefined, undefined, undefined]);
    expect(forecast(40, [{ history: [], config: CONFIG }], PLAN).weights[0]?.certifiedMs).toBeUndefined();
  });

  test('says at which look a rate is certified to be within its limit, and nothing where stable is above it', () => {
    const limited = { ...steady(0.01), limit: 0.02 };
    const own = { requests: 600 * 0.25, bad: 600 * 0.25 * 0.01 };
    let looks = 1;
    // Without a past of its own a candidate begins with bursts of three, and unlearns them.
    while (judgeRate(Array.from({ length: looks }, () => own), 0.02, limited.history, CONFIG).verdict !== 'pass') looks += 1;
    expect(forecast(40, [limited], PLAN).weights[1]?.certifiedMs).toBe(looks * PLAN.intervalMs);
    expect(forecast(40, [{ ...steady(0.03), limit: 0.02 }], PLAN).weights.map(({ certifiedMs }) => certifiedMs)).toEqual([undefined, undefined, undefined]);
    expect(forecast(40, [{ history: [], config: CONFIG, limit: 0.02 }], PLAN).weights[0]?.certifiedMs).toBeUndefined();
  });

  test('says at which look a score is certified, sooner at a larger share and with a larger margin', () => {
    const scores = Array.from({ length: 120 }, () => ({ count: 100, sum: 80, squares: 70 }));
    const [five, quarter, half] = forecast(40, [{ scores, margin: 0.05 }], PLAN).weights.map(({ certifiedMs }) => certifiedMs ?? NaN);
    expect(half).toBeLessThan(quarter!);
    expect(quarter).toBeLessThan(five!);
    expect(forecast(40, [{ scores, margin: 0.1 }], PLAN).weights[2]?.certifiedMs).toBeLessThan(half!);
    expect(forecast(40, [{ scores: [], margin: 0.1 }], PLAN).weights[2]?.certifiedMs).toBeUndefined();
    expect(forecast(40, [{ scores, margin: 0 }], PLAN).weights[2]?.certifiedMs).toBeUndefined();
    const certifying = { ...PLAN, isCertifying: true };
    expect(forecast(40, [{ scores, margin: 0.1 }], certifying).late).toBeUndefined();
    expect(forecast(40, [{ scores, margin: 0.002 }], certifying).late).toMatchObject({ what: 'certificates', step: 2 });
  });

  test('counts a weight once, and leaves out steps without traffic', () => {
    const steps = [0, 5, 5, 50].map((weight) => ({ weight, holdMs: 60_000 }));
    expect(forecast(40, [], { ...PLAN, steps }).weights.map(({ weight }) => weight)).toEqual([5, 50]);
  });

  test('names the step whose requests cannot come in time', () => {
    expect(forecast(0.4, [], PLAN).late).toEqual({ what: 'requests', step: 0, weight: 5, takesMs: 5_000_000, givenMs: 3_900_000 });
    expect(forecast(0, [], PLAN)).toMatchObject({ late: { takesMs: Infinity }, weights: [{ requestsMs: Infinity }, {}, {}] });
    expect(forecast(4, [], PLAN).late).toBeUndefined();
    expect(forecast(0.4, [], { ...PLAN, minRequests: 0 }).late).toBeUndefined();
  });

  test('names the last step when its certificates cannot come in time, with the evidence of the steps before', () => {
    const plan = { ...PLAN, isCertifying: true };
    expect(forecast(40, [steady(0.01)], plan).late).toBeUndefined();
    expect(forecast(2, [steady(0.01)], plan).late).toMatchObject({ what: 'certificates', step: 2, weight: 50, givenMs: 4_200_000 });
    expect(forecast(2, [steady(0.01)], PLAN).late).toBeUndefined();
    const needed = forecast(40, [steady(0.01)], plan).weights[2]?.certifiedMs ?? NaN;
    const short = { ...plan, steps: [{ weight: 50, holdMs: needed / 2 }], evidenceDeadlineMs: needed / 2 - 2 * plan.intervalMs };
    expect(forecast(40, [steady(0.01)], short).late).toMatchObject({ what: 'certificates', takesMs: needed });
    const two = { ...short, steps: [{ weight: 50, holdMs: needed / 2 }, ...short.steps] };
    expect(forecast(40, [steady(0.01)], two).late).toBeUndefined();
  });
});
