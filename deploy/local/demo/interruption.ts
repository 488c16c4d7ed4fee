// Ctrl-C at any moment: whatever is waited for is left at once, and what was started is ended in reverse order.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The person (or a signal) wants the demo to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Things to do that Ctrl-C leaves behind at once, and that must have come to rest before anything is taken down. */
export interface Errands {
  /** The result of `work`; throws Interrupted as soon as the person wants the end, while `work` comes to rest by itself. */
  readonly run: <T>(work: Promise<T>) => Promise<T>;
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Ends the programs that this process runs and waits until nothing is under way; false if something still is after `patienceMs`. */
  readonly settle: (patienceMs: number) => Promise<boolean>;
}

const KILL_AGAIN_MS = 250;
const RACE_MS = 100;

export function createErrands(signal: AbortSignal): Errands {
  const underWay = new Set<Promise<unknown>>();
  const run = async <T>(work: Promise<T>): Promise<T> => {
    const resting = work
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => underWay.delete(resting));
    underWay.add(resting);
    return await orInterrupted(work, signal);
  };
  const settle = async (patienceMs: number): Promise<boolean> => {
    const deadline = performance.now() + patienceMs;
    while (underWay.size > 0 && performance.now() < deadline) {
      // A terminal's Ctrl-C reaches them too, a signal to this process alone does not.
      for (const pid of ownPrograms()) interrupt(pid);
      await Promise.race([Promise.all(underWay), sleep(KILL_AGAIN_MS, undefined, { ref: false })]);
    }
    return underWay.size === 0;
  };
  const pause = async (milliseconds: number): Promise<void> => {
    try {
      await sleep(milliseconds, undefined, { signal });
    } catch (error) {
      throw signal.aborted ? new Interrupted('interrupted', { cause: error }) : error;
    }
  };
  return { run, settle, pause };
}

async function orInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let leave: () => void = () => undefined;
  const interrupted = new Promise<never>((_, reject) => {
    leave = () => reject(new Interrupted('interrupted'));
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
  });
  try {
    return await Promise.race([work, interrupted]);
  } catch (error) {
    // A terminal's Ctrl-C ends the program that is waited for too, and news of that may come first.
    await sleep(signal.aborted ? 0 : RACE_MS);
    throw signal.aborted ? new Interrupted('interrupted', { cause: error }) : error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Parent, session and state out of the text of /proc/PID/stat. */
export function parseFamily(stat: string): { readonly parent: number; readonly session: number } {
  // the name of the program, in parentheses, may hold spaces and parentheses itself
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), session: Number(fields[3]) };
}

/** Programs that this process runs and waits for. Those of the cluster have sessions of their own: ending them is its own business. */
function ownPrograms(): readonly number[] {
  const familyOf = (pid: string): ReturnType<typeof parseFamily> | undefined => {
    try {
      return parseFamily(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return undefined; // it ended meanwhile
    }
  };
  const session = familyOf('self')?.session;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const family = familyOf(name);
      return family?.parent === process.pid && family.session === session ? [Number(name)] : [];
    });
}

function interrupt(pid: number): void {
  try {
    process.kill(pid, 'SIGINT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What was started and is to be ended, newest first. */
export interface Teardown {
  readonly add: (what: string, end: () => unknown) => void;
  /** Ends everything; one failure does not keep the rest alive. Gives a sentence for each failure. */
  readonly run: () => Promise<readonly string[]>;
}

export function createTeardown(): Teardown {
  const ends: { readonly what: string; readonly end: () => unknown }[] = [];
  return {
    add: (what, end) => void ends.push({ what, end }),
    run: async () => {
      const failures: string[] = [];
      for (let next = ends.pop(); next !== undefined; next = ends.pop()) {
        const { what, end } = next;
        try {
          await end();
        } catch (error) {
          failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      return failures;
    },
  };
}
