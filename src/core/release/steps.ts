import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { formatTime, parseTime, sayDuration } from '../time.ts';
import type { Action, PlanEvent } from '../observed.ts';
import { candidatePods, shrinkStable } from './capacity.ts';
import { isAsked, pause, pauseOf, sayWho } from './control.ts';
import type { Evaluation } from './evaluation.ts';
import { forecastRelease, sayForecast } from './forecast.ts';
import type { Parameters, Step } from './parameters.ts';
import { bringUp, ensureRevision, snapshotOf } from './pods.ts';
import { sayPower } from './power.ts';
import { act, closeWindow, enter, openWindow, wait, WORTH_TELLING_MS, type Progress, type Turn } from './progress.ts';
import { promote } from './promotion.ts';
import { rollBack } from './rollback.ts';
import { revisionState, routeDecision, type Scene } from './scene.ts';
import { shiftTraffic, weightOf } from './traffic.ts';

/**
 * Goes on through the steps: pods first, then weight, then the gateway's word, then the hold. Which step is reached is read from the route,
 * because the route was written first: a status that lags behind repeats nothing.
 */
export function takeSteps(scene: Scene, release: ModelRelease, progress: Progress, parameters: Parameters, evaluation: Evaluation): Turn {
  if (isAsked(release, 'Promote')) return goToPromotion(scene, release, progress, parameters, evaluation);
  const written = routeDecision(scene, release);
  if (!written) return goTo(scene, release, progress, parameters, evaluation, 0);
  const index = Number(written.detail);
  const step = parameters.steps[index];
  if (!step) return goTo(scene, release, progress, parameters, evaluation, 0);
  const isHolding =
    progress.step === index && openWindow(progress) !== undefined && weightOf(scene, release.spec.to.revision) === step.weight;
  return (isHolding ? hold : goTo)(scene, release, progress, parameters, evaluation, index);
}

/** Brings the candidate to step `index`: capacity before weight, and evidence only after the gateway has taken the weight over. */
function goTo(
  scene: Scene,
  release: ModelRelease,
  progress: Progress,
  parameters: Parameters,
  evaluation: Evaluation,
  index: number,
): Turn {
  const step = parameters.steps[index];
  const written = routeDecision(scene, release);
  const shifted = written?.detail === String(index) && weightOf(scene, release.spec.to.revision) === step?.weight;
  const why = shifted ? undefined : pauseOf(scene, release);
  if (why !== undefined) return pause(scene, release, progress, why);
  if (!step) return goToPromotion(scene, release, progress, parameters, evaluation);
  const shrink = shifted ? [] : shrinkStable(scene, release);
  const scaling = scale(scene, release, progress, parameters, candidatePods(scene, step.weight), shrink);
  if (scaling) return scaling;
  const stray = shifted ? undefined : strayRevision(scene, release, step.weight);
  if (stray !== undefined)
    return wait(
      enter(progress, scene.now, 'Scaling', `waiting for the pods of revision ${stray} to go, since both versions share one Service`),
    );
  if (!shifted) return shift(scene, release, progress, step, index, shrink);
  const { route } = scene.observed;
  if (route?.acceptance.state === 'Accepted') return beginHold(scene, progress, parameters, evaluation, step, index, written.atMs);
  const deadline = written.atMs + parameters.progressDeadlineMs;
  const said = route?.acceptance.message ?? 'the route is gone';
  if (scene.now < deadline) {
    const lasting = scene.now >= written.atMs + WORTH_TELLING_MS;
    return lasting
      ? wait(enter(progress, scene.now, 'Shifting', said, step.weight), deadline)
      : wait(progress, Math.min(written.atMs + WORTH_TELLING_MS, deadline));
  }
  return rollBack(scene, release, progress, {
    class: 'Infrastructure',
    reason: 'RouteNotAccepted',
    message: `the gateway did not take over ${step.weight} % within ${sayDuration(parameters.progressDeadlineMs)}: ${said}`,
  });
}

/** Undefined when the candidate has `replicas` Ready pods. `first`: what makes room for them. */
function scale(
  scene: Scene,
  release: ModelRelease,
  progress: Progress,
  parameters: Parameters,
  replicas: number,
  first: readonly Action[],
): Turn | undefined {
  const snapshot = snapshotOf(scene, release);
  if (!snapshot)
    return wait(
      enter(
        progress,
        scene.now,
        'Scaling',
        `the rendering of revision ${release.spec.to.revision} is gone, and the spec asks for another one`,
      ),
    );
  const pods = bringUp(scene, snapshot, replicas, parameters.progressDeadlineMs);
  switch (pods.state) {
    case 'Ready':
      return undefined;
    case 'Failed':
      return rollBack(scene, release, progress, pods);
    case 'Starting': {
      const lasting = scene.now >= pods.sinceMs + WORTH_TELLING_MS;
      const told = lasting ? enter(progress, scene.now, 'Scaling', pods.message) : progress;
      return { actions: [...first, ...pods.actions], progress: told, events: [], wakeAtMs: pods.wakeAtMs };
    }
  }
}

