// Distributions of two arms, compared bin by bin: latencies without a threshold, predictions, inputs.
//
// Every "share of the requests beyond this boundary" and "share in this bin" is a two-arm rate with an e-process of its own (eprocess.ts).
// The mean of e-values is an e-value whatever their dependence, so the mean over boundaries or bins needs no correction for their number.

import { burstFactor, startBurst, stepBurst, type BurstState } from './burst.ts';
import { NO_EVIDENCE, ratioTerm, stepProcess, type ProcessState } from './eprocess.ts';
import { growing, type Growing, type Memory } from './growing.ts';
import { logMean } from './kernel.ts';
import type { Counts, Row } from './row.ts';

/** Requests of one arm in one interval, bin by bin. */
export type Bins = readonly number[];

/** Both arms' bins of one interval, of the same length; null = no usable data. */
export type BinRow = { readonly stable: Bins; readonly candidate: Bins } | null;

/**
 * ln e after every row against "at no boundary is candidate's share of slower requests above (1 + tolerance) x stable's". Bins go from fast
 * to slow; the last one holds what is above the last finite boundary. It accuses and never certifies.
 */
export function slowerSeries(
  rows: readonly BinRow[],
  history: readonly Bins[],
  tolerance: number,
  phiMax: number,
  memory: Memory = {},
): readonly number[] {
  return meanSeries(growSlower, memory, rows, history, { partsOf: beyondEach, directions: ['forward'], tolerance, phiMax });
}

/**
 * ln e after every row against "no bin's share differs between the arms by more than a factor 1 + tolerance", in either direction.
 */
export function shiftSeries(
  rows: readonly BinRow[],
  history: readonly Bins[],
  tolerance: number,
  phiMax: number,
  memory: Memory = {},
): readonly number[] {
  return meanSeries(growShift, memory, rows, history, { partsOf: withinEach, directions: ['forward', 'backward'], tolerance, phiMax });
}

/** All parts, and the mean of their processes, after the rows so far. A part has no process while nobody had a bad request: e is 1. */
interface Course {
  readonly parts: readonly (Part | undefined)[] | undefined;
  readonly series: readonly number[];
}

/** Of one share: a process for each direction. The burst factor comes from the stable arm's share, for both. */
interface Part {
  readonly burst: BurstState;
  readonly processes: readonly ProcessState[];
}

const growSlower = growing<Course>();
const growShift = growing<Course>();

interface Comparing {
  readonly partsOf: (bins: Bins) => Parts;
  readonly directions: readonly Direction[];
  readonly tolerance: number;
  readonly phiMax: number;
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
  grow: Growing<Course>,
  memory: Memory,
  rows: readonly BinRow[],
  history: readonly Bins[],
  comparing: Comparing,
): readonly number[] {
  const { partsOf, tolerance, phiMax } = comparing;
  return grow(memory, [history, tolerance, phiMax], [rows], () => ({ parts: undefined, series: [] }), (before, from) => {
    const arms = rows.slice(from).map((row) => row && { stable: partsOf(row.stable), candidate: partsOf(row.candidate) });
    let { parts } = before;
    const added = arms.map((row, index) => {
      if (row === null) return meanOf(parts, comparing);
      const earlier = (): readonly BinRow[] => rows.slice(0, from + index);
      parts = row.stable.bad.map((_, place) => {
        const counts = { stable: countsOf(row.stable, place), candidate: countsOf(row.candidate, place) };
        const part = parts?.[place] ?? (hasBad(counts) ? startPart(place, history, earlier(), comparing) : undefined);
        return part && stepPart(part, counts, comparing);
      });
      return meanOf(parts, comparing);
    });
    return { parts, series: [...before.series, ...added] };
  }).series;
}

function meanOf(parts: Course['parts'], { directions }: Comparing): number {
  const all = (parts ?? []).flatMap((part) => directions.map((_, index) => part?.processes[index]?.logE ?? 0));
  return all.length === 0 ? 0 : logMean(all);
}

function hasBad({ stable, candidate }: NonNullable<Row>): boolean {
  return stable.bad > 0 || candidate.bad > 0;
}

/** A part at its first bad request. `earlier`: the rows before it. */
function startPart(place: number, history: readonly Bins[], earlier: readonly BinRow[], comparing: Comparing): Part {
  const { partsOf } = comparing;
  const start: Part = {
    burst: startBurst(history.map((bins) => countsOf(partsOf(bins), place))),
    processes: comparing.directions.map(() => NO_EVIDENCE),
  };
  return earlier.reduce<Part>((part, row) => {
    if (row === null) return part;
    return stepPart(part, { stable: countsOf(partsOf(row.stable), place), candidate: countsOf(partsOf(row.candidate), place) }, comparing);
  }, start);
}

function stepPart({ burst, processes }: Part, row: NonNullable<Row>, { directions, tolerance, phiMax }: Comparing): Part {
  const phi = burstFactor(burst, phiMax);
  return {
    burst: stepBurst(burst, row.stable),
    processes: directions.map((direction, index) => {
      const directed = direction === 'forward' ? row : { stable: row.candidate, candidate: row.stable };
      return stepProcess(processes[index] ?? NO_EVIDENCE, ratioTerm(directed, phi, 1 + tolerance));
    }),
  };
}

function countsOf(parts: Parts, part: number): Counts {
  return { requests: parts.requests, bad: parts.bad[part] ?? 0 };
}
