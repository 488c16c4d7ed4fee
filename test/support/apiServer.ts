// A Kubernetes API server for tests: in this process, over real HTTP, for any resource. What it stores and how writes behave is in
// apiStore.ts. On top of that: LIST in pages with label selectors, WATCH with bookmarks, and every way to fail, on demand.
//
//   const server = await startApiServer();
//   const client = createKubeClient(server.kubeConfig(), { clock: realClock });
//   server.put({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: {...}, spec: {...}, status: {...} });   // as kubelet would
//   server.get('apps/v1', 'deployments', 'risk', 'fraud-a');          // what is stored now
//   server.onChange(({ before, after }) => ...);                      // play a controller: put() a status when a spec changes
//   server.inject({ verb: 'patch', resource: 'httproutes', status: 500, times: 2 });
//   server.inject({ verb: 'patch', resource: 'httproutes', lost: true });    // done, but the answer never comes
//   server.inject({ verb: 'list', hang: true });                      // until the client gives up
//   server.cutWatches(); server.compact(); server.sendBookmarks();    // broken connections, 410 Gone, BOOKMARK events
//   server.requests                                                   // everything that was asked, in order; openWatches() counts leaks
//   await server.close();
//
// Not here: admission, defaults, schemas, other patch types than apply, managed fields in answers, authentication beyond one token.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { KubeConfig } from '@kubernetes/client-node';

import type { StoredObject, StoreEvent } from './apiStore.ts';
import { ApiStore, Refusal } from './apiStore.ts';
import type { Route, SeenRequest, Verb } from './apiRequests.ts';
import { collectionOf, describeRequest, matches, parsePath } from './apiRequests.ts';

/** A failure for the next `times` (1 when absent) matching requests; the first match in order of injection is used. */
export type Injection = {
  readonly verb?: Verb;
  readonly resource?: string;
  readonly subresource?: string;
  readonly times?: number;
  /** Answer this instead of doing it. 410 on a watch comes as an ERROR event, as from the real server. */
  readonly status?: number;
  readonly reason?: string;
  readonly retryAfterSeconds?: number;
  /** Wait so many milliseconds first. Alone, it only delays. */
  readonly delayMs?: number;
  /** Never answer. */
  readonly hang?: true;
  /** Do it, then cut the connection without an answer. */
  readonly lost?: true;
  /** Cut the connection without doing anything. */
  readonly reset?: true;
  /** Answer 200 with this text (a watch: this line, then go on). */
  readonly text?: string;
};

export type FakeApiServer = {
  readonly url: string;
  readonly requests: SeenRequest[];
  readonly kubeConfig: () => KubeConfig;
  readonly put: (object: StoredObject) => StoredObject;
  readonly get: (apiVersion: string, resource: string, namespace: string | undefined, name: string) => StoredObject | undefined;
  readonly list: (apiVersion: string, resource: string, namespace?: string) => readonly StoredObject[];
  readonly remove: (apiVersion: string, resource: string, namespace: string | undefined, name: string) => void;
  readonly onChange: (listener: (event: StoreEvent) => void) => () => void;
  readonly inject: (injection: Injection) => void;
  /** Only requests that carry this bearer token are let in from now on. */
  readonly requireToken: (token: string) => void;
  readonly cutWatches: () => void;
  readonly sendBookmarks: () => void;
  readonly compact: () => void;
  readonly openWatches: (resource?: string) => number;
  readonly close: () => Promise<void>;
};

type Watcher = { readonly resource: string; readonly response: ServerResponse; readonly bookmark: () => void };
type State = {
  readonly store: ApiStore;
  readonly watchers: Set<Watcher>;
  readonly injections: (Injection & { left: number })[];
  token?: string;
};

