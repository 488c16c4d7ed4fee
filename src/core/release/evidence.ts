import type { CheckSamples } from '../analysis/measurement.ts';
import { freshness, makeRows, makeValues, type TimedRow, type Window as RowWindow } from '../analysis/rows.ts';
import type { RawCounts } from '../analysis/row.ts';
import { parseTime } from '../time.ts';
import { TRAFFIC } from './measures.ts';
import type { Parameters } from './parameters.ts';
import type { Window } from './progress.ts';

/** Samples as rows; those of checks that compare are cut at the same newest look, so that their series stay aligned. */
export interface Evidence {
  readonly rows: (check: string) => { readonly rows: readonly TimedRow[]; readonly history: readonly RawCounts[] } | undefined;
  readonly values: (check: string) => readonly (number | null)[];
  readonly fresh: (check: string) => boolean;
  readonly problem: (check: string) => string | undefined;
}

/** A user's query may answer late: it must not hold up the verdict of the others. */
export function align(parameters: Parameters, samples: readonly CheckSamples[], windows: readonly Window[]): Evidence {
  const compared = new Set([TRAFFIC, ...parameters.checks.filter(({ type }) => type !== 'limit').map(({ name }) => name)]);
  const newest = Math.min(...samples.filter(({ check }) => compared.has(check)).map(({ ticks }) => ticks.at(-1)?.atMs ?? -Infinity));
  const spans: RowWindow[] = windows.map(({ from, to }) => ({
    fromMs: parseTime(from) ?? Infinity,
    ...(to === undefined ? {} : { toMs: parseTime(to) ?? Infinity }),
  }));
  const cut = (entry: CheckSamples): CheckSamples =>
    compared.has(entry.check) && (entry.ticks.at(-1)?.atMs ?? newest) > newest ? { ...entry, ticks: entry.ticks.filter(({ atMs }) => atMs <= newest) } : entry;
  const byName = new Map(samples.map((entry) => [entry.check, cut(entry)]));
  return {
    rows: (check) => {
      const found = byName.get(check);
      return found && makeRows(found.ticks, spans);
    },
    values: (check) => makeValues(byName.get(check)?.ticks ?? [], spans).map(({ value }) => value),
    fresh: (check) => {
      const found = byName.get(check);
      return found !== undefined && found.ticks.length > 0 && freshness(found).missing === 0;
    },
    problem: (check) => byName.get(check)?.problem,
  };
}
