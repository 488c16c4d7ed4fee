// Keys waiting to be worked on, as client-go does it: a key waits once however often it is added, is never worked on twice at once,
// and comes again after its work when it was added meanwhile. Two lanes: guards and rollbacks go before everything else.

import { exponentialMs } from './backoff.ts';
import type { Clock } from './clock.ts';

export type AddOptions = {
  /** Into the lane that goes first. A key that waits in the ordinary lane moves over. */
  readonly priority?: boolean | undefined;
};

export type WorkQueue = {
  readonly add: (key: string, options?: AddOptions) => void;
  /** Adds after `delayMs`. One date for each key: an earlier one replaces it, a later one is ignored. */
  readonly addAfter: (key: string, delayMs: number, options?: AddOptions) => void;
  /** Adds after a delay that doubles with each call until `forget`; at least `leastMs`. A key in work from the first lane stays there. */
  readonly addRateLimited: (key: string, options?: AddOptions & { readonly leastMs?: number | undefined }) => void;
  /** The key's work has succeeded: its next failure starts from the shortest delay again. */
  readonly forget: (key: string) => void;
  /**
   * The next key, as soon as there is one; undefined when the queue is shut down. The caller must call `done` with it.
   * With `urgentOnly` it comes from the lane that goes first, and never from the other.
   */
  readonly next: (options?: { readonly urgentOnly?: boolean | undefined }) => Promise<string | undefined>;
  readonly done: (key: string) => void;
  /** Keys that could be worked on now. */
  readonly length: () => number;
  /** Takes no more keys. With `drain` those that wait now are still handed out, else they are dropped. Resolves when no work is going on. */
  readonly shutDown: (options: { readonly drain: boolean }) => Promise<void>;
};

export type WorkQueueOptions = {
  readonly clock: Clock;
  /** First and longest delay of addRateLimited in milliseconds, 5 and 30,000 when absent. */
  readonly backoff?: { readonly firstMs: number; readonly capMs: number };
  /** Called with the new length whenever it changes. */
  readonly onLength?: (length: number) => void;
};

/** An empty queue. */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new KeyedQueue(options);
}

class KeyedQueue implements WorkQueue {
  readonly #waiting: Lanes;
  /** Keys in work, and whether they came from the lane that goes first. */
  readonly #processing = new Map<string, boolean>();
  /** Keys added while in work, and whether with priority. */
  readonly #addedMeanwhile = new Map<string, boolean>();
  readonly #delays: Delays;
  readonly #failures = new Map<string, number>();
  readonly #backoff: { readonly firstMs: number; readonly capMs: number };
  readonly #takers: Taker[] = [];
  readonly #urgentTakers: Taker[] = [];
  readonly #idle: (() => void)[] = [];
  #closed = false;

  constructor({ clock, backoff, onLength }: WorkQueueOptions) {
    this.#waiting = createLanes(onLength ?? (() => undefined));
    this.#delays = createDelays(clock, (key, priority) => this.add(key, { priority }));
    this.#backoff = backoff ?? { firstMs: 5, capMs: 30_000 };
  }

