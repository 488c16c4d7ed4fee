import { createHash } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { modelDigest, omsDigest, sha256Listing } from '../../../../src/core/version/digest.ts';
import type { FileDigest } from '../../../../src/core/version/digest.ts';

function filesOf(contents: Readonly<Record<string, string>>): readonly FileDigest[] {
  return Object.entries(contents).map(([path, content]) => ({ path, sha256: createHash('sha256').update(content).digest('hex') }));
}

describe('the digest of a version', () => {
  test('is the sha256 of the listing that sha256sum prints', () => {
    // printf 'digits\n' > model.joblib; sha256sum model.joblib | sha256sum
    expect(sha256Listing(filesOf({ 'model.joblib': 'digits\n' }))).toBe(
      '08397b04ece2eeabd47f114647ca5cd998ee9b7c4e5ce6a2904381e63474bff5  model.joblib\n',
    );
    expect(modelDigest(filesOf({ 'model.joblib': 'digits\n' }))).toBe(
      'sha256:03e177d7b2b2f2c490454a2d1bf844e2d8ac1f364244be5a4dda08856637182f',
    );
  });

  test('orders paths by their bytes, not by UTF-16 units and not by segments', () => {
    const paths = ['😀', '～', 'a/b', 'a.b', 'a-b', 'Z', 'é'];
    const listed = sha256Listing(filesOf(Object.fromEntries(paths.map((path) => [path, '']))))
      .split('\n')
      .map((line) => line.slice(66));
    expect(listed).toEqual(['Z', 'a-b', 'a.b', 'a/b', 'é', '～', '😀', '']);
  });

  test('does not depend on the order in which files came, and changes with any name or byte', () => {
    const files = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string(), { minKeys: 1, maxKeys: 8 });
    fc.assert(
      fc.property(files, (contents) => {
        const digest = modelDigest(filesOf(contents));
        expect(modelDigest(filesOf(contents).toReversed())).toBe(digest);
        const [path = '', content = ''] = Object.entries(contents)[0] ?? [];
        expect(modelDigest(filesOf({ ...contents, [path]: `${content}.` }))).not.toBe(digest);
        const renamed = Object.fromEntries(Object.entries(contents).map(([name, text]) => [name === path ? `${name}-` : name, text]));
        expect(modelDigest(filesOf(renamed))).not.toBe(digest);
      }),
    );
  });

  test.each(['a\nb', 'a\\b', '../a', 'a\rb'])('is not computed over a name that sha256sum would escape or that leads out: %j', (path) => {
    expect(() => modelDigest([{ path, sha256: '0'.repeat(64) }])).toThrow('the path');
  });
});

// Made with model-signing 1.1.1: the subject of the statement that `signing.Payload(hashing.hash(folder))` builds; the case with a
// signature is the subject of the file that `model_signing sign key` wrote as model.sig.
const SIGNED: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
  ['one file', { 'model.joblib': 'digits\n' }, 'e92490db37b34c3a15b98f5d549eacef2b571433395c312b9ab84e65b6c45616'],
  [
    'paths whose order by segments is not their order by bytes',
    { 'a.b': '1', 'a/b': '2', 'a-b': '3', 'ab/c': '4', 'a/b.c/d': '5', 'a/b0': '6' },
    '8d7e1066af94d4e29f8f0b5a92779aa5502339cd97be95961a9a8bb97920d7af',
  ],
  [
    'names beyond ASCII',
    { '～': 'x', '😀': 'y', é: 'z', Z: 'w', z: 'v' },
    'aff25ba02f9593123f570dedc5684de4ae9ec22d9954c66fccc73b2df761226d',
  ],
  [
    'a folder and a file of one beginning',
    { MLmodel: '', 'data/model.pkl': 'p', 'data/model/x': 'q', 'conda.yaml': 'r' },
    '9be29f3384fe43690bbcb9377aa56135eba82873d3e0db594489ee546805424e',
  ],
  [
    "Git's files and the signature, which are left out in the root only",
    {
      '.gitignore': 'a',
      '.gitattributes': 'b',
      '.github/x': 'c',
      'sub/.gitignore': 'e',
      '.gitkeep': 'f',
      'model.pkl': 'g',
      'sub/model.sig': 'h',
      'model.sig': 'whatever the signature is',
    },
    'c4bce333254dde1172ad7c7560812bb88b36c813c445196750fd98f147217b41',
  ],
];

describe('the root digest of OpenSSF Model Signing', () => {
  test.each(SIGNED)('is what model_signing computes for %s', (_what, contents, digest) => {
    expect(omsDigest(filesOf(contents))).toBe(`sha256:${digest}`);
    expect(omsDigest(filesOf(contents).toReversed())).toBe(`sha256:${digest}`);
  });

  test('keeps silent about a rename within the order of names, which the digest of a version does not', () => {
    const before = filesOf({ 'a.py': '1', 'x.json': '2' });
    const renamed = filesOf({ 'a.py': '1', 'b.py': '2' });
    expect(omsDigest(renamed)).toBe(omsDigest(before));
    expect(modelDigest(renamed)).not.toBe(modelDigest(before));
  });
});
