// KubeClient over HTTP: which path, query and body each operation has.

import type { KubeConfig } from '@kubernetes/client-node';

import type { KubeObject, ObjectBody, ResourceType } from '../api/resources.ts';
import { resourceOf } from '../api/resources.ts';
import type {
  ApplyOptions,
  CallOptions,
  CallReport,
  KubeClient,
  ListOptions,
  ListPage,
  ObjectRef,
  RemoveOptions,
  WatchOptions,
} from './client.ts';
import type { Clock } from './clock.ts';
import { isKubeError, KubeError } from './errors.ts';
import { createTokenBucket } from './tokenBucket.ts';
import type { HttpCall, Patience, Transport } from './transport.ts';
import { createTransport } from './transport.ts';
import { readWatch } from './watchStream.ts';

export type KubeClientOptions = {
  readonly clock: Clock;
  /** Called after every request; must not throw. */
  readonly onCall?: (report: CallReport) => void;
  /** Deadline of an ordinary call in milliseconds, 10,000 when absent. */
  readonly deadlineMs?: number;
  /** Client-side rate limit, 100 per second with bursts of 200 when absent. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
  readonly userAgent?: string;
};

const defaultDeadlineMs = 10_000;
const defaultPageSize = 500;

/** A field that the server does not know is refused. By default it would be dropped, and the write would seem to have worked. */
const strict = { fieldValidation: 'Strict' } as const;

/** A client for the current cluster of `kubeConfig`. One per process is enough. Throws when the kubeconfig names no cluster. */
export function createKubeClient(kubeConfig: KubeConfig, options: KubeClientOptions): KubeClient {
  const { clock } = options;
  const rate = options.rate ?? { perSecond: 100, burst: 200 };
  const transport = createTransport({
    kubeConfig,
    clock,
    bucket: createTokenBucket(clock, rate.perSecond, rate.burst),
    userAgent: options.userAgent ?? 'plimsoll',
    onCall: options.onCall ?? (() => undefined),
  });
  const patience = (call: CallOptions | undefined): Patience => ({
    signal: call?.signal,
    deadlineMs: call?.deadlineMs ?? options.deadlineMs ?? defaultDeadlineMs,
    priority: call?.priority ?? false,
  });
  const write = async (call: HttpCall, callOptions: CallOptions | undefined): Promise<KubeObject> =>
    parseObject(call, await transport.send(call, patience(callOptions)));

  const listPages = (resource: ResourceType, list: ListOptions = {}): AsyncGenerator<ListPage, void, void> =>
    readPages(transport, resource, list, patience(list));

  return {
    get: async (ref, call) => {
      const http = getCall(ref);
      try {
        return parseObject(http, await transport.send(http, patience(call)));
      } catch (error) {
        if (isKubeError(error, 'NotFound')) return undefined;
        throw error;
      }
    },
    listPages,
    list: async (resource, list) => {
      const items: KubeObject[] = [];
      let resourceVersion = '';
      for await (const page of listPages(resource, list)) {
        items.push(...page.items);
        resourceVersion = page.resourceVersion;
      }
      return { items, resourceVersion };
    },
    apply: async (object, apply) => {
      try {
        return await write(applyCall(object, apply), apply);
      } catch (error) {
        throw isOtherUid(error, apply) ? new KubeError('Conflict', error.message, { code: 409, cause: error }) : error;
      }
    },
    create: (object, call) => write(createCall(object), call),
    replace: (object, call) => write(replaceCall(object), call),
    remove: async (ref, remove) => {
      const http = removeCall(ref, remove);
      try {
        return removedUid(parseJson(http, await transport.send(http, patience(remove))));
      } catch (error) {
        if (isKubeError(error, 'NotFound')) return undefined;
        throw error;
      }
    },
    watch: (resource, watch, signal) => readWatch(transport, watchCall(resource, watch), watch, patience(undefined), clock, signal),
  };
}

/** The path of a collection, or of one object in it. Throws when a namespaced resource is addressed without a namespace. */
function pathOf(resource: ResourceType, namespace?: string, name?: string, subresource?: string): string {
  if (name !== undefined && resource.namespaced && namespace === undefined) {
    throw new Error(`${resource.kind} ${name} is addressed without a namespace.`);
  }
  const root = resource.apiVersion.includes('/') ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;
  const within = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}${subresource === undefined ? '' : `/${subresource}`}`;
  return `${root}${within}/${resource.plural}${object}`;
}

async function* readPages(
  transport: Transport,
  resource: ResourceType,
  list: ListOptions,
  patience: Patience,
): AsyncGenerator<ListPage, void, void> {
  let next: string | undefined;
  do {
    const call: HttpCall = {
      method: 'GET',
      verb: 'list',
      resource: resource.plural,
      title: `list ${resource.plural}${list.namespace === undefined ? '' : ` in ${list.namespace}`}`,
      path: pathOf(resource, list.namespace),
      query: {
        labelSelector: list.labelSelector,
        fieldSelector: list.fieldSelector,
        limit: list.pageSize ?? defaultPageSize,
        continue: next,
      },
    };
    const page = parseJson(call, await transport.send(call, patience)) as {
      readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
      readonly items?: readonly Partial<KubeObject>[] | null;
    };
    // The API server leaves apiVersion and kind out of the items of built-in lists.
    const items = (page.items ?? []).map((item) => ({ ...item, apiVersion: resource.apiVersion, kind: resource.kind }) as KubeObject);
    yield { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
    next = page.metadata?.continue === '' ? undefined : page.metadata?.continue;
  } while (next !== undefined);
}

function getCall(ref: ObjectRef): HttpCall {
  return { ...callOn('GET', 'get', ref), query: {} };
}

function applyCall(object: ObjectBody, options: ApplyOptions): HttpCall {
  const { resourceVersion, uid } = options;
  const locked = {
    ...object.metadata,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(uid === undefined ? {} : { uid }),
  };
  return {
    ...callOn('PATCH', 'patch', refOf(object), options.subresource),
    query: { ...strict, fieldManager: options.fieldManager, force: 'true', dryRun: options.dryRun === true ? 'All' : undefined },
    contentType: 'application/apply-patch+yaml', // JSON is YAML
    body: { ...object, metadata: locked },
  };
}

/** Against a later object of the same name the server complains that the uid cannot be changed; that is the conflict asked for. */
function isOtherUid(error: unknown, { uid }: ApplyOptions): error is KubeError {
  return uid !== undefined && isKubeError(error, 'Invalid') && error.message.includes('metadata.uid');
}

function createCall(object: ObjectBody): HttpCall {
  const ref = refOf(object);
  const call = callOn('POST', 'create', ref);
  return { ...call, path: pathOf(ref.resource, ref.namespace), query: strict, contentType: 'application/json', body: object };
}

function replaceCall(object: ObjectBody): HttpCall {
  return { ...callOn('PUT', 'update', refOf(object)), query: strict, contentType: 'application/json', body: object };
}

function removeCall(ref: ObjectRef, options: RemoveOptions = {}): HttpCall {
  const { uid, resourceVersion } = options;
  const preconditions = uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
  return {
    ...callOn('DELETE', 'delete', ref),
    query: {},
    contentType: 'application/json',
    body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: options.propagation ?? 'Background', preconditions },
  };
}

/** A Status says that the object is gone. What still has finalizers, and every Service, is answered as it was: nothing is known then. */
function removedUid(answer: unknown): string | undefined {
  const { kind, details } = answer as { readonly kind?: string; readonly details?: { readonly uid?: string } };
  return kind === 'Status' ? details?.uid : undefined;
}

function watchCall(resource: ResourceType, watch: WatchOptions): HttpCall {
  return {
    method: 'GET',
    verb: 'watch',
    resource: resource.plural,
    title: `watch ${resource.plural}`,
    path: pathOf(resource, watch.namespace),
    query: {
      watch: 'true',
      allowWatchBookmarks: 'true',
      labelSelector: watch.labelSelector,
      resourceVersion: watch.resourceVersion,
      timeoutSeconds: Math.round(watch.timeoutSeconds),
    },
  };
}

function refOf(object: ObjectBody): ObjectRef {
  return { resource: resourceOf(object), namespace: object.metadata.namespace, name: object.metadata.name };
}

function callOn(method: HttpCall['method'], verb: HttpCall['verb'], ref: ObjectRef, subresource?: string): Omit<HttpCall, 'query'> {
  const name = ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
  return {
    method,
    verb,
    resource: ref.resource.plural,
    title: `${verb} ${ref.resource.plural}${subresource === undefined ? '' : `/${subresource}`} ${name}`,
    path: pathOf(ref.resource, ref.namespace, ref.name, subresource),
  };
}

function parseObject(call: HttpCall, text: string): KubeObject {
  return parseJson(call, text) as KubeObject;
}

function parseJson(call: HttpCall, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KubeError('Server', `${call.title}: the answer is not JSON`, { cause });
  }
}
