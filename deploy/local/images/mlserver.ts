// Image of MLServer, the model server of the demo and of most end-to-end tests: Debian's Python and the packages of
// mlserver/requirements.lock. It runs with a read-only root if /tmp is an emptyDir.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { baseFolder, baseKey, baseParts, USER } from './base.ts';
import { cacheFolder, digestOf, digestOfFiles, makeOnce, type Say } from './cache.ts';
import { run } from './command.ts';
import { buildImage, type BuiltImage, type LayerPlan } from './layers.ts';
import type { Part } from './oci.ts';

export const MLSERVER_IMAGE = 'images.local/mlserver:1.7.1';

/** Python of the image and of whoever installs its wheels: the same minor version, or compiled modules do not load. */
export const PYTHON = 'python3.11';

const LOCK = join(import.meta.dirname, 'mlserver/requirements.lock');
const DEBIAN = ['base-files', 'libgcc-s1', 'libgomp1', 'libpython3.11-stdlib', 'libstdc++6', 'python3-minimal', 'python3.11-minimal'];
const PACKAGES = `usr/local/lib/${PYTHON}/dist-packages`;
/** Not needed to serve. `testing` stays: packages import it. Libraries are never stripped: OpenBLAS would no longer load. */
const TRIMMED =
  /(^|\/)(tests?|include)$|\.(pyi|pxd|pyx|h|hpp|c|cpp|a)$|^(bin|setuptools|pkg_resources|_distutils_hack|share)$|^distutils-precedence\.pth$/;
/** Templates and samples that are not meant to compile. */
const NOT_PYTHON_3 = 'lib2to3/tests|_py2\\.py|/templates?/';

// Workers are spawned, that is, they import this file again: hence the guard.
const ENTRYPOINT = `#!/usr/bin/${PYTHON}
import sys

if __name__ == "__main__":
    from mlserver.cli import main

    sys.exit(main())
`;

async function trim(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (TRIMMED.test(name)) await rm(path, { recursive: true, force: true });
  }
}

/**
 * Compiles with the image's own Python. The compiled files do not look at the sources' times, which the image does not
 * keep; without them each start would compile for seconds, since a read-only root cannot keep the result.
 */
async function precompile(root: string, folder: string): Promise<void> {
  const options = ['-q', '--invalidation-mode', 'unchecked-hash', '-x', NOT_PYTHON_3];
  await run('chroot', [root, `/usr/bin/${PYTHON}`, '-m', 'compileall', ...options, `/${folder}`]);
}

async function rootFolder(key: string, say: Say): Promise<string> {
  return await makeOnce(cacheFolder('images', 'mlserver', key), say, 'the packages of MLServer (pip)', async (path) => {
    await run('cp', ['-a', await baseFolder(DEBIAN, say), path]);
    const packages = join(path, PACKAGES);
    await run(
      PYTHON,
      [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-deps',
        '--require-hashes',
        '--only-binary',
        ':all:',
        '--no-compile',
        '--target',
        packages,
        '-r',
        LOCK,
      ],
      { env: { PIP_NO_WARN_SCRIPT_LOCATION: '1', PIP_ROOT_USER_ACTION: 'ignore' } },
    );
    await trim(packages);
    for (const name of await readdir(join(path, 'usr/bin'))) if (!name.startsWith('python')) await rm(join(path, 'usr/bin', name));
    // Two at once, one for each core: compileall's own -j needs semaphores, which a plain chroot does not have.
    await Promise.all([PACKAGES, `usr/lib/${PYTHON}`].map((folder) => precompile(path, folder)));
    // What was trimmed too far shows here, and not as a pod that never becomes ready.
    await run('chroot', [
      path,
      `/usr/bin/${PYTHON}`,
      '-c',
      'import mlserver.server, mlserver_sklearn.sklearn, sklearn.pipeline, sklearn.svm',
    ]);
  });
}

function layers(key: string, say: Say): readonly LayerPlan[] {
  const inPackages = (name: string): boolean => name === PACKAGES || name.startsWith(`${PACKAGES}/`);
  const python = async (): Promise<readonly Part[]> => {
    const [all, ...extra] = baseParts(await rootFolder(key, say));
    return [{ ...all, skip: inPackages }, ...extra];
  };
  const server = async (): Promise<readonly Part[]> => [
    { kind: 'tree', from: join(await rootFolder(key, say), PACKAGES), to: PACKAGES },
    { kind: 'text', to: 'usr/local/bin/mlserver', text: ENTRYPOINT, executable: true },
    { kind: 'directory', to: 'mnt/models' },
  ];
  return [
    { key: digestOf('python', key), parts: python },
    { key: digestOf('mlserver', key), parts: server },
  ];
}

/** Builds MLServer's image unless the cache has it. Needs root (mmdebstrap, chroot) and Python 3.11 with pip. */
export async function buildMlserver(say: Say): Promise<BuiltImage> {
  const key = digestOf(baseKey(DEBIAN), await digestOfFiles([LOCK, import.meta.filename]));
  const built = await buildImage(
    {
      reference: MLSERVER_IMAGE,
      name: 'mlserver',
      layers: layers(key, say),
      config: {
        entrypoint: ['/usr/local/bin/mlserver', 'start', '/mnt/models'],
        user: USER,
        environment: {
          HOME: '/tmp',
          PYTHONUNBUFFERED: '1',
          // Where a read-only root cannot be written.
          MLSERVER_METRICS_DIR: '/tmp/metrics',
          MLSERVER_ENVIRONMENTS_DIR: '/tmp/envs',
        },
      },
    },
    say,
  );
  await rm(cacheFolder('images', 'mlserver', key), { recursive: true, force: true });
  return built;
}
