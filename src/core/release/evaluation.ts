import { DEFAULT_ANALYSIS } from '../analysis/config.ts';
import { decide, hasRejected } from '../analysis/decide.ts';
import type { Memory } from '../analysis/growing.ts';
import type { CheckSamples } from '../analysis/measurement.ts';
import type { TimedRow } from '../analysis/rows.ts';
import { parseTime } from '../time.ts';
import type { Check, Finding, JudgeContext, Verdict, WindowCount } from './checks/kind.ts';
import { align, memoryOf, type CheckEvidence } from './evidence.ts';
import { TRAFFIC } from './measures.ts';
import type { Parameters } from './parameters.ts';
import type { Window } from './progress.ts';

/** What one check says, with the numbers that it rests on. */
export interface CheckResult extends Finding {
  readonly name: string;
}

/** What all evidence of a release says at one moment. */
export interface Evaluation {
  readonly verdict: Verdict;
  readonly checks: readonly CheckResult[];
  /** The check to name, when it failed or is suspect. */
  readonly named: CheckResult | undefined;
  /** Reason of a failure in one word. */
  readonly reason: string;
  /** ln of the combined e-value of the checks that compare; undefined when none does. */
  readonly logE: number | undefined;
  /** Every check that can certify the candidate has, and nothing speaks against it. */
  readonly isCertified: boolean;
  /** Requests that the candidate answered in a step, by step index; where nobody counts them, events of its checks' own queries. */
  readonly requests: ReadonlyMap<number, number>;
}

/** With traffic on stable and hardly any on the candidate for so long, its share does not arrive or is not counted. */
const ATTRIBUTION_MS = 60_000;
const ATTRIBUTION_REQUESTS = 100;
/** Of the share that its weight promises. Not none: a gateway that did not take the weight over gives 1 of 10,000 to an idle slot. */
const ATTRIBUTION_SHARE = 0.1;

/** For whom the memory of all checks together is. No check can have this name. */
const TOGETHER = '$together';

/** Evaluates the samples within the windows. Pure: a restart that reads the same samples gets the same verdicts. */
export function evaluate(parameters: Parameters, samples: readonly CheckSamples[], windows: readonly Window[], now: number): Evaluation {
  const { checks } = parameters;
  const evidence = align(comparedOf(checks), samples, windows);
  const isDue = windows.some(({ from }) => (parseTime(from) ?? Infinity) <= now);
  const context = contextOf(checks, windows);
  const results = checks.map((check) => judgeCheck(check, evidence(check.name), context, isDue));
  const combined = combineVoices(results, combinedAlpha(results, context), memoryOf(samples[0]?.ticks[0], TOGETHER));
  const broken = results.find(({ verdict }) => verdict === 'Fail');
  const failed = combined.isRejected && combined.strongest ? fail(results, combined.strongest) : results;
  const suspect = combined.isSuspicious ? combined.strongest : results.find(({ verdict }) => verdict === 'Inconclusive/Suspect');
  const named = broken ?? (combined.isRejected ? combined.strongest : suspect);
  const traffic = evidence(TRAFFIC);
  const { rows } = traffic.rows();
  const isCounted = !isDue || parameters.counting === 'Nobody' || traffic.isFresh;
  const speaking = failed.filter(({ name, verdict }) => verdict !== 'Inconclusive/NoData' || !isOptional(checks, name));
  // Where all are optional and silent, nothing was judged.
  const needed = speaking.length > 0 ? speaking : failed;
  const verdict = overall(needed, combined.isSuspicious, isUnattributed(rows, windows, now), isCounted);
  return {
    verdict,
    checks: failed,
    named,
    reason: reasonOf(checks, named),
    logE: combined.logE,
    isCertified: verdict === 'Pass' && checks.some((check) => check.certifies && needed.some(({ name }) => name === check.name)),
    requests: parameters.counting === 'Nobody' ? countOwn(results, windows) : countByStep(countTraffic(rows), windows),
  };
}

/** Checks whose series are combined or read beside each other, with the traffic: they are cut at the same look. */
export function comparedOf(checks: readonly Check[]): ReadonlySet<string> {
  return new Set([TRAFFIC, ...checks.filter((check) => check.basis !== 'Value').map(({ name }) => name)]);
}

/** The bound on false roll-backs is shared evenly among the checks that may cause one: so it holds for all together, whatever their kinds. */
export function contextOf(checks: readonly Check[], windows: readonly Window[]): JudgeContext {
  const accusing = checks.filter((check) => check.accuses).length;
  return { alpha: DEFAULT_ANALYSIS.alpha / Math.max(1, accusing), weights: windows.map(({ weight }) => weight) };
}

export function reasonOf(checks: readonly Check[], named: CheckResult | undefined): string {
  const check = checks.find(({ name }) => name === named?.name);
  return check === undefined ? 'ChecksFailed' : check.reason;
}

