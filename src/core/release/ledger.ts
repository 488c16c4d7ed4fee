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

/** The release whose evidence condemned this revision; a condemned revision is not tried again by itself. */
export function condemnedBy(releases: readonly ModelRelease[], revision: string): ModelRelease | undefined {
  return releases.findLast((release) => release.spec.to.revision === revision && isFinished(release) && classOf(release) === 'Evidence');
}

/** The newest finished release that was promoted: its `to` is what serves. */
export function lastPromoted(releases: readonly ModelRelease[]): ModelRelease | undefined {
  return releases.findLast((release) => outcomeOf(release) === 'Promoted');
}

const FIRST_RETRY_MS = 30_000;
const LONGEST_RETRY_MS = 600_000;

/**
 * When a revision may be tried again after failures that were not its own: 30 s after the first, then twice as long each time, at most
 * 10 minutes. Undefined when its last attempt did not end so.
 */
export function retryAtMs(releases: readonly ModelRelease[], revision: string): number | undefined {
  const attempts = releases.filter((release) => release.spec.to.revision === revision && isFinished(release));
  let failures = 0;
  for (let i = attempts.length - 1; i >= 0 && classOf(attempts[i] as ModelRelease) === 'Infrastructure'; i -= 1) failures += 1;
  const last = attempts.at(-1);
  if (failures === 0 || !last) return undefined;
  const finished = parseTime(last.status?.finishedAt) ?? 0;
  return finished + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
}

/** When traffic last left this revision: the end of the newest finished release that it took part in. */
export function leftTrafficAtMs(releases: readonly ModelRelease[], revision: string): number | undefined {
  const last = releases.findLast(
    (release) => isFinished(release) && (release.spec.to.revision === revision || release.spec.from?.revision === revision),
  );
  return last === undefined ? undefined : (parseTime(last.status?.finishedAt) ?? 0);
}
