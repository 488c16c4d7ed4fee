// The checksums by which DVC knows its files. They find what was damaged on the way; against exchange a version is pinned by sha256
// (see digest.ts).

import { createHash } from 'node:crypto';

export interface Checksum {
  /** The caller may use their memory again. */
  readonly update: (bytes: Uint8Array) => void;
  /** Whether the bytes so far are those of this md5, 32 lower-case hexadecimal characters. */
  readonly matches: (md5: string) => boolean;
}

/** The md5 of the bytes, as DVC 3 takes it. */
export function plainChecksum(): Checksum {
  const hash = createHash('md5');
  return { update: (bytes) => void hash.update(bytes), matches: (md5) => hash.copy().digest('hex') === md5 };
}

/** DVC 2 read files in pieces of this many bytes, and judged by the first bytes of a piece whether it is text. */
const PIECE = 1024 ** 2;
const JUDGED = 512;
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

/**
 * The md5 of DVC 2, which takes the line ends of text for those of Unix, so that it is the same on every system. Whether a file is text was
 * judged by its first piece at first, and later for each piece by itself; either is right.
 */
export function legacyChecksum(): Checksum {
  const byFile = createHash('md5');
  const byPiece = createHash('md5');
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let isTextFile: boolean | undefined;
  const take = (bytes: Buffer): void => {
    const isText = isTextBlock(bytes.subarray(0, JUDGED));
    isTextFile ??= isText;
    byFile.update(isTextFile ? withoutCarriageReturns(bytes) : bytes);
    byPiece.update(isText ? withoutCarriageReturns(bytes) : bytes);
  };
  const takeWhole = (): void => {
    const bytes = Buffer.concat(waiting);
    let taken = 0;
    for (; bytes.length - taken >= PIECE; taken += PIECE) take(bytes.subarray(taken, taken + PIECE));
    waiting = [bytes.subarray(taken)];
    waitingBytes = bytes.length - taken;
  };
  return {
    update: (bytes) => {
      waiting.push(Buffer.from(bytes));
      waitingBytes += bytes.length;
      if (waitingBytes >= PIECE) takeWhole();
    },
    matches: (md5) => {
      if (waitingBytes > 0) take(Buffer.concat(waiting));
      waiting = [];
      waitingBytes = 0;
      return [byFile, byPiece].some((hash) => hash.copy().digest('hex') === md5);
    },
  };
}

/** Text has no byte 0, and at most three of ten bytes that are neither printable ASCII nor white space. */
function isTextBlock(block: Buffer): boolean {
  if (block.includes(0)) return false;
  let others = 0;
  for (const byte of block) if (!isTextByte(byte)) others += 1;
  return others / block.length <= 0.3;
}

function isTextByte(byte: number): boolean {
  // \b, \t, \n, \f and \r count as text, \v does not.
  return (byte >= 32 && byte < 127) || (byte >= 8 && byte <= 13 && byte !== 11);
}

/** The bytes with \r\n as \n; a \r that ends a piece stays, whatever the next one begins with. */
function withoutCarriageReturns(bytes: Buffer): Buffer {
  const kept = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    if (bytes[i] === CARRIAGE_RETURN && bytes[i + 1] === LINE_FEED) continue;
    kept[length] = bytes[i] ?? 0;
    length += 1;
  }
  return kept.subarray(0, length);
}
