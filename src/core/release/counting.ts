import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import { WITHOUT_FAILURES, type CountingServer } from '../analysis/servers.ts';
import { presetOf } from '../resources/presets.ts';
import type { Snapshot } from '../resources/revision.ts';
import { routingOf, type Routing } from '../traffic/routing.ts';

/** Who counts the requests of the two versions: the gateway, or the model servers, which are of this kind. */
export type Counting = 'Gateway' | CountingServer | 'Nobody';

type Checks = NonNullable<ModelDeployment['spec']['analysis']>['checks'];

/**
 * A gateway counts whatever it passes on. Without one the model servers count, if Plimsoll can read their series. Pods that fetch their work
 * need not serve requests at all: they are counted only where a check compares requests.
 */
export function countingOf(deployment: ModelDeployment): Counting {
  const { runtime, analysis } = deployment.spec;
  return countingBy(routingOf(deployment), presetOf(runtime).metrics, analysis?.checks);
}

export function countingBy(routing: Routing, server: CountingServer | undefined, checks: Checks): Counting {
  if (routing === 'Gateway') return 'Gateway';
  const isAsked = routing === 'ReplicaShare' || comparing(checks).length > 0;
  return server !== undefined && isAsked ? server : 'Nobody';
}

/** Why the spec's checks could never be judged; undefined when they can. `serving`: what serves now, if anything does. */
export function findUncountable(deployment: ModelDeployment, serving?: Snapshot): string | undefined {
  const { runtime, analysis } = deployment.spec;
  const counting = countingOf(deployment);
  return sayUncountable(runtime.preset, counting, analysis?.checks) ?? sayIncomparable(serving, counting, analysis?.checks);
}

export function sayUncountable(preset: string, counting: Counting, checks: Checks): string | undefined {
  if (counting === 'Nobody') {
    const which = named(checks, comparing(checks));
    if (which === undefined) return undefined;
    return `${which} could never be judged: without spec.traffic.gateway the model servers must count requests, and preset ${preset} does not say in which metrics those do; name the server in spec.runtime.custom.metrics, give checks with queries of your own only, or route through a gateway`;
  }
  if (counting === 'Gateway' || !WITHOUT_FAILURES.has(counting)) return undefined;
  const which = named(checks, ofErrors(checks));
  if (which === undefined) return undefined;
  return `${which} could never be judged: servers of ${counting} count requests and their durations, but do not tell which requests failed; give checks of kind latency, or with queries of your own, only, or route through a gateway`;
}

/** Two servers of different kinds count different things: what one calls failed or slow says nothing about the other. */
function sayIncomparable(serving: Snapshot | undefined, counting: Counting, checks: Checks): string | undefined {
  const before = serving === undefined ? undefined : presetOf({ preset: serving.custom ? 'custom' : 'mlserver', custom: serving.custom }).metrics;
  const which = named(checks, comparing(checks));
  if (counting === 'Gateway' || counting === 'Nobody' || before === undefined || before === counting || which === undefined) return undefined;
  return `${which} could never be judged: the version that serves counts its requests as ${before} does, and the other one would as ${counting} does; give checks with queries of your own only until it serves, or route through a gateway`;
}

/** Checks as a sentence names them; undefined when there are none. */
function named(checks: Checks, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  if (checks) return `spec.analysis.checks ${names.join(', ')}`;
  return names.length === 1 ? `the default check ${names.join('')}` : `the default checks ${names.join(' and ')}`;
}

/** Checks that compare requests; the two default ones do. */
function comparing(checks: Checks): readonly string[] {
  if (!checks) return ['errors', 'latency'];
  return checks.flatMap(({ name, errorRate, latency, rate, split }) => (errorRate || latency || split || (rate && rate.total === undefined) ? [name] : []));
}

/** Of these, the checks that need to know which requests failed. */
function ofErrors(checks: Checks): readonly string[] {
  if (!checks) return ['errors'];
  return checks.flatMap(({ name, errorRate, rate }) => (errorRate || (rate && rate.total === undefined) ? [name] : []));
}
