import type { Observed, Plan, View } from '../core/observed.ts';
import { activeRelease } from '../core/release/ledger.ts';
import type { Progress } from '../core/release/progress.ts';
import { parseTime } from '../core/time.ts';
import type { DeploymentView, RevisionView } from '../telemetry/deploymentView.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** A deployment as /metrics shows it. */
export function deploymentView(observed: Observed, view: View): DeploymentView {
  const { metadata, status } = observed.deployment;
  const release = activeRelease(observed.releases);
  // Once it is promoted it is the stable one, also while the version before is kept.
  const candidate = release?.status?.promotedAt === undefined ? release?.spec.to : undefined;
  const side = (end: { readonly version?: string; readonly revision?: string } | undefined): RevisionView | undefined =>
    end?.revision === undefined
      ? undefined
      : {
          version: end.version ?? '',
          revision: end.revision,
          readyReplicas: observed.revisions.get(end.revision)?.workload?.readyReplicas ?? 0,
        };
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    phase: view.phase,
    weight: view.weight,
    stable: side(status?.stable),
    candidate: side(candidate),
    combinedLogE: view.logE,
    checks: view.checks.map(({ check, verdict, logE, phi, bounds, value, stable, candidate: tried }) => {
      const [word = verdict, reason] = verdict.split('/');
      return { check, verdict: word, reason, logE, phi, bounds, value, stable, candidate: tried };
    }),
  };
}

/** Counts what this pass brought to an end or decided: only after the write was accepted, so that each is counted once. */
export function recordEnds(metrics: Metrics, observed: Observed, planned: Plan): void {
  const release = activeRelease(observed.releases);
  if (!release) return;
  const { namespace = '', name } = observed.deployment.metadata;
  const written = planned.actions.find((action) => action.type === 'ApplyStatus' && action.object.kind === 'ModelRelease');
  const progress = written?.type === 'ApplyStatus' ? (written.object['status'] as Progress) : undefined;
  if (progress?.decision === 'RollBack' && release.status?.decision !== 'RollBack') {
    metrics.recordRollback({ namespace, deployment: name, reason: progress.reason ?? 'Unknown' });
  }
  if (progress?.finishedAt === undefined) return;
  const durationSeconds = ((parseTime(progress.finishedAt) ?? 0) - (parseTime(release.metadata.creationTimestamp) ?? 0)) / 1000;
  metrics.recordReleaseEnd({
    namespace,
    deployment: name,
    outcome: progress.outcome ?? 'Unknown',
    failureClass: progress.class,
    durationSeconds,
  });
}
