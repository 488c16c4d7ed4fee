import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../analysis/config.ts';
import { rateUpper, weigh } from '../analysis/bounds.ts';
import { hasRejected } from '../analysis/decide.ts';
import type { CheckSamples } from '../analysis/measurement.ts';
import { judgeRate } from '../analysis/rate.ts';
import { formatEvidence, roundUp } from '../analysis/words.ts';
import { ifFresh, judgeLimit, REASONS, type CheckResult, type Evaluation, type Verdict } from './evaluation.ts';
import { align, type Evidence } from './evidence.ts';
import type { Check, Parameters } from './parameters.ts';
import type { Window } from './progress.ts';

type Comparison = Exclude<Check, { type: 'limit' }>;

/**
 * What the evidence since the promotion says: the last window. There is no stable traffic to compare with any more, so the candidate is held
 * against what stable's rate can have been at most while both had traffic, with the margin on top: a baseline that is frozen.
 */
export function evaluateWatch(parameters: Parameters, samples: readonly CheckSamples[], windows: readonly Window[]): Evaluation {
  const whole = align(parameters, samples, windows);
  const since = align(parameters, samples, windows.slice(-1));
  const results = parameters.checks.map((check) =>
    ifFresh(check.type === 'limit' ? judgeLimit(check, since) : judgeAlone(check, whole, windows.length - 1), check, since),
  );
  const compared = results.flatMap((result) => (result.judgement ? [{ result, judgement: result.judgement }] : []));
  const rejected = hasRejected(
    compared.map(({ judgement }) => judgement),
    DEFAULT_ANALYSIS.alpha,
  );
  const strongest = [...compared].sort((a, b) => b.judgement.logE - a.judgement.logE)[0];
  const named = results.find(({ verdict }) => verdict === 'Fail') ?? (rejected ? strongest?.result : undefined);
  const type = parameters.checks.find(({ name }) => name === named?.name)?.type;
  return {
    verdict: named ? 'Fail' : worst(results),
    checks: results.map((result) => (result === named ? { ...result, verdict: 'Fail' } : result)),
    named,
    reason: type === undefined ? 'ChecksFailed' : REASONS[type],
    logE: strongest?.judgement.logE ?? 0,
    requests: new Map(),
  };
}

/** `last`: index of the window since the promotion. Stable's rate is that of all looks before it, also of those before the release. */
function judgeAlone(check: Comparison, evidence: Evidence, last: number): CheckResult {
  const config: AnalysisConfig = { ...DEFAULT_ANALYSIS, margin: check.margin, floor: check.floor };
  const { rows = [], history = [] } = evidence.rows(check.name) ?? {};
  const released = rows.filter(({ window }) => window < last).flatMap(({ row }) => (row ? [row.stable] : []));
  const stable = [...history, ...released];
  const before = rateUpper(
    weigh(
      stable.map((counts) => ({ stable: counts, candidate: counts })),
      [],
      config.phiMax,
    ),
    config.alphaPromote,
  );
  const limit = Math.min(1, Math.max(check.floor, (1 + check.margin) * before));
  const own = rows.filter(({ window }) => window === last).map(({ row }) => row && row.candidate);
  const judged = judgeRate(own, limit, stable, config);
  const { candidateBad, candidateRequests } = judged.totals;
  return {
    name: check.name,
    verdict: VERDICTS[judged.verdict],
    explain: () =>
      `${candidateBad}/${candidateRequests} since the promotion, where at most ${roundUp(100 * limit)}% is as good as before: e=${formatEvidence(judged.logE)}`,
    judgement: { ...judged, logEMargin: judged.logE, tolerated: false },
    value: undefined,
  };
}

const VERDICTS: Readonly<Record<ReturnType<typeof judgeRate>['verdict'], Verdict>> = {
  nodata: 'Inconclusive/Collecting',
  abort: 'Inconclusive/Suspect',
  suspect: 'Inconclusive/Suspect',
  continue: 'Inconclusive/Collecting',
  pass: 'Pass',
};

function worst(results: readonly CheckResult[]): Verdict {
  const order: readonly Verdict[] = ['Inconclusive/NoData', 'Inconclusive/Suspect', 'Inconclusive/Collecting'];
  return order.find((verdict) => results.some((result) => result.verdict === verdict)) ?? 'Pass';
}