/** A third revision that still has pods, where a Service that selects both versions would select it too. */
function strayRevision(scene: Scene, release: ModelRelease, weight: number): string | undefined {
  if (scene.routing !== 'ReplicaShare' || weight === 0 || weight === 100) return undefined;
  const ours = [scene.stable?.revision, release.spec.to.revision];
  const states = [...scene.observed.revisions.values()];
  return states.find(({ revision, workload, readyEndpoints }) => !ours.includes(revision) && (workload || readyEndpoints > 0))?.revision;
}

function shift(
  scene: Scene,
  release: ModelRelease,
  progress: Progress,
  step: Step,
  index: number,
  after: readonly Action[],
): Turn {
  const { version } = release.spec.to;
  const message = `step ${index + 1}${step.name === undefined ? '' : ` (${step.name})`}: ${step.weight} % of the traffic to version ${version}`;
  const write = shiftTraffic(scene, release, step.weight, { decision: 'Shift', detail: String(index), message });
  return act(progress, [write, ...after], [{ type: 'Normal', reason: 'TrafficShifted', message }]);
}

/** Evidence counts from the first look after the gateway's statistics and one scrape have caught up with the new weight. */
function beginHold(
  scene: Scene,
  progress: Progress,
  parameters: Parameters,
  evaluation: Evaluation,
  step: Step,
  index: number,
  shiftedAtMs: number,
): Turn {
  const { intervalMs, settleMs } = parameters;
  const fromMs = Math.ceil((scene.now + settleMs) / intervalMs) * intervalMs;
  const closed = closeWindow(progress, shiftedAtMs);
  const from = formatTime(fromMs);
  const expected = closed.windows === undefined ? expectEvidence(scene, parameters, evaluation) : undefined;
  const held = `holding at ${step.weight} % for ${sayDuration(step.holdMs)}, and until the checks allow more`;
  const message = expected === undefined ? held : `${held}; ${expected.message}`;
  const holding: Progress = {
    ...enter(closed, scene.now, 'Holding', message, step.weight),
    decision: 'Shift',
    step: index,
    windows: [...(closed.windows ?? []), { step: index, weight: step.weight, from }],
    evidenceSince: closed.evidenceSince ?? from,
  };
  return act(withoutUnavailable(holding), [], expected === undefined ? [] : [expected]);
}

/** How long the evidence will take, told once: when the first hold begins, whose write of the status tells it no more. */
function expectEvidence(scene: Scene, parameters: Parameters, evaluation: Evaluation): PlanEvent | undefined {
  const forecast = forecastRelease(parameters, evaluation.checks, scene.observed.samples, scene.now);
  if (!forecast) return undefined;
  const message = sayForecast(forecast, parameters.minRequests);
  return forecast.late ? { type: 'Warning', reason: 'EvidenceLate', message } : { type: 'Normal', reason: 'EvidenceForecast', message };
}

function withoutUnavailable(progress: Progress): Progress {
  const { unavailableSince: _, ...rest } = progress;
  return rest;
}

/** Stays at a weight until its time is over and the evidence allows more. Lack of evidence never moves traffic, either way. */
function hold(
  scene: Scene,
  release: ModelRelease,
  progress: Progress,
  parameters: Parameters,
  evaluation: Evaluation,
  index: number,
): Turn {
  const step = parameters.steps[index] as Step;
  const fromMs = parseTime(openWindow(progress)?.from) ?? scene.now;
  const overAtMs = fromMs + step.holdMs;
  const actions = keepCapacity(scene, release, step);
  const why = pauseOf(scene, release);
  if (why !== undefined) return { ...pause(scene, release, progress, why), actions };
  const holding = progress.phase === 'Paused' ? enter(progress, scene.now, 'Holding', `goes on at ${step.weight} %`, step.weight) : progress;
  const isEarly = scene.now < overAtMs;
  if (isEarly && !(parameters.isFast && evaluation.isCertified)) return { ...wait(holding, overAtMs), actions };
  const missing = missingAlerts(scene) ?? missingEvidence(evaluation, parameters, index);
  if (missing === undefined) return goTo(scene, release, progress, parameters, evaluation, index + 1);
  if (isEarly) return { ...wait(holding, overAtMs), actions };
  const deadlineMs = overAtMs + parameters.evidenceDeadlineMs;
  if (scene.now < deadlineMs) {
    // A verdict tells what checks wait for; nothing else would tell this.
    const told = missing === ALERTS_UNKNOWN ? enter(holding, scene.now, 'Holding', `waits at ${step.weight} %: ${missing}`, step.weight) : holding;
    return { ...wait(told, deadlineMs), actions };
  }
  const late = `${sayDuration(parameters.evidenceDeadlineMs)} after the hold was over ${missing}`;
  if (parameters.onInconclusive === 'Rollback')
    return rollBack(scene, release, progress, {
      class: 'Infrastructure',
      reason: 'Inconclusive',
      message: `version ${release.spec.to.version} could not be judged: ${late}`,
    });
  const message = `paused at ${step.weight} %: ${late}; it goes on by itself when the evidence comes`;
  const paused = enter(progress, scene.now, 'Paused', message, step.weight);
  return act(paused, actions, paused === progress ? [] : [{ type: 'Warning', reason: 'Inconclusive', message }]);
}

