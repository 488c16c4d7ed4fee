// Clocks for tests: the machine's, and one that stands still until it is told to go on.

import type { Clock, Random } from '../../src/controller/clock.ts';
import { createSystemClock } from '../../src/controller/clock.ts';

export const realClock: Clock = createSystemClock(Date.now);

export type FakeClock = Clock & {
  /** Lets `ms` pass: timers run in order, and what they set off in promises runs before the next one. */
  readonly advance: (ms: number) => Promise<void>;
  /** Time passes without any timer running, as when the event loop stands still. */
  readonly freeze: (ms: number) => void;
  readonly timers: () => number;
};

/** Starts at `startMs` of wall-clock time, and at 0 of monotonic time. `skewMs` is added to wall-clock time. */
export function createFakeClock(startMs = Date.UTC(2026, 0, 1), skewMs = 0): FakeClock {
  let elapsed = 0;
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  const settle = async (): Promise<void> => {
    // One turn of the event loop is not enough for a chain of awaits; setImmediate runs after all microtasks.
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    now: () => startMs + skewMs + elapsed,
    monotonic: () => elapsed,
    after: (delayMs, run) => {
      const timer = { at: elapsed + Math.max(0, delayMs), run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance: async (ms) => {
      const end = elapsed + ms;
      await settle();
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        elapsed = Math.max(elapsed, next.at);
        next.run();
        await settle();
      }
      elapsed = end;
    },
    freeze: (ms) => {
      elapsed += ms;
    },
    timers: () => timers.size,
  };
}

/** Numbers in [0, 1) that are the same in each run. */
export function createSeededRandom(seed = 1): Random {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
