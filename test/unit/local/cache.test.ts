import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { digestOf, makeOnce } from '../../../deploy/local/images/cache.ts';

describe('the build cache', () => {
  let folder: string;
  let lines: string[];
  const say = (line: string): void => void lines.push(line);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cache-'));
    lines = [];
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  test('makes a target once and says what it made and how long that took', async () => {
    const target = join(folder, 'deep/x');
    let calls = 0;
    const make = async (path: string): Promise<void> => { calls += 1; await writeFile(path, 'made'); };
    await Promise.all([makeOnce(target, say, 'x', make), makeOnce(target, say, 'x', make)]);
    await makeOnce(target, say, 'x', make);
    expect(calls).toBe(1);
    expect(await readFile(target, 'utf8')).toBe('made');
    expect(lines).toEqual(['Building x ...', expect.stringMatching(/^Built x in \d+\.\d s\.$/)]);
  });

  test('a failed build leaves nothing behind and says what failed', async () => {
    const make = async (path: string): Promise<void> => {
      await writeFile(path, 'half');
      throw new Error('no space');
    };
    await expect(makeOnce(join(folder, 'x'), say, 'the thing', make)).rejects.toThrow('Building the thing failed: no space');
    expect(await readdir(folder)).toEqual([]);
  });

  test('what a killed process left half-made is removed', async () => {
    await writeFile(join(folder, 'x.999999999.making'), 'half');
    await writeFile(join(folder, 'y.999999999.making'), 'half');
    await makeOnce(join(folder, 'x'), say, 'x', (path) => writeFile(path, 'made'));
    expect((await readdir(folder)).sort()).toEqual(['x', 'y.999999999.making']);
  });

  test('digests tell apart lists that read the same when joined', () => {
    expect(digestOf('ab', 'c')).not.toBe(digestOf('a', 'bc'));
    expect(digestOf('a')).toMatch(/^[0-9a-f]{16}$/);
  });
});
