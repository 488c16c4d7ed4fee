import { ActionRefused, applyActions, NameTaken, QueryRefused, type Applier } from '../apply/actions.ts';
import type { EventRecorder } from '../controller/events.ts';
import type { Action, Observed } from '../core/observed.ts';
import { refusalStatus, type Refusal } from '../core/status/refusal.ts';

export interface Shell {
  readonly applier: Applier;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly now: () => number;
}

/** Carries out what a pass has planned. What nobody but the user can mend is told before it is thrown. */
export async function carryOut(shell: Shell, observed: Observed, actions: readonly Action[], signal: AbortSignal): Promise<void> {
  try {
    await applyActions(shell.applier, actions, signal);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal) await tellRefusal(shell, observed, refusal, signal);
    throw error;
  }
}

/** What the user can mend; undefined for what passes by itself. */
function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof NameTaken) return { reason: 'NameTaken', message: error.message };
  if (error instanceof QueryRefused) return { reason: 'InvalidQuery', message: error.message };
  if (!(error instanceof ActionRefused)) return undefined;
  const { action, message } = error;
  const isTemplate = action.type === 'Apply' && action.object.kind === 'Deployment';
  return isTemplate
    ? { reason: 'InvalidTemplate', message: `the API server refuses the pods that spec.runtime.template asks for: ${message}` }
    : { reason: 'Refused', message: `the API server refuses what the spec asks for: ${message}` };
}

/** The pass ends here and so never comes to its status write; without this one the user would see nothing but a state that stands still. */
async function tellRefusal({ applier, events, now }: Shell, observed: Observed, refusal: Refusal, signal: AbortSignal): Promise<void> {
  const told = refusalStatus(observed, refusal, now());
  if (told.length === 0) return;
  events.record({ regarding: observed.deployment, type: 'Warning', ...refusal });
  await applyActions(applier, told, signal);
}
