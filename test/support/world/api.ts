// The API server of a simulated world: objects in memory, every write recorded, failures on demand, and what its caches showed earlier.
import { RESOURCE, resourceOf, type KubeObject, type ObjectBody, type ResourceType } from '../../../src/api/resources.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import { errorFromNetwork, errorFromResponse } from '../../../src/controller/errors.ts';
import { ApiStore, Refusal, type StoredObject } from '../apiStore.ts';
import { admit } from './schema.ts';

/** One write that an operator asked for, with what became of it. */
export interface Write {
  /** Counted over all operators from 0, failed ones included. */
  readonly index: number;
  readonly atMs: number;
  readonly by: string;
  readonly verb: 'apply' | 'applyStatus' | 'create' | 'delete' | 'rehearse';
  readonly kind: string;
  readonly name: string;
  readonly before: StoredObject | undefined;
  readonly after: StoredObject | undefined;
  /** Undefined when it was carried out and the operator knows. */
  readonly error: string | undefined;
}

/**
 * What goes wrong with a write: `Refused` (500) and `Conflict` leave the world as it was; `Lost` is carried out, but the operator gets no
 * answer; `KillBefore` and `KillAfter` end the operator at that moment.
 */
export type Fault = 'Refused' | 'Conflict' | 'Lost' | 'KillBefore' | 'KillAfter';

/** Ends a pass of an operator for good. */
export class Killed extends Error {}

interface Snapshot {
  readonly atMs: number;
  readonly version: number;
  readonly objects: readonly StoredObject[];
}

/** Views of more than this ago are forgotten. */
const REMEMBERED_MS = 300_000;

export class WorldApi {
  readonly #store: ApiStore;
  readonly #now: () => number;
  #snapshots: Snapshot[] = [];
  #changedMs: number | undefined;
  readonly writes: Write[] = [];
  /** Asked before each write, with its number and object. */
  fault: (index: number, object: { readonly kind: string; readonly name: string; readonly by: string }) => Fault | undefined = () =>
    undefined;
  /** Told after each write that changed the world. */
  onWrite: (write: Write) => void = () => undefined;

