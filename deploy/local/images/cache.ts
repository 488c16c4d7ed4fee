// The folder of everything that takes long to make: named by a digest of what went in, written once, moved into place whole.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** A line for the person who waits. */
export type Say = (line: string) => void;

/** Absolute path of a folder under `${XDG_CACHE_HOME:-~/.cache}/plimsoll`; it may not exist yet. */
export function cacheFolder(...names: readonly string[]): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'plimsoll', ...names);
}

/** First 16 hexadecimal characters of the sha256 of the parts; each is preceded by its length, so that no two lists look alike. */
export function digestOf(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('hex').slice(0, 16);
}

/** Paths, relative to `folder` and sorted, of all files below it (directories and links are left out). */
export async function filesUnder(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  return files.sort();
}

/** Digest of the names (without their folders) and the bytes of files. */
export async function digestOfFiles(paths: readonly string[]): Promise<string> {
  const parts: (string | Buffer)[] = [];
  for (const path of paths) parts.push(basename(path), await readFile(path));
  return digestOf(...parts);
}

const underWay = new Map<string, Promise<string>>();

/** Removes what processes that were killed left half-made beside `target`. */
async function sweep(target: string): Promise<void> {
  for (const name of await readdir(dirname(target))) {
    const pid = /^(.+)\.(\d+)\.making(\.layers)?$/.exec(name);
    if (pid?.[1] === basename(target) && !existsSync(`/proc/${pid[2] ?? ''}`))
      await rm(join(dirname(target), name), { recursive: true, force: true });
  }
}

async function makeNow(target: string, say: Say, what: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = `${target}.${process.pid}.making`;
  const started = performance.now();
  say(`Building ${what} ...`);
  await mkdir(dirname(target), { recursive: true });
  await sweep(target);
  try {
    await make(path);
    await rename(path, target);
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    if (!existsSync(target))
      throw new Error(`Building ${what} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  say(`Built ${what} in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
  return target;
}

/**
 * Makes `target` (a file or a folder) unless it exists. `make` writes to the path that it is given, which is then renamed,
 * so nobody ever sees a half-made target. Callers in one process share the work; of two processes the later one's is dropped.
 */
export async function makeOnce(target: string, say: Say, what: string, make: (path: string) => Promise<void>): Promise<string> {
  if (existsSync(target)) return target;
  const running = underWay.get(target);
  if (running !== undefined) return await running;
  const started = makeNow(target, say, what, make).finally(() => underWay.delete(target));
  underWay.set(target, started);
  return await started;
}
