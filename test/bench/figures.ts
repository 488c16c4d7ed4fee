// What the bench measured as figures: percentiles, shares of a release's writes, and the lines that a person reads.
import type { Sample } from '../support/metricsText.ts';
import { isCounted, type Write } from './audit.ts';

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** Nearest rank. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
  return { p50: round(at(0.5)), p99: round(at(0.99)) };
}

/** Of a histogram's observations between two scrapes, as `histogram_quantile` estimates them, in milliseconds. */
export function histogramPercentiles(
  before: readonly Sample[],
  after: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>>,
): Percentiles {
  const counts = (samples: readonly Sample[]): ReadonlyMap<number, number> => {
    const found = new Map<number, number>();
    for (const sample of samples) {
      const isWanted = sample.name === `${name}_bucket` && Object.entries(labels).every(([label, value]) => sample.labels[label] === value);
      const le = sample.labels['le'] === '+Inf' ? Infinity : Number(sample.labels['le']);
      if (isWanted) found.set(le, (found.get(le) ?? 0) + sample.value);
    }
    return found;
  };
  const earlier = counts(before);
  const buckets = [...counts(after)].map(([le, count]) => ({ le, count: count - (earlier.get(le) ?? 0) })).sort((a, b) => a.le - b.le);
  return { p50: round(quantile(buckets, 0.5) * 1000), p99: round(quantile(buckets, 0.99) * 1000) };
}

function quantile(buckets: readonly { readonly le: number; readonly count: number }[], share: number): number {
  const rank = share * (buckets.at(-1)?.count ?? 0);
  const index = buckets.findIndex(({ count }) => count >= rank);
  const bucket = buckets[index];
  if (!bucket) return NaN;
  const below = buckets[index - 1] ?? { le: 0, count: 0 };
  if (!Number.isFinite(bucket.le)) return below.le;
  return below.le + ((bucket.le - below.le) * (rank - below.count)) / Math.max(1, bucket.count - below.count);
}

/** The writes of one release. Refused ones count too: each was a call. */
export interface ReleaseWrites {
  readonly total: number;
  /** Of each step: its scaling, and what follows from its weight on until what comes next begins. */
  readonly steps: readonly number[];
  readonly refused: number;
  readonly byResource: Readonly<Record<string, number>>;
}

/** Takes all writes of a time in which nothing but this one release happened. */
export function releaseWrites(all: readonly Write[]): ReleaseWrites {
  const writes = all.filter(isCounted);
  const moves = writes.flatMap(({ decision, code }, index) => (code < 400 && decision?.includes('/Shift/') === true ? [index] : []));
  const decided = writes.findIndex(({ decision }) => decision !== undefined && !decision.includes('/Shift/'));
  const steps = moves.map((at, index) => {
    const next = moves[index + 1] ?? (decided === -1 ? writes.length : decided);
    const scalesNext = index === moves.length - 1 && decided === -1 ? -1 : writes.slice(at, next).findIndex(isScaling);
    const end = scalesNext === -1 ? next : at + scalesNext;
    const isScaled = writes.slice(moves[index - 1] ?? 0, at).some(isScaling);
    return end - at + (isScaled ? 1 : 0);
  });
  return { total: writes.length, steps, refused: writes.filter(({ code }) => code >= 400).length, byResource: countByResource(writes) };
}

function isScaling({ resource, verb }: Write): boolean {
  return resource === 'deployments' && verb !== 'delete';
}

function countByResource(writes: readonly Write[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { resource, verb } of writes) counts[`${verb} ${resource}`] = (counts[`${verb} ${resource}`] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort());
}

export function round(value: number): number {
  return Number(value.toPrecision(3));
}
