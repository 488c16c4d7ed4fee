// Programs of Debian that tests need beside the machine's own.

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { installMissing } from '../../deploy/local/cluster/packages.ts';
import { cacheFolder, digestOf, makeOnce } from '../../deploy/local/images/cache.ts';
import { run } from '../../deploy/local/images/command.ts';

/** Sees to it that packages are installed, which the product's own image has as well. */
export async function installed(packages: readonly string[]): Promise<void> {
  await installMissing(packages, process.getuid?.() === 0, () => undefined);
}

/** Programs that lie in a folder of their own. */
export interface Unpacked {
  readonly path: (name: string) => string;
  /** What finds their libraries. */
  readonly env: Readonly<Record<string, string>>;
}

/** Packages that are unpacked into the cache, not installed: a server would start with the machine. What they need is to be named, too. */
export async function unpacked(packages: readonly string[]): Promise<Unpacked> {
  const say = (): void => undefined;
  const folder = await makeOnce(cacheFolder('test', `debian-${digestOf(...packages)}`), say, packages.join(', '), async (out) => {
    await mkdir(out);
    const download = (): Promise<string> => run('apt-get', ['download', '-q', ...packages], { cwd: out });
    await download().catch(async () => {
      await run('apt-get', ['update', '-q']);
      return download();
    });
    for (const name of packages) {
      await run('sh', ['-c', 'for file in "$1"_*.deb; do dpkg-deb -x "$file" . && rm "$file"; done', 'sh', name], { cwd: out });
    }
    await rm(join(out, 'usr/share/doc'), { recursive: true, force: true });
  });
  return { path: (name) => join(folder, name), env: { LD_LIBRARY_PATH: join(folder, 'usr/lib/x86_64-linux-gnu') } };
}
