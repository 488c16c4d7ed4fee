// Whether a user's query can be answered at all, asked before anything depends on it.
import type { Prometheus } from './prometheus.ts';
import { RANGE_VECTOR } from './value.ts';

/** Why this query will never give a number, in a sentence; undefined when it may, also when Prometheus does not answer now. */
export async function findQueryProblem(prometheus: Prometheus, promql: string, atMs: number): Promise<string | undefined> {
  const result = await prometheus.instant(promql, atMs);
  if (!result.ok) return result.reason === 'unreadable' ? result.sentence : undefined;
  return result.type === 'matrix' ? RANGE_VECTOR : undefined;
}
