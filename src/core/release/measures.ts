import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { Arms, MeasureRequest, Slot } from '../analysis/measurement.ts';
import { substitutePromql } from '../analysis/promql.ts';
import { DEFAULT_ANALYSIS } from '../analysis/config.ts';
import type { QueryTrial } from '../observed.ts';
import type { Snapshot } from '../resources/revision.ts';
import { parseTime } from '../time.ts';
import type { Check, Parameters } from './parameters.ts';

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
  const { counting } = parameters;
  // Where nobody counts no check compares, and nobody is asked.
  const server = counting === 'Gateway' || counting === 'Nobody' ? 'MLServer' : counting;
  const arms: Arms =
    counting === 'Gateway'
      ? { namespace, route: deployment, ...slots }
      : { namespace, deployment, stable: from?.revision ?? '', candidate: to.revision, server };
  const names = { namespace, deployment, revision: to.revision, version: to.version };
  const measurand = (check: Check): MeasureRequest['measurand'] => {
    switch (check.type) {
      case 'errorRate':
        return { type: 'errors', arms };
      case 'latency':
        return { type: 'slowerThan', arms, thresholdMs: check.slowerThanMs };
      case 'limit': {
        const query = substitutePromql(check.promql, names);
        // A query that cannot be put together is asked as it is: Prometheus says what is wrong with it, where the user looks.
        return { type: 'value', promql: query.ok ? query.promql : check.promql };
      }
    }
  };
  const traffic: MeasureRequest = { check: TRAFFIC, measurand: { type: 'requests', arms }, intervalMs, fromMs };
  return [
    ...(counting === 'Nobody' ? [] : [traffic]),
    ...parameters.checks.map((check) => ({ check: check.name, measurand: measurand(check), intervalMs, fromMs })),
  ];
}

/** The queries of the user's own that a release of this revision would ask. */
export function queryTrials({ metadata, spec }: ModelDeployment, { revision, version }: Snapshot): readonly QueryTrial[] {
  const names = { namespace: metadata.namespace ?? 'default', deployment: metadata.name, revision, version };
  return (spec.analysis?.checks ?? []).flatMap(({ name, limit }) =>
    limit ? [{ check: name, query: substitutePromql(limit.query, names) }] : [],
  );
}
