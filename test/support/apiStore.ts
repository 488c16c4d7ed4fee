// The memory of the fake API server: objects of any resource, one resource version for all, and a history for watches.
// It behaves like the real one where the operator depends on it:
// - an apply that changes nothing keeps the resource version and tells no watcher;
// - a field that a manager applied before and leaves out now is removed, unless another manager applied it too; lists are taken whole;
// - `metadata.generation` rises when anything but metadata and status changes;
// - resources with a status subresource ignore `status` on the main path and everything else on `/status`;
// - deleting honours finalizers and preconditions, and takes dependents (ownerReferences) along.

export type StoredObject = {
  apiVersion: string;
  kind: string;
  metadata: Record<string, unknown> & { name: string; namespace?: string; uid?: string; resourceVersion?: string; generation?: number };
  [field: string]: unknown;
};

export type StoreEvent = {
  readonly version: number;
  readonly collection: string;
  readonly before?: StoredObject;
  readonly after?: StoredObject;
};

/** A refusal: HTTP status, reason and message of a v1 Status. */
export class Refusal extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** Resources without a status subresource: what they call status is an ordinary field. */
const withoutStatus = new Set(['configmaps', 'events', 'leases', 'controllerrevisions', 'endpointslices', 'secrets', 'serviceaccounts']);

export class ApiStore {
  readonly #now: () => number;
  readonly #objects = new Map<string, StoredObject>();
  readonly #applied = new Map<string, unknown>();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  #history: StoreEvent[] = [];
  #version = 100;
  #forgottenUpTo = 0;
  #uid = 0;

  /** `now`: milliseconds since 1970, for creation and deletion times. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The newest resource version. */
  version(): number {
    return this.#version;
  }

  get(collection: string, namespace: string | undefined, name: string): StoredObject | undefined {
    return this.#objects.get(keyFor(collection, namespace, name));
  }

  list(collection: string, namespace?: string): StoredObject[] {
    const prefix = `${collection}|`;
    return [...this.#objects]
      .filter(([key, object]) => key.startsWith(prefix) && (namespace === undefined || object.metadata.namespace === namespace))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object);
  }

  create(collection: string, body: StoredObject): StoredObject {
    const { namespace, name } = body.metadata;
    if (this.get(collection, namespace, name) !== undefined) {
      throw new Refusal(409, 'AlreadyExists', `${collection} "${name}" already exists`);
    }
    return this.#save(collection, undefined, hasStatus(collection) ? without(body, 'status') : body);
  }

  /** PUT of the whole object, or of its status. */
  replace(collection: string, body: StoredObject, subresource?: string): StoredObject {
    const before = this.#existing(collection, body);
    checkVersion(before, body.metadata.resourceVersion);
    return this.#save(collection, before, combine(collection, before, body, subresource));
  }