  constructor(now: () => number) {
    this.#now = now;
    this.#store = new ApiStore(now);
    this.#store.subscribe(() => {
      this.#changedMs = now();
    });
  }

  /** Takes note of what changed at this moment; to be called before time goes on. */
  remember(): void {
    const atMs = this.#changedMs;
    if (atMs === undefined) return;
    this.#changedMs = undefined;
    const objects = Object.values(RESOURCE).flatMap((type) => this.#store.list(collectionOf(type)));
    const last = this.#snapshots.at(-1);
    if (last?.atMs === atMs) this.#snapshots.pop();
    this.#snapshots.push({ atMs, version: this.#store.version(), objects });
    this.#store.compact();
    while (this.#snapshots[1] && this.#snapshots[1].atMs < atMs - REMEMBERED_MS) this.#snapshots.shift();
  }

  /** Objects of a kind as they were at `atMs`. */
  view(type: ResourceType, atMs = this.#now()): readonly StoredObject[] {
    this.remember();
    const found = this.#snapshots.findLast((snapshot) => snapshot.atMs <= atMs);
    return (found?.objects ?? []).filter(({ kind }) => kind === type.kind);
  }

  /** Number of the newest change at or before `atMs`. */
  versionAt(atMs: number): number {
    this.remember();
    return this.#snapshots.findLast((snapshot) => snapshot.atMs <= atMs)?.version ?? 0;
  }

  /** When the first change after change number `version` happened. */
  changedMs(version: number): number | undefined {
    this.remember();
    return this.#snapshots.find((snapshot) => snapshot.version > version)?.atMs;
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- a test says which kind it knows to be there
  get<T = StoredObject>(type: ResourceType, namespace: string, name: string): T | undefined {
    return this.#store.get(collectionOf(type), namespace, name) as T | undefined;
  }

  /** Stores an object as it is, status included: what users, kubelet and other controllers do. */
  put(object: KubeObject | StoredObject): StoredObject {
    return this.#store.put(collectionOf(resourceOf(object)), structuredClone(object));
  }

  remove(type: ResourceType, namespace: string, name: string): void {
    if (this.get(type, namespace, name)) this.#store.remove(collectionOf(type), namespace, name);
  }

  /** The API server as one operator sees it. `pods` answers lists of Pods, which are not stored. */
  client(by: string, pods: (labelSelector: string) => readonly KubeObject[]): KubeClient {
    const unused = (): never => {
      throw new Error('no pass asks for this');
    };
    return {
      get: ({ resource, namespace = '', name }) => Promise.resolve(this.get<KubeObject>(resource, namespace, name)),
      list: (resource, options) =>
        Promise.resolve({
          items: resource === RESOURCE.pod ? pods(options?.labelSelector ?? '') : (this.view(resource) as readonly KubeObject[]),
          resourceVersion: '',
        }),
      apply: (object, { fieldManager, subresource, uid, resourceVersion, dryRun = false }) =>
        this.#write(by, dryRun ? 'rehearse' : subresource === 'status' ? 'applyStatus' : 'apply', object, (collection, body) => {
          const versioned = resourceVersion === undefined ? body : { ...body, metadata: { ...body.metadata, resourceVersion } };
          const before = this.#store.get(collection, body.metadata.namespace, body.metadata.name);
          if (uid !== undefined && uid !== before?.metadata.uid)
            throw new Refusal(409, 'Conflict', 'the UID in the precondition does not match');
          admit(pluralOf(collection), before, this.#store.apply(collection, versioned, fieldManager, subresource, true));
          return dryRun && before ? before : this.#store.apply(collection, versioned, fieldManager, subresource, dryRun);
        }),
      create: (object) =>
        this.#write(by, 'create', object, (collection, body) => {
          admit(pluralOf(collection), undefined, body);
          return this.#store.create(collection, body);
        }),
      remove: async ({ resource, namespace = '', name }, { uid, resourceVersion } = {}) => {
        const object: ObjectBody = { apiVersion: resource.apiVersion, kind: resource.kind, metadata: { name, namespace } };
        await this.#write(by, 'delete', object, (collection) => {
          const preconditions = { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
          if (this.get(resource, namespace, name)) this.#store.remove(collection, namespace, name, preconditions);
          return { ...object, metadata: { name, namespace }, collection };
        });
      },
      listPages: unused,
      replace: unused,
      watch: unused,
    };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- so that what is thrown rejects
  async #write(
    by: string,
    verb: Write['verb'],
    object: ObjectBody,
    change: (collection: string, body: StoredObject) => StoredObject,
  ): Promise<KubeObject> {
    const { kind } = object;
    const { name, namespace = '' } = object.metadata;
    const type = resourceOf(object);
    const index = this.writes.length;
    const fault = this.fault(index, { kind, name, by });
    const before = this.get(type, namespace, name);
    const record = (error: string | undefined): void => {
      const write: Write = { index, atMs: this.#now(), by, verb, kind, name, before, after: this.get(type, namespace, name), error };
      this.writes.push(write);
      if (write.after !== write.before) this.onWrite(write);
    };
    const call = `${verb} ${kind} ${name}`;
    try {
      if (fault === 'Refused') throw new Refusal(500, 'InternalError', 'etcd is slow today');
      if (fault === 'Conflict') throw new Refusal(409, 'Conflict', 'the object has been modified');
      if (fault === 'KillBefore') throw new Killed(`killed before ${call}`);
      const stored = change(collectionOf(type), structuredClone(object) as StoredObject);
      if (fault === 'KillAfter') throw new Killed(`killed after ${call}`);
      if (fault === 'Lost') throw errorFromNetwork(call, new Error('socket hang up'));
      record(undefined);
      return stored;
    } catch (error) {
      record(error instanceof Error ? error.message : String(error));
      if (!(error instanceof Refusal)) throw error;
      throw errorFromResponse(call, error.code, JSON.stringify({ reason: error.reason, message: error.message }), undefined, 0);
    }
  }
}

function collectionOf({ apiVersion, plural }: ResourceType): string {
  return `${apiVersion}/${plural}`;
}

function pluralOf(collection: string): string {
  return collection.split('/').at(-1) ?? '';
}
