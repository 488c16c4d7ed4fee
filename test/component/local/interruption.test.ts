import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { createErrands, Interrupted } from '../../../deploy/local/demo/interruption.ts';

test('an interruption ends the programs that are waited for, and leaves alone those that have a session of their own', async () => {
  const interruption = new AbortController();
  const errands = createErrands(interruption.signal);
  const ordinary = spawn('sleep', ['60']);
  const daemon = spawn('sleep', ['60'], { detached: true });
  try {
    const waiting = errands.run(once(ordinary, 'close'));
    interruption.abort();
    await expect(waiting).rejects.toBeInstanceOf(Interrupted);
    expect(await errands.settle(10_000)).toBe(true);
    expect([ordinary.signalCode, daemon.exitCode, daemon.signalCode]).toEqual(['SIGINT', null, null]);
  } finally {
    ordinary.kill();
    daemon.kill();
  }
});

test('a program that Ctrl-C ended before the news of it came is an interruption and not a failure', async () => {
  const interruption = new AbortController();
  const errands = createErrands(interruption.signal);
  const waiting = errands.run(Promise.reject(new Error('kubectl failed with exit code 130')));
  setTimeout(() => interruption.abort(), 20);
  await expect(waiting).rejects.toBeInstanceOf(Interrupted);
});
