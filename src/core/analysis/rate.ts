// One arm against a fixed limit: a service level objective, or the rate that an earlier version is known to have had.

import { burstFactor, startBurst, stepBurst } from './burst.ts';
import type { AnalysisConfig } from './config.ts';
import { NO_EVIDENCE, rateTerm, stepProcess } from './eprocess.ts';
import type { Judgement, Verdict } from './analyse.ts';
import { rateUpper, weigh } from './bounds.ts';
import { isSuspicious, NOTHING_SEEN, rejects, stepEvidence } from './rejection.ts';
import { cleanCounts, type Counts, type RawCounts } from './row.ts';

/** What one arm's rate of bad events amounts to. `rateUpper` bounds the average rate from above at level alphaPromote. */
export type RateJudgement = Omit<Judgement, 'tolerated' | 'logEMargin'> & { readonly rateUpper: number };

/**
 * Judges one arm's intervals, in time order, against "rate <= limit"; null = no usable data. The burst factor is the arm's own. `pass` when
 * the rate is certified to be within the limit.
 */
export function judgeRate(
  rows: readonly (RawCounts | null)[],
  limit: number,
  history: readonly RawCounts[],
  config: AnalysisConfig,
): RateJudgement {
  const clean = rows.map((row) => cleanCounts(row));
  let burst = startBurst(history);
  let phi = 1;
  let process = NO_EVIDENCE;
  let evidence = NOTHING_SEEN;
  const series: number[] = [];
  for (const counts of clean) {
    phi = burstFactor(burst, config.phiMax);
    burst = stepBurst(burst, counts);
    process = stepProcess(process, rateTerm(asRow(counts), phi, limit));
    evidence = stepEvidence(evidence, process.logE);
    series.push(evidence.logE);
  }
  const used = clean.filter((counts) => counts !== null && counts.requests > 0);
  const [requests, bad] = [sum(used, 'requests'), sum(used, 'bad')];
  const weighed = weigh(clean.map(asRow), history, config.phiMax);
  const upper = rateUpper(weighed, config.alphaPromote);
  const isEnough = used.length >= config.minIntervals && requests >= config.minRequests;
  const verdict: Verdict =
    used.length === 0
      ? 'nodata'
      : rejects(evidence, config.alpha)
        ? 'abort'
        : isSuspicious(evidence.logE, config.alpha)
          ? 'suspect'
          : upper <= limit && isEnough
            ? 'pass'
            : 'continue';
  const totals = { stableRequests: 0, stableBad: 0, candidateRequests: requests, candidateBad: bad };
  return { verdict, logE: evidence.logE, maxGain: evidence.maxGain, phi, totals, intervals: used.length, series, rateUpper: upper };
}

/** Both arms hold the same counts: only the candidate's are read, and stable's give the burst factor. */
function asRow(counts: Counts | null): { readonly stable: Counts; readonly candidate: Counts } | null {
  return counts === null || counts.requests <= 0 ? null : { stable: counts, candidate: counts };
}

function sum(rows: readonly (Counts | null)[], member: keyof Counts): number {
  return rows.reduce((total, counts) => total + (counts?.[member] ?? 0), 0);
}
