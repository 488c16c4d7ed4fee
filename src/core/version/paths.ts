// Which file names a version may hold. One rule for every source: a name that passes here is safe to join to a folder,
// prints as it is, and stands unescaped in the output of sha256sum.

import { MAX_DEPTH, MAX_PATH_BYTES, MAX_SEGMENT_BYTES } from './limits.ts';
import { quote, UNPRINTABLE } from './text.ts';

const encoder = new TextEncoder();

/**
 * Says what is wrong with a path inside a version ('data/model.pkl'), as the end of a sentence that begins with the path,
 * or undefined when nothing is.
 */
export function checkPath(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (UNPRINTABLE.test(path)) return 'holds a control character or another that does not print';
  if (path.includes('\uFFFD')) return 'is not valid UTF-8';
  if (path.includes('\\')) return 'holds a backslash, which sha256sum would print in another form';
  if (path.startsWith('/')) return 'is absolute: paths must be relative to the root of the model';
  if (byteLength(path) > MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES} bytes`;
  const segments = path.split('/');
  if (segments.length > MAX_DEPTH) return `is nested more than ${MAX_DEPTH} levels deep`;
  for (const segment of segments) {
    if (segment === '') return 'has an empty segment';
    if (segment === '..') return "leads out of the model by '..'";
    if (segment === '.') return "holds a '.' segment";
    if (byteLength(segment) > MAX_SEGMENT_BYTES) return `has a segment longer than ${MAX_SEGMENT_BYTES} bytes`;
  }
  return undefined;
}

/** The paths of one version as they come in: refuses what cannot be together in one folder. */
export interface PathSet {
  /** Adds a file's path; says what is wrong with it (see checkPath), or undefined. */
  readonly add: (path: string) => string | undefined;
}

/** Makes a set that already holds `paths`, which must be good ones. */
export function pathSet(paths: Iterable<string> = []): PathSet {
  const files = new Set<string>();
  const folders = new Set<string>();
  const add = (path: string): string | undefined => {
    const problem = checkPath(path);
    if (problem !== undefined) return problem;
    if (files.has(path)) return 'is there twice';
    if (folders.has(path)) return 'is both a file and a folder';
    const parents = parentsOf(path);
    if (parents.some((parent) => files.has(parent))) return 'lies below a path that is a file';
    files.add(path);
    for (const parent of parents) folders.add(parent);
    return undefined;
  };
  for (const path of paths) {
    const problem = add(path);
    if (problem !== undefined) throw new Error(`the path ${quote(path)} ${problem}`);
  }
  return { add };
}

/** Orders strings by their UTF-8 bytes, as `LC_ALL=C sort` does. Plain `<` orders by UTF-16 units, which differs from U+E000 on. */
export function compareBytes(left: string, right: string): number {
  const a = encoder.encode(left);
  const b = encoder.encode(right);
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function parentsOf(path: string): readonly string[] {
  const segments = path.split('/');
  return segments.slice(1).map((_, i) => segments.slice(0, i + 1).join('/'));
}

function byteLength(text: string): number {
  return encoder.encode(text).length;
}
