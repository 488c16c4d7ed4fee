// Generated rows for the property tests of this folder.

import * as fc from 'fast-check';
import type { Counts, RawNumber, RawRow } from '../../../../src/core/analysis/row.ts';

/** A row in short: [stable requests, stable bad, candidate requests, candidate bad]. */
export function row(ns: RawNumber, es: RawNumber, nc: RawNumber, ec: RawNumber): RawRow {
  return { stable: { requests: ns, bad: es }, candidate: { requests: nc, bad: ec } };
}

/** Requests with a share of bad ones, fractional as from an extrapolating query. */
function counts(requests: fc.Arbitrary<number>, badShare: fc.Arbitrary<number>): fc.Arbitrary<Counts> {
  return fc.record({ requests, share: badShare }).map(({ requests: n, share }) => ({ requests: n, bad: n * share }));
}

const share = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true });
const traffic = fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.constant(0), fc.integer({ min: 1, max: 1e9 }));

/** Rows of any size, of candidates from healthy to dead. */
export const usableRow = fc.record({
  stable: counts(traffic, share(0.05)),
  candidate: counts(traffic, fc.oneof(share(0.05), share(1))),
});

const permille = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max }).map((value) => value / 1000);

/** Rows with few errors, or with an outage of the candidate: enough of both that every verdict occurs. */
export const eventfulRow = fc.record({
  stable: counts(fc.integer({ min: 200, max: 2000 }), permille(0, 10)),
  candidate: counts(
    fc.integer({ min: 20, max: 2000 }),
    fc.oneof({ weight: 5, arbitrary: permille(0, 12) }, { weight: 1, arbitrary: permille(50, 600) }),
  ),
});

/** What broken counters, empty answers and old exporters produce. */
const hostileNumber: fc.Arbitrary<RawNumber> = fc.oneof(
  fc.nat(1000),
  fc.double(),
  fc.constantFrom(null, undefined, NaN, Infinity, -Infinity, -1, -0, 0, 5e-324, 1e9, 1e15, Number.MAX_SAFE_INTEGER, 1e17, Number.MAX_VALUE),
);
const hostileCounts = fc.record({ requests: hostileNumber, bad: hostileNumber });
const hostileRow: fc.Arbitrary<RawRow> = fc.oneof(
  usableRow,
  fc.record({ stable: hostileCounts, candidate: hostileCounts }),
  fc.constant(null),
);

export const hostileRows = fc.array(hostileRow, { maxLength: 25 });
export const hostileHistory = fc.array(hostileCounts, { maxLength: 20 });
export const history = fc.array(counts(fc.integer({ min: 0, max: 3000 }), share(0.05)), { maxLength: 20 });
