// What must hold after every write and every pass, whatever happens: the promises that the product makes, in the words of the world.
import type { ModelDeployment } from '../../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../../src/api/generated/modelrelease.ts';
import { LABEL } from '../../../src/api/names.ts';
import { RESOURCE } from '../../../src/api/resources.ts';
import type { Decision, RouteDecision, RouteState } from '../../../src/core/observed.ts';
import { readRoute } from '../../../src/core/traffic/route.ts';
import type { StoredObject } from '../apiStore.ts';
import type { WorldApi, Write } from './api.ts';
import type { Gateway } from './gateway.ts';
import type { Pass } from './operator.ts';
import { NAME, NAMESPACE } from './objects.ts';
import type { Kubelet } from './pods.ts';

/** What of a world they look at. */
export interface WatchedWorld {
  readonly api: WorldApi;
  readonly gateway: Gateway;
  readonly kubelet: Kubelet;
  readonly now: number;
  readonly deployment: ModelDeployment;
  readonly releases: readonly ModelRelease[];
  readonly route: RouteState | undefined;
  readonly answered: ReadonlySet<string>;
  readonly isDisturbed: (ms: number) => boolean;
  readonly digest: (version: string) => string;
  readonly isFresh: (index: number) => boolean;
  readonly asSeenBy: (by: string, revision: string) => { readonly ready: number; readonly replicas: number };
}

export interface Invariants {
  /** To be called after each write of an operator that changed the world. */
  readonly check: (write: Write) => void;
  readonly afterPass: (pass: Pass) => void;
  /** To be called at the end of each moment. */
  readonly afterMoment: () => void;
  readonly violations: readonly string[];
}

const RANK: Readonly<Record<Decision, number>> = { Shift: 0, Promote: 1, RollBack: 2 };

export function createInvariants(world: WatchedWorld): Invariants {
  const violations: string[] = [];
  const say = (sentence: string): void => {
    const atS = Math.round((world.now % 86_400_000) / 100) / 10;
    if (violations.length < 20) violations.push(`at ${atS} s: ${sentence}`);
  };
  const served = new Map<string, number>();
  let strandedMs: number | undefined;
  return {
    violations,
    check: (write) => {
      switch (write.kind) {
        case 'HTTPRoute':
          checkRoute(world, write, served, say);
          break;
        case 'ModelRelease':
          checkRelease(world, write, say);
          break;
        case 'Deployment':
          checkWorkload(world, write, say);
          break;
        case 'Service':
          checkService(world, write, say);
          break;
        case 'ModelDeployment':
          if (write.verb !== 'applyStatus') say(`${write.by} wrote to the ModelDeployment, which belongs to its user`);
          break;
      }
    },
    afterPass: (pass) => checkPass(pass, world, say),
    afterMoment: () => {
      strandedMs = isStranded(world) ? (strandedMs ?? world.now) : undefined;
      if (strandedMs === undefined || world.now - strandedMs <= STRANDED_MS || world.isDisturbed(STRANDED_MS)) return;
      say('for 10 s the candidate has had a share of the traffic without a Ready pod');
      strandedMs = undefined;
    },
  };
}

/** How long an undisturbed operator may take to see that a candidate has lost its pods. */
const STRANDED_MS = 10_000;

/** Whether a candidate has a share of the traffic and nobody to answer it. */
function isStranded(world: WatchedWorld): boolean {
  const [release, { route }] = [world.releases.at(-1), world];
  if (route?.decision?.decision !== 'Shift' || !release?.spec.from) return false;
  const { revision } = release.spec.to;
  return weightIn(route, revision) > 0 && world.kubelet.ready(revision) === 0;
}

function releaseNumber(world: WatchedWorld, number: number): ModelRelease | undefined {
  return world.releases.find(({ spec }) => spec.number === number);
}

function routeOf(object: StoredObject | undefined): RouteState | undefined {
  return object && readRoute(object);
}

interface RouteSpec {
  readonly rules: readonly { readonly backendRefs: readonly { readonly weight: number }[] }[];
}

