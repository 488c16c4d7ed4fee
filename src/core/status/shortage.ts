import type { Condition } from '../../api/meta.ts';
import { INSUFFICIENT_CAPACITY } from '../resources/podTrouble.ts';
import type { Action, Observed, PlanEvent } from '../observed.ts';

/** The Event of a status write that begins to say that pods cannot be had; told once, not again while the status says so. */
export function shortageEvents({ deployment }: Observed, actions: readonly Action[]): readonly PlanEvent[] {
  const write = actions.find((action) => action.type === 'ApplyStatus' && action.object.kind === deployment.kind);
  const status = write?.type === 'ApplyStatus' ? (write.object['status'] as { readonly conditions?: readonly Condition[] }) : undefined;
  const [before, after] = [deployment.status?.conditions, status?.conditions].map((conditions) =>
    conditions?.find(({ type }) => type === 'Ready'),
  );
  if (!after || after.reason !== INSUFFICIENT_CAPACITY || before?.reason === INSUFFICIENT_CAPACITY) return [];
  return [{ type: 'Warning', reason: INSUFFICIENT_CAPACITY, message: after.message }];
}
