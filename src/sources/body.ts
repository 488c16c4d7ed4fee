// Bodies whose chunks are lent: memory that is used again, and copied only for who has to keep it.

import { Readable } from 'node:stream';

import type { Body } from './source.ts';

/** A body of what `lend` gives. `close` lets go of where the bytes come from, whether or not they were read. */
export function lentBody(lend: () => AsyncIterable<Uint8Array>, close: () => void, length: number | undefined): Body {
  const stream = Readable.from(copies(lend()), { objectMode: false, highWaterMark: 256 * 1024 });
  stream.once('close', close);
  return { stream, lend, length };
}

/** Sees the bytes of a body on their way, and keeps none of them. Both may throw a SourceError, which is then the body's. */
export interface Check {
  readonly update: (chunk: Uint8Array) => void;
  readonly end: () => void;
}

/** The same body, which fails where the check does. */
export function checkedBody({ stream, lend }: Body, length: number | undefined, check: Check): Body {
  async function* checked(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of lend?.() ?? (stream as AsyncIterable<Uint8Array>)) {
      check.update(chunk);
      yield chunk;
    }
    check.end();
  }
  return lentBody(checked, () => stream.destroy(), length);
}

/** Lent chunks for who keeps them. */
export async function* copies(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}
