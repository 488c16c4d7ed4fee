// How the program `git` reaches a server: it writes requests, and a wire answers with what the server says. So connections are made by this
// process alone, with its own guards (see request.ts), and credentials never leave it.

import type { SourceContext } from '../source.ts';

/** One conversation with a server's `git-upload-pack`. Fails with a SourceError in words for people. */
export type Wire = (requests: AsyncIterable<Buffer>, context: SourceContext) => AsyncIterable<Buffer>;

/** End of a request or an answer: a packet of length zero. */
const FLUSH = '0000';

/** Whether a packet is the one that ends a request or an answer. */
export function isFlush(packet: Buffer): boolean {
  return packet.length === 4 && packet.toString('latin1') === FLUSH;
}

/** A packet's content, without its length and line break. */
export function textOf(packet: Buffer): string {
  return packet.subarray(4).toString('latin1').replace(/\n$/, '');
}

/**
 * Cuts a stream into Git's packets, each with the four hexadecimal digits of its length before it; 0000 to 0002 have no content. What is
 * no packet ends the stream with the rest as it is, for `git` to judge.
 */
export async function* packets(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const digits = rest.subarray(0, 4).toString('latin1');
      if (rest.length < 4 || !/^[0-9a-f]{4}$/i.test(digits)) break;
      const length = Math.max(4, Number.parseInt(digits, 16));
      if (rest.length < length) break;
      yield rest.subarray(0, length);
      rest = rest.subarray(length);
    }
  }
  if (rest.length > 0) yield rest;
}
