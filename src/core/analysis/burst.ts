// The burst factor: bad events that come together (retries, one broken client, one sick pod) are less evidence than they seem.
//
// It is the overdispersion of the stable arm: squared differences between neighbouring intervals over what independent
// events would show, shrunk towards a prior. It is taken from the stable arm only and only from intervals BEFORE the one
// that it discounts. Both matter: a factor that depended on the candidate's counts or on the same interval would no longer
// leave the mean of the e-value at or below 1 (dividing k and m by phi >= 1 raises e to the power 1/phi, and
// E[e^(1/phi)] <= E[e]^(1/phi) <= 1 by Jensen's inequality, if phi is fixed before the interval).

import { cleanCounts, type Counts, type RawCounts } from './row.ts';

/** Sums over neighbour pairs at one time scale. */
interface PairSums {
  readonly num: number;
  readonly den: number;
  readonly last: Counts | null;
}

/** Everything about the past that the next factor depends on. Plain data: it survives JSON. */
export interface BurstState {
  readonly prior: { readonly weight: number; readonly phi: number };
  readonly rows: PairSums;
  readonly blocks: PairSums;
  readonly open: { readonly length: number; readonly counts: Counts };
}

const BLOCK = 5;
const ENOUGH_HISTORY = 10;
/** With a past of its own the estimate may start at "no bursts"; without one it starts careful and unlearns slowly. */
const PRIOR_KNOWN = { weight: 3, phi: 1 };
const PRIOR_UNKNOWN = { weight: 10, phi: 3 };

const NO_PAIRS: PairSums = { num: 0, den: 0, last: null };
const EMPTY_BLOCK = { length: 0, counts: { requests: 0, bad: 0 } };

/** State before the first row, learnt from stable intervals before the release. Unusable and empty intervals are passed over. */
export function startBurst(history: readonly RawCounts[]): BurstState {
  const past = history.map(cleanCounts).filter((counts) => counts !== null && counts.requests > 0);
  const prior = past.length >= ENOUGH_HISTORY ? PRIOR_KNOWN : PRIOR_UNKNOWN;
  const empty: BurstState = { prior, rows: NO_PAIRS, blocks: NO_PAIRS, open: EMPTY_BLOCK };
  return past.reduce(stepBurst, empty);
}

/** State after one more stable interval; null or an interval without requests changes nothing. */
export function stepBurst(state: BurstState, stable: Counts | null): BurstState {
  if (stable === null || stable.requests <= 0) return state;
  const rows = addNeighbour(state.rows, stable);
  const open = { length: state.open.length + 1, counts: add(state.open.counts, stable) };
  if (open.length < BLOCK) return { ...state, rows, open };
  return { ...state, rows, blocks: addNeighbour(state.blocks, open.counts), open: EMPTY_BLOCK };
}

/**
 * Burst factor for the next row, between 1 and `phiMax`:
 *
 *     phi = max over single intervals and blocks of five of (nu phi0 + num) / (nu + den)
 */
export function burstFactor(state: BurstState, phiMax: number): number {
  const { weight, phi } = state.prior;
  const estimate = (sums: PairSums): number => (weight * phi + sums.num) / (weight + sums.den);
  return Math.min(phiMax, Math.max(1, estimate(state.rows), estimate(state.blocks)));
}

/**
 * Of two neighbouring intervals with k bad events in all, an even rate puts k pi into the second (pi = its share of the
 * requests) with binomial variance k pi (1 - pi): num adds the squared deviation, den the variance.
 */
function addNeighbour(sums: PairSums, counts: Counts): PairSums {
  if (sums.last === null) return { ...sums, last: counts };
  const k = counts.bad + sums.last.bad;
  const pi = counts.requests / (counts.requests + sums.last.requests);
  return { num: sums.num + (counts.bad - k * pi) ** 2, den: sums.den + k * pi * (1 - pi), last: counts };
}

function add(a: Counts, b: Counts): Counts {
  return { requests: a.requests + b.requests, bad: a.bad + b.bad };
}
