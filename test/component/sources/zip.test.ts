import { spawnSync } from 'node:child_process';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { Failure } from '../../../src/core/version/failure.ts';
import { DEFAULT_LIMITS } from '../../../src/core/version/limits.ts';
import { quote } from '../../../src/core/version/text.ts';
import { failureOf } from '../../../src/sources/error.ts';
import { unzip } from '../../../src/sources/zip.ts';
import { endOfZip, workplace, zipOf } from './fixtures.ts';
import type { Workplace, ZipEntry } from './fixtures.ts';

let place: Workplace;

beforeEach(async () => {
  place = await workplace();
});

afterEach(() => place.remove());

async function contents(packed: Buffer, limits = DEFAULT_LIMITS): Promise<Readonly<Record<string, string>>> {
  const path = join(place.folder, 'x.zip');
  await writeFile(path, packed);
  return contentsOf(path, limits);
}

async function contentsOf(path: string, limits = DEFAULT_LIMITS): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {};
  const file = await open(path);
  try {
    await unzip(file, limits, async (name, content) => {
      files[name] = (await buffer(content)).toString();
    });
  } finally {
    await file.close();
  }
  return files;
}

async function refusal(packed: Buffer, limits = DEFAULT_LIMITS): Promise<Failure> {
  try {
    await contents(packed, limits);
  } catch (error) {
    return failureOf(error).failure;
  }
  throw new Error('the archive was unpacked');
}

/** Writes a zip with Python's zipfile, which is a writer that we did not write. */
function python(script: string): void {
  const { stderr, status } = spawnSync('python3', ['-c', `import zipfile\n${script}`], { cwd: place.folder, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
}

describe('an honest zip', () => {
  test('made by Python, stored or deflated, with long and non-ASCII names and folders, is unpacked', async () => {
    const long = `${'d'.repeat(90)}/${'f'.repeat(95)}.bin`;
    const files = { 'model.pkl': 'bytes'.repeat(1000), [long]: 'long', 'größe/😀.txt': 'unicode', empty: '' };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(place.folder, 'in', path, '..'), { recursive: true });
      await writeFile(join(place.folder, 'in', path), content);
    }
    for (const method of ['ZIP_STORED', 'ZIP_DEFLATED']) {
      python(`import os
with zipfile.ZipFile('x.zip', 'w', zipfile.${method}) as z:
  for root, folders, names in os.walk('in'):
    for name in folders + names: z.write(os.path.join(root, name), os.path.relpath(os.path.join(root, name), 'in'))`);
      expect(await contentsOf(join(place.folder, 'x.zip'))).toEqual(files);
    }
  });

  test('written to a pipe, with its sizes behind each content, and with zip64 numbers, is unpacked', async () => {
    python(`class Pipe:
  def __init__(self, out): self.out = out
  def write(self, data): return self.out.write(data)
  def flush(self): pass
with open('x.zip', 'wb') as out, zipfile.ZipFile(Pipe(out), 'w', zipfile.ZIP_DEFLATED) as z:
  with z.open('wide', 'w', force_zip64=True) as f: f.write(b'sixty-four')
  z.writestr('plain', 'sizes follow')`);
    expect(await contentsOf(join(place.folder, 'x.zip'))).toEqual({ wide: 'sixty-four', plain: 'sizes follow' });
  });

  test('whose directory has numbers of 64 bits is unpacked', async () => {
    expect(await contents(zipOf([{ name: './a', content: 'x', zip64: true }], true))).toEqual({ a: 'x' });
  });
});

