// Runs one stage's process, and makes sure that it ends: by itself, at its limit, or when the person interrupts.
import { spawn, type ChildProcess } from 'node:child_process';

export interface ChildEnd {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  /** Why it was ended from here; absent when it ended by itself. */
  readonly endedBy?: 'limit' | 'interrupt' | undefined;
}

export interface ChildOptions {
  readonly cwd: string;
  readonly limitMs: number;
  readonly interrupt: AbortSignal;
  /** How long a process may take to end once it is asked to, before it is killed. */
  readonly graceMs?: number;
}

const GRACE_MS = 10_000;

/**
 * Runs this Node with `nodeArguments` in a process group of its own, without stdin. At the limit or the interrupt the whole group
 * gets SIGTERM, and SIGKILL after the grace. When the process has ended, whatever is left of its group is killed, so that no
 * worker outlives its stage; programs that are meant to stay (the cluster's) start groups of their own.
 */
export async function runChild(nodeArguments: readonly string[], options: ChildOptions): Promise<ChildEnd> {
  if (options.interrupt.aborted) return { code: undefined, signal: undefined, endedBy: 'interrupt' };
  const child = spawn(process.execPath, nodeArguments, { cwd: options.cwd, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  let endedBy: ChildEnd['endedBy'];
  let killer: NodeJS.Timeout | undefined;
  const end = (cause: 'limit' | 'interrupt'): void => {
    if (endedBy !== undefined) return;
    endedBy = cause;
    signalGroup(child, 'SIGTERM');
    killer = setTimeout(() => {
      signalGroup(child, 'SIGKILL');
    }, options.graceMs ?? GRACE_MS);
  };
  const onInterrupt = (): void => {
    end('interrupt');
  };
  const limit = setTimeout(() => {
    end('limit');
  }, options.limitMs);
  options.interrupt.addEventListener('abort', onInterrupt, { once: true });
  try {
    const { code, signal } = await exitOf(child);
    return { code, signal, endedBy };
  } finally {
    clearTimeout(limit);
    clearTimeout(killer);
    options.interrupt.removeEventListener('abort', onInterrupt);
    signalGroup(child, 'SIGKILL');
  }
}

async function exitOf(child: ChildProcess): Promise<{ readonly code: number | undefined; readonly signal: NodeJS.Signals | undefined }> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new Error(`${process.execPath} cannot be started: ${cause.message}`, { cause }));
    });
    child.once('exit', (code, signal) => {
      resolve({ code: code ?? undefined, signal: signal ?? undefined });
    });
  });
}

/** A group that has ended already is no error. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
