import { describe, expect, test } from '@jest/globals';
import type { EvidenceReport } from '../../bench/evidence/evidence.ts';
import { compareAtFixedWeight, LOOKS } from '../../bench/evidence/fixedWeight.ts';
import { isClearlyHigher } from '../../bench/evidence/mannWhitney.ts';
import { renderEvidence } from '../../bench/evidence/markdown.ts';
import { OTHERS, type TwoArms } from '../../bench/evidence/rules.ts';
import { comparePlans } from '../../bench/evidence/wholePlan.ts';

const look = (requests: number, bad: number): TwoArms => ({ stable: { requests: 1000, bad: 5 }, candidate: { requests, bad } });

/** The look, from 1 on, at which a rule rolls back. */
function rollback(name: string, looks: readonly TwoArms[]): number {
  const rule = OTHERS.find((other) => other.name === name);
  const decider = rule!.start({ history: [], base: 0.005 });
  return looks.findIndex((row) => decider(row)) + 1;
}

describe('the rules of other tools', () => {
  test('Argo Rollouts: more failed measurements than failureLimit, in a row or not; no requests do not fail', () => {
    const looks = [look(100, 2), look(0, 0), look(100, 1), look(100, 2), look(100, 0), look(100, 2), look(100, 2)];
    expect(rollback('Argo Rollouts, failureLimit 0', looks)).toBe(1);
    expect(rollback('Argo Rollouts, failureLimit 3', looks)).toBe(7);
    expect(rollback('Argo Rollouts, failureLimit 4', looks)).toBe(0);
  });

  test('Argo Rollouts: what comes after count is not measured', () => {
    const quiet = Array.from({ length: 9 }, () => look(100, 0));
    expect(rollback('Argo Rollouts, failureLimit 1, count 10', [...quiet, look(100, 50), look(100, 50)])).toBe(0);
    expect(rollback('Argo Rollouts, failureLimit 1, count 10', [...quiet.slice(1), look(100, 50), look(100, 50)])).toBe(10);
  });

  test('Flagger: five failed checks in all, and the look after them; no series fails, NaN passes', () => {
    const name = 'Flagger, threshold 5, 99 %';
    expect(rollback(name, Array.from({ length: 6 }, () => look(100, 2)))).toBe(6);
    expect(rollback(name, Array.from({ length: 60 }, () => look(100, 1)))).toBe(0);
    expect(rollback(name, Array.from({ length: 6 }, () => look(0, 0)))).toBe(6);
    expect(rollback(name, [look(100, 0), ...Array.from({ length: 60 }, () => look(0, 0))])).toBe(0);
  });

  test('z test: what one look alone would show', () => {
    expect(rollback('z test at each look', [look(1000, 5), look(1000, 30)])).toBe(2);
    expect(rollback('z test at each look', [look(0, 0), look(1000, 5)])).toBe(0);
  });
});

describe('the Mann-Whitney judge', () => {
  const upTo = (count: number, more: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1 + more);

  test('sees a shift whose lower bound is above a quarter of its estimate', () => {
    // Of ten and ten the bound is the 19th of 100 differences. Shifted by ten, they are 1 to 19, 1 once, 2 twice and so on: it is 6, and
    // 10 the middle.
    expect(isClearlyHigher(upTo(10, 0), upTo(10, 10))).toBe(true);
    // Shifted by five it is 1, and the middle 5: not above a quarter of it.
    expect(isClearlyHigher(upTo(10, 0), upTo(10, 5))).toBe(false);
    expect(isClearlyHigher(upTo(10, 0), upTo(10, 0))).toBe(false);
    expect(isClearlyHigher(upTo(10, 10), upTo(10, 0))).toBe(false);
  });

  test('says nothing on few values or on none', () => {
    expect(isClearlyHigher([1, 2], [9, 9])).toBe(false);
    expect(isClearlyHigher([], [])).toBe(false);
  });
});

describe('the comparison', () => {
  const scenario = { requestsPerLook: 1000, bursts: 1, weight: 10 } as const;

  test('plays the same rows to all rules, the same ones with the same seed', () => {
    const outage = compareAtFixedWeight({ ...scenario, candidate: 'outage 50 %' }, 1, 6);
    expect(outage).toEqual(compareAtFixedWeight({ ...scenario, candidate: 'outage 50 %' }, 1, 6));
    expect(Object.fromEntries(outage.map(({ rule, looks }) => [rule, looks]))).toEqual({
      Plimsoll: 2,
      'z test at each look': 1,
      'Argo Rollouts, failureLimit 0': 1,
      'Argo Rollouts, failureLimit 3': 4,
      'Argo Rollouts, failureLimit 4': 5,
      'Argo Rollouts, failureLimit 1, count 10': 2,
      'Flagger, threshold 5, 99 %': 6,
      'Mann-Whitney judge': 10,
    });
    expect(new Set(outage.filter(({ looks }) => looks === 1).map(({ exposed }) => exposed)).size).toBe(1);
  });

  test('counts all looks of a run that is never rolled back', () => {
    const [ours] = compareAtFixedWeight({ ...scenario, candidate: 'no difference' }, 1, 3);
    expect(ours).toMatchObject({ rule: 'Plimsoll', rolledBack: 0, looks: LOOKS, runs: 3 });
  });

  test('plays whole releases, and writes both as tables', () => {
    const fixedWeight = compareAtFixedWeight({ ...scenario, candidate: '5x' }, 1, 3);
    const wholePlan = comparePlans(400, 1, 1, 2);
    expect(wholePlan.filter(({ candidate }) => candidate === 'outage 50 %').every(({ rolledBack }) => rolledBack === 1)).toBe(true);
    const report: EvidenceReport = { seed: 1, fixedWeight, wholePlan, speed: [], pass: [], seconds: 1, node: '24', date: '2026-01-31' };
    const text = renderEvidence(report);
    expect(text).toContain('**1000 requests a look, independent errors, weight 10 %**\n\n| rule | no difference |');
    expect(text).toMatch(/\| Plimsoll, NotWorse \| 100% \/ 0% \/ \d+ \|/);
    expect(text).toMatch(/\| Flagger, stepWeight 10, threshold 5, 99 % \|/);
  });
});
