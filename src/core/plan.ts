import type { ModelRelease } from '../api/generated/modelrelease.ts';
import { FIELD_MANAGER, STATUS_SCHEMA } from '../api/names.ts';
import type { MeasureRequest } from './analysis/measurement.ts';
import type { Action, Observed, Plan, PlanEvent } from './observed.ts';
import { pause, pauseOf } from './release/control.ts';
import { evaluate, type Evaluation } from './release/evaluation.ts';
import { guardReadiness } from './release/guard.ts';
import { pruneHistory } from './release/history.ts';
import { lastPromoted, UNSEEN_MS } from './release/ledger.ts';
import { measuresOf } from './release/measures.ts';
import { outlookOf, type Outlook } from './release/outlook.ts';
import { parametersOf, type Parameters } from './release/parameters.ts';
import { prepare } from './release/preparing.ts';
import { progressOf, quietUntilMs, wait, type Progress, type Turn } from './release/progress.ts';
import { continuePromotion, promote } from './release/promotion.ts';
import { recordChecks } from './release/record.ts';
import { askForPods } from './release/refusedPods.ts';
import { continueRollBack, rollBack } from './release/rollback.ts';
import { decisionOf, routeDecision, sceneOf, type Scene } from './release/scene.ts';
import { startRelease } from './release/start.ts';
import { takeSteps } from './release/steps.ts';
import { candidateSlot } from './release/traffic.ts';
import { cleanUp, keepStable } from './release/upkeep.ts';
import { DELETED, followUser, isOfAnEarlier } from './release/user.ts';
import { heedEvidence } from './release/verdict.ts';
import { isWatching, watch } from './release/watch.ts';
import { evaluateWatch } from './release/watchEvaluation.ts';
import { deploymentStatus } from './status/deploymentStatus.ts';
import { troubleEvents, verdictEvents } from './status/events.ts';
import { shortageEvents } from './status/shortage.ts';
import { viewOf } from './status/view.ts';
import { writeStatus } from './status/write.ts';
import { parseTime } from './time.ts';

/**
 * All that is done for one ModelDeployment in one pass: a pure function of what is observed and of the time. An unchanged world gives an
 * empty list of actions. `now` is milliseconds since the epoch.
 */
export function plan(observed: Observed, now: number): Plan {
  if (isForeign(observed)) return leaveAlone(observed);
  const knowsAtMs = knowsReleasesAtMs(observed);
  if (now < knowsAtMs) return { ...leaveAlone(observed), requeueAfterMs: knowsAtMs - now };
  const scene = sceneOf(observed, now);
  const { active } = scene;
  return active ? planRelease(scene, active) : planRest(scene);
}

/** Being deleted (its children follow by themselves), or written by an operator that knows more than this one. */
function isForeign(observed: Observed): boolean {
  return observed.deployment.metadata.deletionTimestamp !== undefined || isNewer(observed);
}

function isNewer({ deployment, releases }: Observed): boolean {
  return [deployment.status?.schema, ...releases.map(({ status }) => status?.schema)].some((schema) => (schema ?? 0) > STATUS_SCHEMA);
}

/**
 * The route may tell of a release whose record is not seen yet: another operator made it, and whatever is planned without it is planned
 * from the past. Until this time it is waited for; after it the record has been deleted, and life goes on without.
 */
function knowsReleasesAtMs({ route, releases }: Observed): number {
  const newest = releases.at(-1)?.spec.number ?? 0;
  return route?.decision && route.decision.release > newest ? route.decision.atMs + UNSEEN_MS : -Infinity;
}

function leaveAlone(observed: Observed): Plan {
  const message = `status.schema is above ${STATUS_SCHEMA}, so a newer operator wrote it; this one touches nothing. Upgrade it, or let the newer one work`;
  const events: Plan['events'] = isNewer(observed) ? [{ type: 'Warning', reason: 'NewerState', message }] : [];
  return { actions: [], events, requeueAfterMs: undefined, measure: [], view: undefined };
}

