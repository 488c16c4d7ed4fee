// Client-side rate limit: calls beyond the burst wait their turn; priority calls never wait but are counted.

import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';

export type TokenBucket = {
  /** Resolves when the caller may go on, or when `signal` aborts. With `priority` it resolves at once. */
  readonly take: (signal: AbortSignal, priority?: boolean) => Promise<void>;
  /** Takes a token if there is one now. */
  readonly tryTake: () => boolean;
};

/** A bucket that fills with `perSecond` tokens up to `burst`, and is full at the start. Waiting callers go in the order in which they came. */
export function createTokenBucket(clock: Clock, perSecond: number, burst: number): TokenBucket {
  let tokens = burst;
  let at = clock.monotonic();

  const refill = (): void => {
    const now = clock.monotonic();
    tokens = Math.min(burst, tokens + ((now - at) / 1000) * perSecond);
    at = now;
  };

  return {
    take: async (signal, priority = false) => {
      refill();
      // The count may go below zero: it is then the length of the queue, and each caller knows its own waiting time.
      tokens -= 1;
      if (!priority && tokens < 0) await sleep(clock, (-tokens / perSecond) * 1000, signal);
    },
    tryTake: () => {
      refill();
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
