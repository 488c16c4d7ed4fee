// What identifies a version: its names and its bytes.

import { createHash } from 'node:crypto';

import { checkPath, compareBytes } from './paths.ts';
import { quote } from './text.ts';

/** One file of a version. `sha256` is 64 lower-case hexadecimal characters. */
export interface FileDigest {
  readonly path: string;
  readonly sha256: string;
}

/** Names in the root that `model_signing` leaves out by default: Git's own, and the signature itself. */
const OMS_IGNORED: ReadonlySet<string> = new Set(['.git', '.gitattributes', '.github', '.gitignore', 'model.sig']);

/**
 * The text that `sha256sum` prints for the files in order of their path's bytes: `<hex>  <path>\n`. Throws for a path
 * that checkPath refuses: coreutils would print a backslash or a newline escaped, and the text would no longer be the one
 * that a person gets.
 */
export function sha256Listing(files: readonly FileDigest[]): string {
  for (const { path } of files) {
    const problem = checkPath(path);
    if (problem !== undefined) throw new Error(`the path ${quote(path)} ${problem}`);
  }
  const sorted = files.toSorted((a, b) => compareBytes(a.path, b.path));
  return sorted.map(({ sha256, path }) => `${sha256}  ${path}\n`).join('');
}

/** The digest of a version, 'sha256:' + 64 hexadecimal characters: the sha256 of its listing. Anyone can check it with coreutils. */
export function modelDigest(files: readonly FileDigest[]): string {
  return `sha256:${createHash('sha256').update(sha256Listing(files), 'utf8').digest('hex')}`;
}

/**
 * The root digest of the OpenSSF Model Signing format, as `model_signing sign` puts it into a signature's subject: sha256 of
 * the files' raw digests one after the other. It does not cover names, so it says less than modelDigest.
 */
export function omsDigest(files: readonly FileDigest[]): string {
  const hash = createHash('sha256');
  for (const file of files.filter(isSigned).sort(compareSegments)) hash.update(Buffer.from(file.sha256, 'hex'));
  return `sha256:${hash.digest('hex')}`;
}

function isSigned(file: FileDigest): boolean {
  return !OMS_IGNORED.has(file.path.split('/', 1)[0] ?? '');
}

/** Python's order of pathlib paths, segment by segment: 'a/b' comes before 'a.b', though '.' is less than '/'. */
function compareSegments(left: FileDigest, right: FileDigest): number {
  const a = left.path.split('/');
  const b = right.path.split('/');
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const difference = compareBytes(a[i] ?? '', b[i] ?? '');
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
