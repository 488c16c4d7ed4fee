// Source pvc: a file, an archive or a folder in a PersistentVolumeClaim that kubelet has mounted read-only. Others may write the claim
// at the same time, and a symbolic link in it must not lead to this container's own files: what was opened is looked at, not the path
// that led there.

import { constants, type Dirent } from 'node:fs';
import { open as openFile, readdir, readlink, realpath, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { checkPath, compareBytes } from '../core/version/paths.ts';
import { quote } from '../core/version/text.ts';
import { lentBody } from './body.ts';
import { codeOf, errorOf, failureOf, SourceError, systemErrorPath } from './error.ts';
import { optionalTextOf, Problem, textOf, type Fields, type Place } from './fields.ts';
import { bytesBetween } from './localFile.ts';
import { namedPart } from './source.ts';
import type { Body, Part, Pinned, Source, SourceContext } from './source.ts';

interface Claimed {
  readonly claim: string;
  /** Where it is mounted, without symbolic links. */
  readonly root: string;
  readonly field: string;
}

/** A source that reads from the claim that spec names, which kubelet has mounted at a place of the operator's choice. */
export function pvcSource(member: Fields, { sourceDir }: Place): Source {
  const claim = textOf(member, 'claim', 'source.pvc.claim');
  const path = optionalTextOf(member, 'path', 'source.pvc.path') ?? '';
  if (sourceDir === undefined) throw new Problem('sourceDir must be a text that is not empty');
  return claimSource({ claim, path, mountedAt: sourceDir });
}

/** The claim's name, a place in it ('' is all of it), the folder where it is mounted, and the field that says so. */
export interface ClaimPlace {
  readonly claim: string;
  readonly path: string;
  readonly mountedAt: string;
  readonly field?: string;
}

/** A source that reads from a mounted claim. */
export function claimSource(place: ClaimPlace): Source {
  return {
    resolve: async (context) => {
      const claimed = await claimedAt(place);
      return inOurWords(claimed, () => resolve(claimed, place.path, context));
    },
  };
}

/** The names of what lies in a folder of a mounted claim; those of folders end in a slash. */
export async function claimNames(place: ClaimPlace): Promise<Outcome<readonly string[]>> {
  const claimed = await claimedAt(place);
  return inOurWords(claimed, async () => {
    const path = checkedPath(claimed, place.path);
    if (!path.ok) return path;
    await (await openInside(claimed, path.value)).close();
    const entries = await readdir(join(claimed.root, path.value), { withFileTypes: true });
    return success(entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)));
  });
}

async function claimedAt({ claim, mountedAt, field = 'spec.source.pvc.path' }: ClaimPlace): Promise<Claimed> {
  return { claim, root: await realpath(mountedAt), field };
}

function checkedPath({ field }: Claimed, written: string): Outcome<string> {
  const path = written.replace(/^(\.\/+)+/, '').replace(/^\.$|\/+$/, '');
  const problem = path === '' ? undefined : path.split('/').includes('..') ? "leads out of the claim by '..'" : checkPath(path);
  return problem === undefined ? success(path) : finalFailure('InvalidSource', `${field} ${quote(written)} ${problem}.`);
}

async function resolve(claimed: Claimed, written: string, context: SourceContext): Promise<Outcome<Pinned>> {
  const checked = checkedPath(claimed, written);
  if (!checked.ok) return checked;
  const path = checked.value;
  const found = await openInside(claimed, path);
  const isFolder = (await found.stat()).isDirectory();
  await found.close();
  const list = (): Promise<Outcome<readonly Part[]>> =>
    isFolder ? listFolder(claimed, path, context.limits.files) : Promise.resolve(listFile(path));
  return success({
    uri: `pvc://${claimed.claim}/${path}`,
    list: () => inOurWords(claimed, list),
    open: (part) => inOurWords(claimed, () => open(claimed, isFolder && part.kind === 'file' ? join(path, part.path) : path, part)),
  });
}

function listFile(path: string): Outcome<readonly Part[]> {
  const part = namedPart(path.slice(path.lastIndexOf('/') + 1));
  return part.ok ? success([part.value]) : part;
}

