// The built-in measurands (`errors`, `slowerThan`, `latencies`) of many releases in a number of questions that does not grow with the releases.
import type { Arms, Measurand } from '../core/analysis/measurement.ts';
import type { Prometheus } from './prometheus.ts';
import { findBoundaries, readErrorArms, readLatencyArms, readSlowArms } from './readings.ts';
import type { Reading, Span } from './readings.ts';

export type BuiltIn = Exclude<Measurand, { readonly type: 'value' | 'counters' }>;

/** `boundaryMs`: the histogram boundary found before, for `slowerThan`; without it one is looked for. */
export interface BuiltInWish {
  readonly measurand: BuiltIn;
  readonly boundaryMs?: number;
}

/** `boundaryMs`: the boundary that the ticks were counted at; absent when it is unknown, or known no longer and to be looked for again. */
export interface BuiltInReading extends Reading {
  readonly boundaryMs?: number;
}

/**
 * One reading for each wish, in their order: one question for errors, one for requests slower than boundaries, one for whole histograms, and
 * one for boundaries while any is unknown.
 */
export async function readBuiltIn(
  prometheus: Prometheus,
  span: Span,
  wishes: readonly BuiltInWish[],
): Promise<readonly BuiltInReading[]> {
  const readings = new Map<BuiltInWish, BuiltInReading>();
  const failing = wishes.flatMap((wish) => (wish.measurand.type === 'errors' ? [{ wish, arms: wish.measurand.arms }] : []));
  const errors = readErrorArms(prometheus, span, failing);
  const whole = wishes.flatMap((wish) => (wish.measurand.type === 'latencies' ? [{ wish, arms: wish.measurand.arms }] : []));
  const latencies = readLatencyArms(prometheus, span, whole);
  const slow = await withBoundaries(prometheus, span, wishes, readings);
  for (const [index, reading] of (await readSlowArms(prometheus, span, slow)).entries()) {
    const asked = slow[index];
    if (asked !== undefined) readings.set(asked.wish, withBoundary(reading, asked.boundaryMs));
  }
  for (const [index, reading] of (await errors).entries()) {
    const asked = failing[index];
    if (asked !== undefined) readings.set(asked.wish, reading);
  }
  for (const [index, reading] of (await latencies).entries()) {
    const asked = whole[index];
    if (asked !== undefined) readings.set(asked.wish, reading);
  }
  return wishes.map((wish) => readings.get(wish) ?? { ticks: [] });
}

/** The latency wishes whose boundary is known or was found now; for the others the reason is put into `readings`. */
async function withBoundaries(
  prometheus: Prometheus,
  span: Span,
  wishes: readonly BuiltInWish[],
  readings: Map<BuiltInWish, BuiltInReading>,
): Promise<{ readonly wish: BuiltInWish; readonly arms: Arms; readonly boundaryMs: number }[]> {
  const slow = wishes.flatMap((wish) => (wish.measurand.type === 'slowerThan' ? [{ wish, ...wish.measurand }] : []));
  const unknown = slow.filter(({ wish }) => wish.boundaryMs === undefined);
  const found = new Map((await findBoundaries(prometheus, span.toMs, unknown)).map((boundary, index) => [unknown[index]?.wish, boundary]));
  return slow.flatMap(({ wish, arms }) => {
    const boundary = wish.boundaryMs === undefined ? found.get(wish) : { ms: wish.boundaryMs };
    if (boundary !== undefined && 'ms' in boundary) return [{ wish, arms, boundaryMs: boundary.ms }];
    readings.set(wish, { ticks: [], problem: boundary?.problem ?? 'The histogram was not asked for.' });
    return [];
  });
}

/** The newest look may see the arms' histograms, but none with this boundary: then the server that fills them has other ones now. */
function withBoundary(reading: Reading, boundaryMs: number): BuiltInReading {
  const newest = reading.ticks.at(-1);
  const counters = [...Object.values(newest?.stable ?? {}), ...Object.values(newest?.candidate ?? {})];
  if (counters.length === 0 || counters.some((counter) => !Number.isNaN(counter.requests))) return { ...reading, boundaryMs };
  return { ticks: reading.ticks, problem: `The latency histogram cannot be read at its boundary of ${String(boundaryMs)} ms.` };
}
