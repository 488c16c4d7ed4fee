import type { CountingServer, CountingSource } from '../analysis/servers.ts';
import type { Routing } from '../traffic/routing.ts';
import type { CheckSpec } from './checks/kind.ts';
import { checkOf } from './checks/kinds.ts';

/** Who counts the requests of the two versions, for all checks that do not say it themselves. */
export type Counting = CountingSource | 'Nobody';

/**
 * A gateway counts whatever it passes on. Without one the model servers count, if Plimsoll can read their series. Pods that fetch their work
 * need not serve requests at all: they are counted only where a check compares requests.
 */
export function countingBy(routing: Routing, server: CountingServer | undefined, checks: readonly CheckSpec[]): Counting {
  if (routing === 'Gateway') return 'Gateway';
  const isAsked = routing === 'ReplicaShare' || checks.some(comparesRequests);
  return server !== undefined && isAsked ? server : 'Nobody';
}

/** Whether a check is about requests that somebody has to count. */
export function comparesRequests(spec: CheckSpec): boolean {
  return checkOf(spec)?.basis === 'Requests';
}

/** Whether it needs to know which requests failed. */
export function needsFailures({ errorRate, rate }: CheckSpec): boolean {
  return errorRate !== undefined || (rate !== undefined && rate.total === undefined);
}
