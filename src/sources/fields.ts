// Reading a job's options, field by field. What is wrong with them is thrown while reading and a value outside: see parseResolveOptions.

import type { Pins } from '../core/version/pins.ts';
import { quote } from '../core/version/text.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with the options, as the end of a sentence. */
export class Problem extends Error {}

/** What a source is given beside its member of the union spec.source. */
export interface Place {
  /** Folder of the mounted Secret. */
  readonly accessDir: string | undefined;
  /** Folder where the claim that the source is in is mounted. */
  readonly sourceDir: string | undefined;
  /** What its pointer was resolved to before. */
  readonly pins: Pins | undefined;
}

export function textOf(fields: Fields, name: string, shown = name): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '') throw new Problem(`${shown} must be a text that is not empty`);
  return value;
}

export function optionalTextOf(fields: Fields, name: string, shown = name): string | undefined {
  return fields[name] === undefined ? undefined : textOf(fields, name, shown);
}

export function booleanOf(fields: Fields, name: string, shown = name, fallback = false): boolean {
  const value = fields[name] ?? fallback;
  if (typeof value !== 'boolean') throw new Problem(`${shown} must be true or false`);
  return value;
}

/** A list of texts that are not empty; none where there is no list. */
export function textsOf(fields: Fields, name: string, shown = name): readonly string[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value)) throw new Problem(`${shown} must be a list`);
  return value.map((_, i) => textOf(value as unknown as Fields, String(i), `${shown}[${i}]`));
}

export function folderOf(fields: Fields, name: string, shown = name): string {
  const path = textOf(fields, name, shown);
  if (!path.startsWith('/')) throw new Problem(`${shown} must be an absolute path, not ${quote(path)}`);
  return path;
}

export function fieldsOf(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Problem(`${name} must be a JSON object`);
  return value as Fields;
}
