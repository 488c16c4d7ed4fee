import type { Routing } from '../traffic/routing.ts';
import type { CheckSpec } from './checks/kind.ts';

/** Who counts the requests of the two versions. */
export type Counting = 'Gateway' | 'Runtime' | 'Nobody';

/**
 * A gateway counts whatever it passes on. Without one the model servers count, if Plimsoll can read their series. Pods that fetch their work
 * need not serve requests at all: they are counted only where a check compares requests.
 */
export function countingBy(routing: Routing, countsRequests: boolean, checks: readonly CheckSpec[]): Counting {
  if (routing === 'Gateway') return 'Gateway';
  const isAsked = routing === 'ReplicaShare' || checks.some(comparesRequests);
  return countsRequests && isAsked ? 'Runtime' : 'Nobody';
}

/** Whether a check is about requests that somebody has to count. */
export function comparesRequests({ errorRate, latency, rate, split }: CheckSpec): boolean {
  return [errorRate, latency, split].some((kind) => kind !== undefined) || (rate !== undefined && rate.total === undefined);
}