/** The files below a folder, with the paths that they have in it. Stops soon after there are too many: the transfer says so. */
async function listFolder({ claim, root }: Claimed, path: string, most: number): Promise<Outcome<readonly Part[]>> {
  const parts: Part[] = [];
  const walk = async (below: string): Promise<void> => {
    const entries = await readdir(join(root, path, below), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => compareBytes(a.name, b.name))) {
      if (parts.length > most) return;
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      // Every fresh ext4 volume has it in its root, for root alone.
      if (join(path, name) === 'lost+found') continue;
      if (entry.isDirectory()) {
        const problem = checkPath(name);
        if (problem !== undefined) throw refused(claim, join(path, name), problem);
        await walk(name);
      } else {
        await checkKind(entry, join(root, path, name), () => refused(claim, join(path, name), kindOf(entry)));
        parts.push({ kind: 'file', path: name });
      }
    }
  };
  await walk('');
  return success(parts);
}

/** Plain files, and links to them, which hubs keep their downloads by. A link to a folder could lead in circles. */
async function checkKind(entry: Dirent, path: string, refusal: () => SourceError): Promise<void> {
  if (entry.isFile()) return;
  if (!entry.isSymbolicLink() || (await stat(path)).isDirectory()) throw refusal();
}

function kindOf(entry: Dirent): string {
  if (entry.isSymbolicLink()) return 'is a symbolic link to a folder; only links to files are followed';
  const kind = entry.isFIFO() ? 'a named pipe' : entry.isSocket() ? 'a socket' : 'a device';
  return `is ${kind}; only files and folders are read`;
}

async function open(claimed: Claimed, path: string, part: Part): Promise<Outcome<Body>> {
  const file = await openInside(claimed, path);
  const found = await file.stat();
  if (!found.isFile()) {
    await file.close();
    throw refused(claimed.claim, path, 'is no plain file');
  }
  const length = found.size;
  let begun = false;
  async function* lend(): AsyncGenerator<Uint8Array, void, undefined> {
    begun = true;
    try {
      yield* wholeFile(claimed, path, file, length);
    } finally {
      await file.close();
    }
  }
  const close = (): void => {
    if (!begun) void file.close();
  };
  const body = lentBody(lend, close, length);
  return success(part.kind === 'archive' && part.encoding === 'zip' ? { ...body, file } : body);
}

/** Fails in our words when the file does not have the bytes that it had when it was opened. */
async function* wholeFile(
  claimed: Claimed,
  path: string,
  file: FileHandle,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  try {
    for await (const chunk of bytesBetween(file, 0, size + 1)) {
      received += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw said(claimed, error) ?? error;
  }
  if (received === size) return;
  const found = `had ${size} bytes when opened and ${received > size ? 'more' : received} when read`;
  throw errorOf(passingFailure('Truncated', `${quote(path)} in claim ${claimed.claim} ${found}.`));
}

/** Opens a file or folder; refused when what was opened lies outside of the claim, however the path led there. Never waits for a pipe. */
async function openInside({ claim, root }: Claimed, path: string): Promise<FileHandle> {
  const file = await openFile(join(root, path), constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const real = await readlink(`/proc/self/fd/${file.fd}`);
    if (real !== root && !real.startsWith(`${root}/`)) throw refused(claim, path, 'leads out of the claim by a symbolic link');
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function refused(claim: string, path: string, problem: string): SourceError {
  return errorOf(finalFailure('SourceRefused', `${quote(path)} in claim ${claim} ${problem}.`));
}

/** Runs a step and turns errors of the file system into words for people. */
async function inOurWords<T>(claimed: Claimed, step: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await step();
  } catch (error) {
    return failureOf(said(claimed, error) ?? error);
  }
}

/** What an error of a mounted claim means; undefined for one that is none of a file system. */
function said({ claim, root, field }: Claimed, error: unknown): SourceError | undefined {
  if (error instanceof SourceError) return error;
  const at = systemErrorPath(error);
  if (at === undefined) return undefined;
  const path = at.startsWith(`${root}/`) ? at.slice(root.length + 1) : '';
  const what = path === '' ? 'Its root' : quote(path);
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const links = 'A symbolic link counts only if it is relative and leads to something in the claim.';
    return errorOf(finalFailure('NotFound', `Claim ${claim} holds no ${what}. Check ${field}. ${links}`), error);
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return errorOf(finalFailure('AccessDenied', `${what} in claim ${claim} may not be read by user ${process.getuid?.() ?? 0}.`), error);
  }
  if (code === 'ELOOP') return errorOf(finalFailure('SourceRefused', `${what} in claim ${claim} is a symbolic link in circles.`), error);
  return errorOf(passingFailure('SourceFailed', `${what} in claim ${claim} could not be read (${code}).`), error);
}
