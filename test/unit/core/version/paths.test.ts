import { join, normalize } from 'node:path';

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { checkPath, compareBytes, pathSet } from '../../../../src/core/version/paths.ts';
import { cleanText, quote } from '../../../../src/core/version/text.ts';

describe('the path of a file in a version', () => {
  test.each([
    'model.joblib',
    'data/model.pkl',
    '.hidden',
    'a b',
    '-x',
    '...',
    '..a',
    'größe/😀',
    'a'.repeat(255),
    Array(32).fill('a').join('/'),
  ])('may be %j', (path) => {
    expect(checkPath(path)).toBeUndefined();
  });

  test.each([
    ['', 'is empty'],
    ['/etc/passwd', 'is absolute'],
    ['..', 'leads out'],
    ['a/../b', 'leads out'],
    ['./a', "'.' segment"],
    ['a//b', 'empty segment'],
    ['a/', 'empty segment'],
    ['a\\b', 'backslash'],
    ['a\nb', 'control character'],
    ['a\u0000', 'control character'],
    ['a\u0085b', 'control character'],
    ['a\u202eb', 'does not print'],
    ['a\u2028b', 'does not print'],
    ['a\ud800', 'does not print'],
    ['a\ufffd', 'not valid UTF-8'],
    ['a'.repeat(256), 'segment longer than 255 bytes'],
    ['é'.repeat(128), 'segment longer than 255 bytes'],
    [Array(33).fill('a').join('/'), 'more than 32 levels'],
    [Array(10).fill('a'.repeat(120)).join('/'), 'longer than 1024 bytes'],
  ])('may not be %j', (path, words) => {
    expect(checkPath(path)).toContain(words);
  });

  test('that passes stays below the folder that it is joined to, and is joined as it is', () => {
    const segment = fc.oneof(fc.constantFrom('..', '.', '', 'a', '\\', '/', '\0', '~', ' '), fc.string({ unit: 'binary', maxLength: 5 }));
    const passing = fc
      .array(segment, { maxLength: 6 })
      .map((segments) => segments.join('/'))
      .filter((path) => checkPath(path) === undefined);
    fc.assert(
      fc.property(passing, (path) => {
        expect(join('/root', path)).toBe(`/root/${path}`);
        expect(normalize(path)).toBe(path);
        expect(path).not.toMatch(/[\n\r\\\0]/);
      }),
    );
  });
});

describe('the paths of one version', () => {
  test.each([
    [['a', 'a'], 'is there twice'],
    [['a/b', 'a'], 'is both a file and a folder'],
    [['a', 'a/b'], 'lies below a path that is a file'],
    [['a', 'a/b/c'], 'lies below a path that is a file'],
    [['a', '../b'], 'leads out'],
    [['model.pkl', 'Model.PKL'], "differs from 'model.pkl' only in case"],
    [['Größe', 'Gro\u0308ße'], 'only in case'],
    [['data/a', 'Data/b'], "lies in a folder that differs from 'data' only in case"],
    [['Data', 'data/b'], 'lies below a path that is a file'],
  ])('cannot be %j', (paths, words) => {
    for (const set of [pathSet(), pathSet(pathSet())]) {
      expect(paths.slice(0, -1).map((path) => set.add(path))).toEqual(paths.slice(1).map(() => undefined));
      expect(set.add(paths.at(-1)!)).toContain(words);
    }
    const below = pathSet();
    for (const path of paths.slice(0, -1)) below.add(path);
    expect(pathSet(below).add(paths.at(-1)!)).toContain(words);
  });

  test('may share folders, and a set on top of another one leaves it as it is', () => {
    const below = pathSet();
    const set = pathSet(below);
    expect(['a/b', 'a/c', 'a/d/e', 'ab'].map((path) => set.add(path))).toEqual([undefined, undefined, undefined, undefined]);
    expect(below.add('a/b')).toBeUndefined();
  });
});

test('the order of bytes is that of Buffer.compare', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

test('a quoted or cleaned text is of bounded length and holds nothing that moves a cursor', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.constantFrom('', '\u001b[2J', '\u202e', '\ud800', '\n'), (text, evil) => {
      for (const shown of [quote(text + evil), cleanText(evil + text, 50)]) {
        expect(shown).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
        expect(shown.isWellFormed()).toBe(true);
      }
      expect(Array.from(cleanText(text, 50)).length).toBeLessThanOrEqual(50);
      expect(quote(text).length).toBeLessThanOrEqual(80 * 10 + 3);
    }),
  );
});
