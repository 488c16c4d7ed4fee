// Looks: one, or to catch up all those of a span; and what was found at them.
import type { Tick } from '../core/analysis/measurement.ts';
import type { Prometheus } from './prometheus.ts';
import type { QueryResult } from './prometheusAnswer.ts';

/** Looks from `fromMs` to `toMs`, both included, or one; without `stepMs` (0) it is the one that is due now. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/**
 * One tick for each look of the span, or none when the question failed or a single look is too early. `problem` says why the newest look has
 * no data; `aheadMs` is by how much the clock of the server that was asked is ahead of ours, where that is known.
 */
export interface Reading {
  readonly ticks: readonly Tick[];
  readonly problem?: string;
  readonly aheadMs?: number;
}

/** A query at one look or at all looks of a span. */
export function askSpan(prometheus: Prometheus, { fromMs, toMs, stepMs }: Span, promql: string): Promise<QueryResult> {
  return fromMs === toMs ? prometheus.instant(promql, fromMs) : prometheus.range(promql, fromMs, toMs, stepMs);
}

/** Times of the looks of a span. */
export function looks(span: Span): readonly number[] {
  const times: number[] = [];
  for (let atMs = span.fromMs; atMs <= span.toMs; atMs += Math.max(1, span.stepMs)) times.push(atMs);
  return times;
}

/** A look of which nothing is known. */
export function empty(atMs: number): Tick {
  return { atMs, stable: null, candidate: null, value: null };
}
