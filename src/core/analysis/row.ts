// Rows: what was counted in one interval. Everything else in this folder computes from clean rows only.

/** Requests of one arm in one interval and how many of them were bad (failed, slow or wrong). Fractions are allowed. */
export interface Counts {
  readonly requests: number;
  readonly bad: number;
}

/** Increments of one interval for both arms; null = no usable data. A null row keeps its place in time, it is never dropped. */
export type Row = { readonly stable: Counts; readonly candidate: Counts } | null;

/** A number as a metrics store may answer it. */
export type RawNumber = number | null | undefined;

/** Counts as they come from outside: anything may be missing, NaN, infinite or negative. */
export interface RawCounts {
  readonly requests: RawNumber;
  readonly bad: RawNumber;
}

/** A row as it comes from outside, before `cleanRow`. */
export type RawRow = { readonly stable: RawCounts; readonly candidate: RawCounts } | null;

/** Above 2^53 a double no longer counts in ones, so such a value is a broken counter and not a count. */
const LARGEST_COUNT = Number.MAX_SAFE_INTEGER;

/**
 * Increment of a cumulative counter between two instants: a first sight (nothing before) is a baseline and adds 0, a value below the previous
 * one is a reset and adds the new value, an unusable value on either side adds 0.
 */
export function increment(before: RawNumber, now: RawNumber): number {
  if (!isCount(before) || !isCount(now)) return 0;
  return now < before ? now : now - before;
}

/** The row if all four counts are usable and any arm had requests, else null. More bad events than requests are clamped. */
export function cleanRow(raw: RawRow): Row {
  const stable = cleanCounts(raw?.stable);
  const candidate = cleanCounts(raw?.candidate);
  if (stable === null || candidate === null || stable.requests + candidate.requests <= 0) return null;
  return { stable, candidate };
}

/** One arm's counts with `bad` clamped to `requests`, or null when either is unusable. */
export function cleanCounts(raw: RawCounts | null | undefined): Counts | null {
  if (raw === null || raw === undefined || !isCount(raw.requests) || !isCount(raw.bad)) return null;
  return { requests: raw.requests, bad: Math.min(raw.bad, raw.requests) };
}

function isCount(value: RawNumber): value is number {
  return typeof value === 'number' && value >= 0 && value <= LARGEST_COUNT;
}
