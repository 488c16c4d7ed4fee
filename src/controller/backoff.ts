// How long to wait before the next try.

import type { Random } from './clock.ts';

/** Delays that double from `firstMs` to `capMs`, each shortened by chance by up to a half so that many clients do not return together. */
export type Backoff = { readonly next: () => number; readonly reset: () => void };

/** A backoff at its beginning. */
export function createBackoff(random: Random, firstMs: number, capMs: number): Backoff {
  let failures = 0;
  return {
    next: () => {
      const full = exponentialMs(failures, firstMs, capMs);
      failures += 1;
      return full * (1 - random() / 2);
    },
    reset: () => {
      failures = 0;
    },
  };
}

/** `firstMs` doubled `failures` times, at most `capMs`. */
export function exponentialMs(failures: number, firstMs: number, capMs: number): number {
  return Math.min(capMs, firstMs * 2 ** Math.min(failures, 30));
}
