// What the tests of sources share: a server that does what a test says, archives, and a job's surroundings.

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

import { pack } from 'tar-stream';
import type { Header } from 'tar-stream';

import { decodeTermination } from '../../../src/core/version/termination.ts';
import type { DecodedTermination } from '../../../src/core/version/termination.ts';
import type { JobIo } from '../../../src/sources/job.ts';

export interface TestServer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Serves on a free port of 127.0.0.1. */
export async function serve(listener: RequestListener): Promise<TestServer> {
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
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

export type TarEntry = Partial<Header> & { readonly name: string; readonly content?: string | Buffer };

/** A tar of the entries in their order; what tar-stream writes is not checked, so hostile names go in as they are. */
export async function tarOf(entries: readonly TarEntry[]): Promise<Buffer> {
  const archive = pack();
  for (const { content, ...header } of entries) archive.entry(header, content ?? '');
  archive.finalize();
  return buffer(archive);
}

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
