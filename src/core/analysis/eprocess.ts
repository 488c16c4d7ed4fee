// E-processes: evidence that may be looked at after every interval.
//
// An e-process is a non-negative process whose mean is at most 1 at every stopping time while the null hypothesis holds
// (safe anytime-valid inference: Ramdas, Gruenwald, Vovk and Shafer, "Game-theoretic statistics and safe anytime-valid
// inference"). By Ville's inequality the chance that it EVER reaches 1 / alpha is then at most alpha, so it may be compared
// with 1 / alpha after every interval, for as long as one likes. Products over intervals, means over alternatives and means
// over start times of such factors keep the property; that is all that happens below.

import { candidateShare, kernel, logAdd, logMean } from './kernel.ts';
import type { Row } from './row.ts';

const { log, log1p } = Math;

/** Odds factors of the alternatives "worse", each with weight 1/8. From 1.25 on: slightly worse is not hunted. */
const X_UP = [1.25, 1.5, 2, 3, 5, 10, 30, 100] as const;
/** Odds factors of the alternatives "clearly below the limit", each with weight 1/10. */
const X_DOWN = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;

/** k bad events among m with null probability q, already divided by the burst factor; null = says nothing about the null. */
export type Term = { readonly k: number; readonly m: number; readonly q: number } | null;

/** State of a process against "too bad". Plain finite data: it survives JSON. */
export interface ProcessState {
  /** Usable rows so far. */
  readonly t: number;
  /** S_j of every alternative; empty as long as no row had an event, where each stands for the prior mass so far. */
  readonly sums: readonly number[];
  /** ln e after the last row. */
  readonly logE: number;
}

/** Before any evidence e is 1. */
export const NO_EVIDENCE: ProcessState = { t: 0, sums: [], logE: 0 };

/**
 * The process after one more row. Mixture over the alternatives x_j and over the usable row s from which the candidate is
 * bad, with prior w_1 = 1/2, w_s = 1 / (2 s (s - 1)), so that a late regression is not held back by a good past:
 *
 *     S_j <- ln(e^{S_j} + w_t) + l(x_j; k, m, q)
 *     ln e = ln( mean_j e^{S_j} + 1 / (2 t) )           1 / (2 t) = prior mass of "not bad yet"
 *
 * Rows without any event say nothing but that time passes: before the first one with an event e is 1.
 */
export function stepProcess(state: ProcessState, term: Term, factors: readonly number[] = X_UP): ProcessState {
  if (term === null) return state;
  const t = state.t + 1;
  if (term.m === 0 && state.sums.length === 0) return { t, sums: [], logE: 0 };
  const before = state.t === 0 ? -Infinity : log1p(-0.5 / state.t);
  const start = log(t === 1 ? 0.5 : 0.5 / (t * (t - 1)));
  const sums = factors.map((x, j) => logAdd(state.sums[j] ?? before, start) + kernel(x, term.k, term.m, term.q));
  return { t, sums, logE: logAdd(logMean(sums), log(0.5 / t)) };
}

/** ln e of the whole process over `terms`. */
export function logEvidence(terms: readonly Term[]): number {
  return terms.reduce<ProcessState>((state, term) => stepProcess(state, term), NO_EVIDENCE).logE;
}

/** Log likelihood ratio sums of a certificate "the rate is below the limit", one for each of X_DOWN. */
export type CertificateState = readonly number[];

/** Before any evidence. */
export const NO_CERTIFICATE: CertificateState = X_DOWN.map(() => 0);

/** The certificate after one more row: each sum grows by l(x_j; k, m, q), without a start mixture. */
export function stepCertificate(state: CertificateState, term: Term): CertificateState {
  return term === null ? state : X_DOWN.map((x, j) => (state[j] ?? 0) + kernel(x, term.k, term.m, term.q));
}

/** D = ln( mean_j e^{sum_j} ), the log e-value against "at or above the limit". Grows with the limit. */
export function certificate(state: CertificateState): number {
  return logMean(state);
}

/** Two arms: of all bad events, those of the candidate, against candidate rate = ratio x stable rate. Needs requests on both. */
export function ratioTerm(row: Row, phi: number, ratio: number): Term {
  if (row === null || row.stable.requests <= 0 || row.candidate.requests <= 0) return null;
  const { stable, candidate } = row;
  return {
    k: candidate.bad / phi,
    m: (stable.bad + candidate.bad) / phi,
    q: candidateShare(ratio, candidate.requests, stable.requests),
  };
}

/** One arm: bad events among the candidate's requests against a fixed rate. Needs candidate requests. */
export function rateTerm(row: Row, phi: number, rate: number): Term {
  if (row === null || row.candidate.requests <= 0) return null;
  return { k: row.candidate.bad / phi, m: row.candidate.requests / phi, q: rate };
}
