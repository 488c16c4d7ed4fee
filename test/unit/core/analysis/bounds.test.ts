import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { bounds, weigh } from '../../../../src/core/analysis/bounds.ts';
import { DEFAULT_ANALYSIS } from '../../../../src/core/analysis/config.ts';
import { certificate, logEvidence, NO_CERTIFICATE, rateTerm, ratioTerm, stepCertificate } from '../../../../src/core/analysis/eprocess.ts';
import { eventfulRow, history, row, usableRow } from './arbitraries.ts';

const config = DEFAULT_ANALYSIS;
const rowsOf = fc.array(usableRow, { maxLength: 12 });
const more = fc.double({ min: 0, max: 1000, noNaN: true });
const slack = (value: number): number => 1e-9 * Math.max(1, Math.abs(value));

/** Not finite = no bound at all. */
function limits(rows: Parameters<typeof bounds>[0], past: Parameters<typeof bounds>[1], settings = config) {
  const { ratioLower, ratioUpper, rateUpper } = bounds(rows, past, settings);
  return { ratioLower, ratioUpper: ratioUpper ?? Infinity, rateUpper };
}

function expectAtMost(value: number, most: number): void {
  expect(value === most || value <= most + slack(most)).toBe(true);
}

describe('evidence as a function of the limit', () => {
  test('falls against "too bad" and grows for "below it": so a bound is one place, and a verdict needs no search', () => {
    const ratios = fc.tuple(fc.double({ min: 1e-4, max: 1e4, noNaN: true }), fc.double({ min: 1e-4, max: 1e4, noNaN: true }));
    fc.assert(fc.property(rowsOf, history, ratios, (rows, past, [one, other]) => {
      const [low, high] = [Math.min(one, other), Math.max(one, other)];
      const weighed = weigh(rows, past, config.phiMax);
      for (const term of [ratioTerm, rateTerm]) {
        const [from, to] = term === ratioTerm ? [low, high] : [low / 1e4, high / 1e4];
        const terms = (limit: number) => weighed.map(({ row: counted, phi }) => term(counted, phi, limit));
        const doubt = logEvidence(terms(to));
        expectAtMost(doubt, logEvidence(terms(from)));
        const proof = (limit: number): number => certificate(terms(limit).reduce(stepCertificate, NO_CERTIFICATE));
        expectAtMost(proof(from), proof(to));
      }
    }));
  });
});

describe('more bad events of stable', () => {
  test('in the newest row never raise a bound on the ratio, and do not touch the one on the rate', () => {
    fc.assert(fc.property(rowsOf, usableRow, more, history, (before, newest, extra, past) => {
      const { stable, candidate } = newest;
      const less = limits([...before, newest], past);
      const changed = limits([...before, { stable: { ...stable, bad: stable.bad + extra }, candidate }], past);
      expectAtMost(changed.ratioLower, less.ratioLower);
      expectAtMost(changed.ratioUpper, less.ratioUpper);
      expect(changed.rateUpper).toBe(less.rateUpper);
    }));
  });

  test('in any row never raise a bound on the ratio while the burst factor stays as it is', () => {
    const worsened = fc.array(fc.record({ value: usableRow, extra: more }), { maxLength: 12 });
    fc.assert(fc.property(worsened, history, (items, past) => {
      const settings = { ...config, phiMax: 1 };
      const changed = items.map(({ value: { stable, candidate }, extra }) => ({ stable: { ...stable, bad: stable.bad + extra }, candidate }));
      const [after, less] = [limits(changed, past, settings), limits(items.map(({ value }) => value), past, settings)];
      expectAtMost(after.ratioLower, less.ratioLower);
      expectAtMost(after.ratioUpper, less.ratioUpper);
      expect(after.rateUpper).toBe(less.rateUpper);
    }));
  });

  test('in an earlier row can raise the bound on the rate, because they look like a burst and weaken all evidence after them', () => {
    const calm = Array.from({ length: 20 }, () => ({ requests: 1000, bad: 5 }));
    const rows = Array.from({ length: 30 }, () => row(1000, 5, 1000, 5));
    const [before, after] = [limits(rows, calm), limits(rows.with(1, row(1000, 20, 1000, 5)), calm)];
    expect(after.rateUpper).toBeGreaterThan(before.rateUpper);
  });

  test('in an earlier row can raise the bound on the ratio, too', () => {
    const calm = Array.from({ length: 20 }, () => ({ requests: 1000, bad: 5 }));
    const rows = [row(1000, 5, 0, 0), ...Array.from({ length: 30 }, () => row(1000, 5, 1000, 5))];
    const [before, after] = [limits(rows, calm), limits(rows.with(0, row(1000, 20, 0, 0)), calm)];
    expect(after.ratioUpper).toBeGreaterThan(before.ratioUpper);
  });
});

describe('more requests of the candidate with as many bad ones', () => {
  test('never raise a bound', () => {
    const grown = fc.array(fc.record({ value: usableRow, extra: more }), { maxLength: 12 });
    fc.assert(fc.property(grown, history, (items, past) => {
      const rows = items.map(({ value }) => value);
      const served = rows.filter(({ candidate }) => candidate.requests > 0).length;
      const changed = items.map(({ value: { stable, candidate }, extra }) => ({
        stable,
        candidate: { ...candidate, requests: candidate.requests + (candidate.requests > 0 ? extra : 0) },
      }));
      const [after, less] = [limits(changed, past), limits(rows, past)];
      if (served === 0) expect(after).toEqual(less);
      expectAtMost(after.ratioLower, less.ratioLower);
      expectAtMost(after.ratioUpper, less.ratioUpper);
      expectAtMost(after.rateUpper, less.rateUpper);
    }));
  });
});

describe('bounds', () => {
  test('contain each other: what the candidate surely is at least is no more than what it is at most', () => {
    fc.assert(fc.property(fc.array(eventfulRow, { maxLength: 20 }), history, (rows, past) => {
      const { ratioLower, ratioUpper } = limits(rows, past);
      expect(ratioLower).toBeLessThanOrEqual(ratioUpper);
    }));
  });
});
