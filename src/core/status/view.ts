import type { View } from '../observed.ts';
import type { Evaluation } from '../release/evaluation.ts';
import type { Progress } from '../release/progress.ts';
import type { Scene } from '../release/scene.ts';
import { realWeightOf } from '../release/traffic.ts';

/** The live numbers of a deployment, for /metrics. */
export function viewOf(scene: Scene, progress: Progress | undefined, evaluation: Evaluation | undefined): View {
  const revision = progress?.promotedAt === undefined ? scene.active?.spec.to.revision : undefined;
  return {
    phase: progress?.phase ?? scene.observed.deployment.status?.phase ?? 'Waiting',
    weight: revision === undefined ? 0 : realWeightOf(scene, revision),
    logE: evaluation?.logE,
    checks: (evaluation?.checks ?? []).map(({ name, verdict, figures: { logE, phi, totals, value }, bounds }) => ({
      check: name,
      verdict,
      logE,
      phi,
      bounds,
      value,
      stable: totals && { requests: totals.stableRequests, bad: totals.stableBad },
      candidate: totals && { requests: totals.candidateRequests, bad: totals.candidateBad },
    })),
  };
}
