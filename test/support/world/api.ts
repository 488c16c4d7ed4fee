// The API server of a simulated world: objects in memory, every write recorded, failures on demand, and what its caches showed earlier.
import { RESOURCE, resourceOf, type KubeObject, type ObjectBody, type ResourceType } from '../../../src/api/resources.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import { errorFromNetwork, errorFromResponse, KubeError } from '../../../src/controller/errors.ts';
import type { Observed } from '../../../src/core/observed.ts';
import { ApiStore, Refusal, type StoredObject } from '../apiStore.ts';
import { collectionOf, History, type Shown } from './history.ts';
import { admit } from './schema.ts';

/** Whose pass a write belongs to, and what it was planned from. */
export interface Writer {
  readonly by: string;
  /** Different for each pass. */
  readonly pass: number;
  observed?: Observed;
}

/** One write that an operator asked for, with what became of it. */
export interface Write {
  /** Counted over all operators from 0, failed ones included. */
  readonly index: number;
  readonly atMs: number;
  readonly by: string;
  readonly writer: Writer;
  readonly verb: 'apply' | 'applyStatus' | 'create' | 'delete' | 'rehearse';
  readonly kind: string;
  readonly name: string;
  /** Refused when the object is not as it was observed; also true of one that must not exist. */
  readonly locked: boolean;
  readonly before: StoredObject | undefined;
  readonly after: StoredObject | undefined;
  /** Undefined when it was carried out and the operator knows. */
  readonly error: string | undefined;
}

/**
 * What goes wrong with a write. `Refused` (500), `Conflict` (409), `Invalid` (422), `Busy` (429) and `TimedOut` leave the world as it was;
 * `Lost` is carried out, but the operator gets no answer; `KillBefore` and `KillAfter` end the operator at that moment. `stallMs`: the
 * operator stands still before the write, while the world goes on. `delayMs`: it is told of a timeout, and the write arrives later all the
 * same.
 */
export type Fault =
  | 'Refused'
  | 'Conflict'
  | 'Invalid'
  | 'Busy'
  | 'TimedOut'
  | 'Lost'
  | 'KillBefore'
  | 'KillAfter'
  | { readonly stallMs: number }
  | { readonly delayMs: number };

/** Ends a pass of an operator for good. */
export class Killed extends Error {}

interface Call {
  readonly writer: Writer;
  readonly verb: Write['verb'];
  readonly object: ObjectBody;
  readonly locked: boolean;
  readonly change: (collection: string, body: StoredObject) => StoredObject;
}

const REFUSALS: Readonly<Record<string, readonly [number, string, string]>> = {
  Refused: [500, 'InternalError', 'etcd is slow today'],
  Conflict: [409, 'Conflict', 'the object has been modified'],
  Invalid: [422, 'Invalid', 'an admission webhook does not like it today'],
  Busy: [429, 'TooManyRequests', 'try again later'],
};

export class WorldApi {
  readonly #store: ApiStore;
  readonly #now: () => number;
  readonly #history: History;
  readonly writes: Write[] = [];
  /** Writes that are still on their way, though who sent them has given up. */
  late: { readonly atMs: number; readonly arrive: () => void }[] = [];
  /** Asked before each write, with its number and object. */
  fault: (index: number, object: { readonly kind: string; readonly name: string; readonly by: string }) => Fault | undefined = () =>
    undefined;
  /** Told after each write that changed the world. */
  onWrite: (write: Write) => void = () => undefined;
  /** Resolves when an operator that stands still goes on. */
  stall: (by: string, ms: number) => Promise<void> = () => Promise.resolve();

  constructor(now: () => number) {
    this.#now = now;
    this.#store = new ApiStore(now);
    this.#history = new History(this.#store, now);
  }

  /** Number of the newest change of anything. */
  get version(): number {
    return this.#history.version;
  }

  /** Takes note of what changed at this moment; to be called before time goes on. */
  remember(): void {
    this.#history.remember(Object.values(RESOURCE));
  }

  /** Objects of a kind as they were at `atMs`. */
  view(type: ResourceType, atMs = this.#now()): readonly StoredObject[] {
    return this.#history.at(type, atMs).objects;
  }

  shown(type: ResourceType, atMs: number): Shown {
    return this.#history.at(type, atMs);
  }

  /** When a kind first changed after change number `version`. */
  changedMs(type: ResourceType, version: number): number | undefined {
    return this.#history.next(type, version)?.atMs;
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- a test says which kind it knows to be there
  get<T = StoredObject>(type: ResourceType, namespace: string, name: string): T | undefined {
    return this.#store.get(collectionOf(type), namespace, name) as T | undefined;
  }

  /** Stores an object as it is, status included: what users, kubelet and other controllers do. */
  put(object: KubeObject | StoredObject): StoredObject {
    return this.#store.put(collectionOf(resourceOf(object)), object);
  }

  remove(type: ResourceType, namespace: string, name: string): void {
    if (this.get(type, namespace, name)) this.#store.remove(collectionOf(type), namespace, name);
  }

  /** A backup of everything; what is returned brings it back. */
  backUp(): () => void {
    return this.#store.backUp();
  }

  /** The API server as one pass of an operator sees it. `pods` answers lists of Pods, which are not stored. */
  client(writer: Writer, pods: (labelSelector: string) => readonly KubeObject[]): KubeClient {
    const unused = (): never => {
      throw new Error('no pass asks for this');
    };
    return {
      get: ({ resource, namespace = '', name }) =>
        Promise.resolve(resource === RESOURCE.gateway ? gatewayNamed(name) : this.get<KubeObject>(resource, namespace, name)),
      list: (resource, options) =>
        Promise.resolve({
          items: resource === RESOURCE.pod ? pods(options?.labelSelector ?? '') : (this.view(resource) as readonly KubeObject[]),
          resourceVersion: '',
        }),
      apply: (object, { fieldManager, subresource, uid, resourceVersion, dryRun = false }) => {
        const verb = dryRun ? 'rehearse' : subresource === 'status' ? 'applyStatus' : 'apply';
        const locked = resourceVersion !== undefined;
        return this.#write({
          writer,
          verb,
          object,
          locked,
          change: this.#applying(fieldManager, subresource, uid, resourceVersion, dryRun),
        });
      },
      create: (object) => {
        const change = (collection: string, body: StoredObject): StoredObject => {
          admit(pluralOf(collection), undefined, body);
          return this.#store.create(collection, body);
        };
        return this.#write({ writer, verb: 'create', object, locked: true, change });
      },
      remove: async ({ resource, namespace = '', name }, { uid, resourceVersion } = {}) => {
        const object: ObjectBody = { apiVersion: resource.apiVersion, kind: resource.kind, metadata: { name, namespace } };
        const preconditions = { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
        const change = (collection: string, body: StoredObject): StoredObject => {
          if (this.get(resource, namespace, name)) this.#store.remove(collection, namespace, name, preconditions);
          return body;
        };
        await this.#write({ writer, verb: 'delete', object, locked: uid !== undefined, change });
        return undefined;
      },
      listPages: unused,
      replace: unused,
      watch: unused,
    };
  }

