import { judge, type Judgement, type Verdict as Word } from '../../analysis/analyse.ts';
import { bounds, rateUpper, weigh } from '../../analysis/bounds.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../../analysis/config.ts';
import { growing, type Memory } from '../../analysis/growing.ts';
import { catchableRate, catchableRatio } from '../../analysis/power.ts';
import { isSuspicious, NOTHING_SEEN, rejects, stepEvidence, type Evidence } from '../../analysis/rejection.ts';
import { judgeRate } from '../../analysis/rate.ts';
import type { RawCounts, Row } from '../../analysis/row.ts';
import { explain, formatEvidence, roundUp } from '../../analysis/words.ts';
import { total, type SumOfRows } from './bins.ts';
import type { Figures, Finding, JudgeContext, Power, Verdict } from './kind.ts';
import type { Margins } from './settings.ts';

export interface WindowedRow {
  readonly window: number;
  readonly row: Row;
}

/** Rows of one check with the windows that they lie in. */
export interface WindowedRows {
  readonly rows: readonly WindowedRow[];
  /** Stable's intervals before the release. */
  readonly history: readonly RawCounts[];
  readonly memory: Memory;
}

/** A share of bad events, compared between the two versions. `prefix` says what is bad, where the name of the check does not. */
export function compareRates(
  { rows: timed, history, memory }: WindowedRows,
  { margin, floor }: Margins,
  tolerance: number,
  { alpha }: JudgeContext,
  prefix = '',
): Finding {
  const rows = timed.map(({ row }) => row);
  const config: AnalysisConfig = { ...DEFAULT_ANALYSIS, tolerance: Math.min(tolerance, margin), margin, floor };
  const judgement = judge(rows, history, config, memory);
  return {
    verdict: verdictOf(judgement.verdict, judgement.series.length),
    explain: () => `${prefix}${explain(judgement, bounds(rows, history, config), config)}`,
    figures: figuresOf(judgement),
    voice: judgement,
    bounds: () => bounds(rows, history, config),
    power: () => ratioPower(catchableRatio(rows, history, { ...config, alpha })),
    certifier: { history, config },
  };
}

/** In words: a candidate so many times as bad, to two digits. `what`: what there is more of. */
export function ratioPower(ratio: number | undefined, what = ''): Power {
  if (ratio === undefined) return { caught: undefined, words: `one 100 times as bad${what}` };
  const times = String(Number(ratio.toPrecision(2)));
  return { caught: `${times}${what}`, words: `${times} times as bad${what}` };
}

/** A share of bad events of the candidate alone, held against a limit. `own`: its intervals. Of bursts before them nothing is known. */
export function holdRate(own: readonly (RawCounts | null)[], limit: number, memory: Memory, prefix = ''): Finding {
  const judged = judgeRate(own, limit, [], DEFAULT_ANALYSIS, memory);
  const { candidateBad, candidateRequests } = judged.totals;
  const counted = `${Math.trunc(candidateBad)}/${Math.trunc(candidateRequests)}`;
  const sure = `at most ${roundUp(100 * judged.rateUpper)}% with ${100 - 100 * DEFAULT_ANALYSIS.alphaPromote}% confidence`;
  return {
    verdict: verdictOf(judged.verdict, own.length),
    explain: () =>
      candidateRequests === 0
        ? `${prefix}no events of the candidate were counted`
        : `${prefix}candidate ${counted} where ${roundUp(100 * limit)}% is allowed: e=${formatEvidence(judged.logE)}, ${sure}`,
    figures: figuresOf(judged),
    voice: { verdict: judged.verdict, series: judged.series, tolerated: false },
    bounds: () => ({ rateUpper: judged.rateUpper }),
  };
}

