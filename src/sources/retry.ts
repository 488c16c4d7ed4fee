// Tries a step again while trying again makes sense.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Outcome } from '../core/version/failure.ts';
import { interrupted } from './request.ts';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

export interface RetryContext {
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** Milliseconds of any steady or wall clock. */
  readonly now: () => number;
  /** A number in [0, 1): spreads the pods of one Deployment, which all meet the same broken source at the same moment. */
  readonly random: () => number;
}

/**
 * Runs `attempt` until it succeeds, fails for good, or `retryMs` milliseconds have passed since its first failure. Waits 1 s, 2 s, 4 s, …
 * up to 30 s in between, each shortened at random by up to a half.
 */
export async function retrying<T>(attempt: () => Promise<Outcome<T>>, retryMs: number, context: RetryContext): Promise<Outcome<T>> {
  let giveUpAt = Infinity;
  for (let tries = 1; ; tries += 1) {
    const outcome = await attempt();
    if (outcome.ok || !outcome.failure.retryable) return outcome;
    if (context.signal.aborted) return interrupted(context.signal);
    if (tries === 1) giveUpAt = context.now() + retryMs;
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), LONGEST_WAIT_MS) * (1 - context.random() / 2);
    if (context.now() + wait > giveUpAt) return gaveUp(outcome.failure.message, tries, outcome);
    context.log(`${outcome.failure.message} Trying again in ${(wait / 1000).toFixed(1)} s.`);
    if (!(await waited(wait, context.signal))) return interrupted(context.signal);
  }
}

/** Waits; false when the signal cut it short. */
function waited(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return sleep(milliseconds, true, { signal }).catch(() => false);
}

function gaveUp<T>(message: string, tries: number, outcome: Outcome<T>): Outcome<T> {
  if (outcome.ok || tries === 1) return outcome;
  return { ok: false, failure: { ...outcome.failure, message: `${message} Gave up after ${tries} tries.` } };
}
