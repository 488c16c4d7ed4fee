// Who is asked for the series of built-in measurements: a Prometheus, or (scraper.ts) the servers themselves.
import type { Arms } from '../core/analysis/measurement.ts';
import type { Prometheus } from './prometheus.ts';
import type { Series } from './prometheusAnswer.ts';
import type { SeriesQuery } from './series.ts';
import { askSpan, type Span } from './span.ts';

/** `Servers`: what they show is read by the operator itself, at the looks of releases that run. */
export type Keeper = 'Prometheus' | 'Servers';

export interface SeriesStore {
  readonly keeper: Keeper;
  /** Answers queries of one source about these arms, all from the same instant. Never rejects. */
  ask(span: Span, queries: readonly SeriesQuery[], arms: readonly Arms[]): Promise<Answers>;
}

export interface Answers {
  readonly series: readonly Series[];
  /** By name that was asked about: why nothing is known of it, in a sentence. */
  readonly failures: ReadonlyMap<string, string>;
  /** By how much the clock of the server that was asked is ahead of ours, where that is known. */
  readonly aheadMs?: number;
}

export function inPrometheus(prometheus: Prometheus): SeriesStore {
  return {
    keeper: 'Prometheus',
    ask: async (span, queries) => {
      const asked = queries.map(async ({ promql, names }) => ({ names, result: await askSpan(prometheus, span, promql) }));
      const results = await Promise.all(asked);
      const series = results.flatMap(({ result }) => (result.ok ? result.series : []));
      const failures = results.flatMap(({ names, result }) => (result.ok ? [] : names.map((name) => [name, result.sentence] as const)));
      const aheadMs = results.find(({ result }) => result.aheadMs !== undefined)?.result.aheadMs;
      return { series, failures: new Map(failures), ...(aheadMs === undefined ? {} : { aheadMs }) };
    },
  };
}
