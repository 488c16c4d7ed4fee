// Where the bytes of connections land: in memory that is there already. Node's own way takes new memory for every 64 KiB, twice, and with
// the small heap of our containers collecting that costs more time than receiving, hashing and writing together.

import type { IncomingMessage } from 'node:http';
import type { OnReadOpts, Socket } from 'node:net';

/** What one read of a connection brings at most. All connections share it: before the next read, everything has been copied on. */
const LANDING = Buffer.allocUnsafeSlow(256 * 1024);
const BLOCK = 1024 ** 2;
/** Of an encrypted connection that is told to wait, as much may still come. */
const SLACK = LANDING.length + 128 * 1024;
/** Smaller bodies come as Node has them, and so do those of which only their end will say how large they are. */
const SMALL = LANDING.length;

type Taker = (chunk: Uint8Array) => boolean;

/** Connections whose body goes past Node's HTTP parser. */
const takers = new WeakMap<Socket, Taker>();

/** Option of a connection that is read by an HTTP parser, and later perhaps by `lentChunks`. */
export const ONREAD: OnReadOpts = {
  buffer: LANDING,
  callback(this: Socket, bytes: number): boolean {
    const chunk = LANDING.subarray(0, bytes);
    const take = takers.get(this);
    if (take !== undefined) return take(chunk);
    this.emit('data', chunk); // the parser copies what it keeps
    return true;
  },
};

/**
 * The body of a response whose connection was made with ONREAD. A chunk is lent: it is good until the next one is asked for. Afterwards
 * the connection is of no more use, and the response has to be destroyed.
 */
export async function* lentChunks(response: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
  const { 'content-length': length, 'transfer-encoding': encoding } = response.headers;
  let left = encoding === undefined ? Number(length ?? 0) : 0;
  if (!(left >= SMALL)) {
    yield* response as AsyncIterable<Uint8Array>;
    return;
  }
  let wake = (): void => undefined;
  let [filling, lent] = [new Block(), new Block()];
  takers.set(response.socket, (chunk) => {
    if (chunk.length <= filling.room()) filling.add(chunk);
    else response.destroy(new Error('more came than a connection that was told to wait may bring'));
    wake();
    return filling.room() >= SLACK;
  });
  response.on('error', () => undefined).once('close', () => wake());
  for (let chunk = read(response); chunk !== null; chunk = read(response)) {
    left -= chunk.length;
    yield chunk;
  }
  while (left > 0) {
    if (filling.isEmpty() && !response.destroyed) await new Promise<void>((resolve) => (wake = resolve));
    if (filling.isEmpty()) throw response.errored ?? new Error('the response was destroyed');
    [filling, lent] = [lent, filling];
    response.socket.resume();
    const chunk = lent.take();
    left -= chunk.length;
    if (left < 0) throw Object.assign(new Error('longer than announced'), { code: 'HPE_CLOSED_CONNECTION' });
    yield chunk;
  }
}

/** What Node had read of the body before its connection was taken over. */
function read(response: IncomingMessage): Buffer | null {
  return response.read() as Buffer | null;
}

class Block {
  readonly #memory = Buffer.allocUnsafeSlow(BLOCK);
  #filled = 0;

  room(): number {
    return BLOCK - this.#filled;
  }

  isEmpty(): boolean {
    return this.#filled === 0;
  }

  add(chunk: Uint8Array): void {
    this.#memory.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  /** What is in it; the next that is added takes its place. */
  take(): Uint8Array {
    const content = this.#memory.subarray(0, this.#filled);
    this.#filled = 0;
    return content;
  }
}
