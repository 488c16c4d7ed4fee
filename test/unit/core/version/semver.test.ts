import { describe, expect, test } from '@jest/globals';

import { compareSemver, parseSemver, type Semver } from '../../../../src/core/version/semver.ts';

function parsed(text: string): Semver {
  const version = parseSemver(text);
  if (version === undefined) throw new Error(`${text} is no version`);
  return version;
}

// From item 11 of the specification, with what lies between.
const ASCENDING = [
  '0.0.0-0',
  '0.0.0',
  '0.0.1',
  '0.9.0',
  '0.10.0',
  '1.0.0-1',
  '1.0.0-2',
  '1.0.0-10',
  '1.0.0-alpha',
  '1.0.0-alpha.1',
  '1.0.0-alpha.beta',
  '1.0.0-beta',
  '1.0.0-beta.2',
  '1.0.0-beta.11',
  '1.0.0-rc.1',
  '1.0.0-rc.1.0',
  '1.0.0-rc.A',
  '1.0.0-rc.a',
  '1.0.0',
  '1.0.1',
  '1.1.0',
  '2.0.0',
  '2.0.18446744073709551616',
  '2.0.18446744073709551617',
];

describe('the order of versions', () => {
  test('is that of semver 2.0', () => {
    const shuffled = ASCENDING.toSorted((a, b) => (a.split('').reverse().join('') < b.split('').reverse().join('') ? -1 : 1));
    expect(shuffled).not.toEqual(ASCENDING);
    expect(shuffled.toSorted((a, b) => compareSemver(parsed(a), parsed(b)))).toEqual(ASCENDING);
    for (const [i, left] of ASCENDING.entries()) {
      for (const [j, right] of ASCENDING.entries()) {
        expect(Math.sign(compareSemver(parsed(left), parsed(right)))).toBe(Math.sign(i - j));
      }
    }
  });

  test('does not know build metadata', () => {
    expect(compareSemver(parsed('v1.0.0+cu12'), parsed('1.0.0+cu13'))).toBe(0);
    expect(compareSemver(parsed('1.0.0-rc.1+7'), parsed('1.0.0-rc.1'))).toBe(0);
  });
});

describe('a text that is no version', () => {
  const short = ['', 'v', '1', '1.0', '1.0.0.0', '01.0.0', '1.0.0-01', '1.0.0-', '1.0.0+', '1.0.0-a..b'];

  test.each([...short, 'V1.0.0', '1.0.0 ', '1.0.0\n', '-1.0.0', '1.0.0-ä', `1.0.${'9'.repeat(300)}`])('%j', (text) => {
    expect(parseSemver(text)).toBeUndefined();
  });
});