function checkRoute(world: WatchedWorld, write: Write, served: Map<string, number>, say: (sentence: string) => void): void {
  const [before, after] = [routeOf(write.before), routeOf(write.after)];
  if (!after) {
    say('the route was removed or spoilt');
    return;
  }
  const { a, b } = after.slots;
  if (a.weight + b.weight !== 100) say(`the weights are ${a.weight} and ${b.weight}, which is not 100`);
  const backends = ((write.after?.['spec'] as RouteSpec | undefined)?.rules ?? []).flatMap(({ backendRefs }) => backendRefs);
  if (backends.some(({ weight }) => weight === 0))
    say('a backend has no weight: the gateway forgets it before it stops sending requests to it');
  if ((a.weight === 0 || b.weight === 0) && a.revision !== b.revision) say('a slot without a share points at what does not serve');
  if (!after.decision) {
    say('a route carries no decision');
    return;
  }
  const release = releaseNumber(world, after.decision.release);
  checkDecision(before, after, say);
  for (const slot of ['a', 'b'] as const) {
    const { revision, weight } = after.slots[slot];
    if (!world.api.get(RESOURCE.service, NAMESPACE, `${NAME}-${revision}`))
      say(`slot ${slot} points at a Service that does not exist (revision ${revision})`);
    const was = before ? weightIn(before, revision) : 0;
    const isFallback = release?.spec.from?.revision === revision;
    if (weight > was && !isFallback) checkRaise(world, write.by, revision, weight, release?.status?.finishedAt === undefined, say);
  }
  if (release) checkEvidence(world, release, before, after, after.decision, served, say);
}

/** Capacity and one answered inference come before weight. What serves already gets its traffic back with the pods that it has. */
function checkRaise(
  world: WatchedWorld,
  by: string,
  revision: string,
  weight: number,
  isCandidate: boolean,
  say: (sentence: string) => void,
): void {
  const { ready, replicas } = world.asSeenBy(by, revision);
  const needed = isCandidate ? Math.ceil((replicas * weight) / 100) : 1;
  if (ready < needed) say(`${weight} % go to revision ${revision}, which has ${ready} Ready pods instead of ${needed}`);
  if (!world.answered.has(revision)) say(`${weight} % go to revision ${revision}, which never answered a probe`);
}

function weightIn(route: RouteState, revision: string): number {
  return (['a', 'b'] as const).reduce((sum, slot) => sum + (route.slots[slot].revision === revision ? route.slots[slot].weight : 0), 0);
}

/** Within a release a decision only rises, and no weight rises once the decision is to roll back. */
function checkDecision(before: RouteState | undefined, after: RouteState, say: (sentence: string) => void): void {
  const [was, is] = [before?.decision, after.decision];
  if (!before || !was || !is) return;
  if (is.release < was.release) say(`the route went back from release ${was.release} to release ${is.release}`);
  if (is.release !== was.release) return;
  if (RANK[is.decision] < RANK[was.decision]) say(`the decision fell from ${was.decision} to ${is.decision}`);
}

/** No step ends, and nothing is promoted, without the requests that were asked for; a rolled-back candidate gets nothing more. */
function checkEvidence(
  world: WatchedWorld,
  release: ModelRelease,
  before: RouteState | undefined,
  after: RouteState,
  decision: RouteDecision,
  served: Map<string, number>,
  say: (sentence: string) => void,
): void {
  const { to, plan, number } = release.spec;
  const weight = weightIn(after, to.revision);
  if (decision.decision === 'RollBack' && weight > 0 && weight !== 100)
    say(`release ${number} is rolled back, but its candidate has ${weight} %`);
  if (before && before.decision?.decision === 'RollBack' && before.decision.release === number && weight > weightIn(before, to.revision)) {
    say(`the weight of release ${number} rose after it was rolled back`);
  }
  const requests = world.gateway.served.get(to.revision)?.requests ?? 0;
  const step = decision.decision === 'Shift' ? Number(decision.detail) : plan.steps.length;
  if (decision.decision === 'RollBack') return;
  const key = (index: number): string => `${number}/${index}`;
  if (!served.has(key(step))) {
    served.set(key(step), requests);
    const began = served.get(key(step - 1));
    if (step > 0 && began === undefined) say(`release ${number} reached step ${step} without step ${step - 1}`);
    const asksForRequests = (plan.steps[step - 1]?.weight ?? 0) > 0 && plan.checks.length > 0 && release.spec.control?.action !== 'Promote';
    if (step > 0 && began !== undefined && asksForRequests && requests - began < plan.minRequests) {
      say(`release ${number} left step ${step - 1} after ${requests - began} requests instead of ${plan.minRequests}`);
    }
  }
  if (decision.decision === 'Shift' && weight > (plan.steps[step]?.weight ?? 0))
    say(`${weight} % in step ${step} are more than the plan says`);
}

