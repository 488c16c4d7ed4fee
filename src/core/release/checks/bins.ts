import type { BinRow, Bins } from '../../analysis/distribution.ts';
import type { VectorRows } from '../../analysis/vectorRows.ts';

/** A histogram's rows bin by bin, from fast to slow; `edges` are the upper boundaries of all bins but the last, which has none. */
export interface HistogramRows {
  readonly edges: readonly number[];
  readonly rows: readonly { readonly window: number; readonly row: BinRow }[];
  readonly history: readonly Bins[];
}

/**
 * Rows of cumulative buckets, whose columns are their upper boundaries, as bins. Without the bucket that holds everything, or where a bucket
 * has fewer than a narrower one, the counts do not come from one scrape: no data.
 */
export function histogramRows({ columns, rows, history }: VectorRows): HistogramRows {
  const order = columns
    .map((column, place) => ({ edge: Number(column), place }))
    .filter(({ edge }) => !Number.isNaN(edge))
    .sort((a, b) => a.edge - b.edge);
  const toBins = (cumulative: readonly number[]): Bins | null => {
    const bins = order.map(({ place }, index) => (cumulative[place] ?? 0) - (index === 0 ? 0 : (cumulative[order[index - 1]?.place ?? 0] ?? 0)));
    return order.at(-1)?.edge === Infinity && bins.every((count) => count >= 0) ? bins : null;
  };
  return {
    edges: order.map(({ edge }) => edge).filter(Number.isFinite),
    rows: rows.map(({ window, row }) => {
      const [stable, candidate] = row === null ? [null, null] : [toBins(row.stable), toBins(row.candidate)];
      return { window, row: stable === null || candidate === null ? null : { stable, candidate } };
    }),
    history: history.flatMap((cumulative) => {
      const bins = toBins(cumulative);
      return bins === null ? [] : [bins];
    }),
  };
}

/** All bins together. */
export function total(bins: Bins): number {
  return bins.reduce((sum, count) => sum + count, 0);
}

/** Sums of bins of the same length. */
export function addBins(rows: readonly Bins[]): Bins {
  return rows.reduce<number[]>((sums, bins) => bins.map((count, index) => (sums[index] ?? 0) + count), []);
}

/**
 * The value below which a share `q` of a histogram's events lie, as Prometheus's histogram_quantile finds it: even within its bin, and the
 * last finite boundary when it lies above that. Undefined without events.
 */
export function quantile(q: number, bins: Bins, edges: readonly number[]): number | undefined {
  const all = total(bins);
  if (all <= 0) return undefined;
  let below = 0;
  for (const [index, count] of bins.entries()) {
    const edge = edges[index];
    if (edge === undefined) break;
    if (count > 0 && below + count >= q * all) {
      const from = index === 0 ? Math.min(0, edge) : (edges[index - 1] ?? 0);
      return from + ((edge - from) * (q * all - below)) / count;
    }
    below += count;
  }
  return edges.at(-1);
}
