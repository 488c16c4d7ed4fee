import type { Memory } from '../analysis/growing.ts';
import type { CheckSamples, Tick } from '../analysis/measurement.ts';
import { freshness, makeRows, makeValues, type TimedRow, type TimedValue } from '../analysis/rows.ts';
import type { RawCounts } from '../analysis/row.ts';
import { makeVectorRows, type VectorRows } from '../analysis/vectorRows.ts';
import type { Window as RowWindow } from '../analysis/window.ts';
import { parseTime } from '../time.ts';
import type { Window } from './progress.ts';

/** The samples of one check as rows, cut into the windows of the release. */
export interface CheckEvidence {
  readonly rows: () => { readonly rows: readonly TimedRow[]; readonly history: readonly RawCounts[]; readonly memory: Memory };
  /** `signed`: columns that may fall without a restart. */
  readonly vectors: (signed?: readonly string[]) => VectorRows;
  readonly values: () => readonly TimedValue[];
  /** Keeps what is computed from these looks until the next ones come. */
  readonly memory: Memory;
  /** Whether the newest look has data. */
  readonly isFresh: boolean;
  /** Why it has none. */
  readonly problem: string | undefined;
}

/** The evidence of each check by its name. */
export type Evidence = (check: string) => CheckEvidence;

/**
 * Samples as rows; those of the checks in `compared` are cut at the same newest look, so that their series stay aligned. A query of the
 * user's own for one number may answer late: it must not hold up the verdict of the others.
 */
export function align(compared: ReadonlySet<string>, samples: readonly CheckSamples[], windows: readonly Window[]): Evidence {
  const newest = Math.min(...samples.filter(({ check }) => compared.has(check)).map(({ ticks }) => ticks.at(-1)?.atMs ?? -Infinity));
  const spans: RowWindow[] = windows.map(({ from, to }) => ({
    fromMs: parseTime(from) ?? Infinity,
    ...(to === undefined ? {} : { toMs: parseTime(to) ?? Infinity }),
  }));
  const cut = (entry: CheckSamples): CheckSamples =>
    compared.has(entry.check) && (entry.ticks.at(-1)?.atMs ?? newest) > newest
      ? { ...entry, ticks: entry.ticks.filter(({ atMs }) => atMs <= newest) }
      : entry;
  const byName = new Map(samples.map((entry) => [entry.check, cut(entry)]));
  return (check) => {
    const found = byName.get(check);
    const ticks = found?.ticks ?? [];
    const memory = memoryOf(ticks[0], check);
    return {
      rows: () => ({ ...makeRows(ticks, spans, memory), memory }),
      vectors: (signed) => makeVectorRows(ticks, spans, signed, memory),
      values: () => makeValues(ticks, spans),
      memory,
      isFresh: found !== undefined && ticks.length > 0 && freshness(found).missing === 0,
      problem: found?.problem,
    };
  };
}

/**
 * What stands for the looks that begin with `first`, for one user of them. The measurement service keeps its looks, so the first one of a check
 * is the same object at every pass of a release, and whatever is remembered of them goes with it.
 */
export function memoryOf(first: Tick | undefined, user: string): Memory {
  if (first === undefined) return {};
  const users = memories.get(first) ?? new Map<string, Memory>();
  const memory = users.get(user) ?? {};
  memories.set(first, users.set(user, memory));
  return memory;
}

const memories = new WeakMap<Tick, Map<string, Memory>>();
