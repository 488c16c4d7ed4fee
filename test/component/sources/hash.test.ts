import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';

import { hashed } from '../../../src/sources/hash.ts';

const MEBIBYTE = 1024 ** 2;

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** `bytes` in pieces of this size, and an error at the end if there is one. */
async function* pieces(bytes: Uint8Array, size: number, error?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
  if (error) throw error;
}

/** What came, with every block copied as a sink would write it. */
async function read(blocks: AsyncIterable<Uint8Array>, pause = 0): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const block of blocks) {
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    copies.push(Buffer.from(block));
  }
  return Buffer.concat(copies);
}

describe('a file that is hashed on its way', () => {
  test.each([0, 1, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 2 * MEBIBYTE, 5 * MEBIBYTE + 7])('of %i bytes arrives whole', async (length) => {
    const bytes = randomBytes(length);
    const { blocks, sha256: digest } = hashed(pieces(bytes, 65_536));
    expect((await read(blocks)).equals(bytes)).toBe(true);
    expect(await digest()).toBe(sha256(bytes));
  });

  test('in pieces larger than a block arrives whole, and a slow reader never finds a block written over', async () => {
    const bytes = randomBytes(7 * MEBIBYTE);
    const { blocks, sha256: digest } = hashed(pieces(bytes, 3 * MEBIBYTE + 5));
    expect((await read(blocks, 30)).equals(bytes)).toBe(true);
    expect(await digest()).toBe(sha256(bytes));
  });

  test('beside others has its own digest', async () => {
    const all = Array.from({ length: 6 }, (_, index) => randomBytes(3 * MEBIBYTE + index));
    const digests = await Promise.all(
      all.map(async (bytes) => {
        const { blocks, sha256: digest } = hashed(pieces(bytes, 50_000));
        await read(blocks);
        return await digest();
      }),
    );
    expect(digests).toEqual(all.map(sha256));
  });

  test.each([1000, 3 * MEBIBYTE])('fails as its source does, after %i bytes, and has no digest then', async (length) => {
    const { blocks, sha256: digest } = hashed(pieces(randomBytes(length), 65_536, new Error('cut')));
    await expect(read(blocks)).rejects.toThrow('cut');
    await expect(digest()).rejects.toThrow('not read to its end');
  });

  test('that nobody wants any more lets go of its source', async () => {
    let isReleased = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield* pieces(randomBytes(8 * MEBIBYTE), 65_536);
      } finally {
        isReleased = true;
      }
    }
    const { blocks, sha256: digest } = hashed(source());
    for await (const block of blocks) {
      expect(block).toHaveLength(MEBIBYTE);
      break;
    }
    expect(isReleased).toBe(true);
    await expect(digest()).rejects.toThrow('not read to its end');
  });
});
