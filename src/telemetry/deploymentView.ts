// What is shown of a ModelDeployment in metrics.

/** What one check counts on one side since the evidence began. Requests can be fractions: they come from rates. */
export interface ArmView {
  readonly requests: number;
  /** Failed, or slower than the limit: whatever this check counts as bad. */
  readonly bad: number;
}

export interface CheckView {
  /** The check's name in the ModelDeployment. */
  readonly check: string;
  /** Pass, Fail or Inconclusive. */
  readonly verdict: string;
  /** Why, in one word from a fixed list (`NoData`, `Collecting`, ...). */
  readonly reason?: string | undefined;
  /** Natural logarithm of the check's e-value; checks that compare have one. */
  readonly logE?: number | undefined;
  /** Burst factor that divides the newest evidence. */
  readonly phi?: number | undefined;
  /** Of a check that bounds how bad the candidate is. Costly, so it is asked at a scrape and not at every pass. */
  readonly bounds?: (() => BoundsView) | undefined;
  /** Latest value of a `limit` check's query. */
  readonly value?: number | undefined;
  readonly stable?: ArmView | undefined;
  readonly candidate?: ArmView | undefined;
}

/** Confidence bounds of how bad the candidate is; absent is what a check does not bound. */
export interface BoundsView {
  /** At least so many times stable's rate; 0 = nothing is certain. */
  readonly ratioLower?: number | undefined;
  /** At most so many times stable's rate; null = no bound. */
  readonly ratioUpper?: number | null | undefined;
  /** At most this rate. */
  readonly rateUpper?: number | undefined;
  /** A mean that is worse than stable's by at least and at most so much, in the units of the score. */
  readonly meanWorseLower?: number | undefined;
  readonly meanWorseUpper?: number | undefined;
}

export interface RevisionView {
  readonly version: string;
  readonly revision: string;
  readonly readyReplicas: number;
}

/** All that is shown of one ModelDeployment. What is absent here has no series. */
export interface DeploymentView {
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  /** Percent of the requests that the candidate gets, 0 to 100; 0 without a candidate. */
  readonly weight: number;
  readonly stable?: RevisionView | undefined;
  readonly candidate?: RevisionView | undefined;
  readonly checks: readonly CheckView[];
  /** Natural logarithm of the combined e-value of all checks that compare. */
  readonly combinedLogE?: number | undefined;
}
