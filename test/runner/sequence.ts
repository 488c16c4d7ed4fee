// Goes through the stages: which run, which are counted as failed without running, and what runs whatever happens.
import type { Counts, Outcome } from './outcomes.ts';
import type { Stage } from './stages.ts';

/** Runs one stage; must end soon after `interrupt` is aborted. */
export type RunStage = (stage: Stage, interrupt: AbortSignal) => Promise<Counts>;

/**
 * Runs the stages in order. A stage that fails does not stop the next, unless that one needs it: then it counts as one failure.
 * After an interrupt only stages run that undo one which has begun, and these are not interrupted themselves: half a tear-down
 * leaves processes behind. A stage whose run throws counts as one failure.
 */
export async function runStages(stages: readonly Stage[], run: RunStage, interrupt: AbortSignal): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const stage of stages) {
    const begun = stage.undoes !== undefined && outcomes.some(({ stage: name }) => name === stage.undoes);
    if (interrupt.aborted && !begun) continue;
    const needed = outcomes.find(({ stage: name }) => name === stage.needs);
    if (needed !== undefined && needed.failed > 0) {
      outcomes.push({ stage: stage.name, passed: 0, failed: 1, minutes: 0, note: `not run: ${needed.stage} failed` });
      continue;
    }
    const started = performance.now();
    const counts = await runSafely(stage, run, begun ? new AbortController().signal : interrupt);
    outcomes.push({ stage: stage.name, ...counts, minutes: (performance.now() - started) / 60_000 });
  }
  return outcomes;
}

async function runSafely(stage: Stage, run: RunStage, interrupt: AbortSignal): Promise<Counts> {
  try {
    return await run(stage, interrupt);
  } catch (error) {
    return { passed: 0, failed: 1, note: error instanceof Error ? error.message : String(error) };
  }
}
