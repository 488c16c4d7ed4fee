import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { play, stepsOf, story, type Story } from '../../../support/world/stories.ts';

/** A story that once went wrong, as found and shrunk, and what was wrong then. A seed alone would mean another story tomorrow. */
interface Found {
  readonly why: string;
  readonly story: Story;
}

const found = JSON.parse(readFileSync(new URL('stories.found.json', import.meta.url), 'utf8')) as readonly Found[];

describe('no longer', () => {
  test.each(found.map(({ why, story: told }) => [why, told] as const))('%s', async (_, told) => {
    await expect(play(told)).resolves.toBeDefined();
  });
});

// A taste of the many stories in test/component/stories.test.ts.
test('whatever happens, what must hold holds after every step, and once nothing goes wrong any more the truth is told', async () => {
  let steps = 0;
  const property = fc.asyncProperty(story, async (told) => {
    steps += stepsOf(told, await play(told));
  });
  await fc.assert(property, { seed: 1, numRuns: 10 });
  expect(steps).toBeGreaterThan(1000);
}, 120_000);
