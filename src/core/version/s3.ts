// How S3, and every store that speaks as it does, is addressed, and what its refusals mean.

import { finalFailure, passingFailure } from './failure.ts';
import type { Failure } from './failure.ts';
import { quote } from './text.ts';

/** A bucket and where it is. `endpoint` is the base URL of a store that is not AWS's own. */
export interface BucketAddress {
  readonly bucket: string;
  readonly endpoint: string | undefined;
  readonly region: string;
}

/** Names of buckets that can be the first part of a host name under a certificate for `*.s3.<region>.amazonaws.com`. */
const HOST_LABEL = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
const REGION = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;

/**
 * Address of an object, or of the bucket itself for the key ''. AWS has the bucket in the host name, other stores have it in the path,
 * which needs no name resolution of its own. Only for keys that can be asked for (see keyProblem).
 */
export function objectUrl({ bucket, endpoint, region }: BucketAddress, key: string, query: Readonly<Record<string, string>> = {}): URL {
  const inHost = endpoint === undefined && HOST_LABEL.test(bucket);
  const host = inHost ? `${bucket}.${awsHost('s3', region)}` : awsHost('s3', region);
  const base = endpoint?.replace(/\/+$/, '') ?? `https://${host}`;
  const path = [...(inHost ? [] : [bucket]), key].map((part) => part.split('/').map(escape).join('/')).join('/');
  const search = Object.entries(query).map(([name, value]) => `${escape(name)}=${escape(value)}`);
  return new URL(`${base}/${path}${search.length === 0 ? '' : `?${search.join('&')}`}`);
}

/** Host name of a service of AWS in a region. */
export function awsHost(service: string, region: string): string {
  return `${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

/** A region from outside; undefined when the text is none. */
export function regionOf(text: string | undefined): string | undefined {
  return text !== undefined && REGION.test(text) ? text : undefined;
}

/** Why a key cannot be asked for, as the end of a sentence that begins with the key: an address drops such parts before it is sent. */
export function keyProblem(key: string): string | undefined {
  if (!key.isWellFormed()) return 'is not valid UTF-8';
  return key.split('/').some((segment) => segment === '.' || segment === '..') ? "holds a segment '.' or '..'" : undefined;
}

/** What is wrong with the base URL of a store, as the end of a sentence that begins with the field; undefined when nothing is. */
export function endpointProblem(endpoint: string): string | undefined {
  const url = URL.parse(endpoint);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return 'must be a URL that begins with http:// or https://';
  if (url.username !== '' || url.password !== '') return 'holds credentials, which everybody can read there: put them into a Secret';
  return url.search === '' && url.hash === '' ? undefined : 'must hold neither ? nor #';
}

/** One of the versions that a bucket keeps of an object, or the mark that it was deleted. */
export interface Kept {
  readonly key: string;
  readonly isLatest: boolean;
  readonly isDeletion: boolean;
  /** When it was written, in milliseconds. */
  readonly modified: number;
}

/** A bucket, or a folder of it, as it was at a moment. */
export interface Snapshot<T extends Kept> {
  /** Takes versions in the order in which they are listed: those of one key from the newest to the oldest. */
  readonly add: (versions: readonly T[]) => void;
  /** Keys that are remembered, those of deleted objects too. */
  readonly keys: () => number;
  readonly objects: () => readonly T[];
  /** When what was taken was last changed: at that moment it was the same. */
  readonly lastChange: () => number;
}

/**
 * Looks for what was there at a moment. The order of the list decides, not the times: a large object that is uploaded in parts has the
 * time of when that began.
 */
export function snapshot<T extends Kept>(moment: number): Snapshot<T> {
  const found = new Map<string, T>();
  let last = -Infinity;
  return {
    add: (versions) => {
      for (const version of versions.filter(({ modified }) => modified <= moment)) {
        last = Math.max(last, version.modified);
        if (version.isLatest || !found.has(version.key)) found.set(version.key, version);
      }
    },
    keys: () => found.size,
    objects: () => [...found.values()].filter(({ isDeletion }) => !isDeletion),
    lastChange: () => last,
  };
}

/** RFC 3986: all but letters, digits and -._~ is escaped, as signatures ask for. */
function escape(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** An answer that brings nothing. `code` is the store's own word for it. */
export interface StoreRefusal {
  readonly status: number;
  readonly code: string | undefined;
}

/** Whose keys sign: those of the mounted Secret, those of a role that the ServiceAccount stands for, or nobody's. */
export type Signer = 'secret' | 'role' | 'nobody';

/** What was asked for, for sentences. `field` says where its address is written. */
export interface Asked {
  /** `s3://bucket/key`, with where that is. */
  readonly what: string;
  readonly bucket: string;
  readonly field: string;
  readonly signer: Signer;
}

