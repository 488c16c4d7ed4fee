import type { BinRow, Bins } from '../../analysis/distribution.ts';
import { growing, growingFlatMap, type Memory } from '../../analysis/growing.ts';
import type { TimedVectorRow, VectorRows } from '../../analysis/vectorRows.ts';

export interface WindowedBins {
  readonly window: number;
  readonly row: BinRow;
}

/** A histogram's rows bin by bin, from fast to slow; `edges` are the upper boundaries of all bins but the last, which has none. */
export interface HistogramRows {
  readonly edges: readonly number[];
  readonly rows: readonly WindowedBins[];
  readonly history: readonly Bins[];
}

/**
 * Rows of cumulative buckets, whose columns are their upper boundaries, as bins. Without the bucket that holds everything, or where a bucket
 * has fewer than a narrower one, the counts do not come from one scrape: no data.
 */
export function histogramRows({ columns, rows, history }: VectorRows, memory: Memory = {}): HistogramRows {
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
    rows: growRows(memory, [columns], rows, ({ window, row }) => {
      const [stable, candidate] = row === null ? [null, null] : [toBins(row.stable), toBins(row.candidate)];
      return [{ window, row: stable === null || candidate === null ? null : { stable, candidate } }];
    }),
    history: growHistory(memory, [columns], history, (cumulative) => {
      const bins = toBins(cumulative);
      return bins === null ? [] : [bins];
    }),
  };
}

const growRows = growingFlatMap<TimedVectorRow, WindowedBins>();
const growHistory = growingFlatMap<readonly number[], Bins>();

/** All bins together. */
export function total(bins: Bins): number {
  return bins.reduce((sum, count) => sum + count, 0);
}

/** Both arms' bins of all rows together, and how many rows have events of the candidate. */
export interface SumOfRows {
  readonly stable: Bins;
  readonly candidate: Bins;
  readonly intervals: number;
}

export function sumRows(rows: readonly BinRow[], memory: Memory): SumOfRows {
  const nothing = { stable: [], candidate: [], intervals: 0 };
  return growSum(memory, [], [rows], () => nothing, (before, from) => rows.slice(from).reduce(addRow, before));
}

const growSum = growing<SumOfRows>();

function addRow(sum: SumOfRows, row: BinRow): SumOfRows {
  if (row === null) return sum;
  return {
    stable: addBins([sum.stable, row.stable]),
    candidate: addBins([sum.candidate, row.candidate]),
    intervals: sum.intervals + (total(row.candidate) > 0 ? 1 : 0),
  };
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
