// The looks of one check: a grid of times, of which each is known or still missing.
import type { Tick } from '../core/analysis/measurement.ts';

/** So many looks are kept and asked for at most: 2,000 at 15 s are more than eight hours. */
const MAX_LOOKS = 2_000;

export interface Looks {
  /** The first look wanted; earlier ones are forgotten, and looks that this adds are missing. */
  setFirst(fromMs: number): void;
  /** A look at `atMs` has been tried: from now on the grid reaches to it. */
  reach(atMs: number): void;
  /** Remembers what looks found; those outside the grid are ignored, and so are those known already. */
  put(ticks: readonly Tick[]): void;
  forgetAll(): void;
  /** From the first wanted to the newest tried, missing ones as ticks without data. The same list as before when nothing changed. */
  ticks(): readonly Tick[];
  /** First and last missing look; undefined when none is. */
  missing(): { readonly fromMs: number; readonly toMs: number } | undefined;
}

/** The newest time on the grid at or before `ms`. */
export function gridBefore(ms: number, intervalMs: number): number {
  return Math.floor(ms / intervalMs) * intervalMs;
}

export function createLooks(intervalMs: number, fromMs: number): Looks {
  const known = new Map<number, Tick>();
  /** Looks that are or were missing: each is the same object until it is known. */
  const blank = new Map<number, Tick>();
  let wantedMs = gridAfter(fromMs, intervalMs);
  let newestMs = -Infinity;
  let list: readonly Tick[] | undefined;

  const firstMs = (): number => Math.max(wantedMs, newestMs - (MAX_LOOKS - 1) * intervalMs);

  function moved(before: number): void {
    list = undefined;
    if (firstMs() <= before) return;
    for (const looks of [known, blank]) for (const atMs of looks.keys()) if (atMs < firstMs()) looks.delete(atMs);
  }

  function blankAt(atMs: number): Tick {
    const tick = blank.get(atMs) ?? noData(atMs);
    blank.set(atMs, tick);
    return tick;
  }

  function ticks(): readonly Tick[] {
    if (list === undefined) {
      const made: Tick[] = [];
      for (let atMs = firstMs(); atMs <= newestMs; atMs += intervalMs) made.push(known.get(atMs) ?? blankAt(atMs));
      list = made;
    }
    return list;
  }

  return {
    ticks,
    setFirst(ms) {
      const wanted = gridAfter(ms, intervalMs);
      if (wanted === wantedMs) return;
      const before = firstMs();
      wantedMs = wanted;
      moved(before);
    },
    reach(atMs) {
      if (atMs <= newestMs) return;
      const before = firstMs();
      newestMs = atMs;
      moved(before);
    },
    put(found) {
      for (const tick of found) {
        const inside = tick.atMs >= firstMs() && tick.atMs <= newestMs && tick.atMs % intervalMs === 0;
        if (inside && !known.has(tick.atMs)) known.set(tick.atMs, tick);
      }
      list = undefined;
    },
    forgetAll() {
      known.clear();
      list = undefined;
    },
    missing() {
      if (known.size >= (newestMs - firstMs()) / intervalMs + 1) return undefined;
      const gaps = ticks().filter((tick) => !known.has(tick.atMs));
      const [first, last] = [gaps[0], gaps.at(-1)];
      return first === undefined || last === undefined ? undefined : { fromMs: first.atMs, toMs: last.atMs };
    },
  };
}

function gridAfter(ms: number, intervalMs: number): number {
  return Math.ceil(ms / intervalMs) * intervalMs;
}

function noData(atMs: number): Tick {
  return { atMs, stable: null, candidate: null, value: null };
}
