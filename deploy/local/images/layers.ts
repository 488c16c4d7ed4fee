// Compressed layers, kept in the cache beside the archives: after a change of code only its own small layer is made again.
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, digestOf, digestOfFiles, makeOnce, type Say } from './cache.ts';
import { writeArchive, writeLayer, type ImageConfig, type Layer, type Part } from './oci.ts';

/** What a layer is made of: `key` changes whenever its content would. */
export interface LayerPlan {
  readonly key: string;
  /** Whether the compressed layer is kept in the cache, for the next image that has it too. */
  readonly reused?: boolean;
  /** Called only if the layer has to be made. */
  readonly parts: () => Promise<readonly Part[]>;
}

/** An image before it is built. */
export interface ImagePlan {
  /** `images.local/<name>:<tag>` */
  readonly reference: string;
  /** Short name of the archive's file, for people who look into the cache. */
  readonly name: string;
  readonly layers: readonly LayerPlan[];
  readonly config: ImageConfig;
}

/** An archive in the cache. */
export interface BuiltImage {
  readonly reference: string;
  readonly archive: string;
  /** digest of the archive's inputs, part of its file's name: a caller may compare it to skip an import. */
  readonly digest: string;
}

const RECIPE = ['oci.ts', 'base.ts', 'layers.ts'].map((name) => join(import.meta.dirname, name));

async function writtenLayer(plan: LayerPlan, folder: string): Promise<Layer> {
  await mkdir(folder, { recursive: true });
  return await writeLayer(await plan.parts(), join(folder, 'layer.tar.gz'));
}

async function cachedLayer(key: string, plan: LayerPlan): Promise<Layer> {
  const folder = cacheFolder('images', 'layers', key);
  await makeOnce(folder, () => undefined, `layer ${key}`, async (path) => {
    const { digest, diffId, size } = await writtenLayer(plan, path);
    await writeFile(join(path, 'layer.json'), JSON.stringify({ digest, diffId, size }));
  });
  const facts = JSON.parse(await readFile(join(folder, 'layer.json'), 'utf8')) as Omit<Layer, 'path'>;
  return { ...facts, path: join(folder, 'layer.tar.gz') };
}

async function writeImage(plan: ImagePlan, keys: readonly string[], path: string): Promise<void> {
  const scratch = `${path}.layers`;
  const layers: Layer[] = [];
  try {
    for (const [index, layer] of plan.layers.entries()) {
      layers.push(await (layer.reused === true ? cachedLayer(keys[index]!, layer) : writtenLayer(layer, join(scratch, String(index)))));
    }
    await writeArchive(plan.reference, layers, plan.config, path);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Each change of code makes another archive: only the ones used last are kept. */
const KEPT_ARCHIVES = 3;

async function dropOldArchives(name: string): Promise<void> {
  const folder = cacheFolder('images');
  const archives = (await readdir(folder)).filter((file) => file.startsWith(`${name}-`) && file.endsWith('.tar'));
  const dated = await Promise.all(archives.map(async (file) => ({ file, used: (await stat(join(folder, file))).mtimeMs })));
  for (const { file } of dated.sort((a, b) => b.used - a.used).slice(KEPT_ARCHIVES)) await rm(join(folder, file), { force: true });
}

/** Builds what is missing and returns the archive's path; a second call with the same plan only looks it up. */
export async function buildImage(plan: ImagePlan, say: Say): Promise<BuiltImage> {
  const recipe = await digestOfFiles(RECIPE);
  const keys = plan.layers.map((layer) => digestOf(recipe, layer.key));
  const digest = digestOf(plan.reference, ...keys, JSON.stringify(plan.config));
  const archive = cacheFolder('images', `${plan.name}-${digest}.tar`);
  await makeOnce(archive, say, `image ${plan.reference}`, (path) => writeImage(plan, keys, path));
  const now = new Date();
  await utimes(archive, now, now);
  await dropOldArchives(plan.name);
  return { reference: plan.reference, archive, digest };
}