describe('a hostile zip is refused before a byte of it is unpacked: its entry', () => {
  const refused: readonly (readonly [string, ZipEntry, string])[] = [
    ['that climbs out', { name: '../evil' }, "leads out of the model by '..'"],
    ['that climbs out from below', { name: 'a/../../evil' }, "leads out of the model by '..'"],
    ['with an absolute path', { name: '/etc/passwd' }, 'is absolute'],
    ['with a newline', { name: 'a\nb' }, 'control character'],
    ['with a NUL', { name: 'a\0b' }, 'control character'],
    ['with a backslash', { name: 'a\\b' }, 'backslash'],
    ['with a name that turns the writing', { name: 'a\u202egpj.exe' }, 'does not print'],
    ['with a name of 2000 bytes', { name: 'n'.repeat(2000) }, 'longer than 1024 bytes'],
    ['with a segment of 300 bytes', { name: `a/${'n'.repeat(300)}` }, 'segment longer than 255 bytes'],
    ['nested 100 levels deep', { name: 'a/'.repeat(100) + 'b' }, 'more than 32 levels'],
    ['that is a folder outside', { name: '../a/', mode: 0o040755 }, "leads out of the model by '..'"],
    ['that is a symbolic link', { name: 'a', content: '/etc/passwd', mode: 0o120777 }, 'is a symbolic link'],
    ['that is a device', { name: 'a', mode: 0o020600 }, 'is a device'],
    ['that is a named pipe', { name: 'a', mode: 0o010600 }, 'is a named pipe'],
    ['that is a socket', { name: 'a', mode: 0o140600 }, 'is a socket'],
    ['that is a folder by one half only', { name: 'a', mode: 0o040755 }, 'a folder by its mode and a file by its name'],
    ['that is encrypted', { name: 'a', flags: 1 }, 'is encrypted'],
    ['that is packed by bzip2', { name: 'a', method: 12 }, 'is packed by method 12'],
    ['that is stored and yet packed', { name: 'a', content: 'xy', stored: true, bytes: 9 }, 'is stored as it is'],
    ['with two names', { name: 'a', local: { name: 'b' } }, 'has another name before its content'],
    ['with two methods', { name: 'a', local: { method: 0 } }, 'two methods'],
    ['with two sizes', { name: 'a', content: 'xy', local: { bytes: 1 } }, 'another size before its content'],
    ['that lies on another one', { name: 'model.pkl', content: 'fine', offset: 0 }, 'shares its bytes with another entry'],
    ['that announces more bytes than may come', { name: 'a', content: 'x', bytes: 2 ** 60, zip64: true }, 'unpacks to more than'],
  ];
  test.each(refused)('%s', async (_what, entry, words) => {
    const found = await refusal(zipOf([{ name: 'model.pkl', content: 'fine' }, entry]));
    expect(found.retryable).toBe(false);
    expect(found.message).toContain(words);
    if (found.reason !== 'TooLarge') expect(found.message).toContain(quote(entry.name.toString()).slice(0, 20));
    expect(found.message).not.toMatch(/[\n\u202e]/);
  });

  test.each([
    ['shorter than it announces', { name: 'a', content: 'xyz', bytes: 5 }, "its entry 'a' ends after 3 of 5 bytes"],
    ['longer than it announces', { name: 'a', content: 'xyz', bytes: 2 }, "its entry 'a' unpacks to more than the 2 bytes"],
    ['of another checksum', { name: 'a', content: 'xyz', crc32: 1 }, "its entry 'a' has another checksum"],
    ['no deflated data', { name: 'a', content: '\xff\xff\xff', stored: true, method: 8 }, "its entry 'a' holds no valid compressed data"],
  ] as const)('whose content is %s', async (_what, entry, words) => {
    expect(await refusal(zipOf([entry]))).toMatchObject({ reason: 'ArchiveRefused', message: expect.stringContaining(words) });
  });

  test('with a name that is not UTF-8 though it says so', async () => {
    expect((await refusal(zipOf([{ name: Buffer.from([0x61, 0xff]) }]))).message).toContain('not valid UTF-8');
  });
});

describe('a bomb', () => {
  test('of zeros is refused by its ratio', async () => {
    const found = await refusal(zipOf([{ name: 'zeros', content: Buffer.alloc(100 * 1024 ** 2) }]));
    expect(found).toMatchObject({ reason: 'TooLarge', message: expect.stringContaining('more than 200 times its packed size') });
  });

  test('of bytes is refused by the size limit', async () => {
    const packed = zipOf([{ name: 'big', content: Buffer.alloc(10_000, 'x') }]);
    expect(await refusal(packed, { ...DEFAULT_LIMITS, bytes: 1000 })).toMatchObject({ reason: 'TooLarge' });
  });

  test('of 200,000 files is refused by the number of entries', async () => {
    const one = zipOf([{ name: 'f', stored: true }]);
    const [heads, records] = [one.subarray(0, 31), one.subarray(31, 78)].map((part) => Buffer.concat(Array<Buffer>(200_000).fill(part)));
    const packed = Buffer.concat([heads!, records!, endOfZip(200_000, heads!.length, records!.length, true)]);
    expect(await refusal(packed)).toMatchObject({ reason: 'TooLarge', message: expect.stringContaining('more than 20000 entries') });
  });
});

describe('a broken zip', () => {
  test.each([
    ['plain text', Buffer.from('hello')],
    ['nothing', Buffer.alloc(0)],
    ['half of one', zipOf([{ name: 'a', content: 'x'.repeat(500), stored: true }]).subarray(0, 300)],
    ['one with a tail', Buffer.concat([zipOf([{ name: 'a', content: 'x' }]), Buffer.alloc(30)])],
  ])('%s is refused with a sentence', async (_what, packed) => {
    expect(await refusal(packed)).toMatchObject({ reason: 'ArchiveRefused', message: expect.stringContaining('not a valid zip: ') });
  });

  test.each([false, true])('never ends otherwise than by a result or a failure, wherever one byte is changed (zip64: %s)', async (wide) => {
    const entries: readonly ZipEntry[] = [
      { name: 'folder/a', content: 'x'.repeat(50) },
      { name: 'b', content: 'z', stored: true, zip64: true },
    ];
    const packed = zipOf(entries, wide);
    for (let i = 0; i < packed.length; i += 1) {
      const changed = Buffer.from(packed);
      changed[i] = (changed[i]! + 1) % 256;
      const outcome = await contents(changed).then(
        () => 'unpacked',
        (error: unknown) => failureOf(error).failure.reason,
      );
      expect(['unpacked', 'ArchiveRefused', 'TooLarge']).toContain(outcome);
    }
  });
});

test('what the reader of the files throws comes through as it is', async () => {
  const path = join(place.folder, 'x.zip');
  await writeFile(path, zipOf([{ name: 'a', content: Buffer.alloc(500_000, 'x') }]));
  const file = await open(path);
  const broken = new Error('disk on fire');
  await expect(unzip(file, DEFAULT_LIMITS, () => Promise.reject(broken))).rejects.toBe(broken);
  await file.close();
});
