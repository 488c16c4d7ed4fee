import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { enter, wait, type Progress, type Turn } from './progress.ts';
import type { Scene } from './scene.ts';
import { weightOf } from './traffic.ts';

type Action = NonNullable<ModelRelease['spec']['control']>['action'];

/** What people ask of a running release: by `spec.control` of its record, under their own name. */
export function isAsked(release: ModelRelease, action: Action): boolean {
  return release.spec.control?.action === action;
}

/** `aborted by alice@example.com: it is Friday`. */
export function sayWho(release: ModelRelease, deed: string): string {
  const { by = 'somebody', reason } = release.spec.control ?? {};
  return `${deed} by ${by}${reason === undefined || reason === '' ? '' : `: ${reason}`}`;
}

/** Why nothing goes up a step at the moment; undefined when nothing stands in the way. */
export function pauseOf(scene: Scene, release: ModelRelease): string | undefined {
  if (isAsked(release, 'Pause')) return `${sayWho(release, 'paused')}; set spec.control.action of this release to Run to go on`;
  return isPausedInSpec(scene) ? 'spec.rollout.paused of the ModelDeployment is true; remove it to go on' : undefined;
}

/** `spec.rollout.paused`, for tools that write to Git. */
export function isPausedInSpec({ observed }: Pick<Scene, 'observed'>): boolean {
  return observed.deployment.spec.rollout?.paused === true;
}

/** Stays where it is, and says why. What is measured goes on being measured. */
export function pause(scene: Scene, release: ModelRelease, progress: Progress, why: string): Turn {
  const weight = weightOf(scene, release.spec.to.revision);
  const paused = enter(progress, scene.now, 'Paused', `at ${weight} %: ${why}`, weight);
  const events = paused.phase === progress.phase ? [] : [{ type: 'Normal' as const, reason: 'Paused', message: paused.message ?? why }];
  return { ...wait(paused), events };
}
