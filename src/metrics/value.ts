// One number of a user's own query.
import type { Prometheus } from './prometheus.ts';
import { askSpan, empty, looks, type Reading, type Span } from './span.ts';

export const RANGE_VECTOR = 'The query gives a range vector: wrap it in a function such as rate() or max_over_time().';

/** One number of a user's query: a scalar, or an instant vector with exactly one element. Anything else is no data. */
export async function readValue(prometheus: Prometheus, span: Span, promql: string): Promise<Reading> {
  const result = await askSpan(prometheus, span, promql);
  const clock = result.aheadMs === undefined ? {} : { aheadMs: result.aheadMs };
  if (!result.ok) return { ticks: [], problem: result.sentence, ...clock };
  if (result.type === 'matrix' && span.fromMs === span.toMs) {
    return { ticks: [], problem: RANGE_VECTOR };
  }
  const found = new Map<number, number[]>();
  for (const { points } of result.series) for (const { atMs, value } of points) found.set(atMs, [...(found.get(atMs) ?? []), value]);
  const ticks = looks(span).map((atMs) => ({ ...empty(atMs), value: onlyFinite(found.get(atMs) ?? []) }));
  return ticks.at(-1)?.value === null ? { ticks, problem: whyNoValue(found.get(span.toMs) ?? []), ...clock } : { ticks, ...clock };
}

function whyNoValue(values: readonly number[]): string {
  if (values.length === 0) return 'The query gives no series.';
  if (values.length > 1) return `The query gives ${String(values.length)} series: aggregate them to one, for example with sum() or max().`;
  return `The query gives ${String(values[0])}, which is no number to compare.`;
}

function onlyFinite(values: readonly number[]): number | null {
  const [value] = values;
  return values.length === 1 && value !== undefined && Number.isFinite(value) ? value : null;
}