/** Starts on a free port of 127.0.0.1. `now`: when objects are made that are made now. */
export async function startApiServer(now: () => number = Date.now): Promise<FakeApiServer> {
  const state: State = { store: new ApiStore(now), watchers: new Set(), injections: [] };
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    answer(state, requests, request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const { store, watchers } = state;
  return {
    url,
    requests,
    kubeConfig: () => kubeConfigFor(url),
    put: (object) => store.put(collectionOf(object), object),
    get: (apiVersion, resource, namespace, name) => store.get(`${apiVersion}/${resource}`, namespace, name),
    list: (apiVersion, resource, namespace) => store.list(`${apiVersion}/${resource}`, namespace),
    remove: (apiVersion, resource, namespace, name) => void store.remove(`${apiVersion}/${resource}`, namespace, name),
    onChange: (listener) => store.subscribe(listener),
    inject: (injection) => void state.injections.push({ ...injection, left: injection.times ?? 1 }),
    requireToken: (token) => {
      state.token = token;
    },
    cutWatches: () => {
      for (const { response } of watchers) response.destroy();
    },
    sendBookmarks: () => {
      for (const { bookmark } of watchers) bookmark();
    },
    compact: () => store.compact(),
    openWatches: (resource) => [...watchers].filter((watcher) => resource === undefined || watcher.resource === resource).length,
    close: () => closeServer(server),
  };
}

/** Plain HTTP is refused by the client unless verification is off; nothing is verified on this connection anyway. */
function kubeConfigFor(url: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'fake', server: url, skipTLSVerify: true }, { name: 'tester' });
  return config;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(state: State, requests: SeenRequest[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const body = await readBody(request);
  const route = parsePath(url.pathname);
  const query = Object.fromEntries(url.searchParams);
  const seen = describeRequest(request, route, query, body);
  requests.push(seen);
  const send = (status: number, content: unknown, headers: Record<string, string> = {}): void => {
    seen.status = status;
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof content === 'string' ? content : JSON.stringify(content));
  };
  const injection = takeInjection(state, seen);
  if (injection?.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, injection.delayMs));
  if (injection?.hang === true) return;
  if (injection?.reset === true) {
    response.destroy();
    return;
  }
  if (state.token !== undefined && request.headers.authorization !== `Bearer ${state.token}`) {
    send(401, statusBody(401, 'Unauthorized', 'Unauthorized'));
    return;
  }
  if (injection?.status !== undefined && !(seen.verb === 'watch' && injection.status === 410)) {
    const after = injection.retryAfterSeconds;
    const message = `injected for ${seen.verb} ${seen.resource}`;
    send(
      injection.status,
      statusBody(injection.status, injection.reason ?? '', message),
      after === undefined ? {} : { 'retry-after': String(after) },
    );
    return;
  }
  if (seen.verb === 'watch') {
    seen.status = 200;
    serveWatch(state, route, query, response, injection);
    return;
  }
  if (injection?.text !== undefined) {
    send(200, injection.text);
    return;
  }
  try {
    const result = perform(state.store, route, seen);
    if (injection?.lost === true) response.destroy();
    else send(seen.verb === 'create' ? 201 : 200, result);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    send(error.code, statusBody(error.code, error.reason, error.message));
  }
}

function perform(store: ApiStore, route: Route, seen: SeenRequest): unknown {
  const { collection, namespace, name = '', subresource } = route;
  switch (seen.verb) {
    case 'get': {
      const found = store.get(collection, namespace, name);
      if (found === undefined) throw new Refusal(404, 'NotFound', `${collection} "${name}" not found`);
      return found;
    }
    case 'list':
      return listPage(store, route, seen.query);
    case 'create':
      return store.create(collection, checkedBody(route, seen));
    case 'update':
      return store.replace(collection, checkedBody(route, seen), subresource);
    case 'patch':
      if (seen.contentType !== 'application/apply-patch+yaml')
        throw new Refusal(415, 'UnsupportedMediaType', `no patch of type ${seen.contentType} here`);
      if (seen.query['fieldManager'] === undefined) throw new Refusal(400, 'BadRequest', 'fieldManager is required for apply patch');
      return store.apply(collection, checkedBody(route, seen), seen.query['fieldManager'], subresource, seen.query['dryRun'] === 'All');
    case 'delete':
      return store.remove(
        collection,
        namespace,
        name,
        (seen.body as { preconditions?: { uid?: string; resourceVersion?: string } } | undefined)?.preconditions,
      );
    case 'watch':
      throw new Error('watches are served elsewhere');
  }
}

/** The rules of the real server that clients get wrong most easily. */
function checkedBody(route: Route, seen: SeenRequest): StoredObject {
  const object = seen.body as StoredObject;
  if (typeof object.apiVersion !== 'string' || typeof object.kind !== 'string')
    throw new Refusal(400, 'BadRequest', 'apiVersion and kind are required');
  if (route.name !== undefined && object.metadata.name !== route.name)
    throw new Refusal(400, 'BadRequest', 'the name of the object does not match the name on the URL');
  if (seen.verb === 'patch' && 'managedFields' in object.metadata)
    throw new Refusal(400, 'BadRequest', 'metadata.managedFields must be nil');
  const spec = object['spec'] as Record<string, unknown> | undefined;
  for (const field of ['acquireTime', 'renewTime']) {
    const time = object.kind === 'Lease' ? spec?.[field] : undefined;
    if (time === undefined) continue;
    const isMicroTime = typeof time === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(time);
    if (!isMicroTime) throw new Refusal(400, 'BadRequest', `cannot parse ${JSON.stringify(time)} as MicroTime`);
  }
  return { ...object, metadata: { ...object.metadata, ...(route.namespace === undefined ? {} : { namespace: route.namespace }) } };
}

