// The built-in measurands (`requests`, `errors`, `slowerThan`, `latencies`) of many releases, in a number of questions that does not grow
// with them.
import type { Measurand } from '../core/analysis/measurement.ts';
import { findBoundaries, readCountArms, readLatencyArms, readSlowArms } from './readings.ts';
import type { CountWish, SlowWish } from './readings.ts';
import type { Reading, Span } from './span.ts';
import type { SeriesStore } from './store.ts';

export type BuiltIn = Exclude<Measurand, { readonly type: 'value' | 'counters' }>;

/** `boundaryMs`: the histogram boundary found before, for `slowerThan`; without it one is looked for. `intervalMs`: between two looks. */
export interface BuiltInWish {
  readonly measurand: BuiltIn;
  readonly intervalMs?: number;
  readonly boundaryMs?: number;
}

/** `boundaryMs`: the boundary that the ticks were counted at; absent when it is unknown, or known no longer and to be looked for again. */
export interface BuiltInReading extends Reading {
  readonly boundaryMs?: number;
}

/**
 * One reading for each wish, in their order: one question for requests and errors, one for requests slower than boundaries, one for whole
 * histograms, and one for boundaries while any is unknown.
 */
export async function readBuiltIn(
  store: SeriesStore,
  span: Span,
  wishes: readonly BuiltInWish[],
): Promise<readonly BuiltInReading[]> {
  const readings = new Map<BuiltInWish, BuiltInReading>();
  const counted = wishes.flatMap(countWish);
  const counts = readCountArms(store, span, counted);
  const whole = wishes.flatMap((wish) => (wish.measurand.type === 'latencies' ? [{ wish, arms: wish.measurand.arms, ...intervalOf(wish) }] : []));
  const latencies = readLatencyArms(store, span, whole);
  const slow = await withBoundaries(store, span, wishes, readings);
  for (const [index, reading] of (await readSlowArms(store, span, slow)).entries()) {
    const asked = slow[index];
    if (asked !== undefined) readings.set(asked.wish, withBoundary(reading, asked.boundaryMs));
  }
  for (const [index, reading] of (await counts).entries()) {
    const asked = counted[index];
    if (asked !== undefined) readings.set(asked.wish, reading);
  }
  for (const [index, reading] of (await latencies).entries()) {
    const asked = whole[index];
    if (asked !== undefined) readings.set(asked.wish, reading);
  }
  return wishes.map((wish) => readings.get(wish) ?? { ticks: [] });
}

function countWish(wish: BuiltInWish): readonly (CountWish & { readonly wish: BuiltInWish })[] {
  const { measurand } = wish;
  return measurand.type === 'slowerThan' || measurand.type === 'latencies' ? [] : [{ wish, type: measurand.type, arms: measurand.arms, ...intervalOf(wish) }];
}

function intervalOf({ intervalMs }: BuiltInWish): { readonly intervalMs?: number } {
  return intervalMs === undefined ? {} : { intervalMs };
}

/** The latency wishes whose boundary is known or was found now; for the others the reason is put into `readings`. */
async function withBoundaries(
  store: SeriesStore,
  span: Span,
  wishes: readonly BuiltInWish[],
  readings: Map<BuiltInWish, BuiltInReading>,
): Promise<(SlowWish & { readonly wish: BuiltInWish })[]> {
  const slow = wishes.flatMap((wish) => (wish.measurand.type === 'slowerThan' ? [{ wish, ...wish.measurand }] : []));
  const unknown = slow.filter(({ wish }) => wish.boundaryMs === undefined);
  const found = new Map((await findBoundaries(store, span.toMs, unknown)).map((boundary, index) => [unknown[index]?.wish, boundary]));
  return slow.flatMap(({ wish, arms }) => {
    const boundary = wish.boundaryMs === undefined ? found.get(wish) : { ms: wish.boundaryMs };
    if (boundary !== undefined && 'ms' in boundary) return [{ wish, arms, boundaryMs: boundary.ms, ...intervalOf(wish) }];
    readings.set(wish, { ticks: [], problem: boundary?.problem ?? 'The histogram was not asked for.' });
    return [];
  });
}

/** The newest look may see the arms' histograms, but none with this boundary: then the server that fills them has other ones now. */
function withBoundary(reading: Reading, boundaryMs: number): BuiltInReading {
  const newest = reading.ticks.at(-1);
  const counters = [...Object.values(newest?.stable ?? {}), ...Object.values(newest?.candidate ?? {})];
  if (counters.length === 0 || counters.some((counter) => !Number.isNaN(counter.requests))) return { ...reading, boundaryMs };
  return { ...reading, problem: `The latency histogram cannot be read at its boundary of ${String(boundaryMs)} ms.` };
}
