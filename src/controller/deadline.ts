// A deadline for one piece of work, joined with the caller's own signal.

import type { Clock } from './clock.ts';

/** `passed` rejects when the time is over or the caller gave up; `why` says which; `stop` must be called when the work is done. */
export type Deadline = {
  readonly signal: AbortSignal;
  readonly passed: Promise<never>;
  readonly why: () => 'timeout' | 'aborted' | undefined;
  readonly stop: () => void;
};

/** Starts the clock. The signal aborts after `deadlineMs`, or when `outer` aborts; no listener stays on `outer` after `stop`. */
export function startDeadline(clock: Clock, deadlineMs: number, outer: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  let reason: 'timeout' | 'aborted' | undefined;
  let reject: (cause: Error) => void = () => undefined;
  const passed = new Promise<never>((_resolve, rejectPassed) => {
    reject = rejectPassed;
  });
  passed.catch(() => undefined); // when the work loses the race nobody else listens
  const end = (why: 'timeout' | 'aborted'): void => {
    reason ??= why;
    const cause = new Error(why);
    controller.abort(cause);
    reject(cause);
  };
  const onOuter = (): void => end('aborted');
  const cancel = clock.after(deadlineMs, () => end('timeout'));
  if (outer?.aborted === true) onOuter();
  else outer?.addEventListener('abort', onOuter);
  return {
    signal: controller.signal,
    passed,
    why: () => reason,
    stop: () => {
      cancel();
      outer?.removeEventListener('abort', onOuter);
    },
  };
}