/** The same while both versions have traffic. `history`: stable's intervals before the release, where they are counted. */
export function judgeLimit(
  own: readonly (RawCounts | null)[],
  limit: number,
  { history, memory }: Pick<WindowedRows, 'history' | 'memory'>,
  { alpha }: JudgeContext,
  prefix = '',
): Finding {
  const power = (): Power => {
    const rate = catchableRate(own, limit, { ...DEFAULT_ANALYSIS, alpha });
    const share = rate === undefined ? '' : `${Number((100 * rate).toPrecision(2))}%`;
    return rate === undefined ? { caught: undefined, words: 'one that is always bad' } : { caught: share, words: `with ${share} bad` };
  };
  return { ...holdRate(own, limit, memory, prefix), power, certifier: { history, limit, config: DEFAULT_ANALYSIS } };
}

/**
 * After the promotion there is no stable traffic to compare with any more: the candidate is held against what stable's rate can have been at
 * most while both had traffic, with the margin on top: a baseline that is frozen. `last`: index of the window since the promotion.
 */
export function holdAgainstBaseline({ rows, history, memory }: WindowedRows, { margin, floor }: Margins, last: number): Finding {
  const released = rows.filter(({ window }) => window < last).flatMap(({ row }) => (row ? [row.stable] : []));
  const stable = [...history, ...released];
  const most = growMost(memory, stable, [], () => mostOf(stable), (before) => before);
  const limit = Math.min(1, Math.max(floor, (1 + margin) * most));
  const own = rows.filter(({ window }) => window === last).map(({ row }) => row && row.candidate);
  const judged = judgeRate(own, limit, stable, DEFAULT_ANALYSIS, memory);
  const { candidateBad, candidateRequests } = judged.totals;
  return {
    verdict: judged.verdict === 'nodata' ? 'Inconclusive/Collecting' : verdictOf(judged.verdict, own.length),
    explain: () =>
      `${candidateBad}/${candidateRequests} since the promotion, where at most ${roundUp(100 * limit)}% is as good as before: e=${formatEvidence(judged.logE)}`,
    figures: figuresOf(judged),
    voice: { verdict: judged.verdict, series: judged.series, tolerated: false },
  };
}

const growMost = growing<number>();

/** What stable's rate can have been at most. */
function mostOf(stable: readonly RawCounts[]): number {
  const weighed = weigh(stable.map((counts) => ({ stable: counts, candidate: counts })), [], DEFAULT_ANALYSIS.phiMax);
  return rateUpper(weighed, DEFAULT_ANALYSIS.alphaPromote);
}

/** The word for a series that can accuse the candidate and not certify it: no objection, once enough was seen, is its pass. */
export function accusation(series: readonly number[], { candidate, intervals }: SumOfRows, alpha: number, memory: Memory): Word {
  const evidence = growEvidence(memory, [], [series], () => NOTHING_SEEN, (before, from) => series.slice(from).reduce(stepEvidence, before));
  if (intervals === 0) return 'nodata';
  if (rejects(evidence, alpha)) return 'abort';
  if (isSuspicious(evidence.logE, alpha)) return 'suspect';
  const { minIntervals, minRequests } = DEFAULT_ANALYSIS;
  return intervals >= minIntervals && total(candidate) >= minRequests ? 'pass' : 'continue';
}

const growEvidence = growing<Evidence>();

/** With several checks only all evidence together may fail a release, so what one check calls an abort is a suspicion here. */
export function verdictOf(word: Word, looks: number): Verdict {
  switch (word) {
    case 'pass':
      return 'Pass';
    case 'abort':
    case 'suspect':
      return 'Inconclusive/Suspect';
    case 'continue':
      return 'Inconclusive/Collecting';
    case 'nodata':
      // Before the first look of a step there is nothing to miss.
      return looks === 0 ? 'Inconclusive/Collecting' : 'Inconclusive/NoData';
  }
}

function figuresOf({ logE, phi, totals, series }: Pick<Judgement, 'logE' | 'phi' | 'totals' | 'series'>): Figures {
  return { logE, phi, totals, looks: series.length };
}
