// The layers of an image on top of each other, read from the uppermost down, so that nothing that has come is ever taken back: what a layer
// holds or has removed hides what the layers below it have there.

import { MAX_PATH_BYTES } from './limits.ts';
import { checkPath } from './paths.ts';

/** What the layers so far hide. */
export interface Cover {
  /**
   * Begins the next layer down, of which the folder `root` ('' for all) belongs to the version and everything else is left out. What it
   * hides counts once it is kept: an attempt that failed hides nothing.
   */
  readonly layer: (root: string) => Layer;
}

/** One layer while it is read. */
export interface Layer {
  /** Takes note of an entry and says what it is. */
  readonly see: (name: string, kind: EntryKind) => Seen;
  /** How many places are noted, here and above. */
  readonly noted: () => number;
  readonly keep: () => void;
}

/** 'other' is all that is neither: links, devices. */
export type EntryKind = 'file' | 'folder' | 'other';

/** Left out; or a file or something else at a path of the version; or a name that refuses the whole. */
export type Seen = undefined | { readonly path: string } | { readonly problem: string };

/** What hides: a place where something is, one where there was something, and a folder of which nothing older counts. */
interface Marks {
  readonly taken: Map<string, EntryKind>;
  readonly removed: Set<string>;
  readonly emptied: Set<string>;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** Nothing is hidden yet. */
export function coverOf(): Cover {
  const above = noMarks();
  return { layer: (root) => layerBelow(above, root) };
}

function layerBelow(above: Marks, root: string): Layer {
  const own = noMarks();
  const see = (name: string, kind: EntryKind): Seen => {
    if (name.length > 2 * MAX_PATH_BYTES) return { problem: `is longer than ${MAX_PATH_BYTES} bytes` };
    const path = name.replace(/^(?:\.?\/+)+/, '').replace(/\/+$/, '');
    if (path.split('/').includes('..')) return { problem: "leads out of the model by '..'" };
    const [parent, base] = split(path);
    if (base === '' || base === '.') return undefined;
    if (base === WHITEOUT) return { problem: 'removes a file without a name' };
    const subject = base === OPAQUE ? parent : base.startsWith(WHITEOUT) ? join(parent, base.slice(WHITEOUT.length)) : path;
    if (!concerns(subject, root)) return undefined;
    const inside = isBelow(subject, root) ? subject.slice(root === '' ? 0 : root.length + 1) : undefined;
    const problem = inside === undefined ? undefined : checkPath(inside);
    if (problem !== undefined) return { problem };
    if (base.startsWith(WHITEOUT)) {
      (base === OPAQUE ? own.emptied : own.removed).add(subject);
      return undefined;
    }
    const isHidden = hides(above, path, kind);
    own.taken.set(path, kind);
    return isHidden || kind === 'folder' || inside === undefined ? undefined : { path: inside };
  };
  return { see, noted: () => sizeOf(above) + sizeOf(own), keep: () => addMarks(above, own) };
}

function sizeOf({ taken, removed, emptied }: Marks): number {
  return taken.size + removed.size + emptied.size;
}

/** Whether a place can say anything about the version: it is in its folder, or is one of those that lead there. */
function concerns(path: string, root: string): boolean {
  return path === root || isBelow(path, root) || root.startsWith(path === '' ? '' : `${path}/`);
}

function isBelow(path: string, folder: string): boolean {
  return folder === '' ? path !== '' : path.startsWith(`${folder}/`);
}

/** Folders add up, layer upon layer; everything else takes the place of what is below. */
function hides({ taken, removed, emptied }: Marks, path: string, kind: EntryKind): boolean {
  const there = taken.get(path);
  if (removed.has(path) || (there !== undefined && !(there === 'folder' && kind === 'folder'))) return true;
  for (let [parent] = split(path); ; [parent] = split(parent)) {
    const above = taken.get(parent);
    if (removed.has(parent) || emptied.has(parent) || (above !== undefined && above !== 'folder')) return true;
    if (parent === '') return false;
  }
}

/** Tars need not name the folders of their files. A folder in the place of a file begins anew: what is below is that of another folder. */
function addMarks(above: Marks, own: Marks): void {
  for (const [path, kind] of own.taken) {
    if (!above.taken.has(path)) above.taken.set(path, kind);
    else if (kind !== 'folder') above.emptied.add(path);
    for (let [parent] = split(path); parent !== ''; [parent] = split(parent)) {
      if (!above.taken.has(parent)) above.taken.set(parent, 'folder');
    }
  }
  for (const path of own.removed) above.removed.add(path);
  for (const path of own.emptied) above.emptied.add(path);
}

function noMarks(): Marks {
  return { taken: new Map(), removed: new Set(), emptied: new Set() };
}

function split(path: string): readonly [parent: string, base: string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
}

function join(parent: string, base: string): string {
  return parent === '' ? base : `${parent}/${base}`;
}
