// The API server as this program sees it: plain JSON in and out, every call with a deadline, every failure a KubeError.

import type { KubeObject, ObjectBody, ResourceType } from '../api/resources.ts';

/** Which object. `namespace` is needed exactly for namespaced resources. */
export type ObjectRef = { readonly resource: ResourceType; readonly namespace?: string | undefined; readonly name: string };

/** For every ordinary call. */
export type CallOptions = {
  /** Gives up at once when it aborts (KubeError Aborted). */
  readonly signal?: AbortSignal | undefined;
  /** Does not wait for the client-side rate limit: rollbacks, guards, the lease. */
  readonly priority?: boolean | undefined;
  /** Milliseconds for this call, including its wait for the rate limit; the client's own deadline when absent. */
  readonly deadlineMs?: number | undefined;
};

export type ListOptions = CallOptions & {
  /** All namespaces when absent. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Objects per request; 500 when absent. */
  readonly pageSize?: number | undefined;
};

export type ApplyOptions = CallOptions & {
  readonly fieldManager: string;
  readonly subresource?: 'status' | undefined;
  readonly dryRun?: boolean | undefined;
  /** Optimistic lock: Conflict when the object has another version. An object that is gone is made anew all the same: see `uid`. */
  readonly resourceVersion?: string | undefined;
  /** Conflict when the object is gone, or is a later one of the same name. */
  readonly uid?: string | undefined;
};

export type RemoveOptions = CallOptions & {
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  /** Conflict unless the object is at this version. */
  readonly resourceVersion?: string | undefined;
  /** Conflict unless it is this very object and not a later one of the same name. */
  readonly uid?: string | undefined;
};

export type WatchOptions = {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Events after this version only. */
  readonly resourceVersion: string;
  /** After this many seconds the server ends the watch by itself. */
  readonly timeoutSeconds: number;
  /** After this many milliseconds without a byte the watch ends: the connection may be dead, and a new one costs little. */
  readonly silenceMs: number;
  /** The server has accepted the watch. */
  readonly onOpen?: (() => void) | undefined;
};

export type WatchEvent = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: KubeObject };

/** One page of a LIST. `resourceVersion` is that of the whole list: a watch starts from it. */
export type ListPage = { readonly items: readonly KubeObject[]; readonly resourceVersion: string };

/** One finished request, for metrics. `code` is the HTTP status, or why there was none. `verb` is that of RBAC. */
export type CallReport = {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  readonly resource: string;
  readonly code: number | 'timeout' | 'network' | 'aborted';
  readonly seconds: number;
};

/**
 * All methods reject with KubeError and with nothing else (a mistake of the program apart). A write with a field that the server
 * does not know is Invalid and changes nothing.
 */
export type KubeClient = {
  /** The object, or undefined when it does not exist. */
  readonly get: (ref: ObjectRef, options?: CallOptions) => Promise<KubeObject | undefined>;
  /** All objects, read page by page. */
  readonly list: (resource: ResourceType, options?: ListOptions) => Promise<ListPage>;
  /** The same, one page at a time, so that nobody needs to hold all of them. Gone when the pages took too long: start over. */
  readonly listPages: (resource: ResourceType, options?: ListOptions) => AsyncGenerator<ListPage, void, void>;
  /** Server-side apply with force. Send only fields that `fieldManager` owns; one that it sent before and leaves out now is deleted. */
  readonly apply: (object: ObjectBody, options: ApplyOptions) => Promise<KubeObject>;
  /** AlreadyExists when there is one of that name. */
  readonly create: (object: ObjectBody, options?: CallOptions) => Promise<KubeObject>;
  /** Replaces the whole object (PUT). With metadata.resourceVersion in it: Conflict unless it is still at that version. */
  readonly replace: (object: ObjectBody, options?: CallOptions) => Promise<KubeObject>;
  /**
   * Deletes; an object that does not exist is a success. Gives the uid of the object that is gone by this; undefined when there was none,
   * or when its finalizers keep it.
   */
  readonly remove: (ref: ObjectRef, options?: RemoveOptions) => Promise<string | undefined>;
  /** Events until the server ends the watch, silence, or abort (then it returns); rejects on errors, Gone among them. */
  readonly watch: (resource: ResourceType, options: WatchOptions, signal: AbortSignal) => AsyncGenerator<WatchEvent, void, void>;
};
