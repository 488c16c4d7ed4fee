import { describe, expect, test } from '@jest/globals';
import { mergeTemplate } from '../../../../src/core/resources/overlay.ts';

describe('an overlay', () => {
  test('merges maps and replaces values', () => {
    expect(mergeTemplate({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 9 }, e: 4 })).toEqual({ a: { b: 9, c: 2 }, d: 3, e: 4 });
  });

  test('merges items of a list that have an identity, in their place, and adds new ones at the end', () => {
    const base = {
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    };
    expect(
      mergeTemplate(base, {
        env: [
          { name: 'C', value: '3' },
          { name: 'B', value: '9' },
        ],
      }),
    ).toEqual({
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '9' },
        { name: 'C', value: '3' },
      ],
    });
  });

  test('replaces every other list', () => {
    expect(mergeTemplate({ args: ['a', 'b'], tolerations: [{ key: 'x' }] }, { args: ['c'], tolerations: [] })).toEqual({
      args: ['c'],
      tolerations: [],
    });
  });

  test('removes a member by null, and ignores undefined', () => {
    expect(mergeTemplate({ a: 1, b: 2 }, { a: null, b: undefined })).toEqual({ b: 2 });
  });

  test('keeps items without an identity', () => {
    expect(mergeTemplate({ ports: [{ containerPort: 8080 }] }, { ports: [{ hostPort: 1 }] })).toEqual({
      ports: [{ containerPort: 8080 }, { hostPort: 1 }],
    });
  });

  test('replaces what is of another type', () => {
    expect(mergeTemplate({ a: { b: 1 }, env: [{ name: 'A' }] }, { a: 'text', env: 'text' })).toEqual({ a: 'text', env: 'text' });
  });

  test('changes neither of the two', () => {
    const base = { a: { b: 1 } };
    const overlay = { a: { b: 2 } };
    mergeTemplate(base, overlay);
    expect([base, overlay]).toEqual([{ a: { b: 1 } }, { a: { b: 2 } }]);
  });
});
