// Turns whatever a caller logs into bounded JSON without secrets.
//
// The Kubernetes client puts a request's headers, and with them its bearer token, into errors; URLs of model sources can carry
// passwords and signatures. A log is read by more people than may know those, so they are masked here, once, for all lines.

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const MASK = '[masked]';
const MAX_TEXT = 8192;
const MAX_ITEMS = 64;
const MAX_DEPTH = 8;

/** Field names whose value is never written, whatever it is. */
const SECRET_NAMES: readonly RegExp[] = [
  /^.*authorization$/i,
  /^(raw)?headers$/i,
  /^(set-)?cookies?$/i,
  /^(passw(or)?d|passphrase|credentials?)$/i,
  /^(client[-_]?)?secret$/i,
  /^((access|auth|bearer|id|refresh|session)[-_]?)?token$/i,
  /^(api|private|secret)[-_]?key$/i,
];

/** Names of query parameters that let whoever has the URL read the file. */
const SIGNATURE_PARAMETERS = 'X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)|sig|signature|(?:access_)?token|api_?key';

/** Parts of texts that are never written. The first one is how the Kubernetes client ends an error's message. */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/\nHeaders: [^\n]*/g, ''],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, `$1 ${MASK}`],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, MASK],
  [/:\/\/[^\s/@]+@/g, `://${MASK}@`],
  [new RegExp(`([?&](?:${SIGNATURE_PARAMETERS})=)[^&\\s"']+`, 'gi'), `$1${MASK}`],
];

/** Removes bearer tokens, passwords in URLs, signatures and header dumps from a text, and cuts it to 8192 characters. */
export function maskText(text: string): string {
  const masked = SECRET_TEXTS.reduce((current, [pattern, replacement]) => current.replace(pattern, replacement), text);
  return masked.length <= MAX_TEXT ? masked : `${masked.slice(0, MAX_TEXT)}… (${masked.length - MAX_TEXT} more characters)`;
}

/**
 * The fields of one log line as JSON. Errors become {name, message, stack, code, cause}; values that JSON lacks become texts;
 * deep, long or circular values are cut; secrets are masked. Undefined fields are left out.
 */
export function fieldsToJson(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, Json>> {
  return recordToJson(Object.entries(fields), 0);
}

function recordToJson(entries: readonly (readonly [string, unknown])[], depth: number): Record<string, Json> {
  const present = entries.filter(([, value]) => value !== undefined && typeof value !== 'function');
  const kept = present.slice(0, MAX_ITEMS).map(([key, value]) => [key, isSecret(key) ? MASK : valueToJson(value, depth + 1)] as const);
  const rest = present.length > MAX_ITEMS ? [['…', `${present.length - MAX_ITEMS} more`] as const] : [];
  return Object.fromEntries<Json>([...kept, ...rest]);
}

function isSecret(name: string): boolean {
  return SECRET_NAMES.some((pattern) => pattern.test(name));
}

function valueToJson(value: unknown, depth: number): Json {
  switch (typeof value) {
    case 'string':
      return maskText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'object':
      return value === null ? null : objectToJson(value, depth);
    default:
      return null;
  }
}

function objectToJson(value: object, depth: number): Json {
  if (depth > MAX_DEPTH) return '[deeper than is logged]';
  if (value instanceof Error) return errorToJson(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Map) return recordToJson([...value].map(([key, item]) => [keyToText(key, depth), item] as const), depth);
  if (value instanceof Set) return listToJson([...value], depth);
  if (Array.isArray(value)) return listToJson(value, depth);
  return recordToJson(Object.entries(value), depth);
}

/** Any value may be a key of a Map, and not every object can be made a string. */
function keyToText(key: unknown, depth: number): string {
  const json = valueToJson(key, depth + 1);
  return typeof json === 'string' ? json : JSON.stringify(json);
}

function listToJson(items: readonly unknown[], depth: number): Json {
  const kept = items.slice(0, MAX_ITEMS).map((item) => valueToJson(item, depth + 1));
  return items.length > MAX_ITEMS ? [...kept, `… ${items.length - MAX_ITEMS} more`] : kept;
}

/** Of an error's own fields only `code` is kept: others of the Kubernetes client's errors repeat the request, headers included. */
function errorToJson(error: Error, depth: number): Json {
  const { code, errors } = error as { readonly code?: unknown; readonly errors?: unknown };
  return recordToJson(
    [
      ['name', error.name],
      ['message', error.message],
      ['code', code],
      ['stack', error.stack],
      ['cause', error.cause],
      ['errors', errors],
    ],
    depth,
  );
}
