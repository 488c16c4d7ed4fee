import { FIELD_MANAGER, LABEL, MANAGED_BY_VALUE } from '../api/names.ts';
import { resourceOf, type KubeObject as StoredObject, type ObjectBody } from '../api/resources.ts';
import type { KubeClient } from '../controller/client.ts';
import { isKubeError, KubeError } from '../controller/errors.ts';
import type { Action, KubeObject, QueryTrial } from '../core/observed.ts';
import type { Prober } from './probe.ts';

export interface Applier {
  readonly client: KubeClient;
  readonly prober: Prober;
  /** Why Prometheus can never answer this query, in a sentence; undefined when it may. */
  readonly findQueryProblem: (promql: string) => Promise<string | undefined>;
  /** Throws when this process may no longer lead; returns how long a write may take, in milliseconds. */
  readonly mustStillLead: () => number;
  /** Called with the object as the API server has it after a write. */
  readonly onWritten: (object: StoredObject) => void;
  /** Called when a deletion left nothing of an object. */
  readonly onRemoved: (removed: { readonly kind: string; readonly namespace: string; readonly name: string; readonly uid: string }) => void;
}

/**
 * Carries out the actions of a pass in their order; the only writer of the operator. The first failure ends the pass by being thrown: the
 * next pass sees the world as it then is and plans anew.
 */
export async function applyActions(applier: Applier, actions: readonly Action[], signal: AbortSignal): Promise<void> {
  for (const action of actions) {
    try {
      await applyAction(applier, action, signal);
    } catch (error) {
      const isRefused = isKubeError(error, 'Invalid', 'Forbidden');
      if (isRefused && action.type === 'Create' && action.isOptional === true) continue;
      throw isRefused ? new ActionRefused(action, error) : error;
    }
  }
}

async function applyAction(applier: Applier, action: Action, signal: AbortSignal): Promise<void> {
  const { client, prober, onWritten } = applier;
  if (action.type === 'Probe') {
    prober.start(action);
    return;
  }
  if (action.type === 'TryQueries') {
    await tryQueries(applier, action.queries);
    return;
  }
  if (action.type === 'ConfirmAbsent') {
    await refuseExisting(client, action.object, signal);
    return;
  }
  const options = { signal, deadlineMs: Math.min(applier.mustStillLead(), 10_000) };
  switch (action.type) {
    case 'Apply': {
      const { object, uid, resourceVersion } = splitIdentity(action.object);
      const expected = action.expectAbsent === true ? await refuseExisting(client, action.object, signal) : resourceVersion;
      const written = await client.apply(object, {
        ...options,
        fieldManager: action.fieldManager,
        uid,
        resourceVersion: expected,
        priority: action.urgent,
        dryRun: action.dryRun,
      });
      if (action.dryRun !== true) onWritten(written);
      return;
    }
    case 'ApplyStatus': {
      const { object, uid, resourceVersion } = splitIdentity(action.object);
      const locked = { fieldManager: FIELD_MANAGER.status, subresource: 'status', uid, resourceVersion } as const;
      try {
        onWritten(await client.apply(object, { ...options, ...locked }));
      } catch (error) {
        if (!isDeletedOwner(action.object, error)) throw error;
      }
      return;
    }
    case 'Create':
      onWritten(await client.create(action.object, options));
      return;
    case 'Delete': {
      const { kind, namespace, name } = action;
      const removal = { ...options, ...action.identity, propagation: 'Background' } as const;
      const uid = await client.remove({ resource: resourceOf(action), namespace, name }, removal);
      if (uid !== undefined) applier.onRemoved({ kind, namespace, name, uid });
      return;
    }
  }
}

/** Deleted between the look and the write: nobody is left to tell. A record has no such end, so its loss is a failure. */
function isDeletedOwner({ kind }: KubeObject, error: unknown): boolean {
  return kind !== 'ModelRelease' && isKubeError(error, 'NotFound');
}

/** The lock travels as options. The API server would make a deleted object anew, whatever its version: only the uid keeps it from that. */
function splitIdentity(object: KubeObject): {
  readonly object: ObjectBody;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
} {
  const { uid, resourceVersion, ...metadata } = object.metadata;
  return { object: { ...object, metadata }, uid, resourceVersion };
}

/** No object has this version: an apply that names it makes a new one, and is refused by one that was made in the meantime. */
const ABSENT = '1';

/**
 * Server-side apply would take over an object of the same name: one that somebody else made, or one of ours that the caches do not show yet,
 * with a decision in it that must not be lost. One of ours that lost its labels is written anew. Returns the version that the write must find.
 */
async function refuseExisting(client: KubeClient, object: KubeObject, signal: AbortSignal): Promise<string | undefined> {
  const { name, namespace } = object.metadata;
  const found = await client.get({ resource: resourceOf(object), namespace, name }, { signal });
  if (!found) return ABSENT;
  const labels = found.metadata.labels ?? {};
  if (labels[LABEL.managedBy] !== MANAGED_BY_VALUE)
    throw new NameTaken(`${object.kind} ${name} exists and is not Plimsoll's; rename it or the ModelDeployment`);
  const isShown = Object.entries(object.metadata.labels ?? {}).every(([label, value]) => labels[label] === value);
  if (isShown) throw new KubeError('Conflict', `${object.kind} ${name} exists already; what was known of the world is out of date`);
  return found.metadata.resourceVersion;
}

async function tryQueries({ findQueryProblem }: Applier, queries: readonly QueryTrial[]): Promise<void> {
  for (const { check, query } of queries) {
    const problem = query.ok ? await findQueryProblem(query.promql) : query.problem;
    if (problem !== undefined) throw new QueryRefused(`check ${check} can never have a value, so no release is begun: ${problem}`);
  }
}

/** A query of the user's can never be answered as it is written. */
export class QueryRefused extends Error {
  override readonly name = 'QueryRefused';
}

/** The API server will not have this action, however often it is tried: somebody has to mend something first. */
export class ActionRefused extends Error {
  override readonly name = 'ActionRefused';
  readonly action: Action;

  constructor(action: Action, cause: KubeError) {
    super(cause.message, { cause });
    this.action = action;
  }
}

/** An object that this operator must write exists already and belongs to somebody else. */
export class NameTaken extends Error {
  override readonly name = 'NameTaken';
}
