import { sleep, type Clock } from '../controller/clock.ts';
import { isKubeError } from '../controller/errors.ts';
import type { LeaderElector } from '../controller/lease.ts';
import { runLoop, type ReconcileResult } from '../controller/loop.ts';
import type { WorkQueue } from '../controller/workqueue.ts';
import { allCaches, type Caches } from '../observe/caches.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const PASS_DEADLINE_MS = 60_000;
const DRAIN_MS = 8000;

export interface Leading {
  readonly queue: WorkQueue;
  readonly elector: LeaderElector;
  readonly caches: Caches;
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>;
  /** Called once, when this process begins to work. */
  readonly start: (signal: AbortSignal) => void;
  readonly workers: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly stop: AbortSignal;
}

/** Competes for the lease; works while it leads. Work ends before the lease is given back, so that two processes never work at once. */
export async function lead({ queue, elector, caches, reconcile, start, workers, clock, metrics, logger, stop }: Leading): Promise<void> {
  const release = new AbortController();
  const leading = elector.run(release.signal);
  await until(clock, stop, () => elector.isLeader() && unsynced(caches) === undefined);
  if (!stop.aborted) {
    start(stop);
    await runLoop(
      {
        queue,
        clock,
        reconcile,
        workers,
        deadlineMs: PASS_DEADLINE_MS,
        drainMs: DRAIN_MS,
        onResult: ({ key, result, seconds }) => metrics.recordReconcile(key.split('/')[0] ?? '', result, seconds),
        onError: (key, error) => {
          // A conflict only says that this pass saw an older world than the one it wrote to: the next one follows at once.
          if (isKubeError(error, 'Conflict')) logger.debug('A pass was overtaken; trying again', { key, said: error.message });
          else logger.warn('A pass failed; trying again', { key, error });
        },
      },
      stop,
    );
  }
  release.abort();
  await leading;
}

/** Names of the caches that have not got their first list; undefined when all have. */
export function unsynced(caches: Caches): string | undefined {
  const missing = allCaches(caches).filter(([, cache]) => !cache.hasSynced());
  return missing.length === 0 ? undefined : `waiting for ${missing.map(([name]) => name).join(', ')}`;
}

const POLL_MS = 100;

async function until(clock: Clock, stop: AbortSignal, isTrue: () => boolean): Promise<void> {
  while (!stop.aborted && !isTrue()) await sleep(clock, POLL_MS, stop);
}

const WATCH_AGE_MS = 5000;

/** Keeps the age of each watch in /metrics: a watch that died silently shows as one that grows old. */
export async function watchAges(caches: Caches, metrics: Metrics, clock: Clock, stop: AbortSignal): Promise<void> {
  const before = new Map<string, number>();
  while (!stop.aborted) {
    for (const [name, cache] of allCaches(caches)) {
      const age = cache.secondsSinceActivity();
      if (age < (before.get(name) ?? Infinity)) metrics.recordWatchActivity(name);
      before.set(name, age);
    }
    await sleep(clock, WATCH_AGE_MS, stop);
  }
}
