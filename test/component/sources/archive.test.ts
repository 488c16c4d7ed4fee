import { spawnSync } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { Failure } from '../../../src/core/version/failure.ts';
import { DEFAULT_LIMITS } from '../../../src/core/version/limits.ts';
import { unpack } from '../../../src/sources/archive.ts';
import { quote } from '../../../src/core/version/text.ts';
import { failureOf } from '../../../src/sources/error.ts';
import { tarGzOf, tarOf, workplace } from './fixtures.ts';
import type { TarEntry, Workplace } from './fixtures.ts';

let place: Workplace;

beforeEach(async () => {
  place = await workplace();
});

afterEach(() => place.remove());

/** Unpacks into memory, in chunks as a socket would give them. */
async function contents(
  packed: Buffer,
  limits = DEFAULT_LIMITS,
  encoding: 'tar' | 'tar.gz' = 'tar.gz',
): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {};
  await unpack(Readable.from(chunksOf(packed), { objectMode: false }), encoding, limits, async (path, content) => {
    files[path] = (await buffer(content)).toString();
  });
  return files;
}

function* chunksOf(packed: Buffer): Generator<Buffer> {
  for (let i = 0; i < packed.length; i += 16_384) yield packed.subarray(i, i + 16_384);
}

async function refusal(packed: Buffer, limits = DEFAULT_LIMITS, encoding: 'tar' | 'tar.gz' = 'tar.gz'): Promise<Failure> {
  try {
    await contents(packed, limits, encoding);
  } catch (error) {
    return failureOf(error).failure;
  }
  throw new Error('the archive was unpacked');
}

describe('an honest archive', () => {
  test('made by GNU tar in any of its formats, with long and non-ASCII names, is unpacked as tar itself would', async () => {
    const long = `${'d'.repeat(90)}/${'f'.repeat(95)}.bin`;
    const files = { 'model.pkl': 'bytes', [long]: 'long', 'größe/😀.txt': 'unicode', empty: '' };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(place.folder, 'in', path, '..'), { recursive: true });
      await writeFile(join(place.folder, 'in', path), content);
    }
    for (const format of ['gnu', 'pax', 'ustar']) {
      const made = spawnSync('tar', ['-C', join(place.folder, 'in'), `--format=${format}`, '-czf', join(place.folder, 'x.tgz'), '.'], {
        encoding: 'utf8',
      });
      expect(made.stderr).toBe('');
      expect(await contents(await readFile(join(place.folder, 'x.tgz')))).toEqual(files);
    }
  });

  test('that is not compressed is unpacked as well', async () => {
    expect(await contents(await tarOf([{ name: './sub/a', content: 'plain' }]), DEFAULT_LIMITS, 'tar')).toEqual({ 'sub/a': 'plain' });
  });

  test('of several gzip members is read to its end', async () => {
    const tar = await tarOf([
      { name: 'a', content: 'first' },
      { name: 'b', content: 'second' },
    ]);
    expect(await contents(Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]))).toEqual({
      a: 'first',
      b: 'second',
    });
  });
});

