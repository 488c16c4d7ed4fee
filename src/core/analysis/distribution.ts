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
  return meanSeries(rows, history, beyondEach, ['forward'], tolerance, phiMax);
}

/**
 * ln e after every row against "no bin's share differs between the arms by more than a factor 1 + tolerance", in either direction.
 */
export function shiftSeries(rows: readonly BinRow[], history: readonly Bins[], tolerance: number, phiMax: number): number[] {
  return meanSeries(rows, history, withinEach, ['forward', 'backward'], tolerance, phiMax);
}

/** Of one arm in one interval: requests that are "bad", part by part, and all of them. */
interface Parts {
  readonly requests: number;
  readonly bad: readonly number[];
}

/** Requests beyond each boundary but the last, which is none. */
function beyondEach(bins: Bins): Parts {
  const bad: number[] = [];
  let above = 0;
  for (let bin = bins.length - 1; bin > 0; bin -= 1) {
    above += bins[bin] ?? 0;
    bad.unshift(above);
  }
  return { requests: above + (bins[0] ?? 0), bad };
}

/** Requests in each bin. */
function withinEach(bins: Bins): Parts {
  return { requests: bins.reduce((total, count) => total + count, 0), bad: bins };
}

type Direction = 'forward' | 'backward';

/** Mean of the processes of all parts in all directions; without any part nothing is known, and e stays 1. */
function meanSeries(
  rows: readonly BinRow[],
  history: readonly Bins[],
  partsOf: (bins: Bins) => Parts,
  directions: readonly Direction[],
  tolerance: number,
  phiMax: number,
): number[] {
  const past = history.map(partsOf);
  const arms = rows.map((row) => row && { stable: partsOf(row.stable), candidate: partsOf(row.candidate) });
  const width = arms.find((row) => row !== null)?.stable.bad.length ?? 0;
  const nothing = rows.map(() => 0);
  const series = Array.from({ length: width }, (_, part) => {
    // Where nobody had a bad request there is no evidence: e is 1 after every row.
    if (arms.every((row) => row === null || (badOf(row.stable, part) === 0 && badOf(row.candidate, part) === 0))) return directions.map(() => nothing);
    const counts = arms.map((row) => row && { stable: countsOf(row.stable, part), candidate: countsOf(row.candidate, part) });
    return shareSeries(counts, past.map((parts) => countsOf(parts, part)), directions, tolerance, phiMax);
  });
  return series.length === 0 ? nothing : combine(series.flat());
}

/** One series for each direction. The burst factor comes from the stable arm's share, for both. */
function shareSeries(
  rows: readonly Row[],
  history: readonly Counts[],
  directions: readonly Direction[],
  tolerance: number,
  phiMax: number,
): number[][] {
  let burst = startBurst(history);
  const processes = directions.map(() => NO_EVIDENCE);
  const series: number[][] = directions.map(() => []);
  for (const row of rows) {
    const phi = burstFactor(burst, phiMax);
    directions.forEach((direction, index) => {
      const directed = direction === 'forward' || row === null ? row : { stable: row.candidate, candidate: row.stable };
      const process = stepProcess(processes[index] ?? NO_EVIDENCE, ratioTerm(directed, phi, 1 + tolerance));
      processes[index] = process;
      series[index]?.push(process.logE);
    });
    burst = stepBurst(burst, row && row.stable);
  }
  return series;
}

function badOf({ bad }: Parts, part: number): number {
  return bad[part] ?? 0;
}

function countsOf(parts: Parts, part: number): Counts {
  return { requests: parts.requests, bad: badOf(parts, part) };
}
