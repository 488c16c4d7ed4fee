import { createHash } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';

import { legacyChecksum, plainChecksum, type Checksum } from '../../../../src/core/version/md5.ts';

const MIB = 1024 ** 2;

function md5(bytes: string | Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** Feeds it in pieces of this many bytes, all in the same memory. */
function fed(checksum: Checksum, bytes: string | Buffer, size = 65_536): Checksum {
  const all = Buffer.from(bytes);
  const memory = Buffer.alloc(size);
  for (let at = 0; at < all.length; at += size) checksum.update(memory.subarray(0, all.copy(memory, 0, at, at + size)));
  return checksum;
}

describe('the checksum of DVC 3', () => {
  test('is the md5 of the bytes', () => {
    expect(fed(plainChecksum(), 'a\r\nb').matches(md5('a\r\nb'))).toBe(true);
    expect(fed(plainChecksum(), 'a\r\nb').matches(md5('a\nb'))).toBe(false);
    expect(plainChecksum().matches(md5(''))).toBe(true);
  });
});

describe('the checksum of DVC 2', () => {
  test.each([1, 7, 65_536])('takes the line ends of text for those of Unix, in chunks of %i bytes', (size) => {
    const text = 'a\r\nb\r\r\nc\rd\n'.repeat(1000);
    expect(fed(legacyChecksum(), text, size).matches(md5(text.replaceAll('\r\n', '\n')))).toBe(true);
    expect(fed(legacyChecksum(), text, size).matches(md5(text))).toBe(false);
  });

  test('takes what is not text as it is', () => {
    for (const bytes of [Buffer.from('a\0\r\n'), Buffer.from([0x80, 0x81, 0x82, 0x0d, 0x0a, 0x61])]) {
      expect(fed(legacyChecksum(), bytes).matches(md5(bytes))).toBe(true);
    }
    // Three of ten: still text.
    const text = Buffer.concat([Buffer.from([0x80, 0x81, 0x82]), Buffer.from('abcde\r\n')]);
    expect(fed(legacyChecksum(), text).matches(md5(Buffer.concat([text.subarray(0, 8), Buffer.from('\n')])))).toBe(true);
  });

  test('is that of nothing for an empty file', () => {
    expect(legacyChecksum().matches(md5(''))).toBe(true);
  });

  test('leaves a line end that lies across two pieces of a MiB', () => {
    const text = `${'a'.repeat(MIB - 1)}\r\nb\r\nc`;
    expect(fed(legacyChecksum(), text).matches(md5(`${'a'.repeat(MIB - 1)}\r\nb\nc`))).toBe(true);
  });

  test('judges by the first piece, or each piece by itself', () => {
    const text = 'a\r\n'.repeat(MIB / 2).slice(0, MIB);
    const binary = Buffer.concat([Buffer.from([0]), Buffer.from('x\r\n'.repeat(10))]);
    const unix = (bytes: Buffer): Buffer => Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
    const whole = Buffer.concat([Buffer.from(text), binary]);
    const byFile = md5(Buffer.concat([unix(Buffer.from(text)), unix(binary)]));
    const byPiece = md5(Buffer.concat([unix(Buffer.from(text)), binary]));
    const checksum = fed(legacyChecksum(), whole, 100_000);
    expect([byFile, byPiece, md5(whole)].map((one) => checksum.matches(one))).toEqual([true, true, false]);
  });
});
