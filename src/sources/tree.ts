// The folder of a fetched version: how it is sealed, hashed again, and thrown away.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { FileDigest } from '../core/version/digest.ts';
import { checkPath } from '../core/version/paths.ts';
import { codeOf } from './error.ts';

/**
 * Hashes every file below `root`, in constant memory. Undefined when there is no such folder, or when it holds anything but
 * plain files under good names in folders: then it is not what we left there.
 */
export async function hashTree(root: string): Promise<readonly FileDigest[] | undefined> {
  const paths = await plainFiles(root, '');
  if (paths === undefined) return undefined;
  const files: FileDigest[] = [];
  for (const path of paths) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(root, path), { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
    files.push({ path, sha256: hash.digest('hex') });
  }
  return files;
}

/** Makes every folder of the tree, `root` too, 0555: readable for the server's user, writable for nobody. */
export async function sealTree(root: string): Promise<void> {
  for (const folder of await openFolders(root)) await chmod(folder, 0o555);
}

/** Removes a tree, a sealed one too: nothing can be unlinked from a folder without the right to write it, except as root. */
export async function removeTree(root: string): Promise<void> {
  if (await isFolder(root)) await openFolders(root);
  await rm(root, { recursive: true, force: true });
}

/** `root` and the folders below it; links are not followed. */
export async function foldersOf(root: string): Promise<readonly string[]> {
  const folders = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const below = await Promise.all(folders.map((entry) => foldersOf(join(root, entry.name))));
  return [root, ...below.flat()];
}

/** Makes `root` and the folders below it ours to change and returns them; links are not followed. */
async function openFolders(root: string): Promise<readonly string[]> {
  await chmod(root, 0o700);
  const folders = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const below = await Promise.all(folders.map((entry) => openFolders(join(root, entry.name))));
  return [root, ...below.flat()];
}

async function plainFiles(root: string, prefix: string): Promise<readonly string[] | undefined> {
  if (!(await isFolder(join(root, prefix)))) return undefined;
  const paths: string[] = [];
  for (const entry of await readdir(join(root, prefix), { withFileTypes: true })) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (checkPath(path) !== undefined) return undefined;
    const found = entry.isFile() ? [path] : entry.isDirectory() ? await plainFiles(root, path) : undefined;
    if (found === undefined) return undefined;
    paths.push(...found);
  }
  return paths;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
