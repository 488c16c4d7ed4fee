// docs/client-pitfalls.md says of each pitfall where it is tested; this holds it to its word.
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';

const COUNT = 26;
const page = readFileSync('docs/client-pitfalls.md', 'utf8');

/** Each number with its text, line breaks taken out. */
const entries = [...page.matchAll(/^(\d+)\. ((?:.+\n(?: {2,}.+\n)*))/gm)].map(
  ([, number = '', text = '']) => [Number(number), text.replaceAll(/\s+/g, ' ')] as const,
);

/** Numbers of pitfalls by the test files whose tests name them. */
const named = new Map(
  globSync('test/**/*.test.ts')
    .filter((file) => !file.endsWith('clientPitfalls.test.ts'))
    .map((file) => [file, new Set([...readFileSync(file, 'utf8').matchAll(/['"`]pitfall (\d+): /g)].map(([, number]) => Number(number)))]),
);

test('every number from 1 to 26 has its place, in order', () => {
  expect(entries.map(([number]) => number)).toEqual(Array.from({ length: COUNT }, (_, index) => index + 1));
});

describe.each(entries)('pitfall %i', (number, text) => {
  const told = [...(/Tested in (.*)\.$/.exec(text.trim())?.[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);

  test('says where it is tested, and there is a test of its number in each of these files and in no other', () => {
    const files = [...named].filter(([, numbers]) => numbers.has(number)).map(([file]) => file);
    expect(told.length).toBeGreaterThan(0);
    expect(told.toSorted()).toEqual(files.toSorted());
  });
});
