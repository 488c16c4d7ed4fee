// Plays stories in a thread of its own until so many steps are done.
import { parentPort, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { play, stepsOf, story } from './stories.ts';

export interface Task {
  readonly seed: number;
  readonly steps: number;
}

export interface Result {
  readonly steps: number;
  readonly stories: number;
  /** How releases ended: outcome and, if there was one, class. */
  readonly endings: readonly string[];
}

const STORIES_AT_ONCE = 25;

async function work({ seed, steps: wanted }: Task): Promise<Result> {
  let steps = 0;
  let stories = 0;
  const endings = new Set<string>();
  const property = fc.asyncProperty(story, async (told) => {
    const world = await play(told);
    steps += stepsOf(told, world);
    stories += 1;
    for (const { status } of world.releases)
      if (status?.outcome !== undefined) endings.add([status.outcome, status.class].filter(Boolean).join('/'));
  });
  for (let next = seed; steps < wanted; next += 1) await fc.assert(property, { seed: next, numRuns: STORIES_AT_ONCE });
  return { steps, stories, endings: [...endings].sort() };
}

parentPort?.postMessage(await work(workerData as Task));
