import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { matchesAlert } from '../analysis/alert.ts';
import { parseTime } from '../time.ts';
import { isAsked } from './control.ts';
import type { Evaluation } from './evaluation.ts';
import { fail, isFrozen } from './failure.ts';
import type { Parameters } from './parameters.ts';
import { wait, type Progress, type Turn } from './progress.ts';
import type { Failure } from './rollback.ts';
import { routeDecision, type Scene } from './scene.ts';

/**
 * A failed check or an alert ends the candidate's rise, whatever step it is at. With onFailure Freeze the last word is a person's, and their
 * Promote has been said.
 */
export function heedEvidence(
  scene: Scene,
  release: ModelRelease,
  progress: Progress,
  parameters: Parameters,
  evaluation: Evaluation,
): Turn | undefined {
  if (parameters.onFailure === 'Freeze' && isAsked(release, 'Promote')) return undefined;
  if (isFrozen(progress)) return wait(progress);
  const failure = failureOf(scene, release, evaluation);
  return failure && fail(scene, release, progress, parameters, failure);
}

export function failureOf(scene: Scene, release: ModelRelease, evaluation: Evaluation): Failure | undefined {
  if (evaluation.verdict !== 'Fail') return alarmOf(scene, release);
  const { named, reason } = evaluation;
  const message = `version ${release.spec.to.version} failed check ${named?.name ?? ''}: ${named?.explain() ?? ''}`;
  return { class: 'Evidence', reason, message };
}

/** The API server and Prometheus both cut times to whole seconds: an alert of the release's own second may have been there before it. */
const CUT_MS = 1000;

/** An alert says something about a candidate only once it has reached a step. */
function alarmOf(scene: Scene, release: ModelRelease): Failure | undefined {
  const wanted = scene.observed.deployment.spec.triggers?.alerts;
  if (!wanted || !routeDecision(scene, release)) return undefined;
  const wish = {
    namespace: scene.owner.namespace,
    matchLabels: wanted.matchLabels,
    sinceMs: (parseTime(release.metadata.creationTimestamp) ?? scene.now) + CUT_MS,
  };
  const alert = scene.observed.alerts.find((candidate) => matchesAlert(candidate, wish));
  if (!alert) return undefined;
  const name = alert.labels['alertname'] ?? 'without a name';
  const message = `alert ${name} fires, active since version ${release.spec.to.version} was released`;
  return { class: 'Evidence', reason: 'AlertFiring', message };
}
