// Looks at cumulative counters, cut into the windows of a release, so that no row spans a change of weight.
import type { Tick } from './measurement.ts';
import { contains, HISTORY_INTERVALS, type Window } from './window.ts';

/** The row that ends at a look, and the window (index) that it lies in; null = no usable data. */
export interface Timed<Arm> {
  readonly atMs: number;
  readonly window: number;
  readonly row: { readonly stable: Arm; readonly candidate: Arm } | null;
}

/** How one form of counters is counted. `Known`: what was last seen of them. */
export interface Counting<Arm, Known> {
  readonly nothing: () => Known;
  readonly copy: (known: Known) => Known;
  /** What both arms counted since the last look with data. It moves `known` on: copies of it at each look were half the time of a pass. */
  readonly count: (known: Known, tick: Tick) => Timed<Arm>['row'];
  readonly isEmpty: (arm: Arm) => boolean;
}

/** What a beginning of the looks gave. */
export interface Cut<Arm, Known> {
  /** One for each look inside a window except its first, in time order. */
  readonly rows: readonly Timed<Arm>[];
  /** Stable's intervals before the first window, oldest first. Intervals without traffic are left out. */
  readonly history: readonly Arm[];
  /** Known after the looks before the first window, and in the newest window. */
  readonly before: Known;
  readonly inside: { readonly window: number; readonly known: Known } | undefined;
}

/**
 * The cut after more looks. `windows` are in time order and do not overlap; looks outside them (weight changing, settling) are passed over by
 * the clock, never for their values. The first look of a window is only the baseline.
 */
export function cutMore<Arm, Known>(
  cut: Cut<Arm, Known>,
  ticks: readonly Tick[],
  windows: readonly Window[],
  counting: Counting<Arm, Known>,
): Cut<Arm, Known> {
  const { copy, count, isEmpty, nothing } = counting;
  const early = ticks.filter(({ atMs }) => atMs <= (windows[0]?.fromMs ?? Infinity));
  const before = early.length === 0 ? cut.before : copy(cut.before);
  const history = early.map((tick) => count(before, tick)).flatMap((row) => (row === null || isEmpty(row.stable) ? [] : [row.stable]));
  let inside = cut.inside && { ...cut.inside, known: copy(cut.inside.known) };
  const rows: Timed<Arm>[] = [];
  for (const tick of ticks) {
    for (const [window, span] of windows.entries()) {
      if (!contains(span, tick)) continue;
      const isFirst = inside?.window !== window;
      inside = isFirst || inside === undefined ? { window, known: nothing() } : inside;
      const row = count(inside.known, tick);
      if (!isFirst) rows.push({ atMs: tick.atMs, window, row });
    }
  }
  return {
    rows: [...cut.rows, ...rows],
    history: history.length === 0 ? cut.history : [...cut.history, ...history].slice(-HISTORY_INTERVALS),
    before,
    inside,
  };
}
