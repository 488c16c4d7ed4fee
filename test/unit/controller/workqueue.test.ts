import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { createWorkQueue } from '../../../src/controller/workqueue.ts';
import { createFakeClock } from '../../support/clocks.ts';

const settled = async <T>(promise: Promise<T>): Promise<T | 'waiting'> =>
  Promise.race([promise, new Promise<'waiting'>((resolve) => setImmediate(() => resolve('waiting')))]);

function setUp() {
  const clock = createFakeClock();
  return { clock, queue: createWorkQueue({ clock }) };
}

describe('adding', () => {
  test('a key that waits already is not added again', () => {
    const { queue } = setUp();
    queue.add('a');
    queue.add('a');
    expect(queue.length()).toBe(1);
  });

  test('a key added while it is in work is handed out again, but only after done', async () => {
    const { queue } = setUp();
    queue.add('a');
    expect(await queue.next()).toBe('a');
    queue.add('a');
    queue.add('a');
    const again = queue.next();
    expect(await settled(again)).toBe('waiting');
    queue.done('a');
    expect(await settled(again)).toBe('a');
    queue.done('a');
    expect(await settled(queue.next())).toBe('waiting');
  });

  test('keys come in the order in which they were added', async () => {
    const { queue } = setUp();
    for (const key of ['c', 'a', 'b']) queue.add(key);
    expect([await queue.next(), await queue.next(), await queue.next()]).toEqual(['c', 'a', 'b']);
  });

  test('the length is told whenever it changes', async () => {
    const lengths: number[] = [];
    const queue = createWorkQueue({ clock: createFakeClock(), onLength: (length) => lengths.push(length) });
    queue.add('a');
    queue.add('b');
    await queue.next();
    expect(lengths).toEqual([1, 2, 1]);
  });
});

describe('the lane that goes first', () => {
  test('a key with priority overtakes all others', async () => {
    const { queue } = setUp();
    queue.add('slow');
    queue.add('rollback', { priority: true });
    expect(await queue.next()).toBe('rollback');
  });

  test('a waiting key moves over when it is added with priority, and never back', async () => {
    const { queue } = setUp();
    queue.add('first');
    queue.add('second');
    queue.add('second', { priority: true });
    queue.add('second');
    expect([await queue.next(), await queue.next()]).toEqual(['second', 'first']);
    expect(queue.length()).toBe(0);
  });

  test('priority asked for during the work is kept for the time after it', async () => {
    const { queue } = setUp();
    queue.add('a');
    await queue.next();
    queue.add('a', { priority: true });
    queue.add('a');
    queue.add('b');
    queue.done('a');
    expect(await queue.next()).toBe('a');
  });

  test('a taker for urgent keys leaves the others alone', async () => {
    const { queue } = setUp();
    const urgent = queue.next({ urgentOnly: true });
    queue.add('slow');
    expect(await settled(urgent)).toBe('waiting');
    queue.add('rollback', { priority: true });
    expect(await settled(urgent)).toBe('rollback');
    expect(queue.length()).toBe(1);
  });

  test('an urgent key that fails stays urgent', async () => {
    const { queue, clock } = setUp();
    queue.add('rollback', { priority: true });
    await queue.next();
    queue.addRateLimited('rollback');
    queue.done('rollback');
    queue.add('slow');
    await clock.advance(5);
    expect(await queue.next()).toBe('rollback');
  });
});

