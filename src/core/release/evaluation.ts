import { judge, type Judgement } from '../analysis/analyse.ts';
import { bounds } from '../analysis/bounds.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../analysis/config.ts';
import { decide, hasRejected } from '../analysis/decide.ts';
import type { CheckSamples } from '../analysis/measurement.ts';
import type { TimedRow } from '../analysis/rows.ts';
import { explain } from '../analysis/words.ts';
import { parseTime } from '../time.ts';
import { align, type Evidence } from './evidence.ts';
import { TRAFFIC } from './measures.ts';
import type { Check, Parameters } from './parameters.ts';
import type { Window } from './progress.ts';

export type Verdict =
  'Pass' | 'Fail' | 'Inconclusive/Collecting' | 'Inconclusive/Suspect' | 'Inconclusive/NoData' | 'Inconclusive/NoAttribution';

/** What one check says, with the numbers that it rests on. */
export interface CheckResult {
  readonly name: string;
  readonly verdict: Verdict;
  /** The sentence for people. Computed when asked: its bounds cost more than the verdict. */
  readonly explain: () => string;
  readonly judgement: Judgement | undefined;
  /** Newest value of a limit's query. */
  readonly value: number | undefined;
}

/** What all evidence of a release says at one moment. */
export interface Evaluation {
  readonly verdict: Verdict;
  readonly checks: readonly CheckResult[];
  /** The check to name, when it failed or is suspect. */
  readonly named: CheckResult | undefined;
  /** Reason of a failure in one word. */
  readonly reason: string;
  /** ln of the combined e-value of the checks that compare. */
  readonly logE: number;
  /** Requests that the candidate answered in a step, by step index. */
  readonly requests: ReadonlyMap<number, number>;
}

export const REASONS: Readonly<Record<Check['type'], string>> = { errorRate: 'ErrorRateWorse', latency: 'LatencyWorse', limit: 'LimitExceeded' };
/** A change of shares below this is not hunted; latency is noisier than errors. */
const LATENCY_TOLERANCE = 0.25;
/** With traffic on stable and hardly any on the candidate for so long, its share does not arrive or is not counted. */
const ATTRIBUTION_MS = 60_000;
const ATTRIBUTION_REQUESTS = 100;
/** Of the share that its weight promises. Not none: a gateway that did not take the weight over gives 1 of 10,000 to an idle slot. */
const ATTRIBUTION_SHARE = 0.1;

/** Evaluates the samples within the windows. Pure: a restart that reads the same samples gets the same verdicts. */
export function evaluate(parameters: Parameters, samples: readonly CheckSamples[], windows: readonly Window[], now: number): Evaluation {
  const evidence = align(parameters, samples, windows);
  const isDue = windows.some(({ from }) => (parseTime(from) ?? Infinity) <= now);
  const results = parameters.checks.map((check) => judgeCheck(check, evidence, isDue));
  const compared = results.flatMap((result) => (result.judgement ? [{ result, judgement: result.judgement }] : []));
  const decision = decide(
    compared.map(({ judgement }) => judgement),
    DEFAULT_ANALYSIS.alpha,
  );
  const rejected = hasRejected(
    compared.map(({ judgement }) => judgement),
    DEFAULT_ANALYSIS.alpha,
  );
  const suspicious = compared.length > 0 && decision.verdict === 'suspect';
  const strongest = decision.index === null ? undefined : compared[decision.index]?.result;
  const broken = results.find(({ verdict }) => verdict === 'Fail');
  const traffic = evidence.rows(TRAFFIC)?.rows ?? [];
  const named = broken ?? (rejected || suspicious ? strongest : undefined);
  const type = parameters.checks.find(({ name }) => name === named?.name)?.type;
  return {
    verdict: overall(
      results,
      broken !== undefined || rejected,
      suspicious,
      isUnattributed(traffic, windows, now),
      !isDue || parameters.counting === 'Nobody' || evidence.fresh(TRAFFIC),
    ),
    checks:
      rejected && strongest ? results.map((result) => (result === strongest ? { ...result, verdict: 'Fail' as const } : result)) : results,
    named,
    reason: type === undefined ? 'ChecksFailed' : REASONS[type],
    logE: decision.logE,
    requests: countByStep(traffic, windows),
  };
}

/** Before the first look that counts nothing can be missing, and no status has to be written twice to say so. */
function judgeCheck(check: Check, evidence: Evidence, isDue: boolean): CheckResult {
  const result = check.type === 'limit' ? judgeLimit(check, evidence) : judgeComparison(check, evidence);
  if (isDue) return ifFresh(result, check, evidence);
  return result.verdict === 'Inconclusive/NoData' ? { ...result, verdict: 'Inconclusive/Collecting' } : result;
}

