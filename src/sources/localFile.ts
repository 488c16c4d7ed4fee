// Reading local files in pieces, in or out of order.

import { randomUUID } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { writeAll } from './sink.ts';

const CHUNK = 256 * 1024;

/**
 * The bytes of a file from `from` up to `to`; fewer when the file is shorter. The file stays open. A chunk is lent: it is good until the
 * next one is asked for, which is being read meanwhile.
 */
export async function* bytesBetween(file: FileHandle, from: number, to: number): AsyncGenerator<Uint8Array, void, undefined> {
  const size = Math.min(CHUNK, to - from);
  const blocks = [Buffer.allocUnsafe(size), Buffer.allocUnsafe(size)];
  let at = from;
  const read = async (): Promise<Uint8Array> => {
    const [block = Buffer.alloc(0)] = blocks.reverse();
    const { bytesRead } = await file.read(block, 0, Math.min(size, to - at), at);
    at += bytesRead;
    return block.subarray(0, bytesRead);
  };
  let coming = read();
  try {
    for (let chunk = await coming; chunk.length > 0; chunk = await coming) {
      coming = read();
      coming.catch(() => undefined); // it counts when it is asked for
      yield chunk;
    }
  } finally {
    await coming.catch(() => undefined);
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