function checkRelease(world: WatchedWorld, { verb, after, before }: Write, say: (sentence: string) => void): void {
  const release = after as unknown as ModelRelease | undefined;
  if (!release) {
    checkRemoval(world, before as unknown as ModelRelease, say);
    return;
  }
  const { revision, digest } = release.spec.to;
  const others = world.releases.filter(({ spec }) => spec.number !== release.spec.number);
  if (verb === 'create') {
    if (others.some(({ status, metadata }) => status?.finishedAt === undefined && metadata.labels?.[LABEL.outcome] === undefined))
      say('a release began before the one before it had ended');
    const word = others.findLast(({ spec, status }) => spec.to.revision === revision && isWord(status?.outcome));
    if (word?.status?.class === 'Evidence' && release.spec.cause.type !== 'Retry')
      say(`revision ${revision}, known to be bad, is tried again`);
    if (others.some(({ status }) => status?.outcome === 'Promoted') && !release.spec.from) say('a later release was taken for the first');
    if (digest !== world.digest(release.spec.to.version)) say(`release ${release.spec.number} is of other bytes than its version's`);
  }
  const [was, is] = [(before as unknown as ModelRelease | undefined)?.status?.finishedAt, release.status];
  if (
    was === undefined &&
    is?.finishedAt !== undefined &&
    is.outcome === 'Promoted' &&
    world.route &&
    weightIn(world.route, revision) !== 100
  ) {
    say(`release ${release.spec.number} is called promoted, but its revision does not serve everything`);
  }
}

/** A record may go once the ledger can do without it. */
function checkRemoval(world: WatchedWorld, gone: ModelRelease, say: (sentence: string) => void): void {
  const { number, to } = gone.spec;
  const outcome = gone.status?.outcome ?? gone.metadata.labels?.[LABEL.outcome];
  if (outcome === undefined) say(`the record of release ${number}, which runs, was removed`);
  const later = world.releases.filter(({ spec }) => spec.number > number);
  if (outcome === 'Promoted' && !later.some(({ status, metadata }) => (status?.outcome ?? metadata.labels?.[LABEL.outcome]) === 'Promoted'))
    say(`the record of release ${number}, which made what serves, was removed`);
  const isLast = !later.some(({ spec, status }) => spec.to.revision === to.revision && isWord(status?.outcome));
  if (gone.status?.class === 'Evidence' && isLast) say(`release ${number} knew a revision to be bad and was removed`);
}

/** Whether an outcome says anything of a revision. */
function isWord(outcome: string | undefined): boolean {
  return outcome !== undefined && outcome !== 'Superseded' && outcome !== 'Reverted';
}

/** Pods that serve stay as they are: no restart by a promotion, no loss of the capacity that a roll-back needs. */
function checkWorkload(world: WatchedWorld, { by, before, after, name }: Write, say: (sentence: string) => void): void {
  const revision = name.slice(NAME.length + 1);
  const weight = Math.max(world.route ? weightIn(world.route, revision) : 0, world.gateway.weightOf(revision));
  if (!after) {
    if (weight > 0) say(`the pods of revision ${revision} were removed while it had ${weight} % of the traffic`);
    return;
  }
  if (!before) return;
  const spec = (object: StoredObject): { readonly replicas: number; readonly template: unknown } =>
    object['spec'] as { replicas: number; template: unknown };
  if (JSON.stringify(spec(before).template) !== JSON.stringify(spec(after).template)) say(`the pods of revision ${revision} were changed`);
  // A user may change the number twice before an operator sees it once.
  const wanted = Math.min(world.deployment.spec.replicas ?? 1, world.asSeenBy(by, revision).replicas);
  if (weight > 50 && spec(after).replicas < Math.min(wanted, spec(before).replicas))
    say(`revision ${revision} lost pods while it had ${weight} % of the traffic`);
}

function checkService(world: WatchedWorld, { name, after }: Write, say: (sentence: string) => void): void {
  if (after || name === NAME || !world.route) return;
  const revision = name.slice(NAME.length + 1);
  if ([world.route.slots.a.revision, world.route.slots.b.revision].includes(revision))
    say(`the Service of revision ${revision} was removed while the route points at it`);
}

/** With a view of the present world no write is wasted. */
function checkPass(pass: Pass, world: WatchedWorld, say: (sentence: string) => void): void {
  const wasted = world.api.writes
    .slice(-pass.writes || world.api.writes.length)
    .filter(({ verb, before, after, error }) => verb !== 'rehearse' && error === undefined && before === after);
  if (pass.by === 'operator-0' && world.isFresh(0))
    for (const { verb, kind, name } of wasted) say(`${verb} ${kind} ${name} changed nothing`);
}