/** More pods for the weight that the candidate has, when `spec.replicas` has grown in the meantime. */
function keepCapacity(scene: Scene, release: ModelRelease, step: Step): readonly Action[] {
  const snapshot = snapshotOf(scene, release);
  const replicas = revisionState(scene, release.spec.to.revision)?.workload?.replicas ?? 0;
  return snapshot ? ensureRevision(scene, snapshot, Math.max(replicas, candidatePods(scene, step.weight))) : [];
}

const ALERTS_UNKNOWN = 'it is not known whether alerts fire, since Prometheus cannot be asked for them';

/** Alerts that nobody can read have not kept silent. */
function missingAlerts({ observed }: Scene): string | undefined {
  return observed.deployment.spec.triggers?.alerts && observed.alertsProblem !== undefined ? ALERTS_UNKNOWN : undefined;
}

/** What keeps a step from ending, undefined when nothing does. Without checks nothing is asked. */
function missingEvidence(evaluation: Evaluation, parameters: Parameters, index: number): string | undefined {
  if (evaluation.verdict === 'Fail') return 'a check failed';
  if (parameters.checks.length === 0) return undefined;
  if (parameters.steps[index]?.weight === 0)
    return missingWithoutTraffic(evaluation, parameters, index) ?? missingCertificate(evaluation, parameters, index);
  switch (evaluation.verdict) {
    case 'Inconclusive/NoData':
      return 'there are no data for every check';
    case 'Inconclusive/NoAttribution':
      return 'no request is counted for the candidate, though its weight says that some should be';
    case 'Inconclusive/SplitMismatch':
      return 'the traffic is not split as the weight says';
    case 'Inconclusive/Suspect':
      return `check ${evaluation.named?.name ?? ''} is suspect`;
    case 'Pass':
    case 'Inconclusive/Collecting':
      if ((evaluation.requests.get(index) ?? 0) < parameters.minRequests)
        return `fewer than ${parameters.minRequests} requests had reached the candidate`;
      return missingCertificate(evaluation, parameters, index);
  }
}

/** Only the last step waits for certificates: more traffic brings them sooner. Without any traffic they never come. */
function missingCertificate({ isCertified, checks }: Evaluation, { promoteWhen, steps, checks: wanted }: Parameters, index: number): string | undefined {
  if (promoteWhen === 'NotWorse' || isCertified || index < steps.length - 1) return undefined;
  const certifying = wanted.filter((check) => check.certifies).map(({ name }) => name);
  const open = checks.filter(({ name, verdict }) => certifying.includes(name) && verdict !== 'Pass').map(({ name }) => name);
  return open.length === 0 ? 'no check could certify the candidate' : `${open.join(' and ')} had not certified the candidate`;
}

/**
 * Requests are compared where there are some; a limit is all that speaks at weight 0. It may need traffic, too, and then a later step asks for
 * its data. Where all traffic comes next nobody else would, and lack of data must not promote.
 */
function missingWithoutTraffic({ checks }: Evaluation, parameters: Parameters, index: number): string | undefined {
  const limits = checks.filter(({ name }) => parameters.checks.some((check) => check.name === name && check.basis === 'Value'));
  const isOptional = (name: string): boolean => parameters.checks.some((check) => check.name === name && check.isOptional);
  const suspect = limits.find(({ verdict }) => verdict === 'Inconclusive/Suspect');
  if (suspect) return `check ${suspect.name} is suspect`;
  const silent = limits.find(({ name, verdict }) => verdict === 'Inconclusive/NoData' && !isOptional(name));
  return silent && index === parameters.steps.length - 1 ? `check ${silent.name} has no value, and all traffic would come next` : undefined;
}

function goToPromotion(scene: Scene, release: ModelRelease, progress: Progress, parameters: Parameters, evaluation: Evaluation): Turn {
  const scaling = scale(scene, release, progress, parameters, scene.size, shrinkStable(scene, release));
  return scaling ?? promote(scene, release, progress, whyPromoted(release, parameters, evaluation));
}

function whyPromoted(release: ModelRelease, { checks, steps }: Parameters, evaluation: Evaluation): string {
  if (isAsked(release, 'Promote')) return sayWho(release, 'promoted');
  if (checks.length === 0) return 'promoted without evidence, as asked: it has no checks, its pods are Ready and it answered the probe';
  if (steps.every(({ weight }) => weight === 0)) return 'every step was held without traffic, so nothing was compared; no limit was exceeded';
  const power = sayPower(evaluation.checks);
  const unopposed = `every step was held, and no check (${checks.map(({ name }) => name).join(', ')}) spoke against it`;
  return power === undefined ? unopposed : `${unopposed}; ${power}`;
}
