// Requests to the fake API server: what a path, a verb and a label selector mean.

import type { IncomingMessage } from 'node:http';

import type { StoredObject } from './apiStore.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

/** One request as the server understood it. `resource` is the plural, `status` the answer's (0 while there is none). */
export type SeenRequest = {
  readonly verb: Verb;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly body: unknown;
  status: number;
};

/** `collection` is apiVersion and plural: `apps/v1/deployments`. */
export type Route = { readonly collection: string; readonly namespace?: string; readonly name?: string; readonly subresource?: string };
/** A request in the words of RBAC. */
export function describeRequest(request: IncomingMessage, route: Route, query: Record<string, string>, body: string): SeenRequest {
  const verbs: Record<string, Verb> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
  const reading: Verb = route.name !== undefined ? 'get' : query['watch'] === 'true' ? 'watch' : 'list';
  const { namespace, name, subresource } = route;
  return {
    verb: verbs[request.method ?? ''] ?? reading,
    resource: route.collection.split('/').at(-1) ?? '',
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
    query,
    contentType: request.headers['content-type'] ?? '',
    body: body === '' ? undefined : JSON.parse(body),
    status: 0,
  };
}

/** What a path of the API addresses. */
export function parsePath(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '').map(decodeURIComponent);
  const [apiVersion, rest] = parts[0] === 'api' ? [parts[1], parts.slice(2)] : [`${String(parts[1])}/${String(parts[2])}`, parts.slice(3)];
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [plural, name, subresource] = namespaced ? rest.slice(2) : rest;
  return {
    collection: `${String(apiVersion)}/${String(plural)}`,
    ...(namespaced ? { namespace: String(rest[1]) } : {}),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

/** The collection of an object. Plurals are regular for all kinds that tests use. */
export function collectionOf(object: StoredObject): string {
  const kind = object.kind.toLowerCase();
  return `${object.apiVersion}/${kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : kind.endsWith('s') ? `${kind}es` : `${kind}s`}`;
}

/** Label selectors: `a`, `!a`, `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, joined by commas. */
export function matches(object: StoredObject, selector: string | undefined): boolean {
  if (selector === undefined || selector === '') return true;
  const labels = (object.metadata['labels'] ?? {}) as Record<string, string>;
  return selector.split(/,(?![^(]*\))/).every((term) => {
    const set = /^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$/.exec(term);
    if (set !== null) {
      const values = (set[3] ?? '').split(',').map((value) => value.trim());
      return values.includes(labels[set[1] ?? ''] ?? '') === (set[2] === 'in');
    }
    const compared = /^\s*([^!=\s]+)\s*(==|=|!=)\s*(\S*)\s*$/.exec(term);
    if (compared !== null) return (labels[compared[1] ?? ''] === compared[3]) === (compared[2] !== '!=');
    const name = term.trim();
    return name.startsWith('!') ? !(name.slice(1) in labels) : name in labels;
  });
}
