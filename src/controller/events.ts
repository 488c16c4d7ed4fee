// Events on objects, as `kubectl describe` shows them. They are for people: a lost one is logged and never stops any work.

import { createHash } from 'node:crypto';

import type { KubeObject, ObjectMeta } from '../api/resources.ts';
import { RESOURCE } from '../api/resources.ts';
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { isKubeError, toError } from './errors.ts';
import { wholeSeconds } from './times.ts';
import type { TokenBucket } from './tokenBucket.ts';
import { createTokenBucket } from './tokenBucket.ts';

/** What an Event is about: any kind of object. */
export type Regarding = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid'>;
};

export type EventNote = {
  readonly regarding: Regarding;
  readonly type: 'Normal' | 'Warning';
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
};

export type EventRecorder = {
  /** Returns at once and never throws. The same note again raises the count of its Event. */
  readonly record: (note: EventNote) => void;
  /** Resolves when everything recorded so far is written or given up. */
  readonly flush: () => Promise<void>;
};

export type EventRecorderOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Shown by kubectl as the source. */
  readonly component: string;
  /** Name of this process (the pod). */
  readonly instance: string;
  readonly onError?: (error: Error, note: EventNote) => void;
  /** Events per object: bursts of `burst`, refilled with `perMinute`; 60 and 6 when absent. */
  readonly perObject?: { readonly burst: number; readonly perMinute: number };
};

type Series = { readonly name: string; firstSeen: string; count: number; stored: boolean };
type Pending = { readonly key: string; readonly note: EventNote; times: number };

const longestMessage = 1024;
/** Notes that may wait to be written, and objects and series that are remembered: bounds on memory, not on use. */
const mostPending = 1000;
const mostRemembered = 2000;

/** A recorder with nothing to write. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const pending = new Map<string, Pending>();
  const series = new Map<string, Series>();
  const buckets = new Map<string, TokenBucket>();
  const perObject = options.perObject ?? { burst: 60, perMinute: 6 };
  let writing: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    for (let [entry] = pending.values(); entry !== undefined; [entry] = pending.values()) {
      pending.delete(entry.key);
      try {
        await writeEvent(options, remember(series, entry.key, () => newSeries(options.clock, entry.key, entry.note)), entry);
      } catch (error) {
        options.onError?.(toError(error), entry.note);
      }
    }
    writing = undefined;
  };

  return {
    record: (note) => {
      const { uid, name, namespace } = note.regarding.metadata;
      const object = `${note.regarding.kind}/${namespace ?? ''}/${name}/${uid ?? ''}`;
      const key = [object, note.type, note.reason, note.message].join('\n');
      const waiting = pending.get(key);
      if (waiting !== undefined) {
        waiting.times += 1;
        return;
      }
      const bucket = remember(buckets, object, () => createTokenBucket(options.clock, perObject.perMinute / 60, perObject.burst));
      if (pending.size >= mostPending || !bucket.tryTake()) {
        options.onError?.(new Error('Too many events; this one is left out.'), note);
        return;
      }
      pending.set(key, { key, note, times: 1 });
      writing ??= Promise.resolve().then(drain);
    },
    flush: () => writing ?? Promise.resolve(),
  };
}

/** The name follows from what is said about what, so that a restarted process goes on with the Event that the last one wrote. */
function newSeries(clock: Clock, key: string, note: EventNote): Series {
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 16);
  // Names of objects reach 253 characters; that is the limit for the name of an Event too.
  const name = `${note.regarding.metadata.name.slice(0, 230).replace(/[.-]+$/, '')}.${digest}`;
  return { name, firstSeen: wholeSeconds(clock.now()), count: 0, stored: false };
}

async function writeEvent(options: EventRecorderOptions, series: Series, { note, times }: Pending): Promise<void> {
  series.count += times;
  if (!series.stored) {
    try {
      await options.client.create(eventBody(options, series, note));
      series.stored = true;
      return;
    } catch (error) {
      if (!isKubeError(error, 'AlreadyExists')) throw error;
    }
    const namespace = note.regarding.metadata.namespace ?? 'default';
    const before = await options.client.get({ resource: RESOURCE.event, namespace, name: series.name });
    if (typeof before?.['count'] === 'number') series.count += before['count'];
    if (typeof before?.['firstTimestamp'] === 'string') series.firstSeen = before['firstTimestamp'];
    series.stored = true;
  }
  await options.client.apply(eventBody(options, series, note), { fieldManager: `${options.component}-events` });
}

function eventBody(options: EventRecorderOptions, series: Series, note: EventNote): KubeObject {
  const { apiVersion, kind, metadata } = note.regarding;
  const namespace = metadata.namespace ?? 'default';
  return {
    apiVersion: RESOURCE.event.apiVersion,
    kind: RESOURCE.event.kind,
    metadata: { name: series.name, namespace },
    involvedObject: { apiVersion, kind, name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
    type: note.type,
    reason: note.reason,
    message: note.message.length <= longestMessage ? note.message : `${note.message.slice(0, longestMessage - 1)}…`,
    count: series.count,
    firstTimestamp: series.firstSeen,
    lastTimestamp: wholeSeconds(options.clock.now()),
    source: { component: options.component },
    reportingComponent: options.component,
    reportingInstance: options.instance,
  };
}

/** The value for `key`, made when there is none; the one that was used least recently goes when there are too many. */
function remember<V>(values: Map<string, V>, key: string, make: () => V): V {
  const value = values.get(key) ?? make();
  values.delete(key);
  values.set(key, value);
  const [oldest] = values.keys();
  if (values.size > mostRemembered && oldest !== undefined) values.delete(oldest);
  return value;
}