  add(key: string, { priority = false }: AddOptions = {}): void {
    if (!this.#closed) this.#enqueue(key, priority);
  }

  addAfter(key: string, delayMs: number, { priority = false }: AddOptions = {}): void {
    if (delayMs <= 0) this.add(key, { priority });
    else if (!this.#closed) this.#delays.set(key, delayMs, priority);
  }

  addRateLimited(key: string, { priority, leastMs = 0 }: AddOptions & { readonly leastMs?: number | undefined } = {}): void {
    const failed = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failed + 1);
    const delayMs = Math.max(leastMs, exponentialMs(failed, this.#backoff.firstMs, this.#backoff.capMs));
    this.addAfter(key, delayMs, { priority: priority ?? this.#processing.get(key) });
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  next({ urgentOnly = false }: { readonly urgentOnly?: boolean | undefined } = {}): Promise<string | undefined> {
    return new Promise((resolve) => {
      (urgentOnly ? this.#urgentTakers : this.#takers).push(resolve);
      this.#hand();
    });
  }

  done(key: string): void {
    this.#processing.delete(key);
    const priority = this.#addedMeanwhile.get(key);
    this.#addedMeanwhile.delete(key);
    if (priority === undefined) this.#hand();
    else this.#enqueue(key, priority);
  }

  length(): number {
    return this.#waiting.first.size + this.#waiting.ordinary.size;
  }

  shutDown({ drain }: { readonly drain: boolean }): Promise<void> {
    this.#closed = true;
    this.#delays.clear();
    if (!drain) {
      this.#waiting.clear();
      this.#addedMeanwhile.clear();
    }
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#hand();
    });
  }

  #enqueue(key: string, priority: boolean): void {
    if (this.#processing.has(key)) this.#addedMeanwhile.set(key, priority || this.#addedMeanwhile.get(key) === true);
    else this.#waiting.push(key, priority);
    this.#hand();
  }

  /** Gives waiting keys to waiting takers; after a shutdown, undefined to those for whom none is left. */
  #hand(): void {
    this.#handFrom(this.#takers, () => this.length() > 0);
    this.#handFrom(this.#urgentTakers, () => this.#waiting.first.size > 0);
    const empty = this.#processing.size === 0 && this.length() === 0;
    if (this.#closed && empty) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #handFrom(takers: Taker[], hasKey: () => boolean): void {
    while (takers.length > 0 && (hasKey() || this.#closed)) {
      const urgent = this.#waiting.first.size > 0;
      const key = hasKey() ? this.#waiting.shift() : undefined;
      if (key !== undefined) this.#processing.set(key, urgent);
      takers.shift()?.(key);
    }
  }
}

type Taker = (key: string | undefined) => void;

type Lanes = {
  readonly first: ReadonlySet<string>;
  readonly ordinary: ReadonlySet<string>;
  readonly push: (key: string, priority: boolean) => void;
  readonly shift: () => string | undefined;
  readonly clear: () => void;
};

/** Two lanes of waiting keys, each first in, first out. (A Set keeps the order of insertion and finds its members at once.) */
function createLanes(onLength: (length: number) => void): Lanes {
  const first = new Set<string>();
  const ordinary = new Set<string>();
  const length = (): number => first.size + ordinary.size;
  return {
    first,
    ordinary,
    push: (key, priority) => {
      if (priority) ordinary.delete(key);
      if (!first.has(key)) (priority ? first : ordinary).add(key);
      onLength(length());
    },
    shift: () => {
      const lane = first.size > 0 ? first : ordinary;
      const [key] = lane;
      if (key === undefined) return undefined;
      lane.delete(key);
      onLength(length());
      return key;
    },
    clear: () => {
      first.clear();
      ordinary.clear();
      onLength(0);
    },
  };
}

type Delays = { readonly set: (key: string, delayMs: number, priority: boolean) => void; readonly clear: () => void };

/** One date for each key; the earliest wins. Priority sticks, since whoever asked for it must not wait longer for a later asker's sake. */
function createDelays(clock: Clock, due: (key: string, priority: boolean) => void): Delays {
  const dates = new Map<string, { readonly dueAt: number; readonly priority: boolean; readonly cancel: () => void }>();
  return {
    set: (key, delayMs, priority) => {
      const before = dates.get(key);
      const either = priority || before?.priority === true;
      const dueAt = Math.min(clock.monotonic() + delayMs, before?.dueAt ?? Infinity);
      if (before?.dueAt === dueAt && before.priority === either) return;
      before?.cancel();
      const cancel = clock.after(dueAt - clock.monotonic(), () => {
        dates.delete(key);
        due(key, either);
      });
      dates.set(key, { dueAt, priority: either, cancel });
    },
    clear: () => {
      for (const { cancel } of dates.values()) cancel();
      dates.clear();
    },
  };
}
