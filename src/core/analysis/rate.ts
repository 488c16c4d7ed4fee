// One arm against a fixed limit: a service level objective, or the rate that an earlier version is known to have had.

import { burstFactor, startBurst, stepBurst, type BurstState } from './burst.ts';
import type { AnalysisConfig } from './config.ts';
import { NO_EVIDENCE, rateTerm, stepProcess, type ProcessState } from './eprocess.ts';
import type { Judgement, Verdict } from './analyse.ts';
import { boundOfSum } from './bounds.ts';
import { growing, type Memory } from './growing.ts';
import { isSuspicious, NOTHING_SEEN, rejects, stepEvidence, type Evidence } from './rejection.ts';
import { cleanCounts, type Counts, type RawCounts } from './row.ts';

/** What one arm's rate of bad events amounts to. `rateUpper` bounds the average rate from above at level alphaPromote. */
export type RateJudgement = Omit<Judgement, 'tolerated' | 'logEMargin'> & { readonly rateUpper: number };

/** One arm's rows so far. `k`, `m`: bad and all events, divided by the burst factors. */
interface Course {
  readonly burst: BurstState;
  readonly phi: number;
  readonly process: ProcessState;
  readonly evidence: Evidence;
  readonly series: readonly number[];
  readonly intervals: number;
  readonly requests: number;
  readonly bad: number;
  readonly k: number;
  readonly m: number;
}

const growCourse = growing<Course>();

/**
 * Judges one arm's intervals, in time order, against "rate <= limit"; null = no usable data. The burst factor is the arm's own. `pass` when
 * the rate is certified to be within the limit.
 */
export function judgeRate(
  rows: readonly (RawCounts | null)[],
  limit: number,
  history: readonly RawCounts[],
  config: AnalysisConfig,
  memory: Memory = {},
): RateJudgement {
  const basis = [limit, ...Object.values<number>({ ...config }), ...history];
  const course = growCourse(memory, basis, [rows], () => startRate(history), (before, from) => {
    let state = before;
    const added = rows.slice(from).map((row) => {
      state = stepRate(state, cleanCounts(row), limit, config);
      return state.evidence.logE;
    });
    return { ...state, series: [...before.series, ...added] };
  });
  const { evidence, phi, series, intervals, requests, bad, k, m } = course;
  const upper = boundOfSum(k, m, config.alphaPromote);
  const isEnough = intervals >= config.minIntervals && requests >= config.minRequests;
  const verdict: Verdict =
    intervals === 0
      ? 'nodata'
      : rejects(evidence, config.alpha)
        ? 'abort'
        : isSuspicious(evidence.logE, config.alpha)
          ? 'suspect'
          : upper <= limit && isEnough
            ? 'pass'
            : 'continue';
  const totals = { stableRequests: 0, stableBad: 0, candidateRequests: requests, candidateBad: bad };
  return { verdict, logE: evidence.logE, maxGain: evidence.maxGain, phi, totals, intervals, series, rateUpper: upper };
}

function startRate(history: readonly RawCounts[]): Course {
  const nothing = { series: [], intervals: 0, requests: 0, bad: 0, k: 0, m: 0 };
  return { burst: startBurst(history), phi: 1, process: NO_EVIDENCE, evidence: NOTHING_SEEN, ...nothing };
}

function stepRate(state: Course, counts: Counts | null, limit: number, config: AnalysisConfig): Course {
  const phi = burstFactor(state.burst, config.phiMax);
  const row = asRow(counts);
  const term = rateTerm(row, phi, limit);
  const process = stepProcess(state.process, term);
  const evidence = stepEvidence(state.evidence, process.logE);
  if (row === null || term === null) return { ...state, phi, process, evidence };
  return {
    ...state,
    burst: stepBurst(state.burst, row.stable),
    phi,
    process,
    evidence,
    intervals: state.intervals + 1,
    requests: state.requests + row.candidate.requests,
    bad: state.bad + row.candidate.bad,
    k: state.k + term.k,
    m: state.m + term.m,
  };
}

/** Both arms hold the same counts: only the candidate's are read, and stable's give the burst factor. */
function asRow(counts: Counts | null): { readonly stable: Counts; readonly candidate: Counts } | null {
  return counts === null || counts.requests <= 0 ? null : { stable: counts, candidate: counts };
}
