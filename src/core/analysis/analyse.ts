// One metric that compares the candidate's rate of bad events with stable's.
//
// `MetricState` is a fold over rows: stepping it row by row, live, gives bit for bit what replaying all rows gives, because
// `judge` does nothing else, and goes on from what `memory` has. One step costs a fixed amount of work and no bisection.

import { burstFactor, startBurst, stepBurst, type BurstState } from './burst.ts';
import type { AnalysisConfig } from './config.ts';
import {
  certificate, NO_CERTIFICATE, NO_EVIDENCE, rateTerm, ratioTerm, stepCertificate, stepProcess, type CertificateState, type ProcessState,
} from './eprocess.ts';
import { growing, type Memory } from './growing.ts';
import { isSuspicious, NOTHING_SEEN, rejects, stepEvidence, type Evidence } from './rejection.ts';
import { cleanRow, type RawCounts, type RawRow, type Row } from './row.ts';

/**
 * What one metric says: no candidate request was counted; strong evidence against the candidate; half of that; certified as
 * acceptable; none of these yet.
 */
export type Verdict = 'nodata' | 'abort' | 'suspect' | 'pass' | 'continue';

/** Sums over all usable rows, for people. No decision compares them: with changing weights, sums mislead (Simpson's paradox). */
export interface Totals {
  readonly stableRequests: number;
  readonly stableBad: number;
  readonly candidateRequests: number;
  readonly candidateBad: number;
}

/** Everything about the past that later verdicts of a metric depend on. Plain finite data: it survives JSON. */
export interface MetricState {
  readonly burst: BurstState;
  /** Burst factor that divided the last row; 1 before the first. */
  readonly phi: number;
  /** Against candidate rate <= (1 + tolerance) x stable rate. */
  readonly ratio: ProcessState;
  /** Against candidate rate <= (1 + margin) x stable rate: ends the toleration of a metric that collapses late. */
  readonly ratioAtMargin: ProcessState;
  /** Against candidate rate <= floor. */
  readonly rate: ProcessState;
  /** For candidate rate <= (1 + margin) x stable rate. */
  readonly ratioPass: CertificateState;
  /** For candidate rate <= floor. */
  readonly ratePass: CertificateState;
  readonly evidence: Evidence;
  readonly totals: Totals;
  /** Rows with candidate requests. */
  readonly intervals: number;
}

/** Verdict of one metric with what it rests on. */
export interface Judgement {
  readonly verdict: Verdict;
  /** ln e against "candidate rate <= max(floor, (1 + tolerance) x stable rate)" after the last row. */
  readonly logE: number;
  /** Largest growth of ln e in one row. */
  readonly maxGain: number;
  /** The same evidence with `margin` in the place of `tolerance`. */
  readonly logEMargin: number;
  /** Burst factor of the last row. */
  readonly phi: number;
  readonly totals: Totals;
  readonly intervals: number;
  /** Certified as acceptable: it does not abort even if it is provably a little worse. */
  readonly tolerated: boolean;
  /** ln e after every row, null rows included, so that the series of several metrics stay aligned. */
  readonly series: readonly number[];
}

const NOTHING_COUNTED: Totals = { stableRequests: 0, stableBad: 0, candidateRequests: 0, candidateBad: 0 };

/** State before the first row; `history` = the stable arm's intervals before the release, in time order. */
export function startMetric(history: readonly RawCounts[]): MetricState {
  return {
    burst: startBurst(history),
    phi: 1,
    ratio: NO_EVIDENCE,
    ratioAtMargin: NO_EVIDENCE,
    rate: NO_EVIDENCE,
    ratioPass: NO_CERTIFICATE,
    ratePass: NO_CERTIFICATE,
    evidence: NOTHING_SEEN,
    totals: NOTHING_COUNTED,
    intervals: 0,
  };
}

