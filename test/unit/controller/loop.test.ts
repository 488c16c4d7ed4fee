import { describe, expect, test } from '@jest/globals';

import { KubeError } from '../../../src/controller/errors.ts';
import type { LoopOptions, ReconcileReport } from '../../../src/controller/loop.ts';
import { runLoop } from '../../../src/controller/loop.ts';
import { createWorkQueue } from '../../../src/controller/workqueue.ts';
import { createFakeClock } from '../../support/clocks.ts';

function start(reconcile: LoopOptions['reconcile'], workers = 2) {
  const clock = createFakeClock();
  const queue = createWorkQueue({ clock });
  const stop = new AbortController();
  const reports: ReconcileReport[] = [];
  const errors: string[] = [];
  const ended = runLoop(
    {
      queue,
      reconcile,
      workers,
      deadlineMs: 1000,
      drainMs: 500,
      clock,
      onResult: (report) => reports.push(report),
      onError: (key, error) => errors.push(`${key}: ${error.message}`),
    },
    stop.signal,
  );
  return { clock, queue, stop, reports, errors, ended };
}

/** A reconcile that ends when told, or with an error when its signal aborts. */
function gate() {
  const open: (() => void)[] = [];
  const running: string[] = [];
  const reconcile: LoopOptions['reconcile'] = (key, signal) => {
    running.push(key);
    return new Promise((resolve, reject) => {
      open.push(() => resolve({}));
      signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
  };
  return { open, running, reconcile };
}

describe('results', () => {
  test('a key that asks to come again does so after that time, and one that does not stays away', async () => {
    const calls: string[] = [];
    const loop = start((key) => {
      calls.push(key);
      return Promise.resolve(key === 'again' ? { requeueAfterMs: 100 } : {});
    });
    loop.queue.add('again');
    loop.queue.add('once');
    await loop.clock.advance(250);
    expect(calls).toEqual(['again', 'once', 'again', 'again']);
    expect(loop.reports.map(({ key, result }) => `${key} ${result}`).slice(0, 2)).toEqual(['again requeue', 'once success']);
    loop.stop.abort();
    await loop.ended;
  });

  test('a key that asks to come again at once lets everything else go first', async () => {
    const at: number[] = [];
    const loop = start(() => {
      at.push(loop.clock.monotonic());
      return Promise.resolve({ requeueAfterMs: at.length < 100 ? 0 : undefined });
    });
    loop.queue.add('a');
    await loop.clock.advance(25);
    expect(at).toEqual([0, 10, 20]);
    loop.stop.abort();
    await loop.ended;
  });

  test('a throw is reported and tried again with growing waits; success starts them anew', async () => {
    let left = 3;
    const at: number[] = [];
    const loop = start(() => {
      at.push(loop.clock.monotonic());
      return (left -= 1) >= 0 ? Promise.reject(new Error('no luck')) : Promise.resolve({});
    });
    loop.queue.add('a');
    await loop.clock.advance(1000);
    expect(at).toEqual([0, 5, 15, 35]);
    expect(loop.errors).toEqual(Array(3).fill('a: no luck'));
    left = 1;
    loop.queue.add('a');
    await loop.clock.advance(1000);
    expect(at.slice(4)).toEqual([1000, 1005]);
    loop.stop.abort();
    await loop.ended;
  });

  test('pitfall 14: a server that asks for patience gets it', async () => {
    const at: number[] = [];
    const loop = start(() => {
      at.push(loop.clock.monotonic());
      return at.length === 1
        ? Promise.reject(new KubeError('TooManyRequests', 'busy', { code: 429, retryAfterMs: 3000 }))
        : Promise.resolve({});
    });
    loop.queue.add('a');
    await loop.clock.advance(5000);
    expect(at).toEqual([0, 3000]);
    loop.stop.abort();
    await loop.ended;
  });
});

describe('deadlines', () => {
  test('pitfall 21: the signal of a reconcile aborts at its deadline, and it is tried again', async () => {
    const { running, reconcile } = gate();
    const loop = start(reconcile);
    loop.queue.add('a');
    await loop.clock.advance(1004);
    expect(loop.errors).toEqual(['a: Reconcile of a is not done after 1000 ms.']);
    expect(running).toEqual(['a']);
    await loop.clock.advance(1);
    expect(running).toEqual(['a', 'a']);
    loop.stop.abort();
    await loop.clock.advance(500);
    await loop.ended;
  });

  test('a reconcile that ignores its signal is reported, and its key is not worked on by a second worker', async () => {
    const running: string[] = [];
    let free = (): void => undefined;
    const loop = start((key) => {
      running.push(key);
      return new Promise((resolve) => {
        free = () => resolve({});
      });
    });
    loop.queue.add('a');
    await loop.clock.advance(0);
    loop.queue.add('a');
    await loop.clock.advance(5000);
    expect(running).toEqual(['a']);
    expect(loop.errors).toHaveLength(1);
    free();
    await loop.clock.advance(0);
    expect(running).toEqual(['a', 'a']);
    free();
    loop.stop.abort();
    await loop.ended;
  });
});

describe('workers', () => {
  test('no more keys are in work at once than there are workers', async () => {
    const { open, running, reconcile } = gate();
    const loop = start(reconcile, 2);
    for (const key of ['a', 'b', 'c']) loop.queue.add(key);
    await loop.clock.advance(0);
    expect(running).toEqual(['a', 'b']);
    open[0]?.();
    await loop.clock.advance(0);
    expect(running).toEqual(['a', 'b', 'c']);
    loop.stop.abort();
    await loop.clock.advance(500);
    await loop.ended;
  });

  test('an urgent key does not wait for slow ones to end', async () => {
    const { running, reconcile } = gate();
    const loop = start(reconcile, 2);
    for (const key of ['slow1', 'slow2', 'slow3']) loop.queue.add(key);
    await loop.clock.advance(0);
    loop.queue.add('rollback', { priority: true });
    await loop.clock.advance(0);
    expect(running).toEqual(['slow1', 'slow2', 'rollback']);
    loop.stop.abort();
    await loop.clock.advance(500);
    await loop.ended;
  });
});

describe('stopping', () => {
  test('work that goes on may end, keys that wait are not begun', async () => {
    const { open, running, reconcile } = gate();
    const loop = start(reconcile, 1);
    loop.queue.add('a');
    loop.queue.add('b');
    await loop.clock.advance(0);
    loop.stop.abort();
    await loop.clock.advance(100);
    open[0]?.();
    await loop.ended;
    expect(running).toEqual(['a']);
    expect(loop.reports.map(({ result }) => result)).toEqual(['success']);
  });

  test('work that does not end in time is aborted', async () => {
    const { reconcile } = gate();
    const loop = start(reconcile);
    loop.queue.add('a');
    await loop.clock.advance(0);
    loop.stop.abort();
    await loop.clock.advance(499);
    expect(loop.reports).toEqual([]);
    await loop.clock.advance(1);
    await loop.ended;
    expect(loop.reports.map(({ result }) => result)).toEqual(['error']);
  });
});
