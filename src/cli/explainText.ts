// The explanation of a ModelDeployment, for a terminal.

import type { ModelDeployment } from '../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../api/generated/modelrelease.ts';
import { activeRelease, isFinished } from '../core/release/ledger.ts';
import { parametersOf } from '../core/release/parameters.ts';
import { durationMs, formatTime, parseTime, sayDuration } from '../core/time.ts';
import { clean, wrap } from './lines.ts';

export interface Explained {
  readonly deployment: ModelDeployment;
  /** Its releases, in ascending number. */
  readonly releases: readonly ModelRelease[];
  readonly now: number;
  /** How long evidence takes. Absent when nobody asked Prometheus. */
  readonly forecast?: string;
  /** What the checks say at this moment. Absent when nobody asked Prometheus: then they speak as of the last change of their verdict. */
  readonly judged?: readonly Said[];
}

/** The verdict of a check, and perhaps since when it says so. */
interface Said {
  readonly check: string;
  readonly verdict: string;
  readonly explanation?: string;
  readonly at?: string;
}

interface Section {
  readonly title: string;
  readonly paragraphs: readonly string[];
  /** Lines to copy, as they are. */
  readonly commands?: readonly string[];
}

const LONGEST_TEXT = 2000;

export function renderExplanation(explained: Explained): string {
  const { deployment, releases, forecast } = explained;
  const release = activeRelease(releases);
  const sections: readonly Section[] = [
    { title: 'Now', paragraphs: [...sayNow(deployment, release), ...sayConditions(deployment)] },
    { title: 'Checks', paragraphs: sayChecks(explained, release) },
    { title: 'Evidence', paragraphs: forecast === undefined ? [] : [forecast] },
    { title: 'Next', paragraphs: release ? sayNext(explained, release) : sayRest(explained) },
    ...(release ? byHand(deployment, release) : tryAgain(deployment, releases.at(-1))),
  ];
  return `${wrap(clean(sayTitle(deployment, release), LONGEST_TEXT), 0)}${sections.map(renderSection).join('')}`;
}

function renderSection({ title, paragraphs, commands = [] }: Section): string {
  if (paragraphs.length === 0 && commands.length === 0) return '';
  const said = paragraphs.map((paragraph) => wrap(clean(paragraph, LONGEST_TEXT), 2));
  return `\n${title}\n${said.join('')}${commands.map((line) => `    ${line}\n`).join('')}`;
}

function sayTitle({ metadata, status }: ModelDeployment, release: ModelRelease | undefined): string {
  const where = `${metadata.name} in namespace ${metadata.namespace ?? 'default'}: ${status?.phase ?? 'not seen by the operator yet'}`;
  return release ? `${where}, release ${release.metadata.name}` : where;
}

function sayNow({ spec, status }: ModelDeployment, release: ModelRelease | undefined): readonly string[] {
  const serving = status?.stable?.version;
  const shares =
    status?.candidate && status.weight !== undefined
      ? `Version ${status.candidate.version ?? ''} gets ${status.weight} % of the requests, version ${serving ?? '(none)'} the others.`
      : serving === undefined
        ? 'No version serves.'
        : `Version ${serving} serves.`;
  const wanted = spec.version === serving || release?.spec.to.version === spec.version ? '' : ` The spec asks for version ${spec.version}.`;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const message = release?.status?.message ?? ready?.message;
  return [...new Set([`${shares}${wanted}`, ...(message === undefined ? [] : [sentence(message)])])];
}

/** Conditions that are not as one would have them, but for those that say the same as what is being done. */
function sayConditions({ status, metadata }: ModelDeployment): readonly string[] {
  const isOld = (status?.observedGeneration ?? Infinity) < (metadata.generation ?? 0);
  const bad = (status?.conditions ?? []).filter(({ type, status: value }) =>
    ['Available', 'Accepted', 'DependenciesMatch'].includes(type) ? value !== 'True' : type === 'Stalled' && value === 'True',
  );
  return [
    ...(isOld ? ['The operator has not seen the newest spec yet.'] : []),
    ...bad.map(({ type, status: value, reason, message }) => `${type} is ${value} (${reason}): ${message}`),
  ];
}

