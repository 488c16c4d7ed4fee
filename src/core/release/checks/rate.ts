import type { CheckEvidence } from '../evidence.ts';
import { countRates, ratesOf } from './compare.ts';
import type { CheckKind, CheckSpec } from './kind.ts';
import { columnsFor, given, readPercent } from './settings.ts';
import { holdRate, judgeLimit, type WindowedRows } from './twoArms.ts';

interface RateOptions {
  /** Queries of the user's own; without them failed requests are counted. */
  readonly queries: { readonly bad: string; readonly total: string } | undefined;
  readonly limit: number;
}

/** A share of bad events of the candidate alone, held against a fixed limit. */
export const RATE: CheckKind<NonNullable<CheckSpec['rate']>, RateOptions> = {
  reason: 'RateExceeded',
  settings: ({ bad, total, atMost }) => given({ bad, total, atMost }),
  read: ({ bad, total, atMost }) => ({
    queries: bad === undefined || total === undefined ? undefined : { bad, total },
    limit: readPercent(atMost),
  }),
  basis: ({ queries }) => (queries === undefined ? 'Requests' : 'Counters'),
  queries: ({ queries }) => Object.values(queries ?? {}),
  measure: ({ queries }, { arms, candidate }) =>
    queries === undefined
      ? { type: 'errors', arms }
      : { type: 'counters', stable: {}, candidate: columnsFor({ total: queries.total, bad: queries.bad }, candidate) },
  accuses: () => true,
  certifies: () => true,
  judge: (check, evidence, context) => {
    const rows = rowsOf(check, evidence);
    const counted = check.queries === undefined ? {} : { counted: () => countRates(rows) };
    return { ...judgeLimit(own(rows), check.limit, rows, context), ...counted };
  },
  watch: (check, evidence, last) => holdRate(own(rowsOf(check, evidence), last), check.limit, evidence.memory),
};

function rowsOf({ queries }: RateOptions, evidence: CheckEvidence): WindowedRows {
  return queries === undefined ? evidence.rows() : ratesOf(evidence);
}

function own({ rows }: WindowedRows, window?: number): Parameters<typeof holdRate>[0] {
  const wanted = window === undefined ? rows : rows.filter((timed) => timed.window === window);
  return wanted.map(({ row }) => row && row.candidate);
}