describe('delays', () => {
  test('a key comes after its delay and not before', async () => {
    const { queue, clock } = setUp();
    queue.addAfter('a', 1000);
    await clock.advance(999);
    expect(queue.length()).toBe(0);
    await clock.advance(1);
    expect(queue.length()).toBe(1);
  });

  test.each([
    ['a later date does not replace an earlier one', 1000, 5000],
    ['an earlier date replaces a later one', 5000, 1000],
  ])('%s', async (_name, first, second) => {
    const { queue, clock } = setUp();
    queue.addAfter('a', first);
    queue.addAfter('a', second);
    await clock.advance(1000);
    expect(await queue.next()).toBe('a');
    queue.done('a');
    await clock.advance(10_000);
    expect(queue.length()).toBe(0);
    expect(clock.timers()).toBe(0);
  });

  test('failures wait twice as long each time, up to 30 seconds, until forgotten', async () => {
    const { queue, clock } = setUp();
    const waited: number[] = [];
    for (let failure = 0; failure < 16; failure += 1) {
      queue.addRateLimited('a');
      const before = clock.monotonic();
      while (queue.length() === 0) await clock.advance(5);
      waited.push(clock.monotonic() - before);
      queue.done((await queue.next()) ?? '');
    }
    expect(waited.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
    expect(waited.slice(-2)).toEqual([30_000, 30_000]);
    queue.forget('a');
    queue.addRateLimited('a');
    await clock.advance(5);
    expect(queue.length()).toBe(1);
  }, 20_000);

  test('the patience that a server asks for is the least', async () => {
    const { queue, clock } = setUp();
    queue.addRateLimited('a', { leastMs: 2000 });
    await clock.advance(1999);
    expect(queue.length()).toBe(0);
    await clock.advance(1);
    expect(queue.length()).toBe(1);
  });
});

describe('shutting down', () => {
  test('with drain, waiting keys are still handed out, then everybody is sent home', async () => {
    const { queue } = setUp();
    queue.add('a');
    const idle = queue.shutDown({ drain: true });
    queue.add('late');
    expect(await queue.next()).toBe('a');
    expect(await settled(idle)).toBe('waiting');
    queue.done('a');
    await idle;
    expect(await queue.next()).toBeUndefined();
  });

  test('without drain, waiting keys and dates are dropped, and work that goes on is waited for', async () => {
    const { queue, clock } = setUp();
    queue.add('a');
    await queue.next();
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    const taker = queue.next({ urgentOnly: true });
    const idle = queue.shutDown({ drain: false });
    expect(await taker).toBeUndefined();
    expect(await settled(idle)).toBe('waiting');
    queue.done('a');
    await idle;
    expect(await queue.next()).toBeUndefined();
    expect(clock.timers()).toBe(0);
  });
});

describe('for any sequence of adds, takers and ends of work', () => {
  type Step =
    | { readonly do: 'add' | 'addAfter' | 'addRateLimited'; readonly key: string; readonly priority: boolean }
    | { readonly do: 'take'; readonly urgentOnly: boolean }
    | { readonly do: 'finish'; readonly which: number }
    | { readonly do: 'wait'; readonly ms: number };
  const key = fc.constantFrom('a', 'b', 'c');
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constantFrom('add' as const, 'addAfter' as const, 'addRateLimited' as const), key, priority: fc.boolean() }),
    fc.record({ do: fc.constant('take' as const), urgentOnly: fc.boolean() }),
    fc.record({ do: fc.constant('finish' as const), which: fc.nat(5) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(50) }),
  );

  test('pitfall 14: no key is in work twice at once, and after each add the key is worked on once more', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, queue } = setUp();
        const inWork: string[] = [];
        const owed = new Set<string>(); // added, and not started since
        const take = (urgentOnly: boolean): void => {
          void queue.next({ urgentOnly }).then((taken) => {
            if (taken === undefined) return;
            if (inWork.includes(taken)) throw new Error(`${taken} is in work twice`);
            inWork.push(taken);
            owed.delete(taken);
          });
        };
        for (const now of steps) {
          if (now.do === 'take') take(now.urgentOnly);
          else if (now.do === 'wait') await clock.advance(now.ms);
          else if (now.do === 'finish') {
            const [ended] = inWork.splice(now.which, 1);
            if (ended !== undefined) queue.done(ended);
          } else {
            owed.add(now.key);
            if (now.do === 'add') queue.add(now.key, { priority: now.priority });
            else if (now.do === 'addAfter') queue.addAfter(now.key, 20, { priority: now.priority });
            else queue.addRateLimited(now.key, { priority: now.priority });
          }
          await Promise.resolve();
          await Promise.resolve();
        }
        // Enough time and takers for everything that is owed.
        await clock.advance(60_000);
        for (let round = 0; round < 8; round += 1) {
          take(false);
          await clock.advance(0);
          for (const ended of inWork.splice(0)) queue.done(ended);
        }
        await clock.advance(0);
        expect([...owed]).toEqual([]);
        expect(queue.length()).toBe(0);
      }),
      { numRuns: 200 },
    );
  }, 30_000);
});
