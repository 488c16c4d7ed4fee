import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import type { Condition } from '../../api/meta.ts';
import type { Action, PlanEvent } from '../observed.ts';

type Conditions = readonly Condition[] | undefined;

/** Reasons of Ready that somebody must do something about, though the spec is accepted. */
const TOLD = ['VersionMissing', 'RoutePending'];

/** What `kubectl describe` should show of a status that is about to be written: that the spec cannot be carried out, once for each cause. */
export function troubleEvents({ status }: ModelDeployment, actions: readonly Action[]): readonly PlanEvent[] {
  const written = writtenStatus(actions);
  if (!written) return [];
  const before = troublesIn(status?.conditions);
  const isNews = ({ reason, message }: Condition): boolean => !before.some((told) => told.reason === reason && told.message === message);
  return troublesIn(written.conditions)
    .filter(isNews)
    .map(({ reason, message }) => ({ type: 'Warning', reason, message }));
}

function writtenStatus(actions: readonly Action[]): ModelDeployment['status'] {
  const write = actions.find((action) => action.type === 'ApplyStatus' && action.object.kind === 'ModelDeployment');
  return write?.type === 'ApplyStatus' ? (write.object['status'] as ModelDeployment['status']) : undefined;
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

type Verdicts = NonNullable<NonNullable<ModelDeployment['status']>['verdicts']>;

/** Verdicts that somebody may want to look at before they decide anything, with the reason of their Event. */
const DOUBTS: ReadonlyMap<string, string> = new Map([
  ['Inconclusive/Suspect', 'CheckSuspect'],
  ['Inconclusive/NoData', 'CheckNoData'],
  ['Inconclusive/SplitMismatch', 'CheckSplitMismatch'],
]);

/**
 * What a status that is about to be written says of the checks that the one before did not: an Event for each change, and none at a
 * restart, because the status is what was told.
 */
export function verdictEvents({ status }: ModelDeployment, actions: readonly Action[]): readonly PlanEvent[] {
  const written = writtenStatus(actions);
  if (!written) return [];
  const before: Verdicts = status?.release === written.release ? (status?.verdicts ?? []) : [];
  return (written.verdicts ?? []).flatMap(({ check, verdict, explanation = '' }): readonly PlanEvent[] => {
    const old = before.find((told) => told.check === check)?.verdict ?? '';
    const reason = DOUBTS.get(verdict);
    const message = `check ${check}: ${explanation}`;
    if (verdict === old) return [];
    if (reason !== undefined) return [{ type: 'Warning', reason, message }];
    return DOUBTS.has(old) && verdict !== 'Fail' ? [{ type: 'Normal', reason: 'CheckRecovered', message }] : [];
  });
}
