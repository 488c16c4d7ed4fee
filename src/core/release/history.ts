import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { Action } from '../observed.ts';
import { identityOf } from '../status/write.ts';
import { ABORTED, classOf, isFinished, isPassedOver, lastPromoted, outcomeOf } from './ledger.ts';
import type { Scene } from './scene.ts';

const HISTORY_LIMIT = 5;
/** Revisions whose failure is remembered at most: a ledger without a bound would fill the API server's store. */
const KNOWN_BAD_LIMIT = 50;

/** Removes the oldest records beyond `rollout.historyLimit`. What the ledger still needs to know stays, however old it is. */
export function pruneHistory({ observed, owner }: Scene): readonly Action[] {
  const { releases, deployment } = observed;
  const { rollout } = deployment.spec;
  const finished = releases.filter(isFinished);
  const kept = new Set([
    ...finished.slice(-(rollout?.historyLimit ?? HISTORY_LIMIT)),
    lastPromoted(releases),
    ...knownBad(finished).slice(-KNOWN_BAD_LIMIT),
    // Its token is spent for as long as the spec names it.
    releases.findLast(({ spec }) => spec.cause.retryToken !== undefined && spec.cause.retryToken === rollout?.retry?.token),
  ]);
  return finished
    .filter((release) => !kept.has(release))
    .map(({ apiVersion, kind, metadata }) => ({
      type: 'Delete' as const,
      apiVersion,
      kind,
      namespace: owner.namespace,
      name: metadata.name,
      identity: identityOf(metadata),
    }));
}

/** The newest record of each revision that is not tried again: those that its evidence condemned, and those that a person took off. */
function knownBad(finished: readonly ModelRelease[]): readonly ModelRelease[] {
  const words = finished.filter((release) => !isPassedOver(release));
  const newest = new Map(words.map((release) => [release.spec.to.revision, release]));
  return [...newest.values()].filter((release) => classOf(release) === 'Evidence' || outcomeOf(release) === ABORTED);
}
