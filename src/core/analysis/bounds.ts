// Confidence bounds, for people: how much worse the candidate surely is, how much worse it can still be.
//
// A bound is the set of limits that an e-value has not rejected (confidence sequences by inversion of e-processes): it holds
// at its level at all times at once. All e-values below are monotone in the limit, so bisection finds the edge.

import { burstFactor, startBurst, stepBurst } from './burst.ts';
import type { AnalysisConfig } from './config.ts';
import { certificate, logEvidence, NO_CERTIFICATE, rateTerm, ratioTerm, stepCertificate, type Term } from './eprocess.ts';
import { cleanRow, type RawCounts, type RawRow, type Row } from './row.ts';

/** Bounds of one metric. */
export interface Bounds {
  /** Candidate rate is at least this times stable's, with confidence 1 - alpha; 0 = nothing certain, at most 1e4. */
  readonly ratioLower: number;
  /** Candidate rate is at most this times stable's, with confidence 1 - alphaPromote / 2; null = no bound below 1e4. */
  readonly ratioUpper: number | null;
  /** Upper bound, at the same confidence, of the candidate's rate averaged over its requests so far; 1 = no bound. */
  readonly rateUpper: number;
}

/** A row with the burst factor that divides it. */
export interface Weighed {
  readonly row: Row;
  readonly phi: number;
}

/** Reported ratios stay within these limits (natural logarithms). */
const LN_MIN = Math.log(1e-4);
const LN_MAX = Math.log(1e4);
/** 60 halvings leave less than 1e-9 of any of the ranges used here. */
const HALVINGS = 60;

/**
 * Bounds over all rows of a metric, in time order. Each is computed when it is first read, because each costs some 60 passes
 * over the rows and a sentence names only one or two of them.
 */
export function bounds(rows: readonly RawRow[], history: readonly RawCounts[], config: AnalysisConfig): Bounds {
  const weighed = weigh(rows, history, config.phiMax);
  const lower = once(() => ratioLower(weighed, config.alpha));
  const upper = once(() => ratioUpper(weighed, config.alphaPromote / 2));
  const rate = once(() => rateUpper(weighed, config.alphaPromote / 2));
  return {
    get ratioLower() {
      return lower();
    },
    get ratioUpper() {
      return upper();
    },
    get rateUpper() {
      return rate();
    },
  };
}

/** Rows with the burst factors that divide them. */
export function weigh(rows: readonly RawRow[], history: readonly RawCounts[], phiMax: number): Weighed[] {
  let burst = startBurst(history);
  return rows.map((raw) => {
    const row = cleanRow(raw);
    const phi = burstFactor(burst, phiMax);
    burst = stepBurst(burst, row === null ? null : row.stable);
    return { row, phi };
  });
}

/** Largest r with ln e(ratio <= r) >= ln(1 / alpha), by the start-time mixture; 0 when none is above 1e-4. */
function ratioLower(weighed: readonly Weighed[], alpha: number): number {
  const rejected = (lnRatio: number): boolean => {
    const ratio = Math.exp(lnRatio);
    return logEvidence(weighed.map(({ row, phi }) => ratioTerm(row, phi, ratio))) >= Math.log(1 / alpha);
  };
  if (!rejected(LN_MIN)) return 0;
  if (rejected(LN_MAX)) return 1e4;
  return Math.exp(firstTrue((lnRatio) => !rejected(lnRatio), LN_MIN, LN_MAX));
}

/** Smallest r with D(ratio, r) >= ln(1 / alpha). */
function ratioUpper(weighed: readonly Weighed[], alpha: number): number | null {
  const certified = (lnRatio: number): boolean => {
    const ratio = Math.exp(lnRatio);
    return isCertified(weighed.map(({ row, phi }) => ratioTerm(row, phi, ratio)), alpha);
  };
  if (!certified(LN_MAX)) return null;
  return certified(LN_MIN) ? 1e-4 : Math.exp(firstTrue(certified, LN_MIN, LN_MAX));
}

/** Smallest p with D(rate, p) >= ln(1 / alpha); 1 when none is below. The kernel is linear in k and m, so all rows count as one. */
export function rateUpper(weighed: readonly Weighed[], alpha: number): number {
  const terms = weighed.flatMap(({ row, phi }) => rateTerm(row, phi, 0) ?? []);
  const [k, m] = [terms.reduce((sum, term) => sum + term.k, 0), terms.reduce((sum, term) => sum + term.m, 0)];
  const certified = (q: number): boolean => isCertified([m > 0 ? { k, m, q } : null], alpha);
  return certified(1) ? firstTrue(certified, 0, 1) : 1;
}

function isCertified(terms: readonly Term[], alpha: number): boolean {
  return certificate(terms.reduce(stepCertificate, NO_CERTIFICATE)) >= Math.log(1 / alpha);
}

/** Where a condition that is false at `low` and true at `high` turns true. */
function firstTrue(holds: (value: number) => boolean, low: number, high: number): number {
  let [before, after] = [low, high];
  for (let i = 0; i < HALVINGS; i += 1) {
    const middle = 0.5 * (before + after);
    if (holds(middle)) after = middle;
    else before = middle;
  }
  return after;
}

function once<T>(compute: () => T): () => T {
  let found: { readonly value: T } | null = null;
  return () => (found ??= { value: compute() }).value;
}
