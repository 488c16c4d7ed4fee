import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { Arms, Measurand, MeasureRequest, Slot } from '../analysis/measurement.ts';
import { substitutePromql } from '../analysis/promql.ts';
import { DEFAULT_ANALYSIS } from '../analysis/config.ts';
import type { QueryTrial } from '../observed.ts';
import type { Owner } from '../resources/children.ts';
import type { Snapshot } from '../resources/revision.ts';
import { parseTime } from '../time.ts';
import type { CheckSpec, Subject } from './checks/kind.ts';
import { checkOf } from './checks/kinds.ts';
import type { Counting } from './counting.ts';
import type { Parameters } from './parameters.ts';

/** Always measured, whatever the checks are: how many requests each arm answered. No check can have this name. */
export const TRAFFIC = '$traffic';

/**
 * What a release wants measured: its checks and the traffic. It begins before the first step, so that stable's own bursts are known, but
 * not before stable got its slot: what was counted there earlier was another version's.
 */
export function measuresOf(
  release: ModelRelease,
  parameters: Parameters,
  slots: { readonly stable: Slot; readonly candidate: Slot },
  stableSinceMs: number,
): readonly MeasureRequest[] {
  const namespace = release.metadata.namespace ?? 'default';
  const { intervalMs } = parameters;
  const startedMs = parseTime(release.metadata.creationTimestamp) ?? 0;
  const fromMs = Math.max(stableSinceMs, startedMs - DEFAULT_ANALYSIS.history * intervalMs);
  const { deployment, from, to } = release.spec;
  const { counting, isScraped } = parameters;
  const armsOf = (source: Counting): Arms =>
    source === 'Gateway'
      ? { namespace, route: deployment, ...slots }
      : // Where nobody counts no check compares, and nobody is asked.
        { namespace, deployment, stable: from?.revision ?? '', candidate: to.revision, server: source === 'Nobody' ? 'MLServer' : source };
  const versions: Omit<Subject, 'arms'> = {
    stable: { namespace, deployment, revision: from?.revision ?? '', version: from?.version ?? '' },
    candidate: { namespace, deployment, revision: to.revision, version: to.version },
  };
  const request = (check: string, measurand: Measurand): MeasureRequest =>
    ({ check, measurand, intervalMs, fromMs, ...(isScraped ? { scrape: true } : {}) });
  return [
    ...(counting === 'Nobody' ? [] : [request(TRAFFIC, { type: 'requests', arms: armsOf(counting) })]),
    ...parameters.checks.map((check) => request(check.name, check.measure({ arms: armsOf(check.source ?? counting), ...versions }))),
  ];
}

/** The queries of the user's own that a release of this revision with these checks would ask. */
export function queryTrials(
  { namespace, name }: Owner,
  checks: readonly CheckSpec[],
  { revision, version }: Snapshot,
): readonly QueryTrial[] {
  const names = { namespace, deployment: name, revision, version };
  return checks.flatMap((check) =>
    (checkOf(check)?.queries ?? []).map((template) => ({ check: check.name, query: substitutePromql(template, names) })),
  );
}
