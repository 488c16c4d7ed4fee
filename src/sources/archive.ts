// Unpacks a .tar or .tar.gz from a stranger, as a stream: what reaches the sink is a plain file under a checked path, within limits.

import { Transform } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

import { extract as tarReader } from 'tar-stream';
import type { Header } from 'tar-stream';

import { finalFailure, passingFailure } from '../core/version/failure.ts';
import { RATIO_FREE_BYTES } from '../core/version/limits.ts';
import type { Limits } from '../core/version/limits.ts';
import type { Layer } from '../core/version/layers.ts';
import { checkPath } from '../core/version/paths.ts';
import { quote } from '../core/version/text.ts';
import { codeOf, errorOf, SourceError } from './error.ts';

/** Tar spends at most this much on an entry besides its content (header, long name, padding), as far as honest archives go. */
const OVERHEAD_PER_FILE = 8192;

/** The checked path of an entry that is a file, undefined for one that is left out; throws for one that must not be there. */
export type Choose = (header: Header) => string | undefined;

/** Reads a file's content to its end under a checked path. */
export type Take = (path: string, content: AsyncIterable<Uint8Array>) => Promise<void>;

interface Entry extends AsyncIterable<Uint8Array> {
  readonly header: Header;
  readonly resume: () => unknown;
}

/**
 * Gives each file of the archive to `take`, in the archive's order; `take` must read its content to the end. Throws a
 * SourceError for a hostile or broken archive, and whatever `packed` and `take` throw. Empty folders are dropped: the digest
 * does not cover them.
 */
export async function unpack(
  packed: Readable,
  encoding: 'tar' | 'tar.gz',
  limits: Limits,
  take: Take,
  choose: Choose = everyFile(limits),
): Promise<void> {
  const extract = tarReader();
  // Its types come from streamx, which has none of its own: what an entry is, is said here.
  const entries = extract as AsyncIterable<unknown> as AsyncIterable<Entry>;
  const sizes = { packed: 0, unpacked: 0 };
  const inflating = encoding === 'tar' ? [] : [createGunzip({ chunkSize: 256 * 1024 })];
  const feeding = pipeline([packed, countPacked(sizes), ...inflating, limitUnpacked(sizes, limits), extract]);
  const [fed, read] = await Promise.allSettled([feeding, readEntries(entries, choose, take)]);
  if (fed.status === 'fulfilled' && read.status === 'fulfilled') return;
  throw firstCause(fed, read, encoding);
}

/** When one side fails the other is torn down too: what we said ourselves, and what failed by itself, explain more than the tearing. */
function firstCause(fed: PromiseSettledResult<void>, read: PromiseSettledResult<void>, encoding: 'tar' | 'tar.gz'): unknown {
  const reasons = [read, fed].flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
  const own = reasons.find((reason) => reason instanceof SourceError);
  const byItself = reasons.findLast((reason) => codeOf(reason) !== 'ERR_STREAM_PREMATURE_CLOSE');
  return own ?? brokenArchive(byItself ?? reasons[0], encoding);
}

async function readEntries(entries: AsyncIterable<Entry>, choose: Choose, take: Take): Promise<void> {
  for await (const entry of entries) {
    const path = choose(entry.header);
    if (path === undefined) entry.resume();
    else await take(path, exactly(entry, entry.header.size, path));
  }
}

/** No entry of an archive is left out, and none is renamed. */
function everyFile(limits: Limits): Choose {
  let count = 0;
  return (header) => {
    count += 1;
    checkCount(count, limits);
    return checkEntry(header);
  };
}

/** The files of a layer that the layers above it do not hide. */
export function visibleFiles(layer: Layer, limits: Limits): Choose {
  return (header) => {
    const { name, type } = header;
    const isFile = type === 'file' || type === 'contiguous-file';
    const seen = layer.see(name, isFile ? 'file' : type === 'directory' ? 'folder' : 'other');
    checkCount(layer.noted(), limits);
    if (seen === undefined) return undefined;
    if ('problem' in seen) throw refused(name, seen.problem);
    checkKind(header);
    return seen.path;
  };
}

/** Folders are counted with the files: a million of them are as bad. */
export function checkCount(entries: number, limits: Limits): void {
  if (entries > 2 * limits.files) throw errorOf(finalFailure('TooLarge', `The archive has more than ${2 * limits.files} entries.`));
}

