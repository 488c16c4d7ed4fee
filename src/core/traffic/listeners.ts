import type { ModelDeploymentTrafficGateway } from '../../api/generated/modeldeployment.ts';

/** What of a Gateway says which routes it takes. */
export interface GatewayObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: { readonly listeners?: readonly Listener[] };
}

interface Listener {
  readonly name: string;
  readonly port: number;
  readonly hostname?: string;
  readonly allowedRoutes?: { readonly namespaces?: { readonly from?: string } };
}

/**
 * Why no listener of this Gateway would take a route of `namespace`, as a sentence that names the way out; undefined when one may. Known before the
 * route is led there: afterwards the Gateway would say so too, but by then requests get 404. What takes more than the Gateway to know (a
 * selector of namespaces, a certificate) is left to it.
 */
export function findListenerFault(gateway: GatewayObject, wanted: ModelDeploymentTrafficGateway, namespace: string): string | undefined {
  const own = gateway.metadata.namespace ?? namespace;
  const name = `Gateway ${own}/${gateway.metadata.name}`;
  const listeners = gateway.spec?.listeners ?? [];
  const parents = wanted.parentRefs.filter((parent) => parent.name === gateway.metadata.name && (parent.namespace ?? namespace) === own);
  for (const { sectionName, port } of parents) {
    const named = listeners.filter(
      (listener) => (sectionName === undefined || listener.name === sectionName) && (port === undefined || listener.port === port),
    );
    if (named.length === 0) {
      const has = listeners.map((listener) => `${listener.name} (port ${listener.port})`).join(', ') || 'none';
      const what = `${sectionName === undefined ? '' : ` ${sectionName}`}${port === undefined ? '' : ` with port ${port}`}`;
      return `${name} has no listener${what}; its listeners: ${has}; name one of them in spec.traffic.gateway.parentRefs`;
    }
    const open = named.filter(({ allowedRoutes }) => own === namespace || (allowedRoutes?.namespaces?.from ?? 'Same') !== 'Same');
    if (open.length === 0) {
      const which = named.map((listener) => listener.name).join(', ');
      return `${name} takes routes of its own namespace only, not of ${namespace} (listener ${which}); let them in with allowedRoutes.namespaces there, or name another Gateway in spec.traffic.gateway.parentRefs`;
    }
    const stranger = wanted.hostnames?.length && !wanted.hostnames.some((hostname) => open.some((listener) => meets(listener.hostname, hostname)));
    if (stranger) {
      const taken = open.map((listener) => listener.hostname).join(', ');
      return `${name} has no listener for host name ${wanted.hostnames.join(', ')}, only for ${taken}; give one of these in spec.traffic.gateway.hostnames`;
    }
  }
  return undefined;
}

/** Whether some host is meant by both names; `*.` stands for one label or more. */
function meets(listener: string | undefined, hostname: string): boolean {
  if (listener === undefined || listener === hostname) return true;
  const covers = (wide: string, narrow: string): boolean => wide.startsWith('*.') && narrow.endsWith(wide.slice(1));
  return covers(listener, hostname) || covers(hostname, listener);
}
