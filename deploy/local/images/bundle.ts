// The program as few files: esbuild joins src and what it uses of its packages. Of the Kubernetes client's thousand modules that is a handful;
// loaded as a whole they take 45 MiB and a second and a half (docs/adr/0020-one-bundle.md).
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../../..');

/** Packages of CommonJS in the bundle still require Node's own modules. */
const REQUIRE = "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";

/** What the client has generated sets nothing but its own classes up: what nobody uses of it can be left out. */
const GENERATED = /[\\/]@kubernetes[\\/]client-node[\\/]dist[\\/]/;

const leaveOutGenerated: Plugin = {
  name: 'leave-out-generated',
  setup(bundle) {
    bundle.onResolve({ filter: /client-node$|\/(gen|models|apis|types)\// }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === leaveOutGenerated) return undefined;
      const found = await bundle.resolve(path, { importer, kind, resolveDir, pluginData: leaveOutGenerated });
      return GENERATED.test(found.path) ? { ...found, sideEffects: false } : undefined;
    });
  },
};

/** Writes `dist/main.js` and its parts into the folder, with the package.json that it reads, and the licences of all that is in it. */
export async function bundleProgram(folder: string): Promise<void> {
  const { metafile } = await build({
    entryPoints: [join(ROOT, 'src/main.ts')],
    outdir: join(folder, 'dist'),
    absWorkingDir: ROOT,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: { js: REQUIRE },
    plugins: [leaveOutGenerated],
    metafile: true,
    logLevel: 'warning',
  });
  await copyFile(join(ROOT, 'package.json'), join(folder, 'package.json'));
  await copyLicences(packagesIn(metafile), join(folder, 'licences'));
}

/** Folders of the packages of which anything is in the bundle, as `node_modules/winston`. */
function packagesIn({ inputs }: Metafile): readonly string[] {
  const folders = Object.keys(inputs).map((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  return [...new Set(folders)].filter((found) => found !== undefined).sort();
}

async function copyLicences(packages: readonly string[], to: string): Promise<void> {
  for (const path of packages) {
    const from = join(ROOT, path);
    const into = join(to, relative(join(ROOT, 'node_modules'), from));
    for (const name of (await readdir(from)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))) {
      await mkdir(into, { recursive: true });
      await copyFile(join(from, name), join(into, name));
    }
  }
}
