import { formatEvidence } from '../analysis/words.ts';
import type { CheckResult, Evaluation } from './evaluation.ts';
import { clip, type Progress } from './progress.ts';

/**
 * `progress` with what the checks say. Written with a transition of the release and never on its own: verdicts as they change are in the status
 * of the ModelDeployment, live numbers in /metrics. The explanation belongs to the moment of the change.
 */
export function recordChecks(before: Progress, progress: Progress, evaluation: Evaluation): Progress {
  if (progress === before || (progress.windows ?? []).length === 0) return progress;
  const isFinal = progress.finishedAt !== undefined;
  const known = new Map((progress.checks ?? []).map((check) => [check.name, check.verdict]));
  const changed = evaluation.checks.some(({ name, verdict }) => known.get(name) !== verdict);
  const candidate = Math.round([...evaluation.requests.values()].reduce((sum, count) => sum + count, 0));
  const counted = isFinal ? { ...progress, requests: { candidate } } : progress;
  return changed || isFinal ? { ...counted, checks: evaluation.checks.map(describe) } : counted;
}

function describe({ name, verdict, figures, explain }: CheckResult): NonNullable<Progress['checks']>[number] {
  const { logE, phi, totals, looks, value, others } = figures;
  const evidence = {
    ...(logE === undefined ? {} : { e: formatEvidence(logE) }),
    ...(phi === undefined ? {} : { burstFactor: phi.toFixed(2) }),
    ...(totals && {
      candidateRequests: String(Math.round(totals.candidateRequests)),
      candidateBad: String(Math.round(totals.candidateBad)),
      stableRequests: String(Math.round(totals.stableRequests)),
      stableBad: String(Math.round(totals.stableBad)),
    }),
    ...(looks === undefined ? {} : { looks: String(looks) }),
    ...(value === undefined ? {} : { value: String(value) }),
    ...others,
  };
  return { name, verdict, explanation: clip(explain(), 512), ...(Object.keys(evidence).length > 0 ? { evidence } : {}) };
}