/** The checked path of a file, or undefined for a folder; throws for everything that must not be unpacked. */
function checkEntry(header: Header): string | undefined {
  const { name, type } = header;
  const isFolder = type === 'directory';
  if (!isFolder) checkKind(header);
  return checkEntryName(name, isFolder);
}

function checkKind({ name, type, pax }: Header): void {
  if (type !== 'file' && type !== 'contiguous-file') {
    throw refused(name, `is ${KINDS[type] ?? 'of an unknown kind'}; only files and folders are unpacked`);
  }
  if (Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse.')))
    throw refused(name, 'is a sparse file; pack it without --sparse');
}

/** The path that an entry's name means, or undefined for a folder; throws for a name that leads out or that no version may hold. */
export function checkEntryName(name: string, isFolder: boolean): string | undefined {
  const path = name.replace(/^(\.\/+)+/, '');
  if (isFolder && (path === '' || path === '.')) return undefined;
  const problem = checkPath(isFolder ? path.replace(/\/$/, '') : path);
  if (problem !== undefined) throw refused(name, problem);
  return isFolder ? undefined : path;
}

const KINDS: Readonly<Record<string, string>> = {
  link: 'a hard link',
  symlink: 'a symbolic link',
  'character-device': 'a device',
  'block-device': 'a device',
  fifo: 'a named pipe',
};

/** An entry's content; fails when the archive ends in the middle of it. */
async function* exactly(content: AsyncIterable<Uint8Array>, size: number, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    yield chunk;
  }
  if (bytes !== size) throw refused(path, `ends after ${bytes} of ${size} bytes`);
}

interface Sizes {
  packed: number;
  unpacked: number;
}

function countPacked(sizes: Sizes): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      sizes.packed += chunk.length;
      done(null, chunk);
    },
  });
}

/** Stops a bomb while it unfolds. Headers count too: a tar of nothing but headers is one as well. */
function limitUnpacked(sizes: Sizes, limits: Limits): Transform {
  const most = limits.bytes + OVERHEAD_PER_FILE * limits.files;
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      sizes.unpacked += chunk.length;
      const problem = checkExpansion(sizes.packed, sizes.unpacked, most, limits);
      if (problem === undefined) done(null, chunk);
      else done(problem);
    },
  });
}

/** Why so many bytes must not be unpacked from so few. */
export function checkExpansion(packed: number, unpacked: number, most: number, limits: Limits): SourceError | undefined {
  if (unpacked > most) return errorOf(finalFailure('TooLarge', `The archive unpacks to more than ${limits.bytes} bytes.`));
  if (unpacked <= RATIO_FREE_BYTES || unpacked <= limits.ratio * packed) return undefined;
  return errorOf(
    finalFailure(
      'TooLarge',
      `The archive unpacks to more than ${limits.ratio} times its packed size, as no model does. If it is meant, raise limits.ratio.`,
    ),
  );
}

/** An entry for whose sake the whole archive is refused; `problem` is the end of a sentence that begins with its name. */
export function refused(name: string, problem: string): SourceError {
  return errorOf(finalFailure('ArchiveRefused', `The archive was not unpacked: its entry ${quote(name)} ${problem}.`));
}

/** An error of gunzip or of the tar reader in words for people. Any other error is unexpected and thrown on. */
function brokenArchive(error: unknown, encoding: 'tar' | 'tar.gz'): unknown {
  const code = codeOf(error);
  if (code === 'Z_BUF_ERROR') return errorOf(passingFailure('Truncated', 'The archive ends in the middle of its compressed data.'), error);
  if (code.startsWith('Z_')) return errorOf(finalFailure('ArchiveRefused', 'The archive is not valid gzip. Pack it with tar -czf.'), error);
  const message = error instanceof Error ? error.message : '';
  if (/^Invalid (tar )?header|^Header exceeds/i.test(message)) {
    const what =
      encoding === 'tar'
        ? 'The archive is not a valid tar. Pack it with tar -cf.'
        : 'The archive is gzip, but what is inside is not a valid tar. Pack it with tar -czf.';
    return errorOf(finalFailure('ArchiveRefused', what), error);
  }
  if (message === 'Unexpected end of data') {
    return errorOf(finalFailure('ArchiveRefused', 'The tar ends in the middle of an entry.'), error);
  }
  return error;
}