function listPage(store: ApiStore, route: Route, query: Readonly<Record<string, string>>): unknown {
  // The continue token holds version and place. (The real server goes on with the old snapshot; here later changes show.)
  const [version, start] = (query['continue'] ?? `${String(store.version())}:0`).split(':').map(Number) as [number, number];
  if (store.since(version) === undefined) throw new Refusal(410, 'Expired', 'The provided continue parameter is too old');
  const all = store.list(route.collection, route.namespace).filter((object) => matches(object, query['labelSelector']));
  const limit = query['limit'] === undefined ? Infinity : Number(query['limit']);
  const end = start + limit;
  // As the real server does, items of a list come without apiVersion and kind.
  const items = all
    .slice(start, end)
    .map((object) => Object.fromEntries(Object.entries(object).filter(([field]) => field !== 'apiVersion' && field !== 'kind')));
  const metadata = { resourceVersion: String(version), ...(end < all.length ? { continue: `${String(version)}:${String(end)}` } : {}) };
  return { apiVersion: 'v1', kind: 'List', metadata, items };
}

function serveWatch(
  state: State,
  route: Route,
  query: Readonly<Record<string, string>>,
  response: ServerResponse,
  injection: Injection | undefined,
): void {
  const { store, watchers } = state;
  if (response.destroyed) return; // the client has gone while an injected delay went on
  const send = (type: string, object: unknown): void => void response.write(`${JSON.stringify({ type, object })}\n`);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  const from = Number(query['resourceVersion'] ?? 0);
  const missed = injection?.status === 410 ? undefined : store.since(from);
  if (missed === undefined) {
    send('ERROR', statusBody(410, 'Expired', `too old resource version: ${String(from)}`));
    response.end();
    return;
  }
  if (injection?.text !== undefined) response.write(`${injection.text}\n`);
  const pass = (event: StoreEvent): void => {
    const told = watchEvent(event, route, query['labelSelector']);
    if (told !== undefined) send(told.type, told.object);
  };
  missed.forEach(pass);
  const unsubscribe = store.subscribe(pass);
  const bookmark = (): void => {
    if (query['allowWatchBookmarks'] === 'true') send('BOOKMARK', { metadata: { resourceVersion: String(store.version()) } });
  };
  const watcher: Watcher = { resource: route.collection.split('/').at(-1) ?? '', response, bookmark };
  watchers.add(watcher);
  const timer = setTimeout(() => response.end(), Number(query['timeoutSeconds'] ?? 1800) * 1000);
  response.on('close', () => {
    clearTimeout(timer);
    unsubscribe();
    watchers.delete(watcher);
  });
}

/** What a watcher with this selector sees: an object that leaves the selection is deleted for it. */
function watchEvent(event: StoreEvent, route: Route, selector: string | undefined): { type: string; object: StoredObject } | undefined {
  const { before, after, collection } = event;
  const namespace = (after ?? before)?.metadata.namespace;
  if (collection !== route.collection || (route.namespace !== undefined && namespace !== route.namespace)) return undefined;
  const was = before !== undefined && matches(before, selector);
  const is = after !== undefined && matches(after, selector);
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: after };
  return was
    ? { type: 'DELETED', object: { ...before, metadata: { ...before.metadata, resourceVersion: String(event.version) } } }
    : undefined;
}

function takeInjection(state: State, seen: SeenRequest): Injection | undefined {
  const found = state.injections.find(
    ({ verb, resource, subresource }) =>
      (verb === undefined || verb === seen.verb) &&
      (resource === undefined || resource === seen.resource) &&
      (subresource === undefined || subresource === seen.subresource),
  );
  if (found === undefined) return undefined;
  found.left -= 1;
  if (found.left === 0) state.injections.splice(state.injections.indexOf(found), 1);
  return found;
}

function statusBody(code: number, reason: string, message: string): unknown {
  return { apiVersion: 'v1', kind: 'Status', metadata: {}, status: 'Failure', reason, message, code };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
