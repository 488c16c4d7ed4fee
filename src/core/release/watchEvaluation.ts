import { DEFAULT_ANALYSIS } from '../analysis/config.ts';
import { hasRejected } from '../analysis/decide.ts';
import type { CheckSamples } from '../analysis/measurement.ts';
import type { Check, Verdict } from './checks/kind.ts';
import { comparedOf, contextOf, fail, ifFresh, reasonOf, type CheckResult, type Evaluation } from './evaluation.ts';
import { align, type Evidence } from './evidence.ts';
import type { Parameters } from './parameters.ts';
import type { Window } from './progress.ts';

/** What the evidence since the promotion says: the last window. Checks that need traffic on both versions keep what they said before it. */
export function evaluateWatch({ checks }: Parameters, samples: readonly CheckSamples[], windows: readonly Window[]): Evaluation {
  const compared = comparedOf(checks);
  const whole = align(compared, samples, windows);
  const before = align(compared, samples, windows.slice(0, -1));
  const since = align(compared, samples, windows.slice(-1));
  const watched = checks.flatMap((check) => watchCheck(check, whole, since, windows.length - 1));
  const speaking = watched.filter(({ voice }) => voice);
  const rejected = hasRejected(speaking.flatMap(({ voice }) => voice ?? []), DEFAULT_ANALYSIS.alpha);
  const strongest = [...speaking].sort((a, b) => (b.figures.logE ?? 0) - (a.figures.logE ?? 0))[0];
  const named = watched.find(({ verdict }) => verdict === 'Fail') ?? (rejected ? strongest : undefined);
  const context = contextOf(checks, windows.slice(0, -1));
  const results = checks.map(
    (check) =>
      watched.find(({ name }) => name === check.name) ?? { name: check.name, ...check.judge(before(check.name), context) },
  );
  return {
    verdict: named ? 'Fail' : worst(watched),
    checks: named ? fail(results, named) : results,
    named,
    reason: reasonOf(checks, named),
    logE: strongest?.figures.logE,
    isCertified: false,
    requests: new Map(),
  };
}

function watchCheck(check: Check, whole: Evidence, since: Evidence, last: number): CheckResult[] {
  const found = check.watch?.(whole(check.name), last);
  return found ? [ifFresh({ name: check.name, ...found }, since(check.name))] : [];
}

function worst(results: readonly CheckResult[]): Verdict {
  const order: readonly Verdict[] = ['Inconclusive/NoData', 'Inconclusive/Suspect', 'Inconclusive/Collecting'];
  return order.find((verdict) => results.some((result) => result.verdict === verdict)) ?? 'Pass';
}
