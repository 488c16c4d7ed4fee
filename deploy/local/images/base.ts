// Root file systems of Debian packages, extracted without running their scripts: no shell, no package manager, no accounts
// but those that we write.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, digestOf, makeOnce, type Say } from './cache.ts';
import { run } from './command.ts';
import type { Part } from './oci.ts';

const SUITE = 'bookworm';
const EXCLUDED = ['/usr/share/man/*', '/usr/share/doc/*', '/usr/share/locale/*', '/usr/share/info/*'];
/** The machine's own settings, and the package manager's state, which would differ from run to run. */
const REMOVED = ['etc/resolv.conf', 'etc/hostname', 'etc/apt', 'etc/dpkg', 'dev', 'var/cache', 'var/log', 'var/lib/apt', 'var/lib/dpkg'];

/** Account of every image: it owns nothing in the image and cannot log in. */
export const USER = '65532:65532';

/** Digest of everything that decides what a base holds, except for Debian's own updates: the cache keeps what it has. */
export function baseKey(packages: readonly string[]): string {
  return digestOf(SUITE, ...[...packages].sort(), '', ...EXCLUDED, ...REMOVED);
}

/** A folder of the cache with the packages and what they depend on; made with mmdebstrap (root only) if it is missing. */
export async function baseFolder(packages: readonly string[], say: Say): Promise<string> {
  const include = [...packages].sort().join(',');
  return await makeOnce(cacheFolder('images', 'base', baseKey(packages)), say, `a root file system of ${include}`, async (path) => {
    const options = EXCLUDED.map((pattern) => `--dpkgopt=path-exclude=${pattern}`);
    await run('mmdebstrap', ['--quiet', '--mode=root', '--variant=extract', ...options, `--include=${include}`, SUITE, path], { cwd: '/' });
    for (const name of REMOVED) await rm(join(path, name), { recursive: true, force: true });
  });
}

type Tree = Extract<Part, { kind: 'tree' }>;

/** The base (the first part) as parts of a layer, with the accounts and the mount points that a container needs. */
export function baseParts(folder: string): readonly [Tree, ...Part[]] {
  return [
    { kind: 'tree', from: folder, to: '' },
    { kind: 'text', to: 'etc/passwd', text: 'root:x:0:0:root:/root:/sbin/nologin\nplimsoll:x:65532:65532:plimsoll:/tmp:/sbin/nologin\n' },
    { kind: 'text', to: 'etc/group', text: 'root:x:0:\nplimsoll:x:65532:\n' },
    { kind: 'text', to: 'etc/nsswitch.conf', text: 'hosts: files dns\n' },
    { kind: 'directory', to: 'dev' },
    { kind: 'directory', to: 'tmp', mode: 0o1777 },
  ];
}
