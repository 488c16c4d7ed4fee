import { describe, expect, test } from '@jest/globals';

import { allowanceOf, bytesOf, copiesToRemove, excessOf, noRoom, type Allowance, type HeldCopy } from '../../../../src/core/version/room.ts';
import { versionObject } from '../../../support/world/objects.ts';

const NOW = Date.UTC(2026, 10, 24, 10);
const HOUR_MS = 3_600_000;

/** A copy called so, used so many hours ago. */
function copy(digest: string, bytes: number, hours: number): HeldCopy {
  return { digest, bytes, usedAtMs: NOW - hours * HOUR_MS };
}

function allowance(bytes: number, needed: readonly string[] | undefined = []): Allowance {
  return { bytes, needed, gatheredAtMs: NOW };
}

const HOLDING = { copies: [copy('new', 4, 2), copy('recent', 8, 0.9), copy('old', 3, 50), copy('oldest', 2, 90)], growing: 5 };

describe('an amount of bytes', () => {
  test.each([
    ['1', 1],
    ['50Gi', 50 * 1024 ** 3],
    ['1.5Ki', 1536],
    ['0.0015k', 1],
    ['2T', 2e12],
    ['4Pi', 2 ** 52],
  ])('%s is %i', (quantity, bytes) => expect(bytesOf(quantity)).toBe(bytes));

  test.each(['', 'Gi', '1e3', '-1', '5GB', '5m', '1.Gi'])("'%s' is none", (quantity) => {
    expect(() => bytesOf(quantity)).toThrow('not an amount of bytes');
  });
});

describe('what a Job may fill', () => {
  const version = versionObject('2', 'Resolving');
  const limited = { ...version, spec: { ...version.spec, storage: { claim: { name: 'copies' }, limit: '1Ki' } } };

  test('is not limited unless spec says so', () => {
    expect(allowanceOf(version, [], NOW)).toBeUndefined();
    expect(allowanceOf({ ...version, spec: { ...version.spec, storage: { claim: { name: 'copies' } } } }, [], NOW)).toBeUndefined();
  });

  test('comes with what others need, as far as that is known and can be told', () => {
    const digests = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `sha256:${i}`);
    expect(allowanceOf(limited, digests(500), NOW)).toEqual({ bytes: 1024, needed: digests(500), gatheredAtMs: NOW });
    expect(allowanceOf(limited, digests(501), NOW)).toEqual({ bytes: 1024, needed: undefined, gatheredAtMs: NOW });
    expect(allowanceOf(limited, undefined, NOW)).toEqual({ bytes: 1024, needed: undefined, gatheredAtMs: NOW });
  });
});

describe('the copies that go', () => {
  const going = (excess: number, needed?: readonly string[]) =>
    copiesToRemove(HOLDING, excess, allowance(20, needed)).map(({ digest }) => digest);

  test.each([
    [1, ['oldest']],
    [2, ['oldest']],
    [3, ['oldest', 'old']],
    [5, ['oldest', 'old']],
    [6, ['oldest', 'old', 'new']],
    [9, ['oldest', 'old', 'new']],
  ])('for %i bytes are the least recently used, and no more than are needed', (excess, digests) => {
    expect(going(excess)).toEqual(digests);
  });

  test('are none where all that may go would not be enough', () => expect(going(10)).toEqual([]));

  test('are none of those that are needed', () => {
    expect(going(3, ['oldest', 'recent'])).toEqual(['old']);
    expect(going(8, ['oldest'])).toEqual([]);
  });

  test('are none at all where it is not known what is needed', () => {
    expect(copiesToRemove(HOLDING, 1, { ...allowance(20), needed: undefined })).toEqual([]);
  });

  test('are judged by the time when it was gathered what is needed, not by now', () => {
    const before = { ...allowance(20), gatheredAtMs: NOW - 60 * HOUR_MS };
    expect(copiesToRemove(HOLDING, 1, before).map(({ digest }) => digest)).toEqual(['oldest']);
    expect(copiesToRemove(HOLDING, 3, before)).toEqual([]);
  });
});

test('what counts is all copies, what grows, and what is to come', () => {
  expect(excessOf(HOLDING, 1, allowance(23))).toBe(0);
  expect(excessOf(HOLDING, 1, allowance(20))).toBe(3);
});

describe('that there is no room', () => {
  const said = (needed?: readonly string[], growing = 0): string =>
    noRoom('copies', { ...HOLDING, growing }, { ...allowance(20), needed }).failure.message;

  test('is told with claim, limit, what it holds, why that stays, and the ways out', () => {
    expect(said(['old', 'elsewhere'])).toBe(
      'The copy does not fit into claim copies: spec.storage.limit is 20 bytes, and the claim holds 4 copies with 17 bytes. 1 of them are of ' +
        'ModelVersions in this namespace, 1 were made or used within the last hour, and without the rest there would not be room enough ' +
        'either. Delete ModelVersions that are not needed any more, raise spec.storage.limit, or name another claim.',
    );
  });

  test('names other Jobs, and what is not known', () => {
    expect(said([], 7)).toContain('and 7 bytes that other Jobs are copying');
    expect(said()).toContain('None is removed, since more than 500 versions in this namespace have their copies there.');
  });
});
