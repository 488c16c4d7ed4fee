// The operator's caches as they run, for tests that ask them.

import { setTimeout as sleep } from 'node:timers/promises';

import { allCaches, type Caches } from '../../src/observe/caches.ts';

/** Runs all caches until the signal fires, and returns as soon as they are filled. */
export async function runCaches(caches: Caches, signal: AbortSignal): Promise<{ readonly ended: Promise<unknown> }> {
  const all = allCaches(caches).map(([, cache]) => cache);
  const ended = Promise.all(all.map((cache) => cache.run(signal)));
  while (!all.every((cache) => cache.hasSynced())) {
    signal.throwIfAborted();
    await sleep(5);
  }
  return { ended };
}
