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

function describe(result: CheckResult): NonNullable<Progress['checks']>[number] {
  const { name, verdict, judgement } = result;
  const evidence = judgement && {
    e: formatEvidence(judgement.logE),
    burstFactor: judgement.phi.toFixed(2),
    candidateRequests: String(Math.round(judgement.totals.candidateRequests)),
    candidateBad: String(Math.round(judgement.totals.candidateBad)),
    stableRequests: String(Math.round(judgement.totals.stableRequests)),
    stableBad: String(Math.round(judgement.totals.stableBad)),
    looks: String(judgement.series.length),
  };
  return { name, verdict, explanation: clip(result.explain(), 512), ...(evidence ? { evidence } : {}) };
}
