// The two-interval rule: what turns evidence into a rollback.

/** Last ln e of a series and its largest gain in one row, which is never below 0. */
export interface Evidence {
  readonly logE: number;
  readonly maxGain: number;
}

/** Before the first row. */
export const NOTHING_SEEN: Evidence = { logE: 0, maxGain: 0 };

/** The evidence after one more row whose ln e is `logE`. */
export function stepEvidence(evidence: Evidence, logE: number): Evidence {
  return { logE, maxGain: Math.max(evidence.maxGain, logE - evidence.logE) };
}

/**
 * Reject when ln e >= ln(1 / alpha) and at least half of that remains without the best single row:
 *
 *     ln e - maxGain >= ln(1 / alpha) / 2
 *
 * The first part alone keeps false rollbacks at or below alpha (Ville's inequality); the second makes it impossible that
 * one interval, however bad, decides. It costs one interval on a total outage.
 */
export function rejects(evidence: Evidence, alpha: number): boolean {
  const need = Math.log(1 / alpha);
  return evidence.logE >= need && evidence.logE - evidence.maxGain >= 0.5 * need;
}

/** True from half the evidence that a rejection needs: reason enough to hold the weight, not to roll back. */
export function isSuspicious(logE: number, alpha: number): boolean {
  return logE >= 0.5 * Math.log(1 / alpha);
}
