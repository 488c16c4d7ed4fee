// The local copy of one resource: projected, deep-frozen values by namespace and name, with indexes.

import type { KubeObject, ObjectMeta } from '../api/resources.ts';

/** Values of `T` by key, and by whatever each index function says about a value (several entries, one, or none). */
export type Store<T> = {
  /** Stores the object. Undefined when this version is stored already, or `from` is behind; else the value before and after. */
  readonly put: (object: KubeObject, from: Origin) => Change<T> | undefined;
  /** With `uid`, only if it is this very object that is stored. */
  readonly remove: (key: string, uid?: string) => Change<T> | undefined;
  readonly get: (key: string) => T | undefined;
  readonly keys: () => readonly string[];
  readonly list: () => readonly T[];
  /** Throws when there is no index of that name. */
  readonly byIndex: (index: string, entry: string) => readonly T[];
};

/**
 * A list is believed whatever it says: after a restore of etcd everything is older than it was. A watch and the answer to a write of ours
 * overtake each other, so of the same object only what is newer counts; and an answer may come when the object is gone already.
 */
export type Origin = 'list' | 'watch' | 'answer';

export type Change<T> = { readonly before: T | undefined; readonly after: T | undefined };

export type IndexFunctions<T> = Readonly<Record<string, (value: T) => readonly string[]>>;

type Entry<T> = { readonly uid: string | undefined; readonly resourceVersion: string | undefined; readonly value: T };

/** Of so many objects it is remembered that they are gone: an answer is late by seconds at most. */
const mostGone = 1000;

/** Key of an object: `namespace/name`, or the name alone for cluster-scoped ones. */
export function keyOf(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** An empty store. `project` keeps what is needed of an object; whole objects would be most of the process's memory. */
export function createStore<T>(project: (object: KubeObject) => T, indexes: IndexFunctions<T>): Store<T> {
  const entries = new Map<string, Entry<T>>();
  const gone = createMemory(mostGone);
  const lookups = new Map(Object.entries(indexes).map(([name, entriesOf]) => [name, { entriesOf, keys: new Map<string, Set<string>>() }]));

  const unindex = (key: string, value: T): void => {
    for (const { entriesOf, keys } of lookups.values()) {
      for (const entry of entriesOf(value)) {
        const found = keys.get(entry);
        found?.delete(key);
        if (found?.size === 0) keys.delete(entry); // or entries of objects long gone would pile up
      }
    }
  };
  const index = (key: string, value: T): void => {
    for (const { entriesOf, keys } of lookups.values()) {
      for (const entry of entriesOf(value)) keys.set(entry, (keys.get(entry) ?? new Set()).add(key));
    }
  };

  const isOutdated = (stored: Entry<T> | undefined, { uid, resourceVersion }: ObjectMeta, from: Origin): boolean => {
    if (stored?.uid !== uid) return from === 'answer' && uid !== undefined && gone.has(uid);
    const known = stored?.resourceVersion;
    return resourceVersion === known || (from !== 'list' && isOlder(resourceVersion, known));
  };

  return {
    put: (object, from) => {
      const { namespace, name, uid, resourceVersion } = object.metadata;
      const key = keyOf(namespace, name);
      const stored = entries.get(key);
      if (isOutdated(stored, object.metadata, from)) return undefined;
      // Frozen, so that nobody who reads the cache can corrupt what the next pass sees.
      const value = deepFreeze(project(object));
      if (stored !== undefined) unindex(key, stored.value);
      entries.set(key, { uid, resourceVersion, value });
      index(key, value);
      return { before: stored?.value, after: value };
    },
    remove: (key, uid) => {
      const stored = entries.get(key);
      const removed = uid ?? stored?.uid;
      if (removed !== undefined) gone.add(removed);
      if (stored === undefined || (uid !== undefined && stored.uid !== uid)) return undefined;
      entries.delete(key);
      unindex(key, stored.value);
      return { before: stored.value, after: undefined };
    },
    get: (key) => entries.get(key)?.value,
    keys: () => [...entries.keys()],
    list: () => [...entries.values()].map(({ value }) => value),
    byIndex: (name, entry) => {
      const lookup = lookups.get(name);
      if (lookup === undefined) throw new Error(`There is no index ${name}; there are: ${[...lookups.keys()].join(', ')}.`);
      return [...(lookup.keys.get(entry) ?? [])].flatMap((key) => {
        const found = entries.get(key);
        return found === undefined ? [] : [found.value];
      });
    },
  };
}

/** Remembers the newest `most` of what is added. */
function createMemory(most: number): { readonly add: (value: string) => void; readonly has: (value: string) => boolean } {
  const values = new Set<string>();
  return {
    add: (value) => {
      values.add(value);
      const [oldest] = values;
      if (values.size > most && oldest !== undefined) values.delete(oldest);
    },
    has: (value) => values.has(value),
  };
}

/** Of two versions of the same object; versions are numbers, though too large for one. Never, when they are not. */
function isOlder(version: string | undefined, than: string | undefined): boolean {
  if (version === undefined || than === undefined || !/^\d+$/.test(version) || !/^\d+$/.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}

/** Freezes a JSON-like value and all that it holds, and returns it. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
