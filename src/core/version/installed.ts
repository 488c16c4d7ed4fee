// What is installed in the image of a server, and how it compares with what a version needs.

import { inflateRawSync } from 'node:zlib';

import type { Dependencies, Dependency } from './dependencies.ts';
import { markerEnvironment, markerHolds, type MarkerEnvironment } from './markers.ts';
import { parsePythonVersion, satisfies } from './pep440.ts';

/** What a Python was found to have, of the packages that it was asked for. */
export interface Installed {
  /** Its version. */
  readonly python: string;
  /** The processor that it runs on, as platform.machine() calls it. */
  readonly machine: string;
  /** Versions by normalised name; one that was asked for and is not here is not installed. */
  readonly packages: Readonly<Record<string, string>>;
}

/** How the two compare. `differences` are parts of a sentence. */
export type Comparison =
  | { readonly state: 'Match'; readonly compared: number; readonly incomplete: string | undefined }
  | { readonly state: 'Mismatch'; readonly differences: readonly string[]; readonly missing: readonly string[] };

/** Characters of a version, and of a name of a processor. */
const LONGEST = 64;
const INFLATED = 64 * 1024;
const VERSION = /^[\x21-\x7e]{1,64}$/;

/**
 * Reads what the program of an inspection that was asked for `names` left as its last word. It is from the user's image, and so may be
 * anything.
 */
export function decodeInstalled(text: string | undefined, names: readonly string[]): Installed | undefined {
  try {
    const { inspected } = JSON.parse(text ?? '') as { readonly inspected?: unknown };
    if (typeof inspected !== 'string') return undefined;
    const answer = inflateRawSync(Buffer.from(inspected, 'base64'), { maxOutputLength: INFLATED }).toString('utf8');
    return boundInstalled(JSON.parse(answer), names);
  } catch {
    return undefined;
  }
}

function boundInstalled(document: unknown, names: readonly string[]): Installed | undefined {
  if (typeof document !== 'object' || document === null) return undefined;
  const { python, machine, versions } = document as Readonly<Record<string, unknown>>;
  if (typeof python !== 'string' || python.length > LONGEST || parsePythonVersion(python) === undefined) return undefined;
  if (typeof machine !== 'string' || !/^[\w.-]{1,64}$/.test(machine)) return undefined;
  if (!Array.isArray(versions) || versions.length !== names.length) return undefined;
  const isUsable = (version: unknown): boolean => version === null || (typeof version === 'string' && VERSION.test(version));
  if (!versions.every(isUsable)) return undefined;
  const installed = names.flatMap((name, index) => {
    const version: unknown = versions[index];
    return typeof version === 'string' ? [[name, version] as const] : [];
  });
  return { python, machine, packages: Object.fromEntries(installed) };
}

/** Names of the packages that an image is asked for. */
export function namesOf({ packages = [] }: Dependencies): readonly string[] {
  return [...new Set(packages.map(({ name }) => name))].sort();
}

/** Compares what is needed with what is there. */
export function compareDependencies(wanted: Dependencies, installed: Installed): Comparison {
  const environment = markerEnvironment(installed.python, installed.machine);
  const results = (wanted.packages ?? []).map((dependency) => compareOne(dependency, installed, environment));
  const python = comparePython(wanted.python, installed.python);
  const texts = (kind: Result['kind']): readonly string[] => [
    ...new Set([python, ...results].flatMap((result) => (result.kind === kind ? [result.text] : []))),
  ];
  const [differences, missing, unread] = [texts('Differs'), texts('Missing'), texts('Unread')];
  if (differences.length > 0 || missing.length > 0) return { state: 'Mismatch', differences, missing };
  const omitted = wanted.omitted ?? 0;
  const notes = [...unread, ...(wanted.notCompared ?? [])];
  return {
    state: 'Match',
    compared: [python, ...results].filter(({ kind }) => kind === 'Fits').length,
    incomplete: omitted + unread.length === 0 ? undefined : sayIncomplete(omitted + unread.length, notes),
  };
}

function sayIncomplete(count: number, notes: readonly string[]): string {
  const what = notes.length === 0 ? '' : `: ${listed(notes)}`;
  return `${count} ${count === 1 ? 'requirement is' : 'requirements are'} not compared${what}`;
}

/** What is there of a package. `text` is what a sentence says of it. */
interface Result {
  readonly kind: 'Fits' | 'Differs' | 'Missing' | 'Unread' | 'NotAsked';
  readonly text: string;
}

const FITS: Result = { kind: 'Fits', text: '' };
const NOT_ASKED: Result = { kind: 'NotAsked', text: '' };

function compareOne(
  { name, specifier = '', marker, from, optional }: Dependency,
  { packages }: Installed,
  environment: MarkerEnvironment,
): Result {
  const isNeeded = marker === undefined ? true : markerHolds(marker, environment);
  if (isNeeded === false) return NOT_ASKED;
  if (isNeeded === undefined) return { kind: 'Unread', text: `${name} under a marker that cannot be read` };
  const version = Object.hasOwn(packages, name) ? packages[name] : undefined;
  if (version === undefined) return optional === true ? NOT_ASKED : { kind: 'Missing', text: `${name}${specifier} (${from})` };
  const fits = specifier === '' ? true : satisfies(version, specifier);
  if (fits === undefined) return { kind: 'Unread', text: `${name} ${version}, which is no version of Python's kind` };
  return fits ? FITS : { kind: 'Differs', text: `${name} ${version} where ${from} wants ${specifier}` };
}

/** Of a plain version major and minor number count, as in MLflow: what one Python writes its patch releases read. */
function comparePython(wanted: string | undefined, installed: string): Result {
  if (wanted === undefined) return NOT_ASKED;
  const plain = parsePythonVersion(wanted)?.release.slice(0, 2);
  const fits = satisfies(installed, plain === undefined ? wanted : `==${plain.join('.')}.*`);
  if (fits === undefined) return { kind: 'Unread', text: `Python ${wanted}` };
  return fits ? FITS : { kind: 'Differs', text: `Python ${installed} where the model wants ${wanted}` };
}

/** Parts of a sentence that are named; of the rest the number. */
const MOST_NAMED = 8;

export function listed(parts: readonly string[]): string {
  const rest = parts.length - MOST_NAMED;
  return `${parts.slice(0, MOST_NAMED).join(', ')}${rest > 0 ? `, and ${rest} more` : ''}`;
}
