// Files and the standard input, with a limit.

import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { quote } from '../core/version/text.ts';
import { Refusal } from './command.ts';

/** 100,000 looks take some five of them. */
const MOST_BYTES = 16 * 1024 * 1024;

/** The text of `file`, or of `standardInput` for `-`. */
export async function readInput(file: string, standardInput: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of (file === '-' ? standardInput : createReadStream(file)) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MOST_BYTES) throw new Refusal(`${quote(file)} is larger than ${MOST_BYTES / 1024 / 1024} MiB; lengthen the intervals`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(`${quote(file)} cannot be read: ${(error as Error).message}`);
  }
  const bytes = Buffer.concat(chunks);
  if (!isUtf8(bytes)) throw new Refusal(`${quote(file)} is no UTF-8 text; save it as one`);
  return bytes.toString('utf8');
}
