// Keeps a local copy of one resource up to date: LIST, then WATCH from there, for ever, through every kind of failure.
// Nothing here may depend on seeing each event: after a gap only the difference between two states is known.

import type { KubeObject, ResourceType } from '../api/resources.ts';
import type { Backoff } from './backoff.ts';
import { createBackoff } from './backoff.ts';
import type { KubeClient, WatchEvent } from './client.ts';
import type { Clock, Random } from './clock.ts';
import { sleep } from './clock.ts';
import { isKubeError, toError } from './errors.ts';
import type { Change, IndexFunctions, Origin, Store } from './store.ts';
import { createStore, keyOf } from './store.ts';

export type ReflectorOptions<T> = {
  readonly client: KubeClient;
  readonly resource: ResourceType;
  readonly namespace?: string | undefined;
  /** `label=value`. */
  readonly labelSelector?: string | undefined;
  /** What to keep of an object. A throw leaves the value that was stored before. */
  readonly project: (object: KubeObject) => T;
  readonly indexes?: IndexFunctions<T>;
  /** Called after the store has changed: `before` undefined for a new object, `after` undefined for one that is gone. */
  readonly onChange?: (before: T | undefined, after: T | undefined) => void;
  /** For logs and counters. Failures here are survived: the reflector goes on by itself. */
  readonly onError?: (error: Error, doing: 'list' | 'watch' | 'project' | 'onChange') => void;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds between full LISTs, 600,000 when absent: the remedy for whatever a watch has lost unnoticed. */
  readonly resyncMs?: number;
  readonly pageSize?: number;
  /** Milliseconds without a byte after which a watch is opened anew, 90,000 when absent (the server sends a bookmark each minute). */
  readonly silenceMs?: number;
  /**
   * For a kind that the API server may not have: after so many milliseconds of nothing but "not found" it has no objects, and the reflector
   * has synced. It goes on asking, since the kind may be installed later. Absent: a kind that is not there is a failure.
   */
  readonly absentAfterMs?: number;
  /** First and longest wait after a failure in milliseconds, 1,000 and 30,000 when absent. */
  readonly backoff?: { readonly firstMs: number; readonly capMs: number };
};

export type Reflector<T> = {
  /** Runs until `signal` aborts, and then leaves nothing open. Never rejects. To be called once. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Whether the first LIST is complete. */
  readonly hasSynced: () => boolean;
  /**
   * Takes over the API server's answer to a write, so that nobody has to wait for the watch to see it. What is no news, or would not be
   * watched, is ignored; for the rest `onChange` is called, and not again when the watch tells the same.
   */
  readonly learn: (object: KubeObject) => void;
  /** The same for an answer that says that this very object is gone. */
  readonly forget: (namespace: string | undefined, name: string, uid: string) => void;
  /** Seconds since the API server last told us anything (a page, an event, a bookmark), or since the start. */
  readonly secondsSinceActivity: () => number;
  readonly get: (namespace: string | undefined, name: string) => T | undefined;
  readonly list: () => readonly T[];
  readonly byIndex: (index: string, entry: string) => readonly T[];
};

/** Longest life of one watch in seconds; the server ends it, so that connections spread over its replicas again. */
const watchSeconds = { least: 240, spread: 60 };

/** After each so many failed watches in a row the next try starts with a LIST: the version that we resume from may be the trouble. */
const failuresBeforeList = 3;

/** A watch that ends sooner than this without an event counts as failed, or a server that closes at once would be asked without pause. */
const shortestWatchMs = 1000;

/** A reflector that is not running yet. */
export function createReflector<T>(options: ReflectorOptions<T>): Reflector<T> {
  const store = createStore(options.project, options.indexes ?? {});
  const state: State = { resourceVersion: undefined, synced: false, activeAt: options.clock.monotonic(), failures: 0, notFoundSince: undefined };
  return {
    run: (signal) => follow(options, store, state, signal),
    hasSynced: () => state.synced,
    learn: (object) => {
      // Before the first list is complete nobody works with the store, and what the list does not have would go again.
      if (state.synced && isSelected(object, options.labelSelector)) keep(options, store, object, 'answer');
    },
    forget: (namespace, name, uid) => tell(options, store.remove(keyOf(namespace, name), uid)),
    secondsSinceActivity: () => (options.clock.monotonic() - state.activeAt) / 1000,
    get: (namespace, name) => store.get(keyOf(namespace, name)),
    list: store.list,
    byIndex: store.byIndex,
  };
}

type State = {
  /** Where to go on watching; undefined when a LIST has to come first. */
  resourceVersion: string | undefined;
  synced: boolean;
  activeAt: number;
  failures: number;
  /** Since when every first LIST has said that there is no such kind. */
  notFoundSince: number | undefined;
};

async function follow<T>(options: ReflectorOptions<T>, store: Store<T>, state: State, signal: AbortSignal): Promise<void> {
  const { clock, random } = options;
  const backoff = createBackoff(random, options.backoff?.firstMs ?? 1000, options.backoff?.capMs ?? 30_000);
  const resyncMs = options.resyncMs ?? 600_000;
  let listAt = 0;
  while (!signal.aborted) {
    if (state.resourceVersion === undefined || clock.monotonic() >= listAt) {
      const complete = await relist(options, store, state, signal);
      const wait = complete ? resyncMs * (0.9 + 0.2 * random()) : backoff.next();
      listAt = clock.monotonic() + wait;
      if (state.resourceVersion === undefined) {
        await sleep(clock, wait, signal);
        continue;
      }
      // A resync that failed leaves the watch as it was: going on with it beats waiting.
    }
    const healthy = await watchOnce(options, store, state, backoff, listAt - clock.monotonic(), signal);
    if (!healthy) await sleep(clock, backoff.next(), signal);
  }
}

