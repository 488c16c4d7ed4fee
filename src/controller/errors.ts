// One shape for everything that can go wrong between this process and the API server. Headers (and so tokens) never get in.

export type KubeErrorKind =
  | 'NotFound'
  | 'Conflict'
  | 'AlreadyExists'
  | 'Invalid'
  | 'Forbidden'
  | 'Unauthorized'
  | 'TooManyRequests'
  | 'Gone'
  | 'Timeout'
  | 'Network'
  | 'Server'
  | 'Aborted';

/**
 * A failed call.
 * - `code`: HTTP status, absent when there was no answer.
 * - `retryable`: doing the work again from fresh reads may succeed although nobody changes anything.
 * - `retryAfterMs`: the server asked for this much patience.
 * After Timeout, Network or Aborted a write may or may not have happened: read before deciding.
 */
export class KubeError extends Error {
  readonly kind: KubeErrorKind;
  readonly code: number | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(kind: KubeErrorKind, message: string, options: { code?: number; retryAfterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'KubeError';
    this.kind = kind;
    this.code = options.code;
    this.retryAfterMs = options.retryAfterMs;
    this.retryable = isRetryable(kind);
  }
}

/** Whether `error` is a KubeError of one of `kinds` (of any kind when none is named). */
export function isKubeError(error: unknown, ...kinds: readonly KubeErrorKind[]): error is KubeError {
  return error instanceof KubeError && (kinds.length === 0 || kinds.includes(error.kind));
}

function isRetryable(kind: KubeErrorKind): boolean {
  switch (kind) {
    case 'Conflict':
    case 'AlreadyExists':
    case 'Unauthorized': // tokens rotate: the next read of the file may hold a good one
    case 'TooManyRequests':
    case 'Gone':
    case 'Timeout':
    case 'Network':
    case 'Server':
      return true;
    case 'NotFound':
    case 'Invalid':
    case 'Forbidden':
    case 'Aborted':
      return false;
  }
}

type StatusBody = {
  readonly message?: unknown;
  readonly reason?: unknown;
  readonly details?: { readonly retryAfterSeconds?: unknown } | null;
};

/**
 * The error in an answer with a failing HTTP status.
 * `call` names the call for people ("get deployments risk/fraud-a"); `body` is the answer's text, normally a v1 Status;
 * `retryAfter` is the header's value, `nowMs` the wall clock that a date in it is compared with.
 */
export function errorFromResponse(call: string, code: number, body: string, retryAfter: string | undefined, nowMs: number): KubeError {
  const status = parseStatus(body);
  const reason = typeof status.reason === 'string' ? status.reason : '';
  const said = typeof status.message === 'string' && status.message !== '' ? status.message : shorten(body);
  const kind = isMalformedApply(code, said) ? 'Invalid' : kindOf(code, reason);
  const message = `${call}: ${String(code)} ${reason === '' ? kind : reason}${said === '' ? '' : `: ${said}`}`;
  return new KubeError(kind, message, { code, retryAfterMs: retryAfterMs(retryAfter, status, nowMs) });
}

/** The error in a watch event of type ERROR, whose object is a v1 Status. */
export function errorFromStatusObject(call: string, status: unknown): KubeError {
  const code = typeof status === 'object' && status !== null && 'code' in status && typeof status.code === 'number' ? status.code : 500;
  return errorFromResponse(call, code, JSON.stringify(status ?? {}), undefined, 0);
}

/** The error for a request that got no answer: refused, reset, name not found, bad certificate. */
export function errorFromNetwork(call: string, cause: unknown): KubeError {
  return new KubeError('Network', `${call}: ${describeNetworkCause(cause)}`, { cause });
}

/** Whatever was thrown, as an Error with a message; for logs and callbacks. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`Something that is no Error was thrown: ${String(thrown)}`);
}

/**
 * Server-side apply answers 500 for an object that does not fit the schema (an unknown field, a text where a number belongs), though the
 * request is what is wrong and trying again does not help. Only the message tells it from a server in trouble.
 */
function isMalformedApply(code: number, said: string): boolean {
  return code === 500 && /^failed to (create typed patch object|convert new object) \(/.test(said);
}

function kindOf(code: number, reason: string): KubeErrorKind {
  if (code === 409) return reason === 'AlreadyExists' ? 'AlreadyExists' : 'Conflict';
  if (code === 504 || code === 408) return 'Timeout';
  if (code >= 500) return 'Server';
  switch (code) {
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 410:
      return 'Gone';
    case 429:
      return 'TooManyRequests';
    default:
      return 'Invalid'; // 400, 405, 413, 415, 422: the request itself is wrong
  }
}

function parseStatus(body: string): StatusBody {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {}; // a proxy answers in HTML or plain text
  }
}

/** RFC 9110: Retry-After is seconds or a date. The Status may carry it too. */
function retryAfterMs(header: string | undefined, status: StatusBody, nowMs: number): number | undefined {
  if (header !== undefined && /^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = header === undefined ? Number.NaN : Date.parse(header);
  if (!Number.isNaN(date)) return Math.max(0, date - nowMs);
  const seconds = status.details?.retryAfterSeconds;
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined;
}

/** fetch hides what happened behind "fetch failed" and one or more causes. */
function describeNetworkCause(cause: unknown): string {
  const parts: string[] = [];
  for (let error: unknown = cause; error instanceof Error && parts.length < 4; error = error.cause) {
    const code = 'code' in error && typeof error.code === 'string' ? `${error.code} ` : '';
    if (error.message !== '' || code !== '') parts.push(`${code}${error.message}`.trim());
  }
  return parts.length === 0 ? 'the connection failed' : parts.join(': ');
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= 300 ? line : `${line.slice(0, 300)}…`;
}
