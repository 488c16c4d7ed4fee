// What the tests of sources share: a server that does what a test says, archives, and a job's surroundings.

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

import { pack } from 'tar-stream';
import type { Header } from 'tar-stream';

import type { Metadata } from '../../../src/core/version/metadata.ts';
import { decodeTermination } from '../../../src/core/version/termination.ts';
import type { DecodedTermination, ReportedFailure, Resolved, Termination } from '../../../src/core/version/termination.ts';
import type { JobIo } from '../../../src/sources/job.ts';

export interface TestServer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Serves on a free port; at 127.0.0.1 alone unless another address is asked for. */
export async function serve(listener: RequestListener, address = '127.0.0.1'): Promise<TestServer> {
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Workplace {
  readonly folder: string;
  readonly io: JobIo;
  readonly lines: string[];
  /** The termination message as the operator reads it. */
  readonly termination: () => Promise<DecodedTermination>;
  readonly remove: () => Promise<void>;
}

/** A folder with everything that a job needs. Waits between tries are the shortest that jitter allows. */
export async function workplace(): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-sources-'));
  const terminationLog = join(folder, 'termination-log');
  const lines: string[] = [];
  return {
    folder,
    lines,
    io: { log: (line) => lines.push(line), now: () => Date.now(), random: () => 0.999, terminationLog },
    termination: async () => decodeTermination(await readFile(terminationLog, 'utf8')),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What a resolve Job found; fails the test when it failed. */
export function resolvedIn(said: Termination): Resolved & { readonly metadata: Metadata | undefined } {
  if (said.kind !== 'resolved') throw new Error(`not resolved: ${said.failure.message}`);
  return { ...said.resolved, metadata: said.metadata };
}

/** Why a Job failed; fails the test when it did not. */
export function failureIn(said: Termination): ReportedFailure {
  if (said.kind !== 'failed') throw new Error(`resolved: ${JSON.stringify(said.resolved)}`);
  return said.failure;
}

export type TarEntry = Partial<Header> & { readonly name: string; readonly content?: string | Buffer };

/** A tar of the entries in their order; what tar-stream writes is not checked, so hostile names go in as they are. */
export async function tarOf(entries: readonly TarEntry[]): Promise<Buffer> {
  const archive = pack();
  for (const { content, ...header } of entries) archive.entry(header, content ?? '');
  archive.finalize();
  return buffer(archive);
}

/** A file that says what a version needs, and what is then known of it, whatever source it came from. */
export const REQUIREMENTS = 'scikit-learn==1.9.1 # pinned\n';
export const DEPENDENCIES = { packages: [{ name: 'scikit-learn', specifier: '==1.9.1', from: 'requirements.txt' }] };

export async function tarGzOf(entries: readonly TarEntry[]): Promise<Buffer> {
  return gzipSync(await tarOf(entries));
}

export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The digest of a version with these files, worked out by hand: an oracle apart from the code under test. */
export function digestOf(files: Readonly<Record<string, string | Buffer>>): string {
  const lines = Object.entries(files).map(([path, content]) => `${sha256(content)}  ${path}\n`);
  return `sha256:${sha256(lines.join(''))}`;
}

/** An entry of a zip; what is given besides name and content is written as it is, true or not. */
export interface ZipEntry {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  readonly stored?: boolean;
  readonly mode?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly crc32?: number;
  /** Size of the content as announced in both headers. */
  readonly bytes?: number;
  readonly packedBytes?: number;
  /** Of the header before the content alone. */
  readonly local?: { readonly name?: string; readonly bytes?: number; readonly method?: number };
  /** Where the directory says that the entry begins. */
  readonly offset?: number;
  /** Sizes and offset as numbers of 64 bits. */
  readonly zip64?: boolean;
}

const UTF8_NAMES = 0x800;

/** A zip of the entries in their order, its end in the form of 64 bits if it is `wide`. */
export function zipOf(entries: readonly ZipEntry[], wide = false): Buffer {
  const before: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const content = Buffer.from(entry.content ?? '');
    const packed = entry.stored === true ? content : deflateRawSync(content);
    const name = Buffer.from(entry.name);
    const localName = entry.local?.name === undefined ? name : Buffer.from(entry.local.name);
    const method = entry.method ?? (entry.stored === true ? 0 : 8);
    const sum = entry.crc32 ?? crc32(content);
    const [packedBytes, bytes] = [entry.packedBytes ?? packed.length, entry.bytes ?? content.length];
    const flags = (entry.flags ?? 0) | UTF8_NAMES;
    const numbers64 = entry.zip64 === true;
    const offset = entry.offset ?? at;
    const extra = Buffer.concat(numbers64 ? [le(2, 1), le(2, 24), le(8, bytes), le(8, packedBytes), le(8, offset)] : []);
    const narrow = (value: number): Buffer => le(4, numbers64 ? 0xffffffff : value);
    const common = (usedMethod: number, usedBytes: number): Buffer =>
      Buffer.concat([le(2, 45), le(2, flags), le(2, usedMethod), le(4, 0), le(4, sum), narrow(packedBytes), narrow(usedBytes)]);
    const localPart = common(entry.local?.method ?? method, entry.local?.bytes ?? bytes);
    const head = Buffer.concat([le(4, 0x04034b50), localPart, le(2, localName.length), le(2, 0), localName]);
    const attributes = le(4, ((entry.mode ?? 0o100644) << 16) >>> 0);
    before.push(head, packed);
    directory.push(le(4, 0x02014b50), le(2, (3 << 8) | 45), common(method, bytes), le(2, name.length), le(2, extra.length));
    directory.push(le(2, 0), le(2, 0), le(2, 0), attributes, narrow(offset), name, extra);
    at += head.length + packed.length;
  }
  const listed = Buffer.concat(directory);
  return Buffer.concat([...before, listed, endOfZip(entries.length, at, listed.length, wide)]);
}

/** The record at the end, with its form of 64 bits before it. */
export function endOfZip(count: number, at: number, length: number, wide: boolean): Buffer {
  const shown = le(2, wide ? 0xffff : count);
  const narrow = [le(4, 0x06054b50), le(4, 0), shown, shown, le(4, length), le(4, at), le(2, 0)];
  if (!wide) return Buffer.concat(narrow);
  const record = [le(4, 0x06064b50), le(8, 44), le(2, 45), le(2, 45), le(8, 0), le(8, count), le(8, count), le(8, length), le(8, at)];
  return Buffer.concat([...record, le(4, 0x07064b50), le(4, 0), le(8, at + length), le(4, 1), ...narrow]);
}

/** A number in little-endian bytes. */
function le(bytes: 2 | 4 | 8, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value));
  else buffer.writeUIntLE(value, 0, bytes);
  return buffer;
}
