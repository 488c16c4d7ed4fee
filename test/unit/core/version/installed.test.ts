import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { compareDependencies, decodeInstalled, namesOf } from '../../../../src/core/version/installed.ts';

const INSTALLED = { python: '3.11.9', machine: 'x86_64', packages: { numpy: '2.3.1', odd: 'unknown' } };

const NAMES = ['numpy', 'odd', 'pandas'];
const ANSWER = { python: '3.11.9', machine: 'x86_64', versions: ['2.3.1', 'unknown', null] };

function written(document: unknown): string {
  return JSON.stringify({ inspected: deflateRawSync(JSON.stringify(document)).toString('base64') });
}

describe('what an image answers', () => {
  test('is read', () => {
    expect(decodeInstalled(written(ANSWER), NAMES)).toEqual(INSTALLED);
  });

  test.each<[title: string, text: string | undefined]>([
    ['nothing', undefined],
    ['no JSON', 'hello'],
    ['another answer', '{"resolved":{}}'],
    ['no text', '{"inspected":7}'],
    ['null', 'null'],
    ['no deflate', '{"inspected":"!!"}'],
    ['a bomb', JSON.stringify({ inspected: deflateRawSync(Buffer.alloc(10_000_000)).toString('base64') })],
    ['a list', written([])],
    ['no version of Python', written({ ...ANSWER, python: 'snake' })],
    ['a processor that moves the cursor', written({ ...ANSWER, machine: '\u001b[2J' })],
    ['a map of versions', written({ ...ANSWER, versions: { numpy: '2.3.1' } })],
    ['a version that is no text', written({ ...ANSWER, versions: [1, '1', null] })],
    ['a version with a line break', written({ ...ANSWER, versions: ['1\n2', '1', null] })],
    ['more than was asked for', written({ ...ANSWER, versions: ['1', '1', null, '1'] })],
  ])('is nothing when it is %s', (_, text) => {
    expect(decodeInstalled(text, NAMES)).toBeUndefined();
  });
});

describe('what is needed and what is there', () => {
  const from = 'requirements.txt';

  test('match, with what is needed elsewhere left out', () => {
    const packages = [
      { name: 'numpy', specifier: '>=2', from },
      { name: 'pywin32', marker: 'sys_platform == "win32"', from },
      { name: 'libgomp', optional: true, from },
      { name: 'odd', from },
    ];
    expect(compareDependencies({ python: '3.11.1', packages }, INSTALLED)).toEqual({ state: 'Match', compared: 3, incomplete: undefined });
    expect(namesOf({ packages: [...packages, ...packages] })).toEqual(['libgomp', 'numpy', 'odd', 'pywin32']);
  });

  test('differ in versions, in the version of Python, and in what is not there', () => {
    const packages = [
      { name: 'numpy', specifier: '==1.26.4', from },
      { name: 'pandas', from },
      { name: 'constructor', specifier: '==1', from },
    ];
    expect(compareDependencies({ python: '3.10.4', packages }, INSTALLED)).toEqual({
      state: 'Mismatch',
      differences: ['Python 3.11.9 where the model wants 3.10.4', 'numpy 2.3.1 where requirements.txt wants ==1.26.4'],
      missing: ['pandas (requirements.txt)', 'constructor==1 (requirements.txt)'],
    });
  });

  test('cannot all be compared', () => {
    const packages = [
      { name: 'odd', specifier: '==1', from },
      { name: 'numpy', marker: 'colour == "red"', from },
    ];
    expect(compareDependencies({ packages, omitted: 2, notCompared: ['an editable package (-e)'] }, INSTALLED)).toEqual({
      state: 'Match',
      compared: 0,
      incomplete:
        "4 requirements are not compared: odd unknown, which is no version of Python's kind, numpy under a marker that cannot be read, an editable package (-e)",
    });
  });

  test.each([
    ['3.11', true],
    ['3.11.0', true],
    ['3.12.0', false],
    ['>=3.10', true],
    ['==3.11.8.*', false],
  ])('Python %s: %s', (python, fits) => {
    expect(compareDependencies({ python }, INSTALLED).state).toBe(fits ? 'Match' : 'Mismatch');
  });
});
