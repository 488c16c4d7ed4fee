import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';

/** How requests reach the pods, and so what carries the traffic and the decision behind it. */
export type Routing = 'Gateway' | 'ReplicaShare' | 'None';

/** The member of spec.traffic that is given; the schema sees to it that exactly one is, and always the same. */
export function routingOf({ spec }: ModelDeployment): Routing {
  if (spec.traffic.replicaShare) return 'ReplicaShare';
  return spec.traffic.none ? 'None' : 'Gateway';
}
