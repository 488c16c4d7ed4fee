import type { Applier } from '../apply/actions.ts';
import type { EventRecorder } from '../controller/events.ts';
import type { ReconcileResult } from '../controller/loop.ts';
import { keyOf } from '../controller/store.ts';
import type { Observed, Plan } from '../core/observed.ts';
import { plan } from '../core/plan.ts';
import { activeRelease } from '../core/release/ledger.ts';
import type { Measurements } from '../metrics/measurements.ts';
import { observeDeployment, type DeploymentSources } from '../observe/deployment.ts';
import { releaseLogger, type Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { carryOut } from './carryOut.ts';
import { deploymentView, recordEnds } from './view.ts';

export interface DeploymentReconciler {
  readonly sources: DeploymentSources;
  readonly applier: Applier;
  readonly measurements: Measurements;
  readonly events: EventRecorder;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly now: () => number;
}

/** One pass over one ModelDeployment: observe, plan, apply. */
export async function reconcileDeployment(
  reconciler: DeploymentReconciler,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const observed = await observeDeployment(reconciler.sources, namespace, name, signal);
  const key = keyOf(namespace, name);
  if (!observed) {
    reconciler.measurements.drop(key);
    reconciler.applier.prober.forget(namespace, name);
    reconciler.metrics.forgetDeployment(namespace, name);
    return {};
  }
  const planned = plan(observed, reconciler.now());
  const logger = loggerOf(reconciler.logger, observed, namespace, name);
  await carryOut(reconciler, observed, planned.actions, signal);
  // Measured only once the pass is done: a pass that failed is planned anew and asks again.
  reconciler.measurements.want(key, planned.measure);
  tell(reconciler, observed, planned, logger);
  return { requeueAfterMs: planned.requeueAfterMs };
}

function loggerOf(logger: Logger, observed: Observed, namespace: string, deployment: string): Logger {
  const release = activeRelease(observed.releases);
  if (!release) return logger.child({ namespace, deployment });
  return releaseLogger(logger, { namespace, deployment, release: release.metadata.name, revision: release.spec.to.revision });
}

function tell({ events, metrics }: DeploymentReconciler, observed: Observed, planned: Plan, logger: Logger): void {
  for (const event of planned.events) {
    events.record({ regarding: observed.deployment, ...event });
    (event.type === 'Warning' ? logger.warn : logger.info)(event.message, { reason: event.reason });
  }
  if (planned.actions.length > 0) {
    logger.debug('Pass done', {
      actions: planned.actions.map((action) =>
        action.type === 'Probe' || action.type === 'TryQueries' || action.type === 'Delete'
          ? action.type
          : `${action.type} ${action.object.kind} ${action.object.metadata.name}`,
      ),
    });
  }
  if (planned.view) metrics.recordDeployment(deploymentView(observed, planned.view));
  recordEnds(metrics, observed, planned);
}
