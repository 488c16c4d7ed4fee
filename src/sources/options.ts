// What a Job or a fetch container is asked to do: one JSON document, written by the operator.

import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../core/version/limits.ts';
import type { Limits, Timeouts } from '../core/version/limits.ts';
import { readPin } from '../core/version/mlflow.ts';
import { decodePins } from '../core/version/pins.ts';
import { MOST_NEEDED, type Allowance } from '../core/version/room.ts';
import type { Tags } from '../core/version/tags.ts';
import { quote } from '../core/version/text.ts';
import { fieldsOf, folderOf, optionalTextOf, Problem, textOf, textsOf, type Fields } from './fields.ts';
import { SOURCES } from './kinds.ts';
import type { Source } from './source.ts';
import type { Store } from './copies.ts';

/** What every job needs. */
export interface JobOptions {
  readonly limits: Limits;
  readonly timeouts: Timeouts;
}

/** What both jobs that read a source need. `digest` is 'sha256:' + 64 hexadecimal characters. */
export interface ResolveOptions extends JobOptions {
  readonly source: Source;
  readonly digest: string | undefined;
  /** The claim that holds, or is to hold, a copy of ours. */
  readonly storage: Store | undefined;
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

/** What a Job that writes tags into MLflow's registry needs. */
export interface TagOptions extends JobOptions {
  /** spec.source.mlflow.server. */
  readonly server: string;
  readonly accessDir: string | undefined;
  /** Name of the registered model, and number of its version. */
  readonly model: string;
  readonly version: string;
  /** Name of the ModelVersion, which is in the tags' values. */
  readonly owner: string;
  /** What the keys of its tags begin with. */
  readonly prefix: string;
  readonly tags: Tags;
}

/** Who serves: mlserver gets a model-settings.json, custom gets the bytes and nothing else. */
export type Preset = 'mlserver' | 'custom';

const KNOWN = ['source', 'pins', 'digest', 'model', 'version', 'format', 'to', 'preset', 'accessDir', 'sourceDir', 'storage', 'limits', 'timeouts'];
const KNOWN_OF_TAGS = ['server', 'accessDir', 'model', 'version', 'owner', 'prefix', 'tags', 'timeouts'];
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Reads the options of a resolve Job from the JSON text of its environment variable. Fields that only fetch needs may be there. */
export function parseResolveOptions(json: string | undefined): Outcome<ResolveOptions> {
  return parsing(json, KNOWN, readCommon);
}

/** Reads the options of a fetch container from the JSON text of its environment variable. */
export function parseFetchOptions(json: string | undefined): Outcome<FetchOptions> {
  return parsing(json, KNOWN, (fields) => {
    const common = readCommon(fields);
    if (common.digest === undefined) throw new Problem('digest is missing: bytes that were not pinned are not served');
    const preset = textOf(fields, 'preset');
    if (preset !== 'mlserver' && preset !== 'custom') throw new Problem(`preset must be mlserver or custom, not ${quote(preset)}`);
    const format = optionalTextOf(fields, 'format');
    if (preset === 'mlserver' && format === undefined) throw new Problem('format is missing: preset mlserver needs it');
    const [model, version, to] = [textOf(fields, 'model'), textOf(fields, 'version'), folderOf(fields, 'to')];
    return { ...common, digest: common.digest, model, version, format, to, preset };
  });
}

/** Within the deadline of the Job. */
const TAG_TIMEOUTS: Timeouts = { ...DEFAULT_TIMEOUTS, totalMs: 150_000, retryMs: 60_000 };

/** Reads the options of a Job that writes tags from the JSON text of its environment variable. */
export function parseTagOptions(json: string | undefined): Outcome<TagOptions> {
  return parsing(json, KNOWN_OF_TAGS, (fields) => {
    const model = readPin(textOf(fields, 'model'));
    if (model === undefined) throw new Problem('model must be a name as a pin has it');
    const tags = fieldsOf(fields['tags'], 'tags');
    return {
      server: textOf(fields, 'server'),
      accessDir: optionalFolderOf(fields, 'accessDir'),
      model,
      version: textOf(fields, 'version'),
      owner: textOf(fields, 'owner'),
      prefix: textOf(fields, 'prefix'),
      tags: Object.fromEntries(Object.keys(tags).map((key) => [key, textOf(tags, key)])),
      limits: DEFAULT_LIMITS,
      timeouts: readNumbers(fields['timeouts'], 'timeouts', TAG_TIMEOUTS),
    };
  });
}

function parsing<T>(json: string | undefined, known: readonly string[], read: (fields: Fields) => T): Outcome<T> {
  try {
    if (json === undefined || json === '') throw new Problem('they are missing');
    const fields = fieldsOf(parseJson(json), 'the document');
    const unknown = Object.keys(fields).find((field) => !known.includes(field));
    if (unknown !== undefined) throw new Problem(`the field ${quote(unknown)} is not known; known are ${known.join(', ')}`);
    return success(read(fields));
  } catch (error) {
    if (error instanceof Problem)
      return finalFailure('InvalidOptions', `The job's options (PLIMSOLL_JOB) are not usable: ${error.message}.`);
    throw error;
  }
}

function readCommon(fields: Fields): ResolveOptions {
  const digest = optionalTextOf(fields, 'digest');
  if (digest !== undefined && !DIGEST.test(digest))
    throw new Problem(`digest must be sha256: and 64 hexadecimal characters, not ${quote(digest)}`);
  return {
    source: readSource(fields),
    digest,
    storage: readStorage(fields['storage']),
    limits: readNumbers(fields['limits'], 'limits', DEFAULT_LIMITS),
    timeouts: readNumbers(fields['timeouts'], 'timeouts', DEFAULT_TIMEOUTS),
  };
}

/** Exactly one member, of a kind that is known. */
function readSource(fields: Fields): Source {
  const source = fieldsOf(fields['source'], 'source');
  const [kind = '', ...more] = Object.keys(source);
  const make = Object.hasOwn(SOURCES, kind) ? SOURCES[kind] : undefined;
  if (more.length > 0 || make === undefined) throw new Problem(`source must hold exactly one of ${Object.keys(SOURCES).join(', ')}`);
  const pins = fields['pins'] === undefined ? undefined : decodePins(fields['pins']);
  if (fields['pins'] !== undefined && pins === undefined) throw new Problem('pins must be a small map of texts');
  const place = { accessDir: optionalFolderOf(fields, 'accessDir'), sourceDir: optionalFolderOf(fields, 'sourceDir'), pins };
  return make(fieldsOf(source[kind], `source.${kind}`), place);
}

function optionalFolderOf(fields: Fields, name: string): string | undefined {
  return fields[name] === undefined ? undefined : folderOf(fields, name);
}

function readStorage(value: unknown): Store | undefined {
  if (value === undefined) return undefined;
  const storage = fieldsOf(value, 'storage');
  return {
    claim: textOf(storage, 'claim', 'storage.claim'),
    mountedAt: folderOf(storage, 'mountedAt', 'storage.mountedAt'),
    allowance: readAllowance(storage['allowance']),
  };
}

function readAllowance(value: unknown): Allowance | undefined {
  if (value === undefined) return undefined;
  const fields = fieldsOf(value, 'storage.allowance');
  const needed = fields['needed'] === undefined ? undefined : textsOf(fields, 'needed', 'storage.allowance.needed');
  const wrong = needed?.find((digest) => !DIGEST.test(digest));
  if (wrong !== undefined) throw new Problem(`storage.allowance.needed must hold digests, not ${quote(wrong)}`);
  if (needed !== undefined && needed.length > MOST_NEEDED) throw new Problem(`storage.allowance.needed must hold at most ${MOST_NEEDED} digests`);
  return {
    bytes: countOf(fields, 'bytes', 'storage.allowance.bytes'),
    needed,
    gatheredAtMs: countOf(fields, 'gatheredAtMs', 'storage.allowance.gatheredAtMs'),
  };
}

/** `defaults` with the positive whole numbers that `value` holds for some of its fields. */
function readNumbers<T extends { readonly [K in keyof T]: number }>(value: unknown, name: string, defaults: T): T {
  if (value === undefined) return defaults;
  const fields = fieldsOf(value, name);
  for (const field of Object.keys(fields)) {
    if (!Object.hasOwn(defaults, field)) throw new Problem(`${name} has the unknown field ${quote(field)}`);
    countOf(fields, field, `${name}.${field}`);
  }
  return { ...defaults, ...fields };
}

function countOf(fields: Fields, name: string, shown: string): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value) || (value as number) <= 0) throw new Problem(`${shown} must be a positive whole number`);
  return value as number;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw new Problem('they are not JSON');
  }
}
