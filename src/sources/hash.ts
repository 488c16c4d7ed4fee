// Hashes a file on its way from a source to a sink, so that all three work at the same time: while one block is hashed in a thread of its own
// and written, the next one comes.

import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';

import type { HashAnswer, HashRequest } from './hashThread.ts';

/** Big enough that handing it on costs little, and small enough that two of them for every file that comes do not count. */
const BLOCK_BYTES = 1024 ** 2;

/** The bytes of a file in blocks, and its sha256 in hexadecimal once they have been read to their end. A block is good until the next is asked for. */
export interface Hashed {
  readonly blocks: AsyncIterable<Uint8Array>;
  readonly sha256: () => Promise<string>;
}

/** Hashes `content` while it is read. A file of one block needs no thread. */
export function hashed(content: AsyncIterable<Uint8Array>): Hashed {
  let digest: () => Promise<string> = () => Promise.reject(new Error('the file was not read to its end'));
  return { blocks: read(), sha256: () => digest() };

  async function* read(): AsyncGenerator<Uint8Array, void, undefined> {
    const chunks = content[Symbol.asyncIterator]();
    try {
      const filler = fillerOf(chunks);
      let block = await filler(takeBlock());
      if (block.isLast) {
        const sha256 = createHash('sha256').update(block.bytes).digest('hex');
        digest = () => Promise.resolve(sha256);
        if (block.bytes.length > 0) yield block.bytes;
        idle.push(block.memory);
        return;
      }
      const id = begin();
      let spare = takeBlock();
      for (;;) {
        const done = ask({ id, block: block.bytes });
        const coming = block.isLast ? undefined : filler(spare);
        // Whoever reads may give up in the middle; then nobody waits for these.
        coming?.catch(() => undefined);
        done.catch(() => undefined);
        yield block.bytes;
        await done;
        if (coming === undefined) break;
        spare = block.memory;
        block = await coming;
      }
      idle.push(block.memory, spare);
      digest = async () => (await ask({ id })).sha256 ?? '';
    } finally {
      await chunks.return?.();
    }
  }
}

interface Block {
  readonly memory: Uint8Array<SharedArrayBuffer>;
  /** What of the memory is filled. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly isLast: boolean;
}

/**
 * Blocks of files that came to their end, for those that are still to come: with new ones for each of thousands of small files, memory would
 * grow far quicker than it is given back. One that its reader gave up is not among them, since it may still be filled or hashed.
 */
const idle: Uint8Array<SharedArrayBuffer>[] = [];

function takeBlock(): Uint8Array<SharedArrayBuffer> {
  return idle.pop() ?? new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES));
}

/** Copies what comes into one block after the other. */
function fillerOf(chunks: AsyncIterator<Uint8Array>): (memory: Uint8Array<SharedArrayBuffer>) => Promise<Block> {
  let left: Uint8Array = new Uint8Array(0);
  let isOver = false;
  return async (memory) => {
    let filled = 0;
    while (filled < memory.length) {
      if (left.length === 0 && !isOver) {
        const next = await chunks.next();
        isOver = next.done === true;
        left = next.done === true ? left : next.value;
        continue;
      }
      if (left.length === 0) break;
      const part = left.subarray(0, memory.length - filled);
      memory.set(part, filled);
      filled += part.length;
      left = left.subarray(part.length);
    }
    return { memory, bytes: memory.subarray(0, filled), isLast: filled < memory.length };
  };
}

interface Waiting {
  readonly resolve: (answer: HashAnswer) => void;
  readonly reject: (error: Error) => void;
}

let thread: Worker | undefined;
let files = 0;
/** Requests without an answer, in their order. */
const waiting: Waiting[] = [];

function begin(): number {
  files += 1;
  return files;
}

/** One thread for all files, from the first that needs it on; it keeps no process alive. */
function ask(request: HashRequest): Promise<HashAnswer> {
  thread ??= start();
  const { promise, resolve, reject } = Promise.withResolvers<HashAnswer>();
  waiting.push({ resolve, reject });
  if (waiting.length === 1) thread.ref();
  thread.postMessage(request);
  return promise;
}

function start(): Worker {
  const file = import.meta.url.endsWith('.ts') ? './hashThread.ts' : './hashThread.js';
  const worker = new Worker(new URL(file, import.meta.url), { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 } });
  worker.unref();
  worker.on('message', (answer: HashAnswer) => {
    waiting.shift()?.resolve(answer);
    if (waiting.length === 0) worker.unref();
  });
  worker.on('error', (error: Error) => {
    thread = undefined;
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  return worker;
}