/** State after one more row. The row is cleaned here; one without usable data keeps its place and adds no evidence. */
export function stepMetric(state: MetricState, raw: RawRow, config: AnalysisConfig): MetricState {
  const row = cleanRow(raw);
  const phi = burstFactor(state.burst, config.phiMax);
  const atMargin = ratioTerm(row, phi, 1 + config.margin);
  const atFloor = rateTerm(row, phi, config.floor);
  const ratio = stepProcess(state.ratio, ratioTerm(row, phi, 1 + config.tolerance));
  const rate = stepProcess(state.rate, atFloor);
  return {
    burst: stepBurst(state.burst, row === null ? null : row.stable),
    phi,
    ratio,
    ratioAtMargin: stepProcess(state.ratioAtMargin, atMargin),
    rate,
    ratioPass: stepCertificate(state.ratioPass, atMargin),
    ratePass: stepCertificate(state.ratePass, atFloor),
    evidence: stepEvidence(state.evidence, againstBoth(ratio, rate, config.floor)),
    totals: addRow(state.totals, row),
    intervals: state.intervals + (row !== null && row.candidate.requests > 0 ? 1 : 0),
  };
}

/** The judgement that a state amounts to; `series` = ln e (`state.evidence.logE`) after every row so far. */
export function judgeState(state: MetricState, series: readonly number[], config: AnalysisConfig): Judgement {
  const { evidence, phi, totals, intervals } = state;
  const logEMargin = againstBoth(state.ratioAtMargin, state.rate, config.floor);
  const tolerated = isCertified(state, config) && !isSuspicious(logEMargin, config.alpha);
  const verdict = verdictOf(state, tolerated, config);
  return { verdict, logE: evidence.logE, maxGain: evidence.maxGain, logEMargin, phi, totals, intervals, tolerated, series };
}

/** Judges all rows of one metric, in time order. Bounds for people are in bounds.ts: no verdict needs them. */
export function judge(rows: readonly RawRow[], history: readonly RawCounts[], config: AnalysisConfig, memory: Memory = {}): Judgement {
  const start = (): Course => ({ state: startMetric(history), series: [] });
  const { state, series } = growCourse(memory, [history, ...Object.values<number>({ ...config })], [rows], start, (before, from) => {
    let { state } = before;
    const added = rows.slice(from).map((row) => {
      state = stepMetric(state, row, config);
      return state.evidence.logE;
    });
    return { state, series: [...before.series, ...added] };
  });
  return judgeState(state, series, config);
}

interface Course {
  readonly state: MetricState;
  readonly series: readonly number[];
}

const growCourse = growing<Course>();

function verdictOf(state: MetricState, tolerated: boolean, config: AnalysisConfig): Verdict {
  if (state.intervals === 0) return 'nodata';
  if (!tolerated && rejects(state.evidence, config.alpha)) return 'abort';
  if (!tolerated && isSuspicious(state.evidence.logE, config.alpha)) return 'suspect';
  return tolerated && hasEnough(state, config) ? 'pass' : 'continue';
}

/**
 * Evidence against "candidate rate <= max(floor, r x stable rate)": the smaller of the two e-values is at most the one whose
 * null is true, so its mean is at most 1 as long as one of the two nulls holds in all rows.
 */
function againstBoth(ratio: ProcessState, rate: ProcessState, floor: number): number {
  return floor > 0 ? Math.min(ratio.logE, rate.logE) : ratio.logE;
}

/**
 * Whether the ratio is certified to be within 1 + margin, or the rate within the floor: D >= ln(2 / alphaPromote). That is
 * `ratioUpper <= 1 + margin` and `rateUpper <= floor` without looking for the bounds, because D grows with the limit. A rate
 * never exceeds 1, so a floor of 1 needs no certificate.
 */
function isCertified(state: MetricState, config: AnalysisConfig): boolean {
  const need = Math.log(2 / config.alphaPromote);
  return certificate(state.ratioPass) >= need || certificate(state.ratePass) >= need || config.floor >= 1;
}

function hasEnough({ totals, intervals }: MetricState, config: AnalysisConfig): boolean {
  return (
    intervals >= config.minIntervals &&
    totals.candidateRequests >= config.minRequests &&
    totals.candidateBad <= config.ceiling * totals.candidateRequests
  );
}

function addRow(totals: Totals, row: Row): Totals {
  if (row === null) return totals;
  return {
    stableRequests: totals.stableRequests + row.stable.requests,
    stableBad: totals.stableBad + row.stable.bad,
    candidateRequests: totals.candidateRequests + row.candidate.requests,
    candidateBad: totals.candidateBad + row.candidate.bad,
  };
}
