import type { ModelDeployment } from '../api/generated/modeldeployment.ts';
import { RESOURCE } from '../api/resources.ts';
import type { KubeClient } from '../controller/client.ts';
import type { Obstacle } from '../core/observed.ts';
import { findRival, hostKeys } from '../core/traffic/hostnames.ts';
import { findListenerFault, type GatewayObject } from '../core/traffic/listeners.ts';
import { frameHash } from '../core/traffic/route.ts';
import { BY_HOST, type Caches } from './caches.ts';
import type { RouteChild } from './projections.ts';

export interface Way {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly deployment: ModelDeployment;
  /** The route that it has. */
  readonly route: RouteChild | undefined;
  readonly isReleasing: boolean;
}

/**
 * Why requests must not be sent the way that the spec says. Gateways are asked for only before a route is led to other ones: each time costs a
 * request, and a release that is under way has been through it.
 */
export async function findObstacle({ client, caches, deployment, route, isReleasing }: Way, signal: AbortSignal): Promise<Obstacle | undefined> {
  const { name, namespace = '' } = deployment.metadata;
  const { gateway } = deployment.spec.traffic;
  if (!gateway) return undefined;
  const kept = route?.holder.gateway;
  const others = hostKeys(namespace, gateway).flatMap((key) => caches.routes.byIndex(BY_HOST, key));
  const rival = findRival(
    { namespace, name, gateway, held: route?.holder },
    others.map(({ holder }) => holder),
  );
  if (rival) {
    const { holder, hostname } = rival;
    const what = hostname === undefined ? 'every host name' : `host name ${hostname}`;
    const message = `${what} at Gateway ${rival.gateway} is that of ModelDeployment ${holder.namespace}/${holder.name} already; give another one in spec.traffic.gateway.hostnames, or take it away there`;
    return { reason: 'HostnameTaken', message, kept };
  }
  if (route ? route.state?.frame === frameHash(deployment) : isReleasing) return undefined;
  for (const parent of gateway.parentRefs) {
    const place = { namespace: parent.namespace ?? namespace, name: parent.name };
    const found = await client.get({ resource: RESOURCE.gateway, ...place }, { signal });
    if (!found) {
      const message = `there is no Gateway ${place.name} in namespace ${place.namespace}; create it, or name another one in spec.traffic.gateway.parentRefs`;
      return { reason: 'GatewayMissing', message, kept };
    }
    const fault = findListenerFault(found as GatewayObject, gateway, namespace);
    if (fault !== undefined) return { reason: 'ListenerMissing', message: fault, kept };
  }
  return undefined;
}
