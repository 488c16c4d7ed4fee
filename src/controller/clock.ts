// Time and chance as arguments: everything in this folder that waits or jitters is tested without waiting.

/** `now` is wall-clock milliseconds since 1970 (it may jump); `monotonic` is milliseconds that only ever grow (for durations and deadlines). */
export type Clock = {
  readonly now: () => number;
  readonly monotonic: () => number;
  /** Calls `run` once after `delayMs`; the returned function cancels it. */
  readonly after: (delayMs: number, run: () => void) => () => void;
};

/** A number in [0, 1). */
export type Random = () => number;

/** Longest delay that a Node timer takes; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The machine's clock. The entry point passes `Date.now`, so that real time comes in at that one place. */
export function createSystemClock(now: () => number): Clock {
  return {
    now,
    monotonic: () => performance.now(),
    after: (delayMs, run) => {
      const timer = setTimeout(run, Math.min(Math.max(0, delayMs), longestTimerMs));
      return () => clearTimeout(timer);
    },
  };
}

/** Resolves after `delayMs`, or as soon as `signal` aborts (never rejects: the caller looks at the signal). */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(delayMs, finish);
    signal.addEventListener('abort', finish);
  });
}
