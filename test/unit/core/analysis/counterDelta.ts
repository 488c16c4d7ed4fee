import { increment, type RawNumber } from '../../../../src/core/analysis/row.ts';

/** Values of a cumulative counter at one instant, by series (one series per pod). */
export type CounterSample = Readonly<Record<string, RawNumber>>;

/** Increment of a counter between two instants, summed over its series as the rows do it. */
export function counterDelta(previous: CounterSample, current: CounterSample): number {
  const before = new Map(Object.entries(previous));
  return Object.entries(current).reduce((sum, [series, value]) => sum + increment(before.get(series), value), 0);
}
