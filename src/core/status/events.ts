import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import type { Condition } from '../../api/meta.ts';
import type { Action, PlanEvent } from '../observed.ts';

type Conditions = readonly Condition[] | undefined;

/** Reasons of Ready that somebody must do something about, though the spec is accepted. */
const TOLD = ['VersionMissing', 'RoutePending'];

/** What `kubectl describe` should show of a status that is about to be written: that the spec cannot be carried out, once for each cause. */
export function troubleEvents({ status }: ModelDeployment, actions: readonly Action[]): readonly PlanEvent[] {
  const write = actions.find((action) => action.type === 'ApplyStatus' && action.object.kind === 'ModelDeployment');
  if (write?.type !== 'ApplyStatus') return [];
  const after = troubleIn((write.object['status'] as ModelDeployment['status'])?.conditions);
  const before = troubleIn(status?.conditions);
  if (!after || (before?.reason === after.reason && before.message === after.message)) return [];
  return [{ type: 'Warning', reason: after.reason, message: after.message }];
}

function troubleIn(conditions: Conditions): Condition | undefined {
  const of = (type: string): Condition | undefined => conditions?.find((condition) => condition.type === type);
  const accepted = of('Accepted');
  if (accepted?.status === 'False') return accepted;
  const ready = of('Ready');
  return ready !== undefined && TOLD.includes(ready.reason) ? ready : undefined;
}
