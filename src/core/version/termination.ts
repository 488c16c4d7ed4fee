// What a resolve Job or a fetch container leaves behind as its termination message: JSON of at most 4096 bytes, kubelet's limit.
// The writer runs in a tenant's namespace, so whoever reads it treats it as hostile.

import type { Failure } from './failure.ts';
import { decodeMetadata, encodeMetadata, type Metadata } from './metadata.ts';
import { decodePins, type Pins } from './pins.ts';
import { cleanText } from './text.ts';

/** What a version's pointer turned out to be. `resolvedAt` is RFC 3339 in UTC; `uri` holds no credentials and no query. */
export interface Resolved {
  readonly digest: string;
  readonly omsDigest: string;
  readonly files: number;
  readonly bytes: number;
  readonly uri: string;
  readonly resolvedAt: string;
  /** What the pointer was resolved to, where it is one that can move. */
  readonly pins?: Pins;
}

/** A failure as read back: `reason` has the form of a condition reason, but may be one that a newer image invented. */
export interface ReportedFailure {
  readonly reason: string;
  readonly message: string;
  readonly retryable: boolean;
}

export type Termination =
  { readonly kind: 'resolved'; readonly resolved: Resolved; readonly metadata?: Metadata } | { readonly kind: 'failed'; readonly failure: ReportedFailure };

/** What came of reading a termination message; `problem` is the end of a sentence that begins with 'the termination message'. */
export type DecodedTermination = { readonly ok: true; readonly value: Termination } | { readonly ok: false; readonly problem: string };

export const MAX_TERMINATION_BYTES = 4096;

/** Characters of a failure's message that are kept: four bytes each at worst, so that the whole stays under 4096. */
const MAX_MESSAGE_CHARACTERS = 900;
const MAX_URI_CHARACTERS = 2048;

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const REASON = /^[A-Z][A-Za-z]{0,63}$/;
const URI = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/;
/** JSON would escape quotes and backslashes, and other characters take more than a byte: none belongs into a URI. */
const NOT_IN_URI = /[^\x21-\x7e]|["\\]/gu;
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/;

/** The message for a version that was resolved; of `metadata` it holds what there is room for. */
export function encodeResolved(resolved: Resolved, metadata: Metadata = {}): string {
  const { digest, omsDigest, files, bytes, resolvedAt, pins } = resolved;
  const uri = resolved.uri.toWellFormed().replace(NOT_IN_URI, encodeURIComponent).slice(0, MAX_URI_CHARACTERS);
  const message = { resolved: { digest, omsDigest, files, bytes, uri, resolvedAt, ...(pins ? { pins } : {}) } };
  const room = MAX_TERMINATION_BYTES - Buffer.byteLength(JSON.stringify({ ...message, metadata: '' }));
  const encoded = encodeMetadata(metadata, room);
  return JSON.stringify({ ...message, ...(encoded === undefined ? {} : { metadata: encoded }) });
}

/** The message for a failure; a long text is cut. */
export function encodeFailure(failure: Failure): string {
  const { reason, message, retryable } = failure;
  return JSON.stringify({ failure: { reason, message: cleanText(message, MAX_MESSAGE_CHARACTERS), retryable } });
}

/** Reads a termination message from a pod's status, where it may be absent or anything at all. Never throws. */
export function decodeTermination(text: string | undefined): DecodedTermination {
  if (text === undefined || text.trim() === '') return problem('is empty');
  if (new TextEncoder().encode(text).length > MAX_TERMINATION_BYTES) return problem(`is longer than ${MAX_TERMINATION_BYTES} bytes`);
  const document = parse(text);
  if (!isRecord(document)) return problem('is not a JSON object');
  if (isRecord(document['resolved'])) return decodeResolved(document['resolved'], decodeMetadata(document['metadata']));
  if (isRecord(document['failure'])) return decodeFailure(document['failure']);
  return problem('holds neither resolved nor failure');
}

function decodeResolved(value: Readonly<Record<string, unknown>>, metadata: Metadata | undefined): DecodedTermination {
  const { digest, omsDigest, files, bytes, uri, resolvedAt } = value;
  if (!matches(digest, DIGEST)) return problem('has no sha256 digest in resolved.digest');
  if (!matches(omsDigest, DIGEST)) return problem('has no sha256 digest in resolved.omsDigest');
  if (!isCount(files) || files === 0) return problem('has no number of files in resolved.files');
  if (!isCount(bytes)) return problem('has no number of bytes in resolved.bytes');
  if (!matches(uri, URI) || uri.length > MAX_URI_CHARACTERS) return problem('has no URI in resolved.uri');
  if (!matches(resolvedAt, TIMESTAMP) || Number.isNaN(Date.parse(resolvedAt))) return problem('has no time in resolved.resolvedAt');
  const pins = value['pins'] === undefined ? undefined : decodePins(value['pins']);
  if (pins === undefined && value['pins'] !== undefined) return problem('has no map of short texts in resolved.pins');
  const resolved = { digest, omsDigest, files, bytes, uri, resolvedAt, ...(pins ? { pins } : {}) };
  return { ok: true, value: { kind: 'resolved', resolved, ...(metadata ? { metadata } : {}) } };
}

function decodeFailure(value: Readonly<Record<string, unknown>>): DecodedTermination {
  const { reason, message, retryable } = value;
  if (!matches(reason, REASON)) return problem('has no reason in failure.reason');
  if (typeof message !== 'string') return problem('has no text in failure.message');
  if (typeof retryable !== 'boolean') return problem('has neither true nor false in failure.retryable');
  return { ok: true, value: { kind: 'failed', failure: { reason, message: cleanText(message, MAX_MESSAGE_CHARACTERS), retryable } } };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function problem(text: string): DecodedTermination {
  return { ok: false, problem: text };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
