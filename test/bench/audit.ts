// The operator's writes as the API server saw them: its audit log, restricted to one user and to what changes something.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The policy: every write of `user`, those of routes with what was sent (the weight is in there). */
export function auditPolicy(user: string): string {
  const writes = { users: [user], verbs: ['create', 'update', 'patch', 'delete'] };
  return JSON.stringify({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [
      { level: 'Request', ...writes, resources: [{ group: 'gateway.networking.k8s.io', resources: ['httproutes'] }] },
      { level: 'Metadata', ...writes },
      { level: 'None' },
    ],
  });
}

/** One write that the API server answered. */
export interface Write {
  /** When it had come in, and when it was answered; milliseconds since the epoch. */
  readonly receivedMs: number;
  readonly answeredMs: number;
  readonly verb: string;
  /** Plural; a subresource follows after a slash. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly code: number;
  readonly isDryRun: boolean;
  /** Of a route: `r<number>/<decision>/<detail>`. */
  readonly decision: string | undefined;
}

export interface Audit {
  /** All writes so far, in the order in which they were answered. */
  readonly writes: () => readonly Write[];
}

/** Follows an audit log that the API server writes to `path`. */
export function followAudit(path: string): Audit {
  const known: Write[] = [];
  let offset = 0;
  let rest = Buffer.alloc(0);
  return {
    writes: () => {
      const added = readFrom(path, offset);
      offset += added.length;
      const text = Buffer.concat([rest, added]);
      const end = text.lastIndexOf('\n') + 1;
      rest = text.subarray(end);
      for (const line of text.subarray(0, end).toString('utf8').split('\n')) if (line !== '') known.push(readWrite(line));
      return known;
    },
  };
}

function readFrom(path: string, offset: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.max(0, fstatSync(file).size - offset));
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, offset));
  } finally {
    closeSync(file);
  }
}

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestObject?: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } };
}

function readWrite(line: string): Write {
  const { verb, requestURI, requestReceivedTimestamp, stageTimestamp, objectRef, responseStatus, requestObject } = JSON.parse(
    line,
  ) as AuditEvent;
  const { resource = '', subresource, namespace = '', name = '' } = objectRef ?? {};
  return {
    receivedMs: milliseconds(requestReceivedTimestamp),
    answeredMs: milliseconds(stageTimestamp),
    verb,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
    code: responseStatus?.code ?? 0,
    isDryRun: requestURI.includes('dryRun=All'),
    decision: requestObject?.metadata?.annotations?.['plimsoll.dev/decision'],
  };
}

/** Times have microseconds, which Date cuts off. */
function milliseconds(timestamp: string): number {
  const fraction = /\.(\d+)Z$/.exec(timestamp)?.[1] ?? '0';
  return Math.floor(Date.parse(timestamp) / 1000) * 1000 + Number(`0.${fraction}`) * 1000;
}

/** What counts against the budget of writes: changes of objects. A rehearsal changes nothing, Events and the Lease are counted apart. */
export function isCounted({ resource, isDryRun }: Write): boolean {
  return !isDryRun && resource !== 'events' && resource !== 'leases';
}
