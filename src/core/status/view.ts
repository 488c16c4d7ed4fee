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
    logE: evaluation?.checks.some(({ judgement }) => judgement) === true ? evaluation.logE : undefined,
    checks: (evaluation?.checks ?? []).map(({ name, verdict, judgement, value }) => ({
      check: name,
      verdict,
      logE: judgement?.logE,
      value,
      stable: judgement && { requests: judgement.totals.stableRequests, bad: judgement.totals.stableBad },
      candidate: judgement && { requests: judgement.totals.candidateRequests, bad: judgement.totals.candidateBad },
    })),
  };
}
