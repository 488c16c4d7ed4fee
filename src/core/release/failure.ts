import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { Parameters } from './parameters.ts';
import { act, enter, wait, type Progress, type Turn } from './progress.ts';
import { rollBack, type Failure } from './rollback.ts';
import type { Scene } from './scene.ts';
import { weightOf } from './traffic.ts';

/** A candidate that has traffic failed: it is taken off, or left as it is for a person to decide, as `rollout.onFailure` says. */
export function fail(scene: Scene, release: ModelRelease, progress: Progress, parameters: Parameters, failure: Failure): Turn {
  return parameters.onFailure === 'Freeze' ? freeze(scene, release, progress, failure) : rollBack(scene, release, progress, failure);
}

function freeze(scene: Scene, release: ModelRelease, progress: Progress, failure: Failure): Turn {
  const weight = weightOf(scene, release.spec.to.revision);
  const message = `frozen at ${weight} %: ${failure.message}; set spec.control.action of this release to Abort or Promote, or change the spec`;
  const frozen: Progress = {
    ...enter(progress, scene.now, 'Frozen', message, weight),
    class: failure.class,
    reason: failure.reason,
  };
  if (progress.phase === 'Frozen') return wait(frozen);
  return act(frozen, [], [{ type: 'Warning', reason: 'Frozen', message }]);
}

/** Only people move a frozen release: its evidence has been heard. */
export function isFrozen(progress: Progress): boolean {
  return progress.phase === 'Frozen';
}
