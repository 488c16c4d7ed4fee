import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cacheKey } from '../../../deploy/local/cluster/build.ts';

describe('keys of the build cache', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'plimsoll-key-'));
    writeFileSync(join(folder, 'go.mod'), 'module x\n');
    writeFileSync(join(folder, 'go.sum'), '');
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const key = async (...others: readonly string[]): Promise<string> => await cacheKey(folder, ['go1.26.8', ...others]);

  test('the same sources, Go and flags have the same key', async () => {
    expect(await key('-s')).toBe(await key('-s'));
  });

  test('the key changes with the contents of a file', async () => {
    const before = await key();
    writeFileSync(join(folder, 'go.mod'), 'module y\n');
    expect(await key()).not.toBe(before);
  });

  test('the key changes with the name of a file', async () => {
    const before = await key();
    writeFileSync(join(folder, 'main.go'), '');
    expect(await key()).not.toBe(before);
  });

  test('the key changes with the version of Go', async () => {
    expect(await cacheKey(folder, ['go1.26.9'])).not.toBe(await cacheKey(folder, ['go1.26.8']));
  });

  test('flags that are divided differently are different flags', async () => {
    expect(await key('-s', '-w')).not.toBe(await key('-s-w'));
  });
});
