import { growingFlatMap } from '../../analysis/growing.ts';
import { cleanRow, type Counts, type Row } from '../../analysis/row.ts';
import type { TimedVectorRow, VectorRow } from '../../analysis/vectorRows.ts';
import type { CheckEvidence } from '../evidence.ts';
import type { CheckKind, CheckSpec, WindowCount } from './kind.ts';
import { columnsFor, marginSettings, readMargins, type Margins } from './settings.ts';
import { compareRates, holdAgainstBaseline, type WindowedRow, type WindowedRows } from './twoArms.ts';

interface CompareOptions extends Margins {
  readonly bad: string;
  readonly total: string;
}

/** Any share of bad events, from counters of the user's own, compared with stable's. */
export const COMPARE: CheckKind<NonNullable<CheckSpec['compare']>, CompareOptions> = {
  reason: 'RateWorse',
  settings: ({ bad, total, ...spec }) => ({ bad, total, ...marginSettings(spec, '1%') }),
  read: (settings) => ({ bad: settings['bad'] ?? '', total: settings['total'] ?? '', ...readMargins(settings) }),
  basis: () => 'Counters',
  queries: ({ bad, total }) => [bad, total],
  measure: ({ bad, total }, { stable, candidate }) => ({
    type: 'counters',
    stable: columnsFor({ total, bad }, stable),
    candidate: columnsFor({ total, bad }, candidate),
  }),
  accuses: () => true,
  certifies: () => true,
  judge: (check, evidence, context) => {
    const rates = ratesOf(evidence);
    return { ...compareRates(rates, check, 0, context), counted: () => countRates(rates) };
  },
  watch: (check, evidence, last) => holdAgainstBaseline(ratesOf(evidence), check, last),
};

/** Columns `total` and `bad` as rows. */
export function ratesOf(evidence: CheckEvidence): WindowedRows {
  const { memory } = evidence;
  const { columns, rows, history } = evidence.vectors();
  const [total, bad] = [columns.indexOf('total'), columns.indexOf('bad')];
  const countsOf = (arm: readonly number[]): Counts => ({ requests: arm[total] ?? 0, bad: arm[bad] ?? 0 });
  const rowOf = (row: VectorRow): Row => row && cleanRow({ stable: countsOf(row.stable), candidate: countsOf(row.candidate) });
  return {
    rows: growRows(memory, [columns], rows, ({ window, row }) => [{ window, row: rowOf(row) }]),
    history: growHistory(memory, [columns], history, (arm) => [countsOf(arm)]),
    memory,
  };
}

export function countRates({ rows }: WindowedRows): readonly WindowCount[] {
  return rows.map(({ window, row }) => ({ window, count: row?.candidate.requests ?? 0 }));
}

const growRows = growingFlatMap<TimedVectorRow, WindowedRow>();
const growHistory = growingFlatMap<readonly number[], Counts>();
