// The control loop: workers take keys from the queue and reconcile them, and decide when each comes again.

import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import { startDeadline } from './deadline.ts';
import { isKubeError, KubeError, toError } from './errors.ts';
import type { WorkQueue } from './workqueue.ts';

/** What a reconcile asks for: to be called again after `requeueAfterMs` at the latest (never, unless something changes, when absent). */
export type ReconcileResult = { readonly requeueAfterMs?: number | undefined };

/** One finished reconcile, for metrics. */
export type ReconcileReport = { readonly key: string; readonly result: 'success' | 'requeue' | 'error'; readonly seconds: number };

export type LoopOptions = {
  readonly queue: WorkQueue;
  /** Brings the world of `key` one pass further. Must give up when `signal` aborts. A throw means: again, with backoff. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>;
  /** How many keys are worked on at once. One worker more takes only keys added with priority, so that they never wait for a slow one. */
  readonly workers: number;
  /** Milliseconds after which the signal of one reconcile aborts. */
  readonly deadlineMs: number;
  /** Milliseconds that reconciles in work may go on after a stop before their signal aborts. */
  readonly drainMs: number;
  readonly clock: Clock;
  readonly onResult?: (report: ReconcileReport) => void;
  /** A reconcile threw, or does not end although its deadline is over. */
  readonly onError?: (key: string, error: Error) => void;
};

/** A key that comes again at once, over and over, would never let a timer or an answer from the network in between. */
const LEAST_REQUEUE_MS = 10;

/** Runs the workers until `signal` aborts and the reconciles in work have ended. Never rejects. */
export async function runLoop(options: LoopOptions, signal: AbortSignal): Promise<void> {
  const hardStop = new AbortController();
  const workers = Array.from({ length: options.workers + 1 }, (_, index) => work(options, index === 0, hardStop.signal));
  await aborted(signal);
  // Keys that wait are dropped: the next leader lists everything anyway, and a release goes on from what is written.
  const idle = options.queue.shutDown({ drain: false });
  const patience = new AbortController();
  await Promise.race([idle, sleep(options.clock, options.drainMs, patience.signal)]);
  patience.abort();
  hardStop.abort();
  await Promise.all([idle, ...workers]);
}

async function work(options: LoopOptions, urgentOnly: boolean, hardStop: AbortSignal): Promise<void> {
  for (let key = await options.queue.next({ urgentOnly }); key !== undefined; key = await options.queue.next({ urgentOnly })) {
    try {
      await reconcileOnce(options, key, hardStop);
    } finally {
      options.queue.done(key);
    }
  }
}

async function reconcileOnce(options: LoopOptions, key: string, hardStop: AbortSignal): Promise<void> {
  const { queue, clock } = options;
  const started = clock.monotonic();
  const finish = (result: ReconcileReport['result']): void =>
    options.onResult?.({ key, result, seconds: (clock.monotonic() - started) / 1000 });
  const deadline = startDeadline(clock, options.deadlineMs, hardStop);
  // A key must never be in work twice, so a reconcile that ignores its signal keeps its worker; but not in silence.
  deadline.signal.addEventListener('abort', () => {
    if (deadline.why() === 'timeout')
      options.onError?.(key, new KubeError('Timeout', `Reconcile of ${key} is not done after ${options.deadlineMs} ms.`));
  });
  try {
    const { requeueAfterMs } = await options.reconcile(key, deadline.signal);
    queue.forget(key);
    if (requeueAfterMs !== undefined) queue.addAfter(key, Math.max(LEAST_REQUEUE_MS, requeueAfterMs));
    finish(requeueAfterMs === undefined ? 'success' : 'requeue');
  } catch (thrown) {
    queue.addRateLimited(key, { leastMs: isKubeError(thrown) ? thrown.retryAfterMs : undefined });
    finish('error');
    if (deadline.why() === undefined) options.onError?.(key, toError(thrown));
  } finally {
    deadline.stop();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
