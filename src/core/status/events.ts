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
  const before = troublesIn(status?.conditions);
  const isNews = ({ reason, message }: Condition): boolean => !before.some((told) => told.reason === reason && told.message === message);
  return troublesIn((write.object['status'] as ModelDeployment['status'])?.conditions)
    .filter(isNews)
    .map(({ reason, message }) => ({ type: 'Warning', reason, message }));
}

function troublesIn(conditions: Conditions): readonly Condition[] {
  const of = (type: string): Condition | undefined => conditions?.find((condition) => condition.type === type);
  const [accepted, ready, packages] = [of('Accepted'), of('Ready'), of('DependenciesMatch')];
  const isTold = ready !== undefined && TOLD.includes(ready.reason);
  const trouble = accepted?.status === 'False' ? accepted : isTold ? ready : undefined;
  // A strict version is refused for it, with the same sentence.
  const mismatch = packages?.status === 'False' && packages.reason !== trouble?.reason ? packages : undefined;
  return [trouble, mismatch].filter((condition) => condition !== undefined);
}
