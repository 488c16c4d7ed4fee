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

/** The paths of one version as they come in: refuses what cannot be together in one folder, on any file system. */
export interface PathSet {
  /** Adds a file's path; says what is wrong with it (see checkPath), or undefined. */
  readonly add: (path: string) => string | undefined;
  /** What stands at a place, and under which spelling. */
  readonly at: (folded: string) => Place | undefined;
}

interface Place {
  readonly path: string;
  readonly kind: 'file' | 'folder';
}

/** Makes a set on top of `below`, which holds paths that were taken before and is not changed. */
export function pathSet(below?: PathSet): PathSet {
  const places = new Map<string, Place>();
  const at = (folded: string): Place | undefined => places.get(folded) ?? below?.at(folded);
  const add = (path: string): string | undefined => {
    const problem = checkPath(path);
    if (problem !== undefined) return problem;
    const parents = parentsOf(path);
    for (const parent of parents) {
      const place = at(fold(parent));
      if (place?.kind === 'file') return 'lies below a path that is a file';
      if (place !== undefined && place.path !== parent) return `lies in a folder that differs from ${quote(place.path)} only in case`;
    }
    const place = at(fold(path));
    if (place !== undefined && place.path !== path) return `differs from ${quote(place.path)} only in case, and some volumes keep only one`;
    if (place !== undefined) return place.kind === 'file' ? 'is there twice' : 'is both a file and a folder';
    places.set(fold(path), { path, kind: 'file' });
    for (const parent of parents) places.set(fold(parent), { path: parent, kind: 'folder' });
    return undefined;
  };
  return { add, at };
}

/** One form for all spellings that a file system may take for the same name. */
function fold(path: string): string {
  return path.normalize('NFC').toLowerCase();
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
