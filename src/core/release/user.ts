import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { parseTime } from '../time.ts';
import { isAsked, sayWho } from './control.ts';
import { isFrozen } from './failure.ts';
import { ABORTED } from './ledger.ts';
import type { Progress, Turn } from './progress.ts';
import { rollBack, type Failure } from './rollback.ts';
import type { Scene } from './scene.ts';

/**
 * A ModelDeployment that was deleted in a release and made anew is another one: nothing of that release is left but its record, and the new
 * one begins anew.
 */
export function isOfAnEarlier({ observed }: Scene, release: ModelRelease): boolean {
  const [begun, made] = [release.metadata, observed.deployment.metadata].map(({ creationTimestamp }) => parseTime(creationTimestamp));
  return begun !== undefined && made !== undefined && begun < made;
}

export const DELETED: Failure = {
  class: 'User',
  reason: 'Superseded',
  message: 'its ModelDeployment was deleted, and another one of its name made',
};

/** The candidate is not wanted any more: a person aborted the release, or the spec asks for something else by now. */
export function followUser(scene: Scene, release: ModelRelease, progress: Progress): Turn | undefined {
  const why = isAsked(release, 'Abort') ? aborted(release) : changedSpec(scene, release);
  return why && rollBack(scene, release, progress, afterFreeze(progress, why));
}

export function aborted(release: ModelRelease): Failure {
  return { class: 'User', reason: ABORTED, message: `version ${release.spec.to.version} was ${sayWho(release, 'aborted')}` };
}

/** Nothing is held against a revision that the spec has left. */
export function changedSpec({ target, stable }: Scene, release: ModelRelease): Failure | undefined {
  if (target.state !== 'Known' || target.snapshot.revision === release.spec.to.revision) return undefined;
  const { version, revision } = target.snapshot;
  return revision === stable?.revision
    ? { class: 'User', reason: 'Reverted', message: `the spec went back to version ${version}, which serves` }
    : { class: 'User', reason: 'Superseded', message: `the spec asks for version ${version} (revision ${revision}) now` };
}

/** Who takes off a frozen release does what the evidence said: it stays known to be bad. */
export function afterFreeze(progress: Progress, why: Failure): Failure {
  if (!isFrozen(progress)) return why;
  return { class: progress.class ?? 'Evidence', reason: progress.reason ?? why.reason, message: `${why.message}; before it was ${progress.message ?? 'frozen'}` };
}