describe('a hostile archive is refused: its entry', () => {
  const refused: readonly (readonly [string, TarEntry, string])[] = [
    ['that climbs out', { name: '../evil', content: 'x' }, "leads out of the model by '..'"],
    ['that climbs out from below', { name: 'a/../../evil', content: 'x' }, "leads out of the model by '..'"],
    ['with an absolute path', { name: '/etc/passwd', content: 'x' }, 'is absolute'],
    ['with an absolute path behind dots', { name: './/etc/passwd/../x', content: 'x' }, "leads out of the model by '..'"],
    ['with a newline', { name: 'a\nb', content: 'x' }, 'control character'],
    ['with a backslash', { name: 'a\\b', content: 'x' }, 'backslash'],
    ['with a name that turns the writing', { name: 'a\u202egpj.exe', content: 'x' }, 'does not print'],
    ['with an empty segment', { name: 'a//b', content: 'x' }, 'empty segment'],
    ['with a name of 2000 bytes', { name: 'n'.repeat(2000), content: 'x' }, 'longer than 1024 bytes'],
    ['nested 100 levels deep', { name: 'a/'.repeat(100) + 'b', content: 'x' }, 'more than 32 levels'],
    ['that is a symbolic link', { name: 'a', type: 'symlink', linkname: '/etc/passwd' }, 'is a symbolic link'],
    ['that is a hard link', { name: 'a', type: 'link', linkname: 'b' }, 'is a hard link'],
    ['that is a character device', { name: 'a', type: 'character-device' }, 'is a device'],
    ['that is a block device', { name: 'a', type: 'block-device' }, 'is a device'],
    ['that is a named pipe', { name: 'a', type: 'fifo' }, 'is a named pipe'],
    ['that is a folder outside', { name: '../a/', type: 'directory' }, "leads out of the model by '..'"],
  ];
  test.each(refused)('%s', async (_what, entry, words) => {
    const tar = await tarOf([{ name: 'model.pkl', content: 'fine' }, entry]);
    const found = await refusal(gzipSync(tar));
    expect(found).toMatchObject({ reason: 'ArchiveRefused', retryable: false });
    expect(found.message).toContain(words);
    expect(found.message).toContain(quote(entry.name).slice(0, 20));
    expect(found.message).not.toMatch(/[\n\u202e]/);
    expect(await refusal(tar, DEFAULT_LIMITS, 'tar')).toEqual(found);
  });

  test('whose long name is a header of its own that lies about its length', async () => {
    const tar = await tarOf([{ name: 'n'.repeat(300), content: 'x', pax: { path: '../evil' } }]);
    expect((await refusal(gzipSync(tar))).reason).toBe('ArchiveRefused');
  });

  test('with a header of 300 MB for its name', async () => {
    const header = (await tarOf([{ name: 'a', content: 'x' }])).subarray(0, 512);
    header[156] = 'L'.charCodeAt(0); // GNU long name
    header.write('2360000000 ', 124);
    const found = await refusal(Buffer.concat([withChecksum(header), Buffer.alloc(4096)]), DEFAULT_LIMITS, 'tar');
    expect(found.reason).toBe('ArchiveRefused');
  });

  test('of a kind that no tar should have', async () => {
    const tar = await tarOf([{ name: 'a', content: 'x' }]);
    tar[156] = 'S'.charCodeAt(0); // GNU sparse
    expect((await refusal(gzipSync(withChecksum(tar)))).message).toContain('of an unknown kind');
  });

  test('with a name that is not UTF-8', async () => {
    const tar = await tarOf([{ name: 'a', content: 'x' }]);
    tar[0] = 0xff;
    expect((await refusal(gzipSync(withChecksum(tar)))).message).toContain('not valid UTF-8');
  });

  test('that is a sparse file of the PAX kind', async () => {
    const packed = await tarGzOf([{ name: 'a', content: 'x', pax: { 'GNU.sparse.major': '1' } }]);
    expect((await refusal(packed)).message).toContain('is a sparse file');
  });

  test('that was packed by tar as a link to a file outside', async () => {
    await symlink('/etc/passwd', join(place.folder, 'model.pkl'));
    spawnSync('tar', ['-C', place.folder, '-czf', join(place.folder, 'x.tgz'), 'model.pkl']);
    expect((await refusal(await readFile(join(place.folder, 'x.tgz')))).message).toContain("its entry 'model.pkl' is a symbolic link");
  });
});