function sayChecks({ deployment: { status }, judged }: Explained, release: ModelRelease | undefined): readonly string[] {
  if (!release) return [];
  const written: readonly Said[] | undefined = status?.release === release.metadata.name ? status.verdicts : undefined;
  const verdicts = judged ?? written ?? [];
  const { checks } = release.spec.plan;
  if (checks.length === 0) return ['There are none: only pods, probe and alerts are heeded.'];
  return checks.map(({ name }) => {
    const said = verdicts.find(({ check }) => check === name);
    const since = said?.at === undefined ? '' : ` since ${said.at}`;
    if (!said) return `${name}: nothing yet, the candidate has had no traffic that counts.`;
    return `${name}: ${said.verdict}${since}. ${said.explanation ?? ''}`;
  });
}

/** What happens next in a release, and when. */
function sayNext(explained: Explained, release: ModelRelease): readonly string[] {
  const { deployment, now } = explained;
  const { status, spec } = release;
  const { plan, control } = spec;
  const asked = control === undefined || control.action === 'Run' ? [] : [`${control.by} asked for ${control.action}.`];
  const failing = plan.onFailure === 'Freeze' ? 'freezes the weights until a person decides' : 'takes the candidate off at once';
  const guard = `A check that fails ${failing}.`;
  switch (status?.phase ?? 'Preparing') {
    case 'Preparing':
    case 'Scaling':
    case 'Shifting':
      return [
        ...asked,
        `Once that is done: ${sayStep(release, status?.step ?? 0)}. Pods and route have ${plan.progressDeadline} for it.`,
        guard,
      ];
    case 'Holding':
    case 'Paused':
      return [...asked, ...sayHold(release, deployment, now), guard];
    case 'Frozen':
      return [...asked, 'Nothing, until a person promotes or aborts.'];
    case 'Promoting':
      return [...asked, 'The promotion is decided. The gateway has to take over the route; then the release ends.'];
    case 'RollingBack':
      return [...asked, 'The roll-back is decided. When the gateway has taken it over the release ends.'];
    case 'Watching':
      return [...asked, sayWatching(release, deployment, now)];
    default:
      return asked;
  }
}

function sayHold(release: ModelRelease, deployment: ModelDeployment, now: number): readonly string[] {
  const { spec, status } = release;
  const { plan, control } = spec;
  const index = status?.step ?? 0;
  const step = plan.steps[index];
  const fromMs = parseTime(status?.windows?.at(-1)?.from);
  if (!step || fromMs === undefined) return [];
  const overMs = fromMs + durationMs(step.hold, '0s');
  const deadlineMs = overMs + durationMs(plan.evidenceDeadline, '1h');
  if (control?.action === 'Pause') return ['Nothing, until spec.control.action of the release is Run.'];
  if (deployment.spec.rollout?.paused === true) return ['Nothing, until spec.rollout.paused of the ModelDeployment is removed.'];
  const needs = plan.checks.length === 0 ? '' : `, if ${sayNeeds(release, index)}`;
  const which = `hold of step ${index + 1} of ${plan.steps.length} is over`;
  const when = now >= overMs ? `The ${which}` : `${sayWhen(overMs, now)} the ${which}`;
  const what = nextStep(plan, index);
  const paused = 'it pauses at this weight, and goes on by itself when the evidence comes';
  const late = plan.onInconclusive === 'Rollback' ? 'it is rolled back as inconclusive' : paused;
  const early = plan.fastPromote === true ? ['It goes on before that as soon as every check has certified the candidate.'] : [];
  const isDue = now >= deadlineMs;
  const deadline = isDue ? `Since ${formatTime(deadlineMs)}, ${late}.` : `${sayWhen(deadlineMs, now)}, if that is still not so, ${late}.`;
  return [`${when}. Then ${what}${needs}.`, ...early, ...(plan.checks.length === 0 ? [] : [deadline])];
}

type Plan = ModelRelease['spec']['plan'];