/** A pass while a release is under way. */
function planRelease(scene: Scene, release: ModelRelease): Plan {
  const parameters = parametersOf(release);
  const before = progressOf(release);
  const evaluation = judge(scene, before, parameters);
  const turn = advance(scene, release, before, parameters, evaluation);
  if (turn.progress.decision === 'RollBack' && turn.actions.some(isUrgent)) return planUrgent(scene, release, parameters, turn, evaluation);
  const progress = recordChecks(before, turn.progress, evaluation);
  const finished = progress.finishedAt !== undefined;
  const upkeep = cleanUp(scene);
  const asked = askForPods(scene);
  const quietMs = quietUntilMs(release, progress, scene.now);
  const actions = [
    ...turn.actions,
    ...keepStable(scene, turn.actions.some(isCarrierWrite)),
    ...upkeep.actions,
    ...asked.actions,
    ...(scene.packages?.actions ?? []),
    ...(quietMs === undefined ? writeStatus(release, progress) : []),
    // A finished release is summed up by the next pass, which sees it in the ledger.
    ...(finished ? [] : deploymentStatus(scene, { release, progress, evaluation })),
  ];
  const measure = finished || !scene.stable ? [] : measures(scene, release, parameters);
  const events = [...turn.events, ...shortageEvents(scene.observed, actions)];
  const wakeAtMs = earliest(turn.wakeAtMs, quietMs, upkeep.wakeAtMs, asked.wakeAtMs, scene.packages?.wakeAtMs);
  return assemble(scene, actions, events, wakeAtMs, measure, viewOf(scene, progress, evaluation));
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((at) => at !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function judge({ observed, now }: Scene, progress: Progress, parameters: Parameters): Evaluation {
  const { windows = [] } = progress;
  return isWatching(progress) ? evaluateWatch(parameters, observed.samples, windows) : evaluate(parameters, observed.samples, windows, now);
}

/**
 * A roll-back is the only write of its pass. What else there is to write is planned by the next one, which waits behind the roll-backs of
 * all other deployments: they would wait for status writes else.
 */
function planUrgent(scene: Scene, release: ModelRelease, parameters: Parameters, turn: Turn, evaluation: Evaluation): Plan {
  const view = viewOf(scene, turn.progress, evaluation);
  return assemble(scene, turn.actions.filter(isUrgent), turn.events, scene.now, measures(scene, release, parameters), view);
}

function isUrgent(action: Action): boolean {
  return action.type === 'Apply' && action.urgent === true;
}

function measures(scene: Scene, release: ModelRelease, parameters: Parameters): readonly MeasureRequest[] {
  if (!scene.stable) return [];
  // Its own release counts too: since its first step nobody else was in its slot.
  const promoted = lastPromoted(scene.observed.releases)?.status;
  const stableSinceMs = parseTime(promoted?.evidenceSince) ?? parseTime(promoted?.finishedAt) ?? 0;
  return measuresOf(release, parameters, { stable: scene.stable.slot, candidate: candidateSlot(scene) }, stableSinceMs);
}

/** The order of concerns in a release: what is decided, then what people want now, then pods, then evidence, then steps. */
function advance(scene: Scene, release: ModelRelease, progress: Progress, parameters: Parameters, evaluation: Evaluation): Turn {
  const decided = decisionOf(scene, release);
  if (decided !== 'RollBack' && isOfAnEarlier(scene, release)) return rollBack(scene, release, progress, DELETED);
  switch (decided) {
    case 'RollBack':
      return continueRollBack(scene, release, progress);
    case 'Promote':
      return continuePromotion(scene, release, progress) ?? watch(scene, release, progress, parameters, evaluation);
    case 'Shift':
      return (
        followUser(scene, release, progress) ??
        guardReadiness(scene, release, progress, parameters) ??
        heedEvidence(scene, release, progress, parameters, evaluation) ??
        (routeDecision(scene, release) ? undefined : prepare(scene, release, progress, parameters)) ??
        (scene.stable ? takeSteps(scene, release, progress, parameters, evaluation) : promoteFirst(scene, release, progress))
      );
  }
}

function promoteFirst(scene: Scene, release: ModelRelease, progress: Progress): Turn {
  const why = pauseOf(scene, release);
  return why === undefined
    ? promote(scene, release, progress, 'it is the first version, its pods are Ready and it answered the probe')
    : pause(scene, release, progress, why);
}

/** Gateways and other deployments' routes are not watched for the sake of this one. */
const LOOK_AGAIN_MS = 10_000;

/** A pass while nothing is being released. */
function planRest(scene: Scene): Plan {
  const { target, stable } = scene;
  const upkeep = cleanUp(scene);
  const asked = askForPods(scene);
  const wanted = target.state === 'Known' && target.snapshot.revision !== stable?.revision ? target.snapshot : undefined;
  const outlook: Outlook = wanted ? outlookOf(scene, wanted) : { state: 'Settled' };
  const start = wanted && outlook.state === 'Start' ? startRelease(scene, wanted, outlook) : undefined;
  const keep = keepStable(scene, false);
  const status = start ? [] : deploymentStatus(scene, outlook);
  const actions = [
    ...keep,
    ...upkeep.actions,
    ...asked.actions,
    ...(start?.actions ?? pruneHistory(scene)),
    ...(scene.packages?.actions ?? []),
    ...status,
  ];
  const lookAgainMs = scene.observed.obstacle && scene.now + LOOK_AGAIN_MS;
  const retryAtMs = outlook.state === 'RetryAt' ? outlook.atMs : undefined;
  const turn = wait({}, earliest(lookAgainMs, upkeep.wakeAtMs, asked.wakeAtMs, retryAtMs, scene.packages?.wakeAtMs));
  return assemble(scene, actions, start?.events ?? [], turn.wakeAtMs, [], viewOf(scene, undefined, undefined));
}

function isCarrierWrite(action: Action): boolean {
  return action.type === 'Apply' && action.fieldManager === FIELD_MANAGER.route;
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
  const { deployment } = scene.observed;
  const told = [...events, ...verdictEvents(deployment, actions), ...troubleEvents(deployment, actions)];
  return { actions, events: told, requeueAfterMs, measure, view };
}