/** A refusal in words for people. Of what the store wrote, only its code is shown: the rest may repeat what was signed. */
export function refusalFailure({ status, code = '' }: StoreRefusal, asked: Asked): Failure {
  const known = MEANINGS[code] ?? MEANINGS[String(status)];
  if (known !== undefined) return known(asked);
  const shown = /^[A-Za-z][A-Za-z.]{0,63}$/.test(code) ? `${status} (${code})` : String(status);
  if (status >= 500) return passingFailure('SourceFailed', `${asked.what} was answered with ${shown}: the store is in trouble.`).failure;
  if (status === 401 || status === 403) return denied(asked, shown);
  return finalFailure('SourceRefused', `${asked.what} was answered with ${shown}, which brings nothing. Check ${asked.field}.`).failure;
}

type Meaning = (asked: Asked) => Failure;

const KEYS: Readonly<Record<Signer, string>> = {
  secret: 'The keys of spec.access.secretRef',
  role: "The ServiceAccount's role",
  nobody: 'The request',
};

const GET_PUBLIC =
  'It was asked for without credentials: if the bucket is not public, put AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY into a Secret and ' +
  'name it in spec.access.secretRef, or let the pods run as a ServiceAccount with a role.';

function denied({ what, signer }: Asked, shown: string): Failure {
  const rights = `${KEYS[signer]} may not read it, or it is not there and listing is not allowed. Wanted: s3:GetObject and s3:ListBucket.`;
  return finalFailure('AccessDenied', `${what} was answered with ${shown}. ${signer === 'nobody' ? GET_PUBLIC : rights}`).failure;
}

function noKeys(problem: string): Meaning {
  return ({ what, signer }) => finalFailure('AccessDenied', `${what} could not be read: ${KEYS[signer]} ${problem}`).failure;
}

const missingKey: Meaning = ({ what, field }) => finalFailure('NotFound', `There is no ${what}. Check ${field}.`).failure;

const later: Meaning = ({ what }) => passingFailure('SourceFailed', `${what}: the store asks to come back later.`).failure;

const archived: Meaning = ({ what }) =>
  finalFailure('SourceRefused', `${what} lies in an archive class of storage, from where it has to be restored first.`).failure;

const elsewhere: Meaning = ({ what, field }) =>
  finalFailure('SourceRefused', `${what} is in another region or at another endpoint, and the store does not say where. Check ${field}.`)
    .failure;

/** By the store's code; by the status for answers without one. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: ({ bucket, what, field }) =>
    finalFailure('NotFound', `There is no bucket ${quote(bucket)}; wanted: ${what}. Check ${field}.`).failure,
  NoSuchKey: missingKey,
  NoSuchVersion: ({ what, field }) => finalFailure('NotFound', `There is no such version of ${what}. Check ${field}.`).failure,
  MethodNotAllowed: ({ what, field }) => finalFailure('NotFound', `This version of ${what} is a deletion. Check ${field}.`).failure,
  404: missingKey,
  InvalidBucketName: ({ bucket, field }) =>
    finalFailure('InvalidSource', `${quote(bucket)} cannot be the name of a bucket. Check ${field}.`).failure,
  AccessDenied: (asked) => denied(asked, 'AccessDenied'),
  AllAccessDisabled: (asked) => denied(asked, 'AllAccessDisabled'),
  AccountProblem: (asked) => denied(asked, 'AccountProblem'),
  InvalidAccessKeyId: noKeys('hold an AWS_ACCESS_KEY_ID that the store does not know.'),
  SignatureDoesNotMatch: noKeys('hold an AWS_SECRET_ACCESS_KEY that does not belong to their AWS_ACCESS_KEY_ID.'),
  ExpiredToken: noKeys('have expired (AWS_SESSION_TOKEN). Renew them.'),
  InvalidToken: noKeys('hold an AWS_SESSION_TOKEN that the store does not accept. Renew them.'),
  TokenRefreshRequired: noKeys('have to be renewed (AWS_SESSION_TOKEN).'),
  RequestTimeTooSkewed: ({ what }) =>
    passingFailure('SourceFailed', `${what} could not be read: this node's clock and the store's differ by more than 15 minutes.`).failure,
  InvalidObjectState: archived,
  PermanentRedirect: elsewhere,
  TemporaryRedirect: later,
  AuthorizationHeaderMalformed: elsewhere,
  301: elsewhere,
  NotImplemented: ({ what }) => finalFailure('SourceRefused', `${what}: the store does not know this kind of request.`).failure,
  PreconditionFailed: ({ what }) => changed(what),
  412: ({ what }) => changed(what),
  SlowDown: later,
  RequestTimeout: later,
  408: later,
  429: later,
};

/** An object that is another one than was listed. Worth another try, which lists anew. */
export function changed(what: string): Failure {
  const wayOut = 'Write each version to a place of its own, and make its ModelVersion once it is complete.';
  return passingFailure('SourceFailed', `${what} changed between listing and fetch. ${wayOut}`).failure;
}
