import type { Condition } from '../../api/meta.ts';
import { formatTime } from '../time.ts';
import { clip } from '../release/progress.ts';

/** A condition without the bookkeeping that the API wants. */
export interface Statement {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/**
 * Conditions with `observedGeneration` on each (else `kubectl wait` believes an answer to an older spec) and with the time of the last change
 * of status, taken over while it stays the same.
 */
export function stampConditions(
  statements: readonly Statement[],
  before: readonly Condition[] | undefined,
  generation: number,
  now: number,
): readonly Condition[] {
  return statements.map((statement) => {
    const known = before?.find(({ type }) => type === statement.type);
    const lastTransitionTime = known?.status === statement.status ? known.lastTransitionTime : formatTime(now);
    return { ...statement, message: clip(statement.message, 2048), observedGeneration: generation, lastTransitionTime };
  });
}
