import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { LABEL } from '../../api/names.ts';
import { parseTime } from '../time.ts';

export type FailureClass = 'Evidence' | 'Infrastructure' | 'User';

/** What the finished and running releases of one deployment say. The releases are the ledger: status can be lost, they are not. */

/** The release in progress: the newest one that is not finished. */
export function activeRelease(releases: readonly ModelRelease[]): ModelRelease | undefined {
  const newest = releases.at(-1);
  return newest && !isFinished(newest) ? newest : undefined;
}

/** A release is finished when its status or, after a restore without status, its label says so. */
export function isFinished(release: ModelRelease): boolean {
  return outcomeOf(release) !== undefined;
}

export function outcomeOf(release: ModelRelease): string | undefined {
  if (release.status?.finishedAt !== undefined) return release.status.outcome;
  return release.metadata.labels?.[LABEL.outcome];
}

export function classOf(release: ModelRelease): FailureClass | undefined {
  return (release.status?.class ?? release.metadata.labels?.[LABEL.failureClass]) as FailureClass | undefined;
}

/**
 * Numbers are never used twice, also when older releases are gone. `inRoute`: number of the release whose decision the route carries: a new
 * release of that number would take it for its own.
 */
export function nextNumber(releases: readonly ModelRelease[], inRoute: number | undefined): number {
  return releases.reduce((highest, release) => Math.max(highest, release.spec.number), inRoute ?? 0) + 1;
}

/**
 * How long a record that exists may be unseen. Watches that fall silent are begun anew long before this: what is not seen by then is gone.
 */
export const UNSEEN_MS = 300_000;

/** The newest finished release that was promoted: its `to` is what serves. */
export function lastPromoted(releases: readonly ModelRelease[]): ModelRelease | undefined {
  return releases.findLast((release) => outcomeOf(release) === 'Promoted');
}

const FIRST_RETRY_MS = 30_000;
const LONGEST_RETRY_MS = 600_000;

/** Whether a revision may be released, by what earlier releases say of it. `last` is the one that speaks. */
export type Standing =
  | { readonly state: 'Free' }
  /** It failed on evidence; never tried again by itself. */
  | { readonly state: 'KnownBad'; readonly last: ModelRelease }
  /** A person took it off; never tried again by itself. */
  | { readonly state: 'Aborted'; readonly last: ModelRelease }
  | { readonly state: 'RetryAt'; readonly last: ModelRelease; readonly attempts: number; readonly atMs: number }
  /** It failed as often as it may for reasons that were not its own. */
  | { readonly state: 'GivenUp'; readonly last: ModelRelease; readonly attempts: number };

/**
 * The newest word on a revision counts. Releases that ended because the spec changed say nothing of it. After failures that were not its own
 * it is tried again 30 s after the first, then twice as long each time, at most 10 minutes, and `retries` times at most.
 */
export function standingOf(releases: readonly ModelRelease[], revision: string, retries: number): Standing {
  const words = releases.filter((release) => release.spec.to.revision === revision && isFinished(release) && !isPassedOver(release));
  const last = words.at(-1);
  if (!last || outcomeOf(last) === 'Promoted') return { state: 'Free' };
  if (classOf(last) === 'Evidence') return { state: 'KnownBad', last };
  if (outcomeOf(last) === ABORTED) return { state: 'Aborted', last };
  const attempts = last.spec.cause.attempt ?? 1;
  if (attempts > retries) return { state: 'GivenUp', last, attempts };
  const finishedMs = parseTime(last.status?.finishedAt) ?? 0;
  return { state: 'RetryAt', last, attempts, atMs: finishedMs + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1)) };
}

/** Outcome of a release that a person took off. */
export const ABORTED = 'Aborted';

/** The spec changed while it ran: it was never judged. */
export function isPassedOver(release: ModelRelease): boolean {
  return outcomeOf(release) === 'Superseded' || outcomeOf(release) === 'Reverted';
}

/** Whether a token of `spec.rollout.retry` has done its work: it does it once. */
export function isTokenUsed(releases: readonly ModelRelease[], retry: { readonly version: string; readonly token: string }): boolean {
  return releases.some(({ spec }) => spec.cause.retryToken === retry.token && spec.to.version === retry.version);
}

/** When traffic last left this revision: the end of the newest finished release that it took part in. */
export function leftTrafficAtMs(releases: readonly ModelRelease[], revision: string): number | undefined {
  const last = releases.findLast(
    (release) => isFinished(release) && (release.spec.to.revision === revision || release.spec.from?.revision === revision),
  );
  return last === undefined ? undefined : (parseTime(last.status?.finishedAt) ?? 0);
}
