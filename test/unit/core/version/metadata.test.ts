import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { boundMetadata, decodeMetadata, encodeMetadata, type Metadata } from '../../../../src/core/version/metadata.ts';

const METADATA: Metadata = {
  code: { repository: 'https://github.com/example/fraud', commit: '4f0c2a7d9be1' },
  data: [{ name: 'transactions', uri: 's3://data/t.parquet', digest: 'md5:0cc175b9c0f1b6a831c399e269772661' }],
  training: { pipeline: 'fraud-weekly', run: '8c1f6e0b7a', user: 'ada', parameters: { max_depth: '6', seed: '42' } },
  metrics: { auc: '0.947' },
  tags: { 'validated-by': 'ada' },
  model: { flavors: { sklearn: '1.7.2' }, signature: '{"inputs": "[]"}' },
  dependencies: { python: '3.11.9', packages: [{ name: 'scikit-learn', specifier: '==1.7.2', from: 'requirements.txt' }] },
};

function encoded(value: unknown): string {
  return deflateRawSync(JSON.stringify(value)).toString('base64');
}

describe('metadata', () => {
  test('comes back as it was', () => {
    expect(decodeMetadata(encodeMetadata(METADATA, 2000))).toEqual(METADATA);
  });

  test('that says nothing is no text', () => {
    expect(encodeMetadata({}, 2000)).toBeUndefined();
    expect(encodeMetadata({ tags: {}, training: { parameters: {} } }, 2000)).toBeUndefined();
  });

  test.each([2000, 400, 200, 60])('never takes more than %i characters, and says what it left out', (room) => {
    // Numbers that compress badly.
    const parameters = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`p${index}`, String(Math.sin(index))]));
    const text = encodeMetadata({ ...METADATA, training: { ...METADATA.training, parameters } }, room);
    expect(text?.length ?? 0).toBeLessThanOrEqual(room);
    const decoded = decodeMetadata(text);
    if (decoded !== undefined) expect(decoded.truncated).toBe(room < 2000 ? true : decoded.truncated);
  });

  test('gives up the longest part first', () => {
    const parameters = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`p${index}`, String(Math.sin(index))]));
    const decoded = decodeMetadata(encodeMetadata({ ...METADATA, training: { run: 'r1', parameters } }, 700));
    expect(decoded).toMatchObject({ code: METADATA.code, metrics: METADATA.metrics, training: { run: 'r1' }, truncated: true });
    expect(Object.keys(decoded?.training?.parameters ?? {}).length).toBeLessThan(64);
  });

  test('gives up the less important dependencies, and counts them', () => {
    const packages = Array.from({ length: 150 }, (_, index) => ({
      name: `p${index}`,
      specifier: `==${Math.abs(Math.sin(index)).toFixed(12)}`,
      from: 'requirements.txt',
    }));
    const dependencies = { python: '3.11.9', packages, omitted: 7, notCompared: ['an editable package (-e)'] };
    const decoded = decodeMetadata(encodeMetadata({ ...METADATA, dependencies }, 1200));
    const { python, packages: kept = [], omitted = 0 } = decoded?.dependencies ?? {};
    expect([python, decoded?.code, decoded?.truncated]).toEqual(['3.11.9', METADATA.code, true]);
    expect(kept).toEqual(packages.slice(0, kept.length));
    expect(kept.length).toBeGreaterThan(10);
    expect(kept.length + omitted).toBe(157);
  });

  test('keeps 64 entries of a map and a list, by name, and marks that there were more', () => {
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`k${String(index).padStart(2, '0')}`, '1']));
    const bounded = boundMetadata({ tags: many, data: Array.from({ length: 70 }, () => ({ name: 'x' })) });
    expect(Object.keys(bounded.tags ?? {})).toEqual(Object.keys(many).slice(0, 64));
    expect(bounded.data).toHaveLength(64);
    expect(bounded.truncated).toBe(true);
  });

  test('is cut where it is long, and nothing in it moves a cursor', () => {
    expect(boundMetadata({ tags: { note: `a\u001b[2J\n${'b'.repeat(300)}` } })).toEqual({
      tags: { note: `a [2J ${'b'.repeat(249)}…` },
      truncated: true,
    });
  });
});

describe('metadata from somebody who may write anything', () => {
  test.each<[title: string, text: unknown]>([
    ['no text', 7],
    ['no base64', '!!!'],
    ['no deflate', Buffer.from('hello').toString('base64')],
    ['no JSON', deflateRawSync('{').toString('base64')],
    ['a bomb', deflateRawSync(Buffer.alloc(10_000_000)).toString('base64')],
    ['a list', encoded([1, 2])],
    ['null', encoded(null)],
    ['nothing that is known', encoded({ secrets: { a: 'b' } })],
    ['parts of other kinds', encoded({ code: 'x', data: { a: 1 }, training: [], metrics: 7, tags: [{ a: 'b' }], model: { flavors: 'x' } })],
  ])('is nothing when it is %s', (_, text) => {
    expect(decodeMetadata(text)).toBeUndefined();
  });

  test('keeps what has the right form', () => {
    const text = encoded({ tags: { a: 'b', c: 7, '': 'x' }, data: [{ uri: 'no name' }, { name: 'n', digest: {} }], more: 1 });
    expect(decodeMetadata(text)).toEqual({ tags: { a: 'b' }, data: [{ name: 'n' }] });
  });
});
