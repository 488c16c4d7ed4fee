import { describe, expect, test } from '@jest/globals';

import { chooseRevision, parseRefs, parseTag, parseTreeEntry } from '../../../../src/core/version/gitObjects.ts';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(40)) as [string, string, string];

describe('the lines of ls-remote', () => {
  test('are branches and tags, annotated ones with what they lead to', () => {
    expect(parseRefs(`${A}\trefs/heads/main\n${B}\trefs/tags/v1\n${A}\trefs/tags/v1^{}\n${C}\trefs/tags/light\n`)).toEqual([
      { name: 'refs/heads/main', object: A },
      { name: 'refs/tags/v1', object: B, peeled: A },
      { name: 'refs/tags/light', object: C },
    ]);
    expect(parseRefs('')).toEqual([]);
  });

  test.each([`${A} refs/heads/main`, `${A}\tmain`, `x\trefs/heads/main`, `${A}\trefs/tags/v1^{}`, `${A}\trefs/heads/a\tb`])(
    '%j is none',
    (line) => {
      expect(parseRefs(line)).toBeUndefined();
    },
  );
});

describe('a revision', () => {
  const refs = [
    { name: 'refs/heads/main', object: A },
    { name: 'refs/heads/both', object: A },
    { name: 'refs/tags/both', object: B },
    { name: 'refs/tags/v1', object: B, peeled: A },
    { name: `refs/heads/${C}`, object: A },
    { name: 'refs/heads/deadbeef', object: A },
  ];
  const choose = (revision: string) => chooseRevision(revision, refs, 'spec.source.git.revision', 'https://git.example.com/x');

  test.each([
    ['main', { kind: 'ref', ref: refs[0] }],
    ['refs/heads/both', { kind: 'ref', ref: refs[1] }],
    ['refs/tags/both', { kind: 'ref', ref: refs[2] }],
    ['v1', { kind: 'ref', ref: refs[3] }],
    ['deadbeef', { kind: 'ref', ref: refs[5] }],
    [C, { kind: 'commit', commit: C }],
    ['d'.repeat(64), { kind: 'commit', commit: 'd'.repeat(64) }],
    ['abcdef0', { kind: 'short', prefix: 'abcdef0' }],
  ])('%s is found', (revision, value) => {
    expect(choose(revision)).toEqual({ ok: true, value });
  });

  test('that is the name of a branch and of a tag is refused', () => {
    const chosen = choose('both');
    expect(chosen).toMatchObject({ failure: { reason: 'InvalidSource' } });
    expect(chosen.ok ? '' : chosen.failure.message).toContain('Write refs/heads/both or refs/tags/both into spec.source.git.revision.');
  });

  test.each(['abcdef', 'nope', 'refs/heads/nope', 'refs/heads/v1', 'ABCDEF0', 'heads/main', 'refs/heads/main/x'])(
    '%s is not there',
    (revision) => {
      expect(choose(revision)).toMatchObject({ failure: { reason: 'NotFound', retryable: false } });
    },
  );
});

test.each([
  [`100644 blob ${A}      12\tmodel.pkl`, { path: 'model.pkl', kind: 'file', id: A, bytes: 12 }],
  [`100755 blob ${A}       0\ta/b c\td`, { path: 'a/b c\td', kind: 'file', id: A, bytes: 0 }],
  [`100644 blob ${A}     BAD\ta\nb`, { path: 'a\nb', kind: 'file', id: A, bytes: undefined }],
  [`120000 blob ${A}       5\tlink`, { path: 'link', kind: 'link', id: A, bytes: 5 }],
  [`160000 commit ${A}       -\tsub`, { path: 'sub', kind: 'submodule', id: A, bytes: undefined }],
  [`040000 tree ${A}       -\tfolder`, undefined],
  ['nonsense', undefined],
])('the record %j of a tree', (record, entry) => {
  expect(parseTreeEntry(record)).toEqual(entry);
});

describe('a tag', () => {
  test('tells what it is of, and who made it when', () => {
    expect(parseTag(`object ${A}\ntype commit\ntag v1\ntagger Ada L. <ada@example.com> 1700000000 +0100\n\nobject ${B}\n`)).toEqual({
      object: A,
      type: 'commit',
      tag: 'v1',
      tagger: { name: 'Ada L.', email: 'ada@example.com', time: 1_700_000_000 },
    });
  });

  test('of old has no tagger', () => {
    expect(parseTag(`object ${A}\ntype commit\ntag v1\n\nmessage`)).toMatchObject({ tag: 'v1', tagger: undefined });
    expect(parseTag(`object ${A}\ntype commit\ntag v1\ntagger nobody\n\nmessage`)?.tagger).toBeUndefined();
  });

  test.each(['', 'nonsense', `object x\ntype commit\ntag v1\n\n`, `object ${A}\n\ntype commit\ntag v1\n`])('is not %j', (text) => {
    expect(parseTag(text)).toBeUndefined();
  });
});
