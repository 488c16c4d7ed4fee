import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import { presetOf } from '../resources/presets.ts';
import { routingOf, type Routing } from '../traffic/routing.ts';

/** Who counts the requests of the two versions. */
export type Counting = 'Gateway' | 'Runtime' | 'Nobody';

type Checks = NonNullable<ModelDeployment['spec']['analysis']>['checks'];

/**
 * A gateway counts whatever it passes on. Without one the model servers count, if Plimsoll can read their series. Pods that fetch their work
 * need not serve requests at all: they are counted only where a check compares requests.
 */
export function countingOf(deployment: ModelDeployment): Counting {
  const { runtime, analysis } = deployment.spec;
  return countingBy(routingOf(deployment), presetOf(runtime).countsRequests, analysis?.checks);
}

export function countingBy(routing: Routing, countsRequests: boolean, checks: Checks): Counting {
  if (routing === 'Gateway') return 'Gateway';
  const isAsked = routing === 'ReplicaShare' || comparing(checks).length > 0;
  return countsRequests && isAsked ? 'Runtime' : 'Nobody';
}

/** Why the spec's checks could never be judged; undefined when they can. */
export function findUncountable(deployment: ModelDeployment): string | undefined {
  const { runtime, analysis } = deployment.spec;
  return sayUncountable(runtime.preset, countingOf(deployment), analysis?.checks);
}

export function sayUncountable(preset: string, counting: Counting, checks: Checks): string | undefined {
  const names = comparing(checks);
  if (counting !== 'Nobody' || names.length === 0) return undefined;
  const which = checks === undefined ? 'the default checks errors and latency' : `spec.analysis.checks ${names.join(', ')}`;
  return `${which} could never be judged: without spec.traffic.gateway the model servers must count requests, and those of preset ${preset} do not in a way that Plimsoll reads; give checks with queries of your own only, or route through a gateway`;
}

/** Checks that compare requests; the two default ones do. */
function comparing(checks: Checks): readonly string[] {
  if (!checks) return ['errors', 'latency'];
  return checks.flatMap(({ name, errorRate, latency, rate, split }) => (errorRate || latency || split || (rate && rate.total === undefined) ? [name] : []));
}