  /** Server-side apply with force. `admit` throws when what would be stored may not be. */
  apply(
    collection: string,
    body: StoredObject,
    manager: string,
    subresource?: string,
    dryRun = false,
    admit: (merged: StoredObject) => void = () => undefined,
  ): StoredObject {
    const { namespace, name, resourceVersion, uid } = body.metadata;
    const before = this.get(collection, namespace, name);
    if (before === undefined && subresource !== undefined) throw new Refusal(404, 'NotFound', `${collection} "${name}" not found`);
    // As in the real one: a version does not keep an object that is gone from being made anew, a uid does.
    if (before === undefined && uid !== undefined)
      throw new Refusal(409, 'Conflict', `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`);
    if (before !== undefined) checkVersion(before, resourceVersion);
    if (before !== undefined && uid !== undefined && uid !== before.metadata.uid)
      throw new Refusal(422, 'Invalid', 'metadata.uid: Invalid value: field is immutable');
    const intent = onlySubresource(
      collection,
      { ...body, metadata: without(without(body.metadata, 'resourceVersion'), 'uid') },
      subresource,
    );
    const objectKey = keyFor(collection, namespace, name);
    const managerKey = `${objectKey}|${subresource ?? ''}|${manager}`;
    const others = [...this.#applied]
      .filter(([key]) => key.startsWith(`${objectKey}|`) && key !== managerKey)
      .map(([, applied]) => applied);
    const base = clone(before ?? { apiVersion: body.apiVersion, kind: body.kind, metadata: { name } });
    dropLeftOut(base, this.#applied.get(managerKey), intent, others);
    const merged = merge(base, intent) as StoredObject;
    admit(merged);
    if (dryRun) return merged;
    this.#applied.set(managerKey, clone(intent));
    return this.#save(collection, before, merged);
  }

  remove(
    collection: string,
    namespace: string | undefined,
    name: string,
    preconditions?: { uid?: string; resourceVersion?: string },
  ): StoredObject {
    const before = this.#existing(collection, {
      apiVersion: '',
      kind: '',
      metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    });
    if (preconditions?.uid !== undefined && preconditions.uid !== before.metadata.uid)
      throw new Refusal(409, 'Conflict', 'the UID in the precondition does not match');
    checkVersion(before, preconditions?.resourceVersion);
    if (finalizersOf(before).length > 0) {
      return this.#save(collection, before, {
        ...before,
        metadata: { ...before.metadata, deletionTimestamp: before.metadata['deletionTimestamp'] ?? this.#time() },
      });
    }
    return this.#erase(collection, before);
  }

  /** Stores an object as it is, status included: for tests that play kubelet or a controller. Labels, spec and so on are replaced. */
  put(collection: string, body: StoredObject): StoredObject {
    return this.#save(collection, this.get(collection, body.metadata.namespace, body.metadata.name), body);
  }

  /** A backup of everything; what is returned brings it back. Resource versions go on: they never mean two states. */
  backUp(): () => void {
    const [objects, applied] = [new Map(this.#objects), new Map(this.#applied)];
    return () => {
      const gone = [...this.#objects].filter(([key]) => !objects.has(key));
      this.#objects.clear();
      for (const [key, object] of objects) this.#objects.set(key, object);
      this.#applied.clear();
      for (const [key, intent] of applied) this.#applied.set(key, intent);
      const told = [...gone.map(([key]) => ({ key, after: undefined })), ...[...objects].map(([key, after]) => ({ key, after }))];
      for (const { key, after } of told) {
        this.#version += 1;
        this.#tell({ version: this.#version, collection: key.split('|')[0] ?? '', ...(after === undefined ? {} : { after }) });
      }
    };
  }

  /** Events after `version`, oldest first; undefined when they are forgotten. */
  since(version: number): readonly StoreEvent[] | undefined {
    return version < this.#forgottenUpTo ? undefined : this.#history.filter((event) => event.version > version);
  }

  /** Forgets the history: watches from any version before now are answered with Gone. */
  compact(): void {
    this.#version += 1;
    this.#forgottenUpTo = this.#version;
    this.#history = [];
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #existing(collection: string, body: StoredObject): StoredObject {
    const { namespace, name } = body.metadata;
    const before = this.get(collection, namespace, name);
    if (before === undefined) throw new Refusal(404, 'NotFound', `${collection} "${name}" not found`);
    return before;
  }

  #save(collection: string, before: StoredObject | undefined, wanted: StoredObject): StoredObject {
    const after = clone(wanted);
    after.metadata = {
      ...after.metadata,
      uid: before?.metadata.uid ?? `uid-${String((this.#uid += 1))}`,
      creationTimestamp: before?.metadata['creationTimestamp'] ?? this.#time(),
      resourceVersion: before?.metadata.resourceVersion ?? '',
      generation: before?.metadata.generation ?? 1,
    };
    if (before !== undefined && same(body(before), body(after))) after.metadata.generation = before.metadata.generation ?? 1;
    else if (before !== undefined) after.metadata.generation = (before.metadata.generation ?? 1) + 1;
    if (before !== undefined && same(before, after)) return before;
    if (before !== undefined && after.metadata['deletionTimestamp'] !== undefined && finalizersOf(after).length === 0)
      return this.#erase(collection, after);
    this.#version += 1;
    after.metadata.resourceVersion = String(this.#version);
    this.#objects.set(keyFor(collection, after.metadata.namespace, after.metadata.name), after);
    this.#tell({ version: this.#version, collection, after, ...(before === undefined ? {} : { before }) });
    return after;
  }

  #erase(collection: string, before: StoredObject): StoredObject {
    this.#version += 1;
    const key = keyFor(collection, before.metadata.namespace, before.metadata.name);
    this.#objects.delete(key);
    for (const applied of this.#applied.keys()) if (applied.startsWith(`${key}|`)) this.#applied.delete(applied);
    const last = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.#version) } };
    this.#tell({ version: this.#version, collection, before: last });
    for (const [dependentKey, dependent] of [...this.#objects]) {
      const owners = dependent.metadata['ownerReferences'] as { uid: string }[] | undefined;
      const [dependentCollection] = dependentKey.split('|') as [string];
      if (owners?.some(({ uid }) => uid === before.metadata.uid) === true && this.#objects.has(dependentKey)) {
        this.remove(dependentCollection, dependent.metadata.namespace, dependent.metadata.name);
      }
    }
    return last;
  }

  /** The API server keeps whole seconds. */
  #time(): string {
    return new Date(this.#now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  #tell(event: StoreEvent): void {
    this.#history.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}

function keyFor(collection: string, namespace: string | undefined, name: string): string {
  return `${collection}|${namespace ?? ''}|${name}`;
}

function hasStatus(collection: string): boolean {
  return !withoutStatus.has(collection.split('/').at(-1) ?? '');
}

function finalizersOf(object: StoredObject): readonly unknown[] {
  return (object.metadata['finalizers'] as unknown[] | undefined) ?? [];
}

function checkVersion(before: StoredObject, resourceVersion: string | undefined): void {
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== before.metadata.resourceVersion) {
    throw new Refusal(409, 'Conflict', `Operation cannot be fulfilled on "${before.metadata.name}": the object has been modified`);
  }
}

function combine(collection: string, before: StoredObject, after: StoredObject, subresource: string | undefined): StoredObject {
  if (subresource === 'status') return { ...before, status: after['status'] };
  const { status } = before;
  return hasStatus(collection) ? { ...without(after, 'status'), ...(status === undefined ? {} : { status }) } : after;
}

function onlySubresource(collection: string, object: StoredObject, subresource: string | undefined): StoredObject {
  const { apiVersion, kind, metadata, status } = object;
  if (subresource === 'status') return { apiVersion, kind, metadata: { name: metadata.name }, status };
  return hasStatus(collection) ? without(object, 'status') : object;
}

/** What generation counts: everything but metadata and status. */
function body(object: StoredObject): unknown {
  return without(without(object, 'status'), 'metadata');
}

function without<T extends object>(object: T, field: string): T {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== field)) as T;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function merge(base: unknown, over: unknown): unknown {
  if (!isRecord(base) || !isRecord(over)) return clone(over);
  const result = { ...base };
  for (const [field, value] of Object.entries(over))
    if (value !== undefined) result[field] = field in base ? merge(base[field], value) : clone(value);
  return result;
}

/** Removes from `base` what the manager applied last time, does not apply now, and nobody else applied. */
function dropLeftOut(base: Record<string, unknown>, last: unknown, now: unknown, others: readonly unknown[]): void {
  if (!isRecord(last)) return;
  for (const [field, value] of Object.entries(last)) {
    const wanted = isRecord(now) ? now[field] : undefined;
    const elsewhere = others.map((other) => (isRecord(other) ? other[field] : undefined)).filter((other) => other !== undefined);
    const child = base[field];
    if (isRecord(value) && isRecord(child)) {
      dropLeftOut(child, value, wanted, elsewhere);
      if (wanted === undefined && elsewhere.length === 0 && Object.keys(child).length === 0) Reflect.deleteProperty(base, field);
    } else if (wanted === undefined && elsewhere.length === 0) Reflect.deleteProperty(base, field);
  }
}

/** JSON's own equality: order of members is none, and an undefined member is no member. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => same(item, b[index]));
  if (!isRecord(a) || !isRecord(b)) return false;
  const members = presentIn(a);
  return members.length === presentIn(b).length && members.every((name) => same(a[name], b[name]));
}

function presentIn(value: Record<string, unknown>): readonly string[] {
  return Object.keys(value).filter((name) => value[name] !== undefined);
}

/** Faster than structuredClone for what is JSON. */
function clone<T>(value: T): T {
  if (Array.isArray(value)) return value.map(clone) as T;
  if (!isRecord(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) copy[name] = clone(member);
  return copy as T;
}
