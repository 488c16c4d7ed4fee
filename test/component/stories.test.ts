import { expect, test } from '@jest/globals';
import { Worker } from 'node:worker_threads';
import type { Result, Task } from '../support/world/storyWorker.ts';

const STEPS = 50_000;
/** Different stories for each. */
const SEEDS = [1_000_000, 2_000_000];
/** How releases of these stories must have ended, at the least: a property that nothing puts to the test proves nothing. */
const ENDINGS = [
  'Failed/Evidence',
  'Failed/Infrastructure',
  'Promoted',
  'Reverted/User',
  'RolledBack/Evidence',
  'RolledBack/Infrastructure',
  'Superseded/User',
];

function playStories(task: Task): Promise<Result> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('../support/world/storyWorker.ts', import.meta.url), { workerData: task });
    worker.once('message', resolve).once('error', reject);
  });
}

test('whatever happens in whatever order, what must hold holds after every step, and once nothing goes wrong any more the truth is told', async () => {
  const results = await Promise.all(SEEDS.map((seed) => playStories({ seed, steps: STEPS / SEEDS.length })));
  expect(results.reduce((sum, { steps }) => sum + steps, 0)).toBeGreaterThanOrEqual(STEPS);
  expect(results.flatMap(({ endings }) => endings)).toEqual(expect.arrayContaining(ENDINGS));
}, 600_000);
