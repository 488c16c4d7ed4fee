import { WITHOUT_FAILURES } from '../analysis/servers.ts';
import type { Observed } from '../observed.ts';
import { presetOf } from '../resources/presets.ts';
import type { Snapshot } from '../resources/revision.ts';
import { routingOf } from '../traffic/routing.ts';
import type { CheckSpec } from './checks/kind.ts';
import { checkOf } from './checks/kinds.ts';
import { comparesRequests, countingBy, needsFailures, type Counting } from './counting.ts';

/** The checks that a release would keep if it started now: those of the spec, then those of the CheckSets that it names, as it names them. */
export interface WantedChecks {
  readonly specs: readonly CheckSpec[];
  readonly counting: Counting;
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
  const counting = countingBy(routingOf(deployment), presetOf(deployment.spec.runtime).metrics, specs);
  return { specs, counting, refusal: findRefusal(observed, written, counting, serving) };
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
  counting: Counting,
  serving: Snapshot | undefined,
): ChecksRefusal | undefined {
  const { runtime, analysis } = deployment.spec;
  const missing = (analysis?.checkSets ?? []).filter((name) => !checkSets.has(name));
  if (missing.length > 0) return refused('CheckSetNotFound', sayMissing(missing));
  if (written.length > MOST_CHECKS) return refused('TooManyChecks', sayTooMany(written));
  const conflict = findConflict(written);
  if (conflict !== undefined) return refused('CheckConflict', conflict);
  const uncountable =
    findUnsplit(written, deployment) ?? findUnanswered(written, deployment) ?? findUncountable(written, runtime.preset, counting) ?? findIncomparable(written, counting, serving);
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

/** The API server refuses such a check in spec.analysis.checks by itself. */
function findUnsplit(written: readonly Written[], deployment: Observed['deployment']): string | undefined {
  const found = routingOf(deployment) === 'Gateway' ? [] : written.filter(({ spec }) => spec.split !== undefined);
  if (found.length === 0) return undefined;
  return `${listed(found)} could never be judged: kind split needs spec.traffic.gateway, since without one the number of pods makes the shares; ${oneOf(['take it out', ...withoutSets(found)])}`;
}

/** The same of spec.analysis.checks alone. */
function findUnanswered(written: readonly Written[], { spec }: Observed['deployment']): string | undefined {
  const found = spec.analysis?.metrics ? written.filter(({ spec: check }) => (checkOf(check)?.queries.length ?? 0) > 0) : [];
  if (found.length === 0) return undefined;
  const ways = ['take spec.analysis.metrics.scrape away, so that the Prometheus of the operator is asked', ...withoutSets(found)];
  return `${listed(found)} could never be judged: with spec.analysis.metrics.scrape nobody answers queries; ${oneOf(ways)}`;
}

function findUncountable(written: readonly Written[], preset: string, counting: Counting): string | undefined {
  if (counting === 'Nobody') {
    const found = written.filter(({ spec }) => comparesRequests(spec));
    if (found.length === 0) return undefined;
    const ways = ['name the server in spec.runtime.custom.metrics', ...elsewise('give checks with queries of your own only', found)];
    return `${listed(found)} could never be judged: without spec.traffic.gateway the model servers must count requests, and preset ${preset} does not say in which metrics those do; ${oneOf(ways)}`;
  }
  const found = counting !== 'Gateway' && WITHOUT_FAILURES.has(counting) ? written.filter(({ spec }) => needsFailures(spec)) : [];
  if (found.length === 0) return undefined;
  const ways = elsewise('give checks of kind latency, or with queries of your own, only', found);
  return `${listed(found)} could never be judged: servers of ${counting} count requests and their durations, but do not tell which requests failed; ${oneOf(ways)}`;
}

/** Two servers of different kinds count different things: what one calls failed or slow says nothing about the other. */
function findIncomparable(written: readonly Written[], counting: Counting, serving: Snapshot | undefined): string | undefined {
  const before = serving && presetOf({ preset: serving.custom ? 'custom' : 'mlserver', custom: serving.custom }).metrics;
  const found = written.filter(({ spec }) => comparesRequests(spec));
  if (counting === 'Gateway' || counting === 'Nobody' || before === undefined || before === counting || found.length === 0) return undefined;
  const ways = elsewise('give checks with queries of your own only until it serves', found);
  return `${listed(found)} could never be judged: the version that serves counts its requests as ${before} does, and the other one would as ${counting} does; ${oneOf(ways)}`;
}

function elsewise(way: string, found: readonly Written[]): readonly string[] {
  return [way, ...withoutSets(found), 'route through a gateway'];
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
