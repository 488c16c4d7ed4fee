import { formatEvidence } from '../analysis/words.ts';
import type { CheckResult, Evaluation } from './evaluation.ts';
import { clip, type Progress } from './progress.ts';

type RecordedCheck = NonNullable<Progress['checks']>[number];

/**
 * `progress` with what the checks say. Written with a transition of the release and never on its own: verdicts as they change are in the status
 * of the ModelDeployment, live numbers in /metrics. The explanation belongs to the moment of the change. Which regression would have been caught
 * is found out at the promotion and at the end only: it costs more than a verdict.
 */
export function recordChecks(before: Progress, progress: Progress, evaluation: Evaluation): Progress {
  if (progress === before || (progress.windows ?? []).length === 0) return progress;
  const isFinal = progress.finishedAt !== undefined;
  const isPromoted = progress.decision === 'Promote' && before.decision !== 'Promote';
  const known = new Map((progress.checks ?? []).map((check) => [check.name, check]));
  const changed = evaluation.checks.some(({ name, verdict }) => known.get(name)?.verdict !== verdict);
  const candidate = Math.round([...evaluation.requests.values()].reduce((sum, count) => sum + count, 0));
  const counted = isFinal ? { ...progress, requests: { candidate } } : progress;
  if (!changed && !isFinal && !isPromoted) return counted;
  const catching = ({ name, power }: CheckResult): string | undefined =>
    (isFinal || isPromoted) && power ? power().caught : known.get(name)?.evidence?.['catches90'];
  return { ...counted, checks: evaluation.checks.map((result) => describe(result, catching(result))) };
}

function describe({ name, verdict, figures, explain }: CheckResult, catching: string | undefined): RecordedCheck {
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
    ...(catching === undefined ? {} : { catches90: catching }),
    ...others,
  };
  return { name, verdict, explanation: clip(explain(), 512), ...(Object.keys(evidence).length > 0 ? { evidence } : {}) };
}
