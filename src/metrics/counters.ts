// Counters of the user's own: each query is asked for both versions, and its series are kept apart, so that a pod that restarts is noticed.
import type { ArmVectors, Columns, Measurand, Tick } from '../core/analysis/measurement.ts';
import { hasData } from '../core/analysis/rows.ts';
import type { Prometheus } from './prometheus.ts';
import type { Series } from './prometheusAnswer.ts';
import { askSpan, empty, looks, type Reading, type Span } from './span.ts';
import { RANGE_VECTOR } from './value.ts';

export type CountersWish = Extract<Measurand, { readonly type: 'counters' }>;

/** Far more than one version has pods and bins: a query that gives more has forgotten to name the version. */
const MOST_SERIES = 2000;

/** Counters of both arms at each look of the span. Any query that fails leaves no data: half of the counters say something else. */
export async function readCounters(prometheus: Prometheus, span: Span, { stable, candidate, bin }: CountersWish): Promise<Reading> {
  const asked = [readArm(prometheus, span, stable, bin), readArm(prometheus, span, candidate, bin)] as const;
  const [before, now] = await Promise.all(asked);
  if ('problem' in before) return { ticks: [], problem: before.problem };
  if ('problem' in now) return { ticks: [], problem: now.problem };
  const columns = [...new Set([...before.columns, ...now.columns])];
  const asks = bin === undefined ? Object.keys(candidate) : [];
  const silentAt = (atMs: number): string | undefined => asks.find((column) => !hasColumn(before, atMs, column) && !hasColumn(now, atMs, column));
  const ticks = looks(span).map((atMs): Tick => {
    if (silentAt(atMs) !== undefined) return empty(atMs);
    return { ...empty(atMs), vectors: { columns, stable: vectorsAt(before, atMs, columns), candidate: vectorsAt(now, atMs, columns) } };
  });
  const silent = silentAt(span.toMs);
  if (silent !== undefined) return { ticks, problem: noSeries(silent) };
  const newest = ticks.at(-1);
  return newest === undefined || hasData(newest) ? { ticks } : { ticks, problem: 'The query gives no series, for neither version.' };
}

/** A query that finds nothing may be misspelt; counted as none, it would certify every candidate. */
function noSeries(column: string): string {
  return `Query ${column} gives no series, for neither version: it is misspelt, or its counter begins with the first event; let it begin at 0, or add "or 0 * (...)" with a query that has series.`;
}

function hasColumn({ values }: Arm, atMs: number, column: string): boolean {
  return [...(values.get(atMs)?.values() ?? [])].some((series) => series.has(column));
}

interface Arm {
  readonly columns: readonly string[];
  /** Values by time, series and column. */
  readonly values: ReadonlyMap<number, ReadonlyMap<string, ReadonlyMap<string, number>>>;
}

async function readArm(prometheus: Prometheus, span: Span, queries: Columns, bin: string | undefined): Promise<Arm | { readonly problem: string }> {
  const results = await Promise.all(
    Object.entries(queries).map(async ([column, promql]) => ({ column, result: await askSpan(prometheus, span, promql) })),
  );
  const columns = new Set<string>();
  const values = new Map<number, Map<string, Map<string, number>>>();
  for (const { column, result } of results) {
    if (!result.ok) return { problem: `Query ${column}: ${result.sentence}` };
    if (result.type === 'matrix' && span.fromMs === span.toMs) return { problem: `Query ${column}: ${RANGE_VECTOR}` };
    if (result.series.length > MOST_SERIES) return { problem: tooMany(column, result.series.length) };
    for (const series of result.series) {
      const name = bin === undefined ? column : series.labels[bin];
      if (name === undefined) return { problem: `Query ${column}: a series has no label ${bin ?? ''} to tell its bin.` };
      columns.add(name);
      note(values, series, bin, name);
    }
  }
  return { columns: [...columns], values };
}

function note(values: Map<number, Map<string, Map<string, number>>>, { labels, points }: Series, bin: string | undefined, column: string): void {
  const key = keyOf(labels, bin);
  for (const { atMs, value } of points) {
    const all = values.get(atMs) ?? new Map<string, Map<string, number>>();
    const series = all.get(key) ?? new Map<string, number>();
    series.set(column, value);
    values.set(atMs, all.set(key, series));
  }
}

/** What is one series but for the name of its metric and its bin. */
function keyOf(labels: Series['labels'], bin: string | undefined): string {
  const kept = Object.entries(labels).filter(([name]) => name !== '__name__' && name !== bin);
  return kept
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',');
}

function vectorsAt({ values }: Arm, atMs: number, columns: readonly string[]): ArmVectors {
  const series = [...(values.get(atMs) ?? [])];
  return Object.fromEntries(series.map(([key, found]) => [key, columns.map((column) => found.get(column) ?? NaN)]));
}

function tooMany(column: string, count: number): string {
  return `Query ${column}: it gives ${String(count)} series, more than ${String(MOST_SERIES)}; name the version with {{revision}} or {{version}}.`;
}
