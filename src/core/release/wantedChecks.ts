import { WITHOUT_FAILURES, type CountingServer } from '../analysis/servers.ts';
import type { Observed } from '../observed.ts';
import { presetOf } from '../resources/presets.ts';
import type { Snapshot } from '../resources/revision.ts';
import { routingOf, type Routing } from '../traffic/routing.ts';
import type { CheckSpec } from './checks/kind.ts';
import { checkOf } from './checks/kinds.ts';
import { sourceOf } from './checks/source.ts';
import { comparesRequests, countingBy, needsFailures, type Counting } from './counting.ts';

/** The checks that a release would keep if it started now: those of the spec, then those of the CheckSets that it names, as it names them. */
export interface WantedChecks {
  readonly specs: readonly CheckSpec[];
  readonly counting: Counting;
  /** Whose metrics the model servers have; undefined where Plimsoll cannot read them. */
  readonly server: CountingServer | undefined;
  /** Why no release can start with them. */
  readonly refusal: ChecksRefusal | undefined;
}

export interface ChecksRefusal {
  readonly state: 'Refused';
  readonly reason: 'CheckSetNotFound' | 'TooManyChecks' | 'CheckConflict' | 'ChecksNotCountable' | 'NothingCertifies';
  readonly message: string;
}

/** A check as it was written, and where. */
interface Written {
  readonly spec: CheckSpec;
  readonly place: string;
  /** The CheckSet that it is of. */
  readonly set?: string;
}

const DEFAULT_CHECKS: readonly CheckSpec[] = [
  { name: 'errors', errorRate: {} },
  { name: 'latency', latency: {} },
];
/** As many as spec.analysis.checks alone may have, and as a record keeps. */
const MOST_CHECKS = 20;

/** `serving`: what serves now, if anything does. */
export function wantedChecks(observed: Pick<Observed, 'deployment' | 'checkSets'>, serving?: Snapshot): WantedChecks {
  const { deployment } = observed;
  const written = writtenChecks(observed);
  const specs = written.map(({ spec }) => spec);
  const server = presetOf(deployment.spec.runtime).metrics;
  const counting = countingBy(routingOf(deployment), server, specs);
  return { specs, counting, server, refusal: findRefusal(observed, written, server, serving) };
}

function writtenChecks({ deployment, checkSets }: Pick<Observed, 'deployment' | 'checkSets'>): readonly Written[] {
  const { checks, checkSets: names = [] } = deployment.spec.analysis ?? {};
  const ofSets = names.flatMap((set) =>
    (checkSets.get(set)?.spec.checks ?? []).map((spec): Written => ({ spec, place: `CheckSet ${set}`, set })),
  );
  if (checks) return [...checks.map((spec) => ({ spec, place: 'spec.analysis.checks' })), ...ofSets];
  return names.length > 0 ? ofSets : DEFAULT_CHECKS.map((spec) => ({ spec, place: 'the defaults' }));
}

function findRefusal(
  { deployment, checkSets }: Pick<Observed, 'deployment' | 'checkSets'>,
  written: readonly Written[],
  server: CountingServer | undefined,
  serving: Snapshot | undefined,
): ChecksRefusal | undefined {
  const { runtime, analysis } = deployment.spec;
  const missing = (analysis?.checkSets ?? []).filter((name) => !checkSets.has(name));
  if (missing.length > 0) return refused('CheckSetNotFound', sayMissing(missing));
  if (written.length > MOST_CHECKS) return refused('TooManyChecks', sayTooMany(written));
  const conflict = findConflict(written);
  if (conflict !== undefined) return refused('CheckConflict', conflict);
  const routing = routingOf(deployment);
  const uncountable = findUnrouted(written, routing) ?? findUnanswered(written, deployment) ?? findUncountable(written, routing, runtime.preset, server, serving);
  if (uncountable !== undefined) return refused('ChecksNotCountable', uncountable);
  const isCertified = analysis?.promoteWhen !== 'Certified' || written.some(({ spec }) => checkOf(spec)?.certifies === true);
  return isCertified ? undefined : refused('NothingCertifies', sayNothingCertifies(written));
}

function refused(reason: ChecksRefusal['reason'], message: string): ChecksRefusal {
  return { state: 'Refused', reason, message };
}

function sayMissing(names: readonly string[]): string {
  return `there is no CheckSet ${names.join(' and no CheckSet ')} in this namespace; apply what is missing, or take it out of spec.analysis.checkSets`;
}

function sayTooMany(written: readonly Written[]): string {
  const counts = [...Map.groupBy(written, ({ place }) => place)].map(([place, those]) => `${those.length} of ${place}`);
  return `a release keeps at most ${MOST_CHECKS} checks, and these are ${written.length}: ${counts.join(', ')}; take some of them out, or a set out of spec.analysis.checkSets`;
}

/** Within spec.analysis.checks and within a set the API server sees to it that names differ: one of the two is of a set. */
function findConflict(written: readonly Written[]): string | undefined {
  for (const [name, [first, second]] of Map.groupBy(written, ({ spec }) => spec.name))
    if (first && second)
      return `check ${name} is in ${first.place} and in ${second.place}; rename one of them, or take ${second.place} out of spec.analysis.checkSets`;
  return undefined;
}

