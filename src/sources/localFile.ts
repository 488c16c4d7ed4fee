// Reading local files in pieces, in or out of order.

import { randomUUID } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { writeAll } from './sink.ts';

const CHUNK = 256 * 1024;

/** The bytes of a file from `from` up to `to`; fewer when the file is shorter. The file stays open. */
export async function* bytesBetween(file: FileHandle, from: number, to: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = from; at < to; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(CHUNK, to - at)), 0, undefined, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Writes what comes into a file without a name in `folder`: it is gone when it is closed, and when this process is killed. */
export async function namelessFile(folder: string, content: AsyncIterable<Uint8Array>): Promise<FileHandle> {
  const path = join(folder, `.${randomUUID()}.partial`);
  const file = await open(path, 'wx+', 0o600);
  try {
    await rm(path);
    for await (const chunk of content) await writeAll(file, chunk);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