  #applying(
    manager: string,
    subresource: 'status' | undefined,
    uid: string | undefined,
    resourceVersion: string | undefined,
    dryRun: boolean,
  ): Call['change'] {
    return (collection, body) => {
      const versioned = resourceVersion === undefined ? body : { ...body, metadata: { ...body.metadata, resourceVersion } };
      const before = this.#store.get(collection, body.metadata.namespace, body.metadata.name);
      if (uid !== undefined && uid !== before?.metadata.uid)
        throw new Refusal(409, 'Conflict', 'the UID in the precondition does not match');
      const applied = this.#store.apply(collection, versioned, manager, subresource, dryRun, (merged) => {
        admit(pluralOf(collection), before, merged);
      });
      return dryRun && before ? before : applied;
    };
  }

  async #write(call: Call): Promise<KubeObject> {
    const { writer, object, verb } = call;
    const { name } = object.metadata;
    const fault = this.fault(this.writes.length, { kind: object.kind, name, by: writer.by });
    if (fault === undefined) return this.#carryOut(call, undefined);
    const title = `${verb} ${object.kind} ${name}`;
    if (typeof fault === 'object') {
      if ('stallMs' in fault) {
        await this.stall(writer.by, fault.stallMs);
        return this.#carryOut(call, undefined);
      }
      this.late.push({ atMs: this.#now() + fault.delayMs, arrive: () => this.#arrive(call) });
      return this.#fail(call, new KubeError('Timeout', `${title}: no answer in time`));
    }
    switch (fault) {
      case 'KillBefore':
        return this.#fail(call, new Killed(`killed before ${title}`));
      case 'KillAfter':
        return this.#carryOut(call, new Killed(`killed after ${title}`));
      case 'Lost':
        return this.#carryOut(call, errorFromNetwork(title, new Error('socket hang up')));
      case 'TimedOut':
        return this.#fail(call, new KubeError('Timeout', `${title}: no answer in time`));
      default: {
        const [code, reason, message] = REFUSALS[fault]!;
        return this.#fail(call, errorFromResponse(title, code, JSON.stringify({ reason, message }), undefined, 0));
      }
    }
  }

  /** Nobody waits for the answer any more. */
  #arrive(call: Call): void {
    try {
      this.#carryOut(call, errorFromNetwork('nobody', new Error('waits any more')));
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
    }
  }

  #fail(call: Call, error: Error): never {
    this.#record(call, this.#find(call), error.message);
    throw error;
  }

  /** Changes the world; then throws `afterwards`, if there is such. */
  #carryOut(call: Call, afterwards: Error | undefined): KubeObject {
    const before = this.#find(call);
    let stored: StoredObject;
    try {
      stored = call.change(collectionOf(resourceOf(call.object)), call.object as StoredObject);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#record(call, before, error.message);
      const title = `${call.verb} ${call.object.kind} ${call.object.metadata.name}`;
      throw errorFromResponse(title, error.code, JSON.stringify({ reason: error.reason, message: error.message }), undefined, 0);
    }
    this.#record(call, before, afterwards?.message);
    if (afterwards) throw afterwards;
    return stored;
  }

  #find({ object }: Call): StoredObject | undefined {
    return this.get(resourceOf(object), object.metadata.namespace ?? '', object.metadata.name);
  }

  #record(call: Call, before: StoredObject | undefined, error: string | undefined): void {
    const { writer, verb, object, locked } = call;
    const { kind, metadata } = object;
    const atMs = this.#now();
    const after = this.#find(call);
    const write: Write = {
      index: this.writes.length,
      atMs,
      by: writer.by,
      writer,
      verb,
      kind,
      name: metadata.name,
      locked,
      before,
      after,
      error,
    };
    this.writes.push(write);
    if (after !== before) this.onWrite(write);
  }
}

function pluralOf(collection: string): string {
  return collection.split('/').at(-1) ?? '';
}

/** Every Gateway exists, but for one that is called so, and takes everybody's routes at its one listener. */
function gatewayNamed(name: string): KubeObject | undefined {
  const listeners = [{ name: 'http', port: 80, allowedRoutes: { namespaces: { from: 'All' } } }];
  return name === 'nowhere' ? undefined : { ...RESOURCE.gateway, metadata: { name }, spec: { listeners } };
}
