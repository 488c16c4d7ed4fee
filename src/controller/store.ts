// The local copy of one resource: projected, deep-frozen values by namespace and name, with indexes.

import type { KubeObject } from '../api/resources.ts';

/** Values of `T` by key, and by whatever each index function says about a value (several entries, one, or none). */
export type Store<T> = {
  /** Stores the object. Undefined when this very version is stored already, else the value before and after. */
  readonly put: (object: KubeObject) => Change<T> | undefined;
  readonly remove: (key: string) => Change<T> | undefined;
  readonly get: (key: string) => T | undefined;
  readonly keys: () => readonly string[];
  readonly list: () => readonly T[];
  /** Throws when there is no index of that name. */
  readonly byIndex: (index: string, entry: string) => readonly T[];
};

export type Change<T> = { readonly before: T | undefined; readonly after: T | undefined };

export type IndexFunctions<T> = Readonly<Record<string, (value: T) => readonly string[]>>;

type Entry<T> = { readonly uid: string | undefined; readonly resourceVersion: string | undefined; readonly value: T };

/** Key of an object: `namespace/name`, or the name alone for cluster-scoped ones. */
export function keyOf(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** An empty store. `project` keeps what is needed of an object; whole objects would be most of the process's memory. */
export function createStore<T>(project: (object: KubeObject) => T, indexes: IndexFunctions<T>): Store<T> {
  const entries = new Map<string, Entry<T>>();
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

  return {
    put: (object) => {
      const { namespace, name, uid, resourceVersion } = object.metadata;
      const key = keyOf(namespace, name);
      const stored = entries.get(key);
      if (stored !== undefined && stored.uid === uid && stored.resourceVersion === resourceVersion) return undefined;
      // Frozen, so that nobody who reads the cache can corrupt what the next pass sees.
      const value = deepFreeze(project(object));
      if (stored !== undefined) unindex(key, stored.value);
      entries.set(key, { uid, resourceVersion, value });
      index(key, value);
      return { before: stored?.value, after: value };
    },
    remove: (key) => {
      const stored = entries.get(key);
      if (stored === undefined) return undefined;
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

/** Freezes a JSON-like value and all that it holds, and returns it. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