/** `results` with the failure of one of them. */
export function fail(results: readonly CheckResult[], which: CheckResult): readonly CheckResult[] {
  return results.map((result) => (result.name === which.name ? { ...result, verdict: 'Fail' as const } : result));
}

/** A failure stands, whatever comes later. Everything else needs data to stay what it is. */
export function ifFresh(result: CheckResult, { isFresh, problem }: CheckEvidence): CheckResult {
  if (result.verdict === 'Fail' || isFresh) return result;
  const said = problem ?? 'the newest look has not been answered yet';
  return { ...result, verdict: 'Inconclusive/NoData', explain: () => `no data: ${said}` };
}

/** Before the first look that counts nothing can be missing, and no status has to be written twice to say so. */
function judgeCheck(check: Check, evidence: CheckEvidence, context: JudgeContext, isDue: boolean): CheckResult {
  const result = { name: check.name, ...check.judge(evidence, context) };
  if (isDue) return ifFresh(result, evidence);
  return result.verdict === 'Inconclusive/NoData' ? { ...result, verdict: 'Inconclusive/Collecting' } : result;
}

interface Combined {
  readonly logE: number | undefined;
  readonly isRejected: boolean;
  readonly isSuspicious: boolean;
  /** The check with the most evidence against the candidate. */
  readonly strongest: CheckResult | undefined;
}

/** What the checks with a voice say together, at level `alpha`. */
function combineVoices(results: readonly CheckResult[], alpha: number, memory: Memory): Combined {
  const speaking = results.flatMap((result) => (result.voice ? [{ result, voice: result.voice }] : []));
  if (speaking.length === 0) return { logE: undefined, isRejected: false, isSuspicious: false, strongest: undefined };
  const voices = speaking.map(({ voice }) => voice);
  const decision = decide(voices, alpha, memory);
  return {
    logE: decision.logE,
    isRejected: hasRejected(voices, alpha, memory),
    isSuspicious: decision.verdict === 'suspect',
    strongest: decision.index === null ? undefined : speaking[decision.index]?.result,
  };
}

/** The parts of those that are combined: their mean needs no further correction. */
function combinedAlpha(results: readonly CheckResult[], { alpha }: JudgeContext): number {
  return alpha * Math.max(1, results.filter(({ voice }) => voice).length);
}

function isOptional(checks: readonly Check[], name: string): boolean {
  return checks.some((check) => check.name === name && check.isOptional);
}

function overall(results: readonly CheckResult[], isSuspicious: boolean, isUnattributed: boolean, isCounted: boolean): Verdict {
  const says = (verdict: Verdict): boolean => results.some((result) => result.verdict === verdict);
  if (says('Fail')) return 'Fail';
  if (isUnattributed) return 'Inconclusive/NoAttribution';
  if (says('Inconclusive/SplitMismatch')) return 'Inconclusive/SplitMismatch';
  if (!isCounted || says('Inconclusive/NoData')) return 'Inconclusive/NoData';
  if (isSuspicious || says('Inconclusive/Suspect')) return 'Inconclusive/Suspect';
  return results.every(({ verdict }) => verdict === 'Pass') ? 'Pass' : 'Inconclusive/Collecting';
}

function isUnattributed(traffic: readonly TimedRow[], windows: readonly Window[], now: number): boolean {
  const index = windows.length - 1;
  const window = windows[index];
  const from = parseTime(window?.from);
  if (!window || window.weight === 0 || from === undefined || now - from < ATTRIBUTION_MS) return false;
  const total = (arm: 'stable' | 'candidate'): number =>
    traffic.reduce((sum, timed) => sum + (timed.window === index && timed.row ? timed.row[arm].requests : 0), 0);
  const [stable, candidate] = [total('stable'), total('candidate')];
  const promised = ((stable + candidate) * window.weight) / 100;
  return stable >= ATTRIBUTION_REQUESTS && candidate < promised * ATTRIBUTION_SHARE;
}

function countTraffic(traffic: readonly TimedRow[]): readonly WindowCount[] {
  return traffic.map(({ window, row }) => ({ window, count: row?.candidate.requests ?? 0 }));
}

/** Where nobody counts requests: the events of the check that counted most in a step. Others may count only some of the requests. */
function countOwn(results: readonly CheckResult[], windows: readonly Window[]): ReadonlyMap<number, number> {
  const most = new Map<number, number>();
  for (const { counted } of results)
    for (const [step, count] of countByStep(counted?.() ?? [], windows)) most.set(step, Math.max(most.get(step) ?? 0, count));
  return most;
}

function countByStep(counted: readonly WindowCount[], windows: readonly Window[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { window, count } of counted) {
    const step = windows[window]?.step;
    if (step !== undefined && count > 0) counts.set(step, (counts.get(step) ?? 0) + count);
  }
  return counts;
}