/** Reads everything and brings the store in line, deletions that were missed included. False when it failed. */
async function relist<T>(options: ReflectorOptions<T>, store: Store<T>, state: State, signal: AbortSignal): Promise<boolean> {
  const { client, resource, namespace, labelSelector, pageSize } = options;
  const seen = new Set<string>();
  let resourceVersion = '';
  try {
    for await (const page of client.listPages(resource, { namespace, labelSelector, pageSize, signal })) {
      state.activeAt = options.clock.monotonic();
      resourceVersion = page.resourceVersion;
      for (const object of page.items) {
        seen.add(keyOf(object.metadata.namespace, object.metadata.name));
        keep(options, store, object, 'list');
      }
    }
  } catch (error) {
    if (!signal.aborted && !isAbsentKind(options, state, error)) report(options, error, 'list');
    // A list that broke off says nothing about what is gone, and the old watch would lead back behind what it has brought.
    if (seen.size > 0) state.resourceVersion = undefined;
    return false;
  }
  for (const key of store.keys()) if (!seen.has(key)) tell(options, store.remove(key));
  state.resourceVersion = resourceVersion;
  state.synced = true;
  state.notFoundSince = undefined;
  return true;
}

/**
 * Takes a kind that the API server does not have for one without objects. Not at once: a server that has just started may say so of any
 * custom kind. And not where objects were seen before: to lose sight of them is to act as if they were gone.
 */
function isAbsentKind<T>({ absentAfterMs, clock }: ReflectorOptions<T>, state: State, error: unknown): boolean {
  if (absentAfterMs === undefined || (state.synced && state.notFoundSince === undefined)) return false;
  if (!isKubeError(error, 'NotFound')) {
    if (!state.synced) state.notFoundSince = undefined;
    return false;
  }
  state.notFoundSince ??= clock.monotonic();
  if (clock.monotonic() - state.notFoundSince < absentAfterMs) return false;
  state.activeAt = clock.monotonic();
  state.synced = true;
  return true;
}

/** One watch, from where the last one ended. Returns whether it was a healthy one; a quiet one is. */
async function watchOnce<T>(
  options: ReflectorOptions<T>,
  store: Store<T>,
  state: State,
  backoff: Backoff,
  longestMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { client, resource, namespace, labelSelector, clock, random } = options;
  const opened = clock.monotonic();
  const timeoutSeconds = Math.max(1, Math.min(longestMs / 1000, watchSeconds.least + watchSeconds.spread * random()));
  let events = 0;
  try {
    const heard = (): void => {
      state.activeAt = clock.monotonic();
    };
    const from = { resourceVersion: state.resourceVersion ?? '', timeoutSeconds, silenceMs: options.silenceMs ?? 90_000, onOpen: heard };
    for await (const event of client.watch(resource, { namespace, labelSelector, ...from }, signal)) {
      if (signal.aborted) return true;
      events += 1;
      heard();
      state.failures = 0;
      backoff.reset();
      take(options, store, event);
      state.resourceVersion = event.object.metadata.resourceVersion ?? state.resourceVersion;
    }
  } catch (error) {
    if (signal.aborted) return true;
    report(options, error, 'watch');
    return afterFailure(state, isKubeError(error, 'Gone'));
  }
  if (events === 0 && clock.monotonic() - opened < shortestWatchMs) return signal.aborted || afterFailure(state, false);
  backoff.reset();
  state.failures = 0;
  return true;
}

/** Decides what the next try starts with. Gone is answered by a LIST at once, the first time; everything else waits. */
function afterFailure(state: State, gone: boolean): boolean {
  state.failures += 1;
  if (gone || state.failures % failuresBeforeList === 0) state.resourceVersion = undefined;
  return gone && state.failures === 1;
}

function take<T>(options: ReflectorOptions<T>, store: Store<T>, event: WatchEvent): void {
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
      keep(options, store, event.object, 'watch');
      return;
    case 'DELETED': {
      const { namespace, name, uid } = event.object.metadata;
      tell(options, store.remove(keyOf(namespace, name), uid));
      return;
    }
    case 'BOOKMARK':
      return;
  }
}

/** Understands the equality that is all we select by. */
function isSelected({ metadata }: KubeObject, labelSelector: string | undefined): boolean {
  if (labelSelector === undefined) return true;
  const [label = '', value] = labelSelector.split('=');
  return metadata.labels?.[label] === value;
}

function keep<T>(options: ReflectorOptions<T>, store: Store<T>, object: KubeObject, from: Origin): void {
  let change: Change<T> | undefined;
  try {
    change = store.put(object, from);
  } catch (error) {
    report(options, error, 'project'); // one odd object must not stop the others
    return;
  }
  tell(options, change);
}

function tell<T>(options: ReflectorOptions<T>, change: Change<T> | undefined): void {
  if (change === undefined || options.onChange === undefined) return;
  try {
    options.onChange(change.before, change.after);
  } catch (error) {
    report(options, error, 'onChange');
  }
}

function report<T>(options: ReflectorOptions<T>, error: unknown, doing: 'list' | 'watch' | 'project' | 'onChange'): void {
  options.onError?.(toError(error), doing);
}
