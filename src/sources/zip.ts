// Unpacks a .zip from a stranger. A zip says everything twice, in a directory at its end and before each entry, and readers that believe
// different halves see different files. So all of it is read and compared before a byte is unpacked; what contradicts itself is refused.

import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';

import { fromRandomAccessReaderPromise, getFileNameLowLevel, RandomAccessReader } from 'yauzl';
import type { Entry, LocalFileHeader, ZipFile } from 'yauzl';

import { finalFailure, passingFailure } from '../core/version/failure.ts';
import { MAX_PATH_BYTES } from '../core/version/limits.ts';
import type { Limits } from '../core/version/limits.ts';
import { cleanText } from '../core/version/text.ts';
import { checkCount, checkEntryName, checkExpansion, refused } from './archive.ts';
import type { Take } from './archive.ts';
import { codeOf, errorOf, SourceError, systemErrorPath } from './error.ts';
import { copies } from './body.ts';
import { bytesBetween } from './localFile.ts';

const STORED = 0;
const DEFLATED = 8;
/** Flag of an entry whose sizes follow its content; its local header need not hold them. */
const SIZES_FOLLOW = 0x8;
/** In a size of 32 bits: the real one is in the zip64 field. */
const IN_ZIP64 = 0xffffffff;

/** A file of the archive, and where its packed bytes lie. */
interface ZippedFile {
  readonly path: string;
  readonly method: number;
  readonly crc32: number;
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Gives each file of the archive to `take`, in the order of its directory; `take` must read its content to the end. Throws a SourceError
 * for a hostile or broken archive, and whatever `take` throws. `file` stays open.
 */
export async function unzip(file: FileHandle, limits: Limits, take: Take): Promise<void> {
  for (const zipped of await readDirectory(file, limits)) await take(zipped.path, contentOf(file, zipped));
}

async function readDirectory(file: FileHandle, limits: Limits): Promise<readonly ZippedFile[]> {
  try {
    const { size } = await file.stat();
    const options = { autoClose: false, decodeStrings: false, validateEntrySizes: false };
    return await inspect(await fromRandomAccessReaderPromise(new FileReader(file, size), size, options), limits);
  } catch (error) {
    throw brokenZip(error);
  }
}

/**
 * How yauzl reads the file. A number of 64 bits leads anywhere, and what Node throws for such a place ends the whole process when yauzl
 * meets it in a callback of its own: so that is said here instead.
 */
class FileReader extends RandomAccessReader {
  readonly #file: FileHandle;
  readonly #size: number;

