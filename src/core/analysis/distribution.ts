// Distributions of two arms, compared bin by bin: latencies without a threshold, predictions, inputs.
//
// Every "share of the requests beyond this boundary" and "share in this bin" is a two-arm rate with an e-process of its own (eprocess.ts).
// The mean of e-values is an e-value whatever their dependence, so the mean over boundaries or bins needs no correction for their number.

import { burstFactor, startBurst, stepBurst } from './burst.ts';
import { combine } from './decide.ts';
import { NO_EVIDENCE, ratioTerm, stepProcess } from './eprocess.ts';
import type { Counts, Row } from './row.ts';

/** Requests of one arm in one interval, bin by bin. */
export type Bins = readonly number[];

/** Both arms' bins of one interval, of the same length; null = no usable data. */
export type BinRow = { readonly stable: Bins; readonly candidate: Bins } | null;

/**
 * ln e after every row against "at no boundary is candidate's share of slower requests above (1 + tolerance) x stable's". Bins go from fast
 * to slow; the last one holds what is above the last finite boundary. It accuses and never certifies.
 */
export function slowerSeries(rows: readonly BinRow[], history: readonly Bins[], tolerance: number, phiMax: number): number[] {
  const beyond = (boundary: number) => (bins: Bins): Counts => ({ requests: sum(bins), bad: sum(bins.slice(boundary)) });
  const boundaries = Array.from({ length: Math.max(0, width(rows) - 1) }, (_, index) => beyond(index + 1));
  return mean(rows, boundaries.map((count) => shareSeries(rows, history, count, [forward], tolerance, phiMax)).flat());
}

/**
 * ln e after every row against "no bin's share differs between the arms by more than a factor 1 + tolerance", in either direction.
 */
export function shiftSeries(rows: readonly BinRow[], history: readonly Bins[], tolerance: number, phiMax: number): number[] {
  const within = (bin: number) => (bins: Bins): Counts => ({ requests: sum(bins), bad: bins[bin] ?? 0 });
  const bins = Array.from({ length: width(rows) }, (_, index) => within(index));
  return mean(rows, bins.flatMap((count) => shareSeries(rows, history, count, [forward, backward], tolerance, phiMax)));
}

type Direction = (stable: Counts, candidate: Counts) => Row;

const forward: Direction = (stable, candidate) => ({ stable, candidate });
const backward: Direction = (stable, candidate) => ({ stable: candidate, candidate: stable });

/** One series for each direction. The burst factor comes from the stable arm's share, for both. */
function shareSeries(
  rows: readonly BinRow[],
  history: readonly Bins[],
  count: (bins: Bins) => Counts,
  directions: readonly Direction[],
  tolerance: number,
  phiMax: number,
): number[][] {
  let burst = startBurst(history.map(count));
  const processes = directions.map(() => NO_EVIDENCE);
  const series: number[][] = directions.map(() => []);
  for (const row of rows) {
    const arms = row && { stable: count(row.stable), candidate: count(row.candidate) };
    const phi = burstFactor(burst, phiMax);
    directions.forEach((direct, index) => {
      const term = arms && ratioTerm(direct(arms.stable, arms.candidate), phi, 1 + tolerance);
      const process = stepProcess(processes[index] ?? NO_EVIDENCE, term);
      processes[index] = process;
      series[index]?.push(process.logE);
    });
    burst = stepBurst(burst, arms && arms.stable);
  }
  return series;
}

/** Without a single boundary or bin nothing is known: e stays 1. */
function mean(rows: readonly BinRow[], series: readonly (readonly number[])[]): number[] {
  return series.length === 0 ? rows.map(() => 0) : combine(series);
}

function width(rows: readonly BinRow[]): number {
  return rows.find((row) => row !== null)?.stable.length ?? 0;
}

function sum(bins: Bins): number {
  return bins.reduce((total, count) => total + count, 0);
}
