// What a source knows about a version beside its bytes: brought along once, when the version is resolved, for people and audits.

import { deflateRawSync, inflateRawSync } from 'node:zlib';

import { boundDependencies, type Dependencies } from './dependencies.ts';
import { compareBytes } from './paths.ts';
import { cleanText } from './text.ts';

type Texts = Readonly<Record<string, string>>;

export interface Dataset {
  readonly name: string;
  readonly uri?: string;
  /** In whatever form its store uses: `md5:…`, `sha256:…`. */
  readonly digest?: string;
}

/** The shape of `status.metadata` of a ModelVersion. All values are texts, as their source writes them. */
export interface Metadata {
  readonly code?: { readonly repository?: string; readonly commit?: string };
  readonly data?: readonly Dataset[];
  readonly training?: { readonly pipeline?: string; readonly run?: string; readonly user?: string; readonly parameters?: Texts };
  readonly metrics?: Texts;
  readonly tags?: Texts;
  readonly model?: { readonly flavors?: Texts; readonly signature?: string };
  /** What it needs to be served; from its files, whatever the source. */
  readonly dependencies?: Dependencies;
  /** There was more than fits. */
  readonly truncated?: boolean;
}

/** Entries of a list or map that are kept, and characters of a name and of a value. */
const ENTRIES = 64;
const NAME = 128;
const VALUE = 256;
/** A signature is one text with all inputs and outputs in it. */
const LONG = 2048;
/** Bytes that hostile text may grow to when it is read back. */
const INFLATED = 64 * 1024;

/**
 * `metadata` as a text of at most `room` characters: deflated JSON in base64. What is too much is left out, the longest part first, and
 * `truncated` says so. Undefined when there is nothing to say, or no room for it.
 */
export function encodeMetadata(metadata: Metadata, room: number): string | undefined {
  let kept = boundMetadata(metadata);
  while (Object.keys(kept).some((part) => part !== 'truncated')) {
    const text = deflateRawSync(JSON.stringify(kept), { level: 9 }).toString('base64');
    if (text.length <= room) return text;
    kept = shorten(kept);
  }
  return undefined;
}

/** Reads what encodeMetadata wrote, from somebody who may have written anything; undefined when it is not of that shape. */
export function decodeMetadata(text: unknown): Metadata | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const document: unknown = JSON.parse(inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: INFLATED }).toString('utf8'));
    const bounded = boundMetadata(document);
    return Object.keys(bounded).length === 0 ? undefined : bounded;
  } catch {
    return undefined;
  }
}

/** What of `value` has the shape of Metadata, within its limits and without empty parts. */
export function boundMetadata(value: unknown): Metadata {
  const marks = { isCut: fieldsOf(value)['truncated'] === true };
  const fields = fieldsOf(value);
  const [code, training, model] = [fieldsOf(fields['code']), fieldsOf(fields['training']), fieldsOf(fields['model'])];
  const bounded = compact({
    code: compact({ repository: text(code['repository'], VALUE * 2, marks), commit: text(code['commit'], NAME, marks) }),
    data: list(fields['data'], marks).flatMap((item) => {
      const { name, uri, digest } = fieldsOf(item);
      const named = text(name, NAME, marks);
      if (named === undefined) return [];
      return [{ name: named, ...compact({ uri: text(uri, VALUE * 2, marks), digest: text(digest, VALUE, marks) }) }];
    }),
    training: compact({
      pipeline: text(training['pipeline'], VALUE, marks),
      run: text(training['run'], NAME, marks),
      user: text(training['user'], NAME, marks),
      parameters: texts(training['parameters'], marks),
    }),
    metrics: texts(fields['metrics'], marks),
    tags: texts(fields['tags'], marks),
    model: compact({
      flavors: texts(model['flavors'], marks),
      signature: text(model['signature'], LONG, marks),
    }),
    dependencies: boundDependencies(fields['dependencies']),
  }) as Metadata;
  return marks.isCut ? { ...bounded, truncated: true } : bounded;
}

/** Without the second half of its longest part. */
function shorten(metadata: Metadata): Metadata {
  const parts: readonly (readonly [string, unknown])[] = Object.entries(metadata).filter(([part]) => part !== 'truncated');
  const [longest] = parts.toSorted((a, b) => weightOf(b) - weightOf(a));
  if (!longest) return {};
  const [part, value] = longest;
  const half = part === 'dependencies' ? halveDependencies(value as Dependencies) : halve(value);
  const others = Object.fromEntries(parts.filter(([name]) => name !== part));
  return { ...others, ...(half === undefined ? {} : { [part]: half }), truncated: true };
}

/** Dependencies are compared with what serves, and all else is for people to read: it gives way earlier. */
function weightOf([part, value]: readonly [string, unknown]): number {
  return JSON.stringify(value).length / (part === 'dependencies' ? 2 : 1);
}

/** The less important half becomes a number. */
function halveDependencies(dependencies: Dependencies): Dependencies | undefined {
  const { packages = [], notCompared: _, ...others } = dependencies;
  return packages.length === 0 ? undefined : boundDependencies({ ...others, packages }, Math.floor(packages.length / 2));
}

/** Half of the entries; of one entry, half of what is in it; undefined when nothing is left. */
function halve(value: unknown): unknown {
  if (Array.isArray(value)) return value.length < 2 ? undefined : value.slice(0, Math.ceil(value.length / 2));
  if (typeof value !== 'object' || value === null) return undefined;
  const entries = Object.entries(value);
  const nested = entries.toSorted(([, a], [, b]) => JSON.stringify(b).length - JSON.stringify(a).length)[0];
  if (nested && typeof nested[1] === 'object') {
    const half = halve(nested[1]);
    const kept = entries.flatMap(([name, item]) => (name !== nested[0] ? [[name, item]] : half === undefined ? [] : [[name, half]]));
    return kept.length === 0 ? undefined : Object.fromEntries(kept);
  }
  return entries.length < 2 ? undefined : Object.fromEntries(entries.slice(0, Math.ceil(entries.length / 2)));
}

interface Marks {
  isCut: boolean;
}

function text(value: unknown, most: number, marks: Marks): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const cut = cleanText(value, most);
  if (Array.from(value).length > most) marks.isCut = true;
  return cut;
}

/** The first entries by name, so that the same input is always the same. */
function texts(value: unknown, marks: Marks): Texts {
  const entries = Object.entries(fieldsOf(value)).sort(([a], [b]) => compareBytes(a, b));
  if (entries.length > ENTRIES) marks.isCut = true;
  return Object.fromEntries(
    entries.slice(0, ENTRIES).flatMap(([name, item]) => {
      const [key, kept] = [text(name, NAME, marks), text(item, VALUE, marks)];
      return key === undefined || kept === undefined ? [] : [[key, kept]];
    }),
  );
}

function list(value: unknown, marks: Marks): readonly unknown[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  if (items.length > ENTRIES) marks.isCut = true;
  return items.slice(0, ENTRIES);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {};
}

/** Without what is absent or empty. */
function compact(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const isThere = (value: unknown): boolean =>
    value !== undefined && (typeof value !== 'object' || value === null || Object.keys(value).length > 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isThere(value)));
}