/** A failure stands, whatever comes later. Everything else needs data to stay what it is. */
export function ifFresh(result: CheckResult, check: Check, evidence: Evidence): CheckResult {
  if (result.verdict === 'Fail' || evidence.fresh(check.name)) return result;
  const problem = evidence.problem(check.name) ?? 'the newest look has not been answered yet';
  return { ...result, verdict: 'Inconclusive/NoData', explain: () => `no data: ${problem}` };
}

function judgeComparison(check: Extract<Check, { type: 'errorRate' | 'latency' }>, evidence: Evidence): CheckResult {
  const { rows: timed, history } = evidence.rows(check.name) ?? { rows: [], history: [] };
  const rows = timed.map(({ row }) => row);
  const config: AnalysisConfig = {
    ...DEFAULT_ANALYSIS,
    tolerance: check.type === 'latency' ? Math.min(LATENCY_TOLERANCE, check.margin) : 0,
    margin: check.margin,
    floor: check.floor,
  };
  const judgement = judge(rows, history, config);
  return {
    name: check.name,
    verdict: verdictOf(judgement),
    explain: () => explain(judgement, bounds(rows, history, config), config),
    judgement,
    value: undefined,
  };
}

/** With several checks only all evidence together may fail a release, so what one check calls an abort is a suspicion here. */
function verdictOf({ verdict, series }: Judgement): Verdict {
  switch (verdict) {
    case 'pass':
      return 'Pass';
    case 'abort':
    case 'suspect':
      return 'Inconclusive/Suspect';
    case 'continue':
      return 'Inconclusive/Collecting';
    case 'nodata':
      // Before the first look of a step there is nothing to miss.
      return series.length === 0 ? 'Inconclusive/Collecting' : 'Inconclusive/NoData';
  }
}

/** Fails on two consecutive looks with data outside the limit: one look may be a hiccup of the query. */
export function judgeLimit(check: Extract<Check, { type: 'limit' }>, evidence: Evidence): CheckResult {
  const seen = evidence.values(check.name).filter((value) => value !== null);
  const outside = (value: number): boolean => value > (check.max ?? Infinity) || value < (check.min ?? -Infinity);
  const failed = seen.findIndex((value, i) => i > 0 && outside(value) && outside(seen[i - 1] ?? NaN));
  const newest = failed >= 0 ? seen[failed] : seen.at(-1);
  const limits = [check.min === undefined ? '' : `at least ${check.min}`, check.max === undefined ? '' : `at most ${check.max}`]
    .filter(Boolean)
    .join(' and ');
  const said = newest === undefined ? 'no value yet' : `value ${newest}, which must be ${limits}`;
  const verdict: Verdict =
    failed >= 0 ? 'Fail' : newest === undefined ? 'Inconclusive/NoData' : outside(newest) ? 'Inconclusive/Suspect' : 'Pass';
  return {
    name: check.name,
    verdict,
    explain: () => (failed >= 0 ? `${said}; two looks in a row were outside` : said),
    judgement: undefined,
    value: seen.at(-1),
  };
}

function overall(results: readonly CheckResult[], failed: boolean, suspicious: boolean, unattributed: boolean, counted: boolean): Verdict {
  const says = (verdict: Verdict): boolean => results.some((result) => result.verdict === verdict);
  if (failed) return 'Fail';
  if (unattributed) return 'Inconclusive/NoAttribution';
  if (!counted || says('Inconclusive/NoData')) return 'Inconclusive/NoData';
  if (suspicious || says('Inconclusive/Suspect')) return 'Inconclusive/Suspect';
  return results.every(({ verdict }) => verdict === 'Pass') ? 'Pass' : 'Inconclusive/Collecting';
}

function isUnattributed(traffic: readonly TimedRow[], windows: readonly Window[], now: number): boolean {
  const index = windows.length - 1;
  const window = windows[index];
  const from = parseTime(window?.from);
  if (!window || window.weight === 0 || from === undefined || now - from < ATTRIBUTION_MS) return false;
  const rows = traffic.filter((timed) => timed.window === index).flatMap(({ row }) => (row ? [row] : []));
  const total = (arm: 'stable' | 'candidate'): number => rows.reduce((sum, row) => sum + row[arm].requests, 0);
  const [stable, candidate] = [total('stable'), total('candidate')];
  const promised = ((stable + candidate) * window.weight) / 100;
  return stable >= ATTRIBUTION_REQUESTS && candidate < promised * ATTRIBUTION_SHARE;
}

function countByStep(traffic: readonly TimedRow[], windows: readonly Window[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { window, row } of traffic) {
    const step = windows[window]?.step;
    if (step !== undefined && row) counts.set(step, (counts.get(step) ?? 0) + row.candidate.requests);
  }
  return counts;
}
