// The garbage collector of Kubernetes: an object whose owners are all gone is removed, also one that was made after its owner had gone.
import { RESOURCE } from '../../../src/api/resources.ts';
import type { StoredObject } from '../apiStore.ts';
import type { WorldApi } from './api.ts';

/** From the making of an orphan to its end. */
const COLLECTED_MS = 3000;

export class GarbageCollector {
  readonly #api: WorldApi;
  readonly #orphans = new Map<StoredObject, number>();
  #seen = 0;

  constructor(api: WorldApi) {
    this.#api = api;
  }

  act(now: number): void {
    if (this.#seen !== this.#api.version) this.#search(now);
    this.#seen = this.#api.version;
    for (const [orphan, atMs] of this.#orphans) {
      if (atMs > now) continue;
      this.#orphans.delete(orphan);
      const type = Object.values(RESOURCE).find(({ kind }) => kind === orphan.kind);
      const { namespace = '', name, uid } = orphan.metadata;
      if (type && this.#api.get(type, namespace, name)?.metadata.uid === uid) this.#api.remove(type, namespace, name);
    }
  }

  nextMs(now: number): number {
    return Math.min(Infinity, ...[...this.#orphans.values()].filter((atMs) => atMs > now));
  }

  #search(now: number): void {
    const all = Object.values(RESOURCE).flatMap((type) => this.#api.view(type));
    const uids = new Set(all.map(({ metadata }) => metadata.uid));
    const waiting = new Map([...this.#orphans].map(([{ metadata }, atMs]) => [metadata.uid, atMs]));
    this.#orphans.clear();
    for (const object of all) {
      const owners = (object.metadata['ownerReferences'] ?? []) as readonly { readonly uid: string }[];
      const isOrphan = owners.length > 0 && owners.every(({ uid }) => !uids.has(uid));
      if (isOrphan) this.#orphans.set(object, waiting.get(object.metadata.uid) ?? now + COLLECTED_MS);
    }
  }
}
