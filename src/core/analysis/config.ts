// What the user declares acceptable, and how much proof is asked for.

/**
 * Settings of one metric. All are plain numbers; percentages are written as fractions (50 % is 0.5).
 * The functions of this folder trust them: alpha and alphaPromote lie in (0, 1), tolerance and margin are >= 0,
 * floor and ceiling lie in [0, 1], phiMax is >= 1. Counts, in contrast, come from the world and are never trusted.
 */
export interface AnalysisConfig {
  /** Bound on the chance that a harmless candidate is ever rolled back, over the whole run and all metrics together. */
  readonly alpha: number;
  /** Bound on the chance that a metric of an unacceptable candidate ever passes; half of it for each of the two upper bounds. */
  readonly alphaPromote: number;
  /** Abort only on evidence that candidate rate > max(floor, (1 + tolerance) x stable rate). */
  readonly tolerance: number;
  /** Pass only when candidate rate <= max(floor, (1 + margin) x stable rate) is certified. */
  readonly margin: number;
  /** A rate that is always acceptable, whatever stable's is. 0 switches it off. */
  readonly floor: number;
  /** Never pass while the candidate's observed rate is above this: two failing arms are not "equal, so promote". */
  readonly ceiling: number;
  /** For a pass: intervals with candidate requests. */
  readonly minIntervals: number;
  /** For a pass: candidate requests in all intervals together. */
  readonly minRequests: number;
  /** Intervals of the stable arm before the release to read for the burst factor. Whoever queries the data uses it. */
  readonly history: number;
  /** Cap of the burst factor. */
  readonly phiMax: number;
}

/** Settings that serve a service with some traffic; low traffic wants margin 1 and floor 0.005 to 0.01. */
export const DEFAULT_ANALYSIS: AnalysisConfig = {
  alpha: 0.01,
  alphaPromote: 0.05,
  tolerance: 0,
  margin: 0.5,
  floor: 0.001,
  ceiling: 0.5,
  minIntervals: 5,
  minRequests: 100,
  history: 120,
  phiMax: 20,
};
