import { applyActions, type Applier } from '../apply/actions.ts';
import type { EventRecorder } from '../controller/events.ts';
import type { ReconcileResult } from '../controller/loop.ts';
import { planVersion } from '../core/version/plan.ts';
import { observeVersion, type VersionSources } from '../observe/version.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface VersionReconciler {
  readonly sources: VersionSources;
  readonly applier: Applier;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly now: () => number;
}

/** One pass over one ModelVersion: observe, plan, apply. */
export async function reconcileVersion(
  reconciler: VersionReconciler,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const observed = await observeVersion(reconciler.sources, namespace, name, signal);
  if (!observed) return {};
  const planned = planVersion(observed, reconciler.now());
  await applyActions(reconciler.applier, planned.actions, signal);
  for (const event of planned.events) {
    reconciler.events.record({ regarding: observed.version, ...event });
    const logger = reconciler.logger.child({ namespace, modelVersion: name });
    (event.type === 'Warning' ? logger.warn : logger.info)(event.message, { reason: event.reason });
  }
  return { requeueAfterMs: planned.requeueAfterMs };
}