/** What only a gateway tells. The API server refuses such a check in spec.analysis.checks by itself. */
function findUnrouted(written: readonly Written[], routing: Routing): string | undefined {
  if (routing === 'Gateway') return undefined;
  const unsplit = written.filter(({ spec }) => spec.split !== undefined);
  if (unsplit.length > 0)
    return `${listed(unsplit)} could never be judged: kind split needs spec.traffic.gateway, since without one the number of pods makes the shares; ${oneOf(['take it out', ...withoutSets(unsplit)])}`;
  const uncounted = written.filter(({ spec }) => sourceOf(spec) === 'Gateway');
  if (uncounted.length === 0) return undefined;
  return `${listed(uncounted)} could never be judged: source Gateway needs spec.traffic.gateway, since without one the model servers count; ${oneOf(['leave source out', ...withoutSets(uncounted)])}`;
}

/** The same of spec.analysis.checks alone. */
function findUnanswered(written: readonly Written[], { spec }: Observed['deployment']): string | undefined {
  const found = spec.analysis?.metrics ? written.filter(({ spec: check }) => (checkOf(check)?.queries.length ?? 0) > 0) : [];
  if (found.length === 0) return undefined;
  const ways = ['take spec.analysis.metrics.scrape away, so that the Prometheus of the operator is asked', ...withoutSets(found)];
  return `${listed(found)} could never be judged: with spec.analysis.metrics.scrape nobody answers queries; ${oneOf(ways)}`;
}

/** Checks that the model servers count for, where they cannot. */
function findUncountable(
  written: readonly Written[],
  routing: Routing,
  preset: string,
  server: CountingServer | undefined,
  serving: Snapshot | undefined,
): string | undefined {
  const found = written.filter(({ spec }) => comparesRequests(spec) && (routing !== 'Gateway' || sourceOf(spec) === 'Runtime'));
  if (found.length === 0) return undefined;
  if (server === undefined) {
    const why = routing === 'Gateway' ? 'with source Runtime' : 'without spec.traffic.gateway';
    const ways = ['name the server in spec.runtime.custom.metrics', ...elsewise('give checks with queries of your own only', found, routing)];
    return `${listed(found)} could never be judged: ${why} the model servers must count requests, and preset ${preset} does not say in which metrics those do; ${oneOf(ways)}`;
  }
  return findUntold(found, server, routing) ?? findIncomparable(found, server, routing, serving);
}

function findUntold(written: readonly Written[], server: CountingServer, routing: Routing): string | undefined {
  const found = WITHOUT_FAILURES.has(server) ? written.filter(({ spec }) => needsFailures(spec)) : [];
  if (found.length === 0) return undefined;
  const ways = elsewise('give checks of kind latency, or with queries of your own, only', found, routing);
  return `${listed(found)} could never be judged: servers of ${server} count requests and their durations, but do not tell which requests failed; ${oneOf(ways)}`;
}

/** Two servers of different kinds count different things: what one calls failed or slow says nothing about the other. */
function findIncomparable(
  found: readonly Written[],
  server: CountingServer,
  routing: Routing,
  serving: Snapshot | undefined,
): string | undefined {
  const before = serving && presetOf({ preset: serving.custom ? 'custom' : 'mlserver', custom: serving.custom }).metrics;
  if (before === undefined || before === server) return undefined;
  const ways = elsewise('give checks with queries of your own only until it serves', found, routing);
  return `${listed(found)} could never be judged: the version that serves counts its requests as ${before} does, and the other one would as ${server} does; ${oneOf(ways)}`;
}

/** What can be done instead; the last way has the gateway count. */
function elsewise(way: string, found: readonly Written[], routing: Routing): readonly string[] {
  const isNamed = found.some(({ spec }) => sourceOf(spec) === 'Runtime');
  const last = [...(routing === 'Gateway' ? [] : ['route through a gateway']), ...(isNamed ? ['leave source out'] : [])];
  return [way, ...withoutSets(found), last.join(' and ')];
}

/** Sets need not be named at all. */
function withoutSets(found: readonly Written[]): readonly string[] {
  const sets = new Set(found.flatMap(({ set }) => set ?? []));
  return sets.size === 0 ? [] : [`take CheckSet ${[...sets].join(', ')} out of spec.analysis.checkSets`];
}

function oneOf(ways: readonly string[]): string {
  return ways.map((way, index) => (index > 0 && index === ways.length - 1 ? `or ${way}` : way)).join(', ');
}

/** Such as `checks errors, latency of CheckSet platform`. */
function listed(written: readonly Written[]): string {
  return [...Map.groupBy(written, ({ place }) => place)]
    .map(([place, those]) => `${those.length === 1 ? 'check' : 'checks'} ${those.map(({ spec }) => spec.name).join(', ')} of ${place}`)
    .join(' and ');
}

function sayNothingCertifies(written: readonly Written[]): string {
  const none = written.length === 0 ? 'there is none' : `${listed(written)} cannot`;
  return `promoteWhen Certified needs a check that can certify, and ${none}; add errorRate, compare, score, rate, or latency with slowerThan or p99AtMost, or give promoteWhen: NotWorse`;
}
