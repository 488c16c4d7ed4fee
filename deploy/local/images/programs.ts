// Programs out of Debian packages, with the libraries that they load and nothing else: no shell, no Perl, none of what they do not run.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { baseFolder, baseKey } from './base.ts';
import { digestOf, type Say } from './cache.ts';
import { run } from './command.ts';
import type { LayerPlan } from './layers.ts';
import type { Part } from './oci.ts';

const LOADER = '/lib64/ld-linux-x86-64.so.2';

/** Which programs, as absolute paths, of which packages. */
export interface Programs {
  readonly packages: readonly string[];
  readonly paths: readonly string[];
}

/** A layer of programs over a base of packages, whose libraries are there already. Needs root (mmdebstrap, chroot). */
export function programsLayer({ packages, paths }: Programs, base: readonly string[], say: Say): LayerPlan {
  return {
    key: digestOf('programs', baseKey(base), baseKey(packages), ...paths),
    reused: true,
    parts: async () => {
      const folder = await baseFolder([...base, ...packages], say);
      const below = await baseFolder(base, say);
      const lists = await Promise.all(paths.map((path) => run('chroot', [folder, LOADER, '--list', path])));
      const libraries = new Set(lists.flatMap(librariesOf).filter((path) => !existsSync(join(below, path))));
      return [...paths, ...libraries].map((path): Part => ({
        kind: 'copy',
        from: join(folder, path),
        to: path.slice(1),
        executable: true,
      }));
    },
  };
}

/** The files in what the loader lists: `libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x…)`. */
export function librariesOf(list: string): readonly string[] {
  const missing = /(\S+) => not found/.exec(list)?.[1];
  if (missing !== undefined) throw new Error(`no package has the library ${missing}`);
  return [...list.matchAll(/ => (\/\S+) \(0x/g)].map(([, path = '']) => path);
}