function sayNeeds(release: ModelRelease, index: number): string {
  const { plan } = release.spec;
  const { minRequests } = parametersOf(release);
  const isLast = index === plan.steps.length - 1;
  const what = plan.evidence === 'Nobody' ? `a check has counted ${minRequests} events of the candidate` : `the candidate has answered ${minRequests} requests`;
  const requests = minRequests > 0 ? [`${what} in this step`] : [];
  const certified = plan.promoteWhen === 'Certified' && isLast ? ['every check that can has certified it'] : [];
  return [...requests, 'no check is suspect or without data', ...certified].join(', and ');
}

function nextStep({ steps }: Plan, index: number): string {
  const next = steps[index + 1];
  return next ? `it goes on to ${next.weight} % for at least ${next.hold}` : 'it is promoted and gets all requests';
}

function sayStep({ spec }: ModelRelease, index: number): string {
  const { steps } = spec.plan;
  const step = steps[index];
  return step ? `step ${index + 1} of ${steps.length}, ${step.weight} % of the requests for at least ${step.hold}` : 'all requests';
}

function sayWatching({ status }: ModelRelease, { spec }: ModelDeployment, now: number): string {
  const promotedMs = parseTime(status?.promotedAt);
  if (promotedMs === undefined) return 'The release ends when the version before is kept no longer.';
  const untilMs = promotedMs + durationMs(spec.rollout?.keepPrevious?.for, '0s');
  const until = 'Until then what speaks against the new one rolls it back.';
  return `${sayWhen(untilMs, now)} the version before goes, and the release ends. ${until}`;
}

function sayRest({ deployment, releases }: Explained): readonly string[] {
  const last = releases.at(-1);
  const { outcome = 'unknown', message = '' } = last?.status ?? {};
  const told = last && isFinished(last) ? [`The last release, ${last.metadata.name}, ended as ${outcome}: ${message}`] : [];
  const ready = deployment.status?.conditions?.find(({ type }) => type === 'Ready');
  const next = ready?.status === 'True' ? ['Nothing, until the spec asks for something else.'] : [];
  return [...next, ...told];
}

/** `At 2026-11-24T10:10:15.000Z (in 3m5s)`. */
function sayWhen(atMs: number, now: number): string {
  return atMs > now ? `At ${formatTime(atMs)} (in ${sayDuration(atMs - now)})` : `Now (since ${formatTime(atMs)})`;
}

/** What a person can ask of a release while that is still to be decided. */
function byHand({ metadata }: ModelDeployment, release: ModelRelease): readonly Section[] {
  const decision = release.status?.decision ?? 'Shift';
  const command = (action: string): readonly string[] => [
    `kubectl -n ${metadata.namespace ?? 'default'} patch mrel ${release.metadata.name} --type=merge \\`,
    `  -p '{"spec":{"control":{"action":"${action}","by":"YOU"}}}'`,
  ];
  const abort: Section = { title: 'To take the candidate off by hand', paragraphs: [], commands: command('Abort') };
  const note = 'YOU is your user name as kubectl auth whoami says it; it needs the role plimsoll-release-manager.';
  if (release.status?.phase === 'Watching') return [{ ...abort, title: 'To go back to the version before by hand', paragraphs: [note] }];
  if (decision !== 'Shift') return [];
  return [{ title: 'To promote by hand, whatever is left of the steps', paragraphs: [note], commands: command('Promote') }, abort];
}

/** A revision that was found bad or aborted is not tried again by itself. */
function tryAgain({ metadata, spec, status }: ModelDeployment, last: ModelRelease | undefined): readonly Section[] {
  const isHeldBack = status?.phase === 'RolledBack' || status?.phase === 'Failed';
  if (!isHeldBack || !last) return [];
  const retry = JSON.stringify({ spec: { rollout: { retry: { version: spec.version, token: `after-${last.metadata.name}` } } } });
  const commands = [`kubectl -n ${metadata.namespace ?? 'default'} patch mdep ${metadata.name} --type=merge \\`, `  -p '${retry}'`];
  return [{ title: `To try version ${clean(spec.version, 40)} once more, though it failed`, paragraphs: [], commands }];
}

function sentence(text: string): string {
  const first = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