describe('a bomb', () => {
  test('of zeros is stopped by its ratio, long before it is unfolded', async () => {
    const packed = gzipSync(await tarOf([{ name: 'zeros', content: Buffer.alloc(100 * 1024 ** 2) }]));
    let unpacked = 0;
    const reading = unpack(Readable.from([packed], { objectMode: false }), 'tar.gz', DEFAULT_LIMITS, async (_path, content) => {
      for await (const chunk of content) unpacked += chunk.length;
    });
    await expect(reading).rejects.toMatchObject({
      failure: { reason: 'TooLarge', message: expect.stringContaining('more than 200 times its packed size') },
    });
    expect(unpacked).toBeLessThan(70 * 1024 ** 2);
  });

  test('of bytes is stopped by the size limit', async () => {
    const packed = await tarGzOf([{ name: 'big', content: Buffer.alloc(1024 ** 2) }]);
    expect(await refusal(packed, { ...DEFAULT_LIMITS, bytes: 1000, files: 2 })).toMatchObject({ reason: 'TooLarge', retryable: false });
  });

  test('of 200,000 files is stopped by the number of entries', async () => {
    const [file, end] = [await tarOf([{ name: 'f' }]), Buffer.alloc(1024)];
    const tar = Buffer.concat([...Array.from({ length: 200_000 }, () => file.subarray(0, 512)), end]);
    const found = await refusal(tar, DEFAULT_LIMITS, 'tar');
    expect(found).toMatchObject({ reason: 'TooLarge', message: expect.stringContaining('more than 20000 entries') });
  });

  test('of folders is stopped by the number of entries', async () => {
    const folders = Array.from({ length: 30 }, (_, i): TarEntry => ({ name: `d${i}/`, type: 'directory' }));
    expect((await refusal(await tarGzOf(folders), { ...DEFAULT_LIMITS, files: 10 })).message).toContain('more than 20 entries');
  });
});

describe('a broken archive', () => {
  test.each([
    ['plain text', Buffer.from('hello'), 'ArchiveRefused', 'not valid gzip'],
    ['a tar that is not compressed', Buffer.alloc(2048), 'ArchiveRefused', 'not valid gzip'],
    ['gzip of something else', gzipSync(Buffer.alloc(2048, 'x')), 'ArchiveRefused', 'not a valid tar'],
    ['half a gzip', gzipSync(Buffer.alloc(2048)).subarray(0, 15), 'Truncated', 'in the middle of its compressed data'],
  ])('%s is refused with a sentence', async (_what, packed, reason, words) => {
    const found = await refusal(packed);
    expect(found.reason).toBe(reason);
    expect(found.message).toContain(words);
  });

  test('a tar of something else is refused with a sentence', async () => {
    const found = await refusal(Buffer.alloc(2048, 'x'), DEFAULT_LIMITS, 'tar');
    expect(found).toMatchObject({ reason: 'ArchiveRefused', message: expect.stringContaining('not a valid tar. Pack it with tar -cf') });
  });

  test('whose tar ends in the middle of a file is refused with a sentence', async () => {
    const tar = await tarOf([{ name: 'a', content: Buffer.alloc(5000, 'x') }]);
    expect((await refusal(gzipSync(tar.subarray(0, 3000)))).reason).toBe('ArchiveRefused');
  });

  test('with a wrong checksum of its content is refused', async () => {
    const packed = await tarGzOf([{ name: 'a', content: 'some content' }]);
    packed[packed.length - 8]! ^= 1; // gzip ends with the checksum and the length of the content
    expect((await refusal(packed)).message).toContain('not valid gzip');
  });

  test('never ends otherwise than by a result or a failure, wherever one byte of its tar is changed', async () => {
    const tar = await tarOf([
      { name: 'folder/a', content: 'x', pax: { comment: 'y' } },
      { name: 'b', content: 'z' },
    ]);
    for (let i = 0; i < tar.length; i += 7) {
      const changed = Buffer.from(tar);
      changed[i] = (changed[i]! + 1) % 256;
      const outcome = await contents(gzipSync(changed)).then(
        () => 'unpacked',
        (error: unknown) => failureOf(error).failure.reason,
      );
      expect(['unpacked', 'ArchiveRefused', 'TooLarge']).toContain(outcome);
    }
  });
});

test('what the reader of the files throws comes through as it is', async () => {
  const packed = await tarGzOf([
    { name: 'a', content: Buffer.alloc(500_000, 'x') },
    { name: 'b', content: 'y' },
  ]);
  const broken = new Error('disk on fire');
  await expect(unpack(Readable.from([packed]), 'tar.gz', DEFAULT_LIMITS, () => Promise.reject(broken))).rejects.toBe(broken);
});

/** The first header's checksum, worked out anew. */
function withChecksum(tar: Buffer): Buffer {
  tar.fill(' ', 148, 156);
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return tar;
}
