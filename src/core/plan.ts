import type { ModelRelease } from '../api/generated/modelrelease.ts';
import { STATUS_SCHEMA } from '../api/names.ts';
import { matchesAlert } from './analysis/alert.ts';
import type { MeasureRequest } from './analysis/measurement.ts';
import type { Action, Observed, Plan, PlanEvent } from './observed.ts';
import { evaluate, type Evaluation } from './release/evaluation.ts';
import { guardReadiness } from './release/guard.ts';
import { condemnedBy, lastPromoted, retryAtMs } from './release/ledger.ts';
import { measuresOf } from './release/measures.ts';
import { parametersOf, type Parameters } from './release/parameters.ts';
import { prepare } from './release/preparing.ts';
import { progressOf, wait, type Progress, type Turn } from './release/progress.ts';
import { continuePromotion, promote } from './release/promotion.ts';
import { recordChecks } from './release/record.ts';
import { continueRollBack, rollBack } from './release/rollback.ts';
import { routeDecision, sceneOf, type Scene } from './release/scene.ts';
import { startRelease } from './release/start.ts';
import { takeSteps } from './release/steps.ts';
import { candidateSlot } from './release/traffic.ts';
import { cleanUp, keepStable } from './release/upkeep.ts';
import { deploymentStatus } from './status/deploymentStatus.ts';
import { viewOf } from './status/view.ts';
import { writeStatus } from './status/write.ts';
import { parseTime } from './time.ts';
import { outranks } from './traffic/decision.ts';

/**
 * All that is done for one ModelDeployment in one pass: a pure function of what is observed and of the time. An unchanged world gives an
 * empty list of actions. `now` is milliseconds since the epoch.
 */
export function plan(observed: Observed, now: number): Plan {
  if (isForeign(observed)) return leaveAlone();
  const scene = sceneOf(observed, now);
  const { active } = scene;
  return active ? planRelease(scene, active) : planRest(scene);
}

/** Being deleted (its children follow by themselves), or written by an operator that knows more than this one. */
function isForeign({ deployment, releases }: Observed): boolean {
  const schemas = [deployment.status?.schema, ...releases.map(({ status }) => status?.schema)];
  return deployment.metadata.deletionTimestamp !== undefined || schemas.some((schema) => (schema ?? 0) > STATUS_SCHEMA);
}

function leaveAlone(): Plan {
  return { actions: [], events: [], requeueAfterMs: undefined, measure: [], view: undefined };
}

/** A pass while a release is under way. */
function planRelease(scene: Scene, release: ModelRelease): Plan {
  const parameters = parametersOf(release);
  const before = progressOf(release);
  const evaluation = evaluate(parameters, scene.observed.samples, before.windows ?? [], scene.now);
  const turn = advance(scene, release, before, parameters, evaluation);
  const progress = recordChecks(before, turn.progress, evaluation);
  const finished = progress.finishedAt !== undefined;
  const actions = [
    ...turn.actions,
    ...keepStable(scene, turn.actions.some(isRouteWrite)),
    ...cleanUp(scene).actions,
    ...writeStatus(release, progress),
    // A finished release is summed up by the next pass, which sees it in the ledger.
    ...(finished ? [] : deploymentStatus(scene, { release, progress, evaluation })),
  ];
  const measure = finished || !scene.stable ? [] : measures(scene, release, parameters);
  return assemble(scene, actions, turn.events, turn.wakeAtMs, measure, viewOf(scene, progress, evaluation));
}

function measures(scene: Scene, release: ModelRelease, parameters: Parameters): readonly MeasureRequest[] {
  if (!scene.stable) return [];
  // Its own release counts too: since its first step nobody else was in its slot.
  const promoted = lastPromoted(scene.observed.releases)?.status;
  const stableSinceMs = parseTime(promoted?.evidenceSince) ?? parseTime(promoted?.finishedAt) ?? 0;
  return measuresOf(release, parameters, { stable: scene.stable.slot, candidate: candidateSlot(scene) }, stableSinceMs);
}

