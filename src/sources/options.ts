// What a resolve Job or a fetch container is asked to do: one JSON document, written by the operator.

import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../core/version/limits.ts';
import type { Limits, Timeouts } from '../core/version/limits.ts';
import { quote } from '../core/version/text.ts';
import { httpSource } from './http.ts';
import { pvcSource } from './pvc.ts';
import type { PvcSourceOptions } from './pvc.ts';
import type { Source } from './source.ts';
import type { Store } from './store.ts';

/** Where the bytes are: the union of spec.source of a ModelVersion, with the place where a claim is mounted. */
export type SourceOptions = { readonly http: { readonly url: string } } | { readonly pvc: PvcSourceOptions };

/** What both jobs need. `accessDir` is the folder of the mounted Secret; `digest` is 'sha256:' + 64 hexadecimal characters. */
export interface ResolveOptions {
  readonly source: SourceOptions;
  readonly digest: string | undefined;
  readonly accessDir: string | undefined;
  /** The claim that holds, or is to hold, a copy of ours. */
  readonly storage: Store | undefined;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
}

/** What only fetch needs. `to` is the folder of the shared volume; `format` is spec.format.name, needed by preset mlserver. */
export interface FetchOptions extends ResolveOptions {
  readonly digest: string;
  readonly model: string;
  readonly version: string;
  readonly format: string | undefined;
  readonly to: string;
  readonly preset: Preset;
}

/** Who serves: mlserver gets a model-settings.json, custom gets the bytes and nothing else. */
export type Preset = 'mlserver' | 'custom';

type Fields = Readonly<Record<string, unknown>>;

const KNOWN = ['source', 'digest', 'model', 'version', 'format', 'to', 'accessDir', 'sourceDir', 'storage', 'limits', 'timeouts', 'preset'];
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Reads the options of a resolve Job from the JSON text of its environment variable. Fields that only fetch needs may be there. */
export function parseResolveOptions(json: string | undefined): Outcome<ResolveOptions> {
  return parsing(json, readCommon);
}

/** Reads the options of a fetch container from the JSON text of its environment variable. */
export function parseFetchOptions(json: string | undefined): Outcome<FetchOptions> {
  return parsing(json, (fields) => {
    const common = readCommon(fields);
    if (common.digest === undefined) throw new Problem('digest is missing: bytes that were not pinned are not served');
    const preset = readText(fields, 'preset');
    if (preset !== 'mlserver' && preset !== 'custom') throw new Problem(`preset must be mlserver or custom, not ${quote(preset)}`);
    const format = fields['format'] === undefined ? undefined : readText(fields, 'format');
    if (preset === 'mlserver' && format === undefined) throw new Problem('format is missing: preset mlserver needs it');
    const [model, version, to] = [readText(fields, 'model'), readText(fields, 'version'), readFolder(fields, 'to')];
    return { ...common, digest: common.digest, model, version, format, to, preset };
  });
}

/** The source that the options name. */
export function sourceOf(options: ResolveOptions): Source {
  const { source, accessDir } = options;
  return 'http' in source ? httpSource({ url: source.http.url, accessDir }) : pvcSource(source.pvc);
}

/** What is wrong with the document: thrown while reading, a value outside. */
class Problem extends Error {}

function parsing<T>(json: string | undefined, read: (fields: Fields) => T): Outcome<T> {
  try {
    if (json === undefined || json === '') throw new Problem('they are missing');
    const fields = asFields(parseJson(json), 'the document');
    const unknown = Object.keys(fields).find((field) => !KNOWN.includes(field));
    if (unknown !== undefined) throw new Problem(`the field ${quote(unknown)} is not known; known are ${KNOWN.join(', ')}`);
    return success(read(fields));
  } catch (error) {
    if (error instanceof Problem)
      return finalFailure('InvalidOptions', `The job's options (PLIMSOLL_JOB) are not usable: ${error.message}.`);
    throw error;
  }
}

function readCommon(fields: Fields): ResolveOptions {
  const digest = fields['digest'] === undefined ? undefined : readText(fields, 'digest');
  if (digest !== undefined && !DIGEST.test(digest))
    throw new Problem(`digest must be sha256: and 64 hexadecimal characters, not ${quote(digest)}`);
  return {
    source: readSource(fields),
    digest,
    accessDir: fields['accessDir'] === undefined ? undefined : readFolder(fields, 'accessDir'),
    storage: readStorage(fields['storage']),
    limits: readNumbers(fields['limits'], 'limits', DEFAULT_LIMITS),
    timeouts: readNumbers(fields['timeouts'], 'timeouts', DEFAULT_TIMEOUTS),
  };
}

/** A claim is named in the source; where kubelet has mounted it is the operator's choice. */
function readSource(fields: Fields): SourceOptions {
  const source = asFields(fields['source'], 'source');
  const [kind, ...more] = Object.keys(source);
  if (more.length > 0 || (kind !== 'http' && kind !== 'pvc')) throw new Problem('source must hold exactly one of http, pvc');
  const member = asFields(source[kind], `source.${kind}`);
  if (kind === 'http') return { http: { url: readText(member, 'url', 'source.http.url') } };
  const path = member['path'] === undefined ? '' : readText(member, 'path', 'source.pvc.path');
  return { pvc: { claim: readText(member, 'claim', 'source.pvc.claim'), path, mountedAt: readFolder(fields, 'sourceDir') } };
}

function readStorage(value: unknown): Store | undefined {
  if (value === undefined) return undefined;
  const storage = asFields(value, 'storage');
  return { claim: readText(storage, 'claim', 'storage.claim'), mountedAt: readFolder(storage, 'mountedAt', 'storage.mountedAt') };
}

/** `defaults` with the positive whole numbers that `value` holds for some of its fields. */
function readNumbers<T extends { readonly [K in keyof T]: number }>(value: unknown, name: string, defaults: T): T {
  if (value === undefined) return defaults;
  const fields = asFields(value, name);
  for (const [field, number] of Object.entries(fields)) {
    if (!Object.hasOwn(defaults, field)) throw new Problem(`${name} has the unknown field ${quote(field)}`);
    if (!Number.isSafeInteger(number) || (number as number) <= 0) throw new Problem(`${name}.${field} must be a positive whole number`);
  }
  return { ...defaults, ...fields };
}

function readFolder(fields: Fields, name: string, shown = name): string {
  const path = readText(fields, name, shown);
  if (!path.startsWith('/')) throw new Problem(`${shown} must be an absolute path, not ${quote(path)}`);
  return path;
}

function readText(fields: Fields, name: string, shown = name): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '') throw new Problem(`${shown} must be a text that is not empty`);
  return value;
}

function asFields(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Problem(`${name} must be a JSON object`);
  return value as Fields;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw new Problem('they are not JSON');
  }
}
