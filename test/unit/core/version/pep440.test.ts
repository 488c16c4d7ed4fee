import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { comparePythonVersions, isRange, parsePythonVersion, satisfies } from '../../../../src/core/version/pep440.ts';

/** Written by pep440.cases.py, which asks the library that pip uses. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'pep440.cases.json'), 'utf8')) as {
  readonly order: readonly string[];
  readonly cases: readonly (readonly [version: string, range: string, holds: boolean | null])[];
};

describe('versions of Python packages', () => {
  test('are in ranges exactly where pip says so, and the same ranges cannot be read', () => {
    const wrong = golden.cases.filter(([version, range, holds]) => (satisfies(version, range) ?? null) !== holds);
    expect(wrong).toEqual([]);
    expect(golden.cases.filter(([, , holds]) => holds === true).length).toBeGreaterThan(200);
  });

  test('have the order that pip gives them', () => {
    const versions = golden.order.map((text) => parsePythonVersion(text)!);
    for (const [index, version] of versions.entries()) {
      for (const later of versions.slice(index)) expect(comparePythonVersions(version, later)).toBeLessThanOrEqual(0);
      for (const earlier of versions.slice(0, index)) expect(comparePythonVersions(version, earlier)).toBeGreaterThanOrEqual(0);
    }
    const [first, last] = [versions[0]!, versions.at(-1)!];
    expect(comparePythonVersions(first, last)).toBeLessThan(0);
  });

  test('of a build are those of the release, unless the range names a build', () => {
    expect(satisfies('2.5.1+cpu', '==2.5.1')).toBe(true);
    expect(satisfies('2.5.1+cpu', '==2.5.1+cu121')).toBe(false);
  });

  test.each(['', '  ', '>=1,', '>= 1.2 , < 2'])('an empty or airy range is one: %j', (range) => {
    expect(satisfies('1.5', range)).toBe(true);
  });

  test.each(['1.1.1w', '', 'latest', '1.0\n', '1'.repeat(300), '9'.repeat(40), '1.0-', '1..0', '1.0+'])('%j is no version', (version) => {
    expect(satisfies(version, '>=0')).toBe(version === '1.0\n' ? true : undefined);
  });

  test.each(['1.0', '=1.0', '>=', '~=1', '>=1.*', '==1.0rc1.*', '==1.0.post0.*', '<1.0+cpu', '^1.2', '==1.0;x', `==${'1'.repeat(300)}`])(
    '%j is no range',
    (range) => {
      expect(isRange(range)).toBe(false);
    },
  );

  test('are looked at in the end, whatever they are', () => {
    const hostile = ['1' + '.1'.repeat(120), '1' + '-'.repeat(200), '1.0' + '-_.'.repeat(80), '1+' + 'a.'.repeat(120)];
    for (const text of hostile) {
      satisfies(text, `==${text}`);
      isRange(`==${text}`);
    }
    expect(isRange('>=1')).toBe(true);
  });
});