/** The order of concerns in a release: what is decided, then what the user wants now, then pods, then evidence, then steps. */
function advance(scene: Scene, release: ModelRelease, progress: Progress, parameters: Parameters, evaluation: Evaluation): Turn {
  const written = routeDecision(scene, release)?.decision ?? 'Shift';
  const recorded = progress.decision ?? 'Shift';
  const decided = outranks(written, recorded) ? written : recorded;
  switch (decided) {
    case 'RollBack':
      return continueRollBack(scene, release, progress);
    case 'Promote':
      return continuePromotion(scene, release, progress);
    case 'Shift':
      return (
        followUser(scene, release, progress) ??
        guardReadiness(scene, release, progress, parameters) ??
        heedEvidence(scene, release, progress, evaluation) ??
        (routeDecision(scene, release) ? undefined : prepare(scene, release, progress, parameters)) ??
        (scene.stable
          ? takeSteps(scene, release, progress, parameters, evaluation)
          : promote(scene, release, progress, 'it is the first version, its pods are Ready and it answered the probe'))
      );
  }
}

/** The spec asks for something else by now: this release ends, and nothing is held against its revision. */
function followUser(scene: Scene, release: ModelRelease, progress: Progress): Turn | undefined {
  const { target, stable } = scene;
  if (target.state !== 'Known' || target.snapshot.revision === release.spec.to.revision) return undefined;
  const isReverted = target.snapshot.revision === stable?.revision;
  const { version } = target.snapshot;
  return rollBack(scene, release, progress, {
    class: 'User',
    reason: isReverted ? 'Reverted' : 'Superseded',
    message: isReverted
      ? `the spec went back to version ${version}, which serves`
      : `the spec asks for version ${version} (revision ${target.snapshot.revision}) now`,
  });
}

/** The API server and Prometheus both cut times to whole seconds: an alert of the release's own second may have been there before it. */
const CUT_MS = 1000;

/** A failed check or an alert takes the candidate off, whatever step it is at. */
function heedEvidence(scene: Scene, release: ModelRelease, progress: Progress, evaluation: Evaluation): Turn | undefined {
  const { to } = release.spec;
  if (evaluation.verdict === 'Fail') {
    const { named } = evaluation;
    const message = `version ${to.version} failed check ${named?.name ?? ''}: ${named?.explain() ?? ''}`;
    return rollBack(scene, release, progress, { class: 'Evidence', reason: evaluation.reason, message });
  }
  const wanted = scene.observed.deployment.spec.triggers?.alerts;
  // An alert says something about a candidate only once it has traffic.
  if (!wanted || !routeDecision(scene, release)) return undefined;
  const wish = {
    namespace: scene.owner.namespace,
    matchLabels: wanted.matchLabels,
    sinceMs: (parseTime(release.metadata.creationTimestamp) ?? scene.now) + CUT_MS,
  };
  const alert = scene.observed.alerts.find((candidate) => matchesAlert(candidate, wish));
  if (!alert) return undefined;
  const name = alert.labels['alertname'] ?? 'without a name';
  return rollBack(scene, release, progress, {
    class: 'Evidence',
    reason: 'AlertFiring',
    message: `alert ${name} fires, active since version ${to.version} was released`,
  });
}

/** A pass while nothing is being released. */
function planRest(scene: Scene): Plan {
  const { target, stable, observed, now } = scene;
  const upkeep = cleanUp(scene);
  const wanted = target.state === 'Known' && target.snapshot.revision !== stable?.revision ? target.snapshot : undefined;
  const condemned = wanted && condemnedBy(observed.releases, wanted.revision);
  const retryAt = wanted && retryAtMs(observed.releases, wanted.revision);
  const mayStart = wanted !== undefined && !condemned && (retryAt === undefined || now >= retryAt);
  const start = mayStart ? startRelease(scene, wanted) : undefined;
  const keep = keepStable(scene, false);
  const status = deploymentStatus(scene, { condemned, retryAt: mayStart ? undefined : retryAt });
  const actions = [...keep, ...upkeep.actions, ...(start?.actions ?? []), ...status.filter(() => !start)];
  const wakeAt = [upkeep.wakeAtMs, mayStart ? undefined : retryAt].filter((at) => at !== undefined);
  const turn = wait({}, wakeAt.length === 0 ? undefined : Math.min(...wakeAt));
  return assemble(scene, actions, start ? [start.event] : [], turn.wakeAtMs, [], viewOf(scene, undefined, undefined));
}

function isRouteWrite(action: Action): boolean {
  return action.type === 'Apply' && action.object.kind === 'HTTPRoute';
}

function assemble(
  scene: Scene,
  actions: readonly Action[],
  events: readonly PlanEvent[],
  wakeAtMs: number | undefined,
  measure: readonly MeasureRequest[],
  view: Plan['view'],
): Plan {
  const requeueAfterMs = wakeAtMs === undefined ? undefined : Math.max(0, wakeAtMs - scene.now);
  return { actions, events, requeueAfterMs, measure, view };
}