  constructor(file: FileHandle, size: number) {
    super();
    this.#file = file;
    this.#size = size;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead: number) => void,
  ): void {
    if (!(position >= 0 && position + length <= this.#size)) {
      callback(new Error('it points to where it has no bytes'), 0);
      return;
    }
    this.#file.read(buffer, offset, length, position).then(
      ({ bytesRead }) => callback(null, bytesRead),
      (error: unknown) => callback(error as Error, 0),
    );
  }
}

/** Looks at every entry, and at all of them together, before anything is unpacked. */
async function inspect(zip: ZipFile, limits: Limits): Promise<readonly ZippedFile[]> {
  const files: ZippedFile[] = [];
  const spans: Span[] = [];
  let unpacked = 0;
  checkCount(zip.entryCount, limits);
  for await (const entry of zip.eachEntry()) {
    const name = nameOf(entry);
    const path = checkEntry(entry, name);
    unpacked += entry.uncompressedSize;
    const problem = checkExpansion(zip.fileSize, unpacked, limits.bytes, limits);
    if (problem !== undefined) throw problem;
    const local = await zip.readLocalFileHeaderPromise(entry);
    checkSame(entry, local, name);
    const to = local.fileDataStart + entry.compressedSize;
    spans.push({ name, from: entry.relativeOffsetOfLocalHeader, to });
    if (path === undefined) continue;
    files.push({ path, method: entry.compressionMethod, crc32: entry.crc32, bytes: entry.uncompressedSize, from: local.fileDataStart, to });
  }
  checkApart(spans);
  return files;
}

function nameOf(entry: Entry): string {
  const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  if (entry.fileNameRaw.length > MAX_PATH_BYTES) throw refused(name, `is longer than ${MAX_PATH_BYTES} bytes`);
  return name;
}

/** The checked path of a file, or undefined for a folder; throws for everything that must not be unpacked. */
function checkEntry(entry: Entry, name: string): string | undefined {
  const isFolder = name.endsWith('/');
  const kind = KINDS[(entry.externalFileAttributes >>> 16) & 0o170000] ?? 'is of an unknown kind';
  if (kind !== 'plain' && !(kind === 'folder' && isFolder)) {
    const problem = kind === 'folder' ? 'is a folder by its mode and a file by its name' : `${kind}; only files and folders are unpacked`;
    throw refused(name, problem);
  }
  if (entry.isEncrypted()) throw refused(name, 'is encrypted; pack it without a password');
  const { compressionMethod: method, compressedSize, uncompressedSize } = entry;
  if (method !== STORED && method !== DEFLATED) throw refused(name, `is packed by method ${method}; only stored and deflated are unpacked`);
  if (method === STORED && compressedSize !== uncompressedSize) {
    throw refused(name, `is stored as it is, but says ${compressedSize} bytes packed and ${uncompressedSize} unpacked`);
  }
  return checkEntryName(name, isFolder);
}

/** By the file type bits of a Unix mode; archives from other systems have none. */
const KINDS: Readonly<Record<number, string>> = {
  0o000000: 'plain',
  0o100000: 'plain',
  0o040000: 'folder',
  0o120000: 'is a symbolic link',
  0o020000: 'is a device',
  0o060000: 'is a device',
  0o010000: 'is a named pipe',
  0o140000: 'is a socket',
};

/** What stands before an entry must be what the directory says of it. */
function checkSame(entry: Entry, local: LocalFileHeader, name: string): void {
  if (!entry.fileNameRaw.equals(local.fileName)) throw refused(name, 'has another name before its content than in the directory');
  if (entry.compressionMethod !== local.compressionMethod) throw refused(name, 'is packed by two methods at once');
  if ((local.generalPurposeBitFlag & SIZES_FOLLOW) !== 0) return;
  const isSame = (here: number, there: number): boolean => here === IN_ZIP64 || here === there;
  if (!isSame(local.compressedSize, entry.compressedSize) || !isSame(local.uncompressedSize, entry.uncompressedSize)) {
    throw refused(name, 'has another size before its content than in the directory');
  }
}

interface Span {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Entries that share bytes are how a small zip becomes an endless one. */
function checkApart(spans: readonly Span[]): void {
  let before: Span | undefined;
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    if (before !== undefined && span.from < before.to) throw refused(span.name, 'shares its bytes with another entry');
    before = span;
  }
}

/** A file's content; fails when it is not as long as was said, or has another checksum. */
async function* contentOf(file: FileHandle, zipped: ZippedFile): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  let sum = 0;
  for await (const chunk of inflated(file, zipped)) {
    bytes += chunk.length;
    if (bytes > zipped.bytes) throw refused(zipped.path, `unpacks to more than the ${zipped.bytes} bytes that it announces`);
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (bytes !== zipped.bytes) throw refused(zipped.path, `ends after ${bytes} of ${zipped.bytes} bytes`);
  if (sum !== zipped.crc32) throw refused(zipped.path, 'has another checksum than it announces');
}

async function* inflated(file: FileHandle, { path, method, from, to }: ZippedFile): AsyncGenerator<Uint8Array, void, undefined> {
  const packed = bytesBetween(file, from, to);
  if (method === STORED) {
    yield* packed;
    return;
  }
  const inflate = createInflateRaw({ chunkSize: 256 * 1024 });
  // What goes wrong on the way in ends the reading below with the same error.
  void pipeline(Readable.from(copies(packed), { objectMode: false }), inflate).catch(() => undefined);
  try {
    for await (const chunk of inflate) yield chunk as Uint8Array;
  } catch (error) {
    throw codeOf(error).startsWith('Z_') ? refused(path, 'holds no valid compressed data') : brokenZip(error);
  }
}

/** yauzl says in plain words what is wrong with a directory; errors of the file system have a number. */
function brokenZip(error: unknown): unknown {
  if (systemErrorPath(error) !== undefined) {
    return errorOf(passingFailure('SourceFailed', `The archive could not be read (${codeOf(error)}).`), error);
  }
  if (error instanceof SourceError || !(error instanceof Error)) return error;
  return errorOf(finalFailure('ArchiveRefused', `The archive is not a valid zip: ${cleanText(error.message, 200)}.`), error);
}
