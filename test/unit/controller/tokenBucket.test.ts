import { expect, test } from '@jest/globals';

import { createTokenBucket } from '../../../src/controller/tokenBucket.ts';
import { createFakeClock } from '../../support/clocks.ts';

const never = new AbortController().signal;

test('a burst goes at once, then as many each second as the rate says, in order', async () => {
  const clock = createFakeClock();
  const bucket = createTokenBucket(clock, 10, 3);
  const at: [number, number][] = [];
  for (let call = 0; call < 6; call += 1) void bucket.take(never).then(() => at.push([call, clock.monotonic()]));
  await clock.advance(1000);
  expect(at).toEqual([[0, 0], [1, 0], [2, 0], [3, 100], [4, 200], [5, 300]]);
});

test('a priority call does not wait, but what it used makes later calls wait', async () => {
  const clock = createFakeClock();
  const bucket = createTokenBucket(clock, 10, 1);
  await bucket.take(never);
  await bucket.take(never, true);
  let at = -1;
  void bucket.take(never).then(() => (at = clock.monotonic()));
  await clock.advance(1000);
  expect(at).toBe(200);
});

test('a caller that gives up waits no longer', async () => {
  const clock = createFakeClock();
  const bucket = createTokenBucket(clock, 0.001, 1);
  await bucket.take(never);
  const stop = new AbortController();
  const waiting = bucket.take(stop.signal);
  stop.abort();
  await waiting;
  expect(clock.timers()).toBe(0);
});

test('idle time fills the bucket up to its burst and no further', async () => {
  const clock = createFakeClock();
  const bucket = createTokenBucket(clock, 1, 2);
  expect([bucket.tryTake(), bucket.tryTake(), bucket.tryTake()]).toEqual([true, true, false]);
  await clock.advance(3_600_000);
  expect([bucket.tryTake(), bucket.tryTake(), bucket.tryTake()]).toEqual([true, true, false]);
});
