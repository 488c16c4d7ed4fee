// Confidence bounds, for people: how much worse the candidate surely is, how much worse it can still be.
//
// A bound is the set of limits that an e-value has not rejected (confidence sequences by inversion of e-processes): it holds
// at its level at all times at once. All e-values below are continuous and monotone in the limit, so the edge is where one crosses its threshold.

import { burstFactor, startBurst, stepBurst } from './burst.ts';
import type { AnalysisConfig } from './config.ts';
import { crossing } from './crossing.ts';
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

/** Bounds of how bad the candidate is, each at its level; what a kind of check does not bound is absent. */
export type CheckBounds = Partial<Bounds> & {
  /** The candidate's mean score is worse than stable's by at least and at most so much, in the units of the score. */
  readonly meanWorseLower?: number;
  readonly meanWorseUpper?: number;
};

/** A row with the burst factor that divides it. */
export interface Weighed {
  readonly row: Row;
  readonly phi: number;
}

/** Reported ratios stay within these limits (natural logarithms). */
const LN_MIN = Math.log(1e-4);
const LN_MAX = Math.log(1e4);

/**
 * Bounds over all rows of a metric, in time order. Each is computed when it is first read, because each costs some ten
 * passes over the rows and a sentence names only one or two of them.
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
  const missing = (lnRatio: number): number => {
    const ratio = Math.exp(lnRatio);
    return Math.log(1 / alpha) - logEvidence(weighed.map(({ row, phi }) => ratioTerm(row, phi, ratio)));
  };
  if (missing(LN_MIN) > 0) return 0;
  return missing(LN_MAX) <= 0 ? 1e4 : Math.exp(crossing(missing, LN_MIN, LN_MAX));
}

/** Smallest r with D(ratio, r) >= ln(1 / alpha). */
function ratioUpper(weighed: readonly Weighed[], alpha: number): number | null {
  const beyond = (lnRatio: number): number => {
    const ratio = Math.exp(lnRatio);
    return surplus(weighed.map(({ row, phi }) => ratioTerm(row, phi, ratio)), alpha);
  };
  if (beyond(LN_MAX) < 0) return null;
  return beyond(LN_MIN) >= 0 ? 1e-4 : Math.exp(crossing(beyond, LN_MIN, LN_MAX));
}

/** Smallest p with D(rate, p) >= ln(1 / alpha); 1 when none is below. The kernel is linear in k and m, so all rows count as one. */
export function rateUpper(weighed: readonly Weighed[], alpha: number): number {
  const terms = weighed.flatMap(({ row, phi }) => rateTerm(row, phi, 0) ?? []);
  return boundOfSum(terms.reduce((sum, term) => sum + term.k, 0), terms.reduce((sum, term) => sum + term.m, 0), alpha);
}

/** The same for `k` bad events among `m`, both divided by the burst factors. */
export function boundOfSum(k: number, m: number, alpha: number): number {
  const beyond = (q: number): number => surplus([m > 0 ? { k, m, q } : null], alpha);
  return beyond(1) < 0 ? 1 : beyond(0) >= 0 ? 0 : crossing(beyond, 0, 1);
}

/** By how much the certificate exceeds what certainty takes. */
function surplus(terms: readonly Term[], alpha: number): number {
  return certificate(terms.reduce(stepCertificate, NO_CERTIFICATE)) - Math.log(1 / alpha);
}

function once<T>(compute: () => T): () => T {
  let found: { readonly value: T } | null = null;
  return () => (found ??= { value: compute() }).value;
}
