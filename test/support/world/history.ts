// What a simulated API server showed at earlier times, by kind: what caches that lag behind hold.
import { RESOURCE, type ResourceType } from '../../../src/api/resources.ts';
import type { ApiStore, StoredObject } from '../apiStore.ts';

/** All objects of a kind from a time on. */
export interface Shown {
  readonly atMs: number;
  /** Rises with each change of the world. */
  readonly version: number;
  readonly objects: readonly StoredObject[];
}

/** Views of more than this ago are forgotten. */
const REMEMBERED_MS = 300_000;
const NOTHING: Shown = { atMs: -Infinity, version: 0, objects: [] };

export class History {
  readonly #store: ApiStore;
  readonly #changed = new Map<string, number>();
  readonly #shown = new Map<string, Shown[]>();
  /** Number of the newest change. */
  version = 0;

  constructor(store: ApiStore, now: () => number) {
    this.#store = store;
    store.subscribe(({ collection }) => {
      this.version += 1;
      this.#changed.set(collection, now());
    });
  }

  /** What was shown of a kind at `atMs`. */
  at(type: ResourceType, atMs: number): Shown {
    return this.#of(type).findLast((shown) => shown.atMs <= atMs) ?? NOTHING;
  }

  /** The first change of a kind after number `version`. */
  next(type: ResourceType, version: number): Shown | undefined {
    const shown = this.#of(type);
    if ((shown.at(-1)?.version ?? 0) <= version) return undefined;
    return shown.find((candidate) => candidate.version > version);
  }

  #of(type: ResourceType): readonly Shown[] {
    const collection = collectionOf(type);
    const atMs = this.#changed.get(collection);
    const shown = this.#shown.get(collection) ?? [];
    if (atMs === undefined) return shown;
    this.#changed.delete(collection);
    this.#shown.set(collection, shown);
    if (shown.at(-1)?.atMs === atMs) shown.pop();
    shown.push({ atMs, version: this.version, objects: this.#store.list(collection) });
    while (shown[1] && shown[1].atMs < atMs - REMEMBERED_MS) shown.shift();
    return shown;
  }

  /** Takes note of what has changed by now; to be called before time goes on. */
  remember(types: readonly ResourceType[]): void {
    if (this.#changed.size === 0) return;
    for (const type of types) this.#of(type);
    this.#store.compact();
  }
}

/** Asked several times for each kind at every moment: made once. */
const collections = new Map<ResourceType, string>(Object.values(RESOURCE).map((type) => [type, `${type.apiVersion}/${type.plural}`]));

export function collectionOf(type: ResourceType): string {
  return collections.get(type) ?? `${type.apiVersion}/${type.plural}`;
}
