// Which Gateway the demo's route can attach to: one of Envoy Gateway, since evidence is read from Envoy's metrics, whose HTTP listener lets
// in routes of the demo's namespace and for its host name.
import type { KubeObject } from '../../../../src/api/resources.ts';

interface Listener {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly hostname?: string;
  readonly allowedRoutes?: {
    readonly namespaces?: {
      readonly from?: string;
      readonly selector?: { readonly matchLabels?: Labels; readonly matchExpressions?: unknown };
    };
    readonly kinds?: readonly { readonly kind: string }[];
  };
}

type Labels = Readonly<Record<string, string>>;

interface Gateway extends KubeObject {
  readonly spec?: { readonly gatewayClassName?: string; readonly listeners?: readonly Listener[] };
  readonly status?: { readonly addresses?: readonly { readonly value?: string }[] };
}

interface Service extends KubeObject {
  readonly spec?: { readonly ports?: readonly { readonly port: number }[] };
}

export interface GatewayChoice {
  readonly namespace: string;
  readonly name: string;
  readonly listener: string;
  readonly port: number;
}

export type ChosenGateway =
  | { readonly kind: 'chosen'; readonly gateway: GatewayChoice }
  /** None would do; for each, why. */
  | { readonly kind: 'none'; readonly reasons: readonly string[] }
  | { readonly kind: 'several'; readonly names: readonly string[] };

const CONTROLLER = 'gateway.envoyproxy.io/';

/** `wanted` is `namespace/name`. */
export function chooseGateway(
  classes: readonly KubeObject[],
  gateways: readonly KubeObject[],
  namespace: { readonly name: string; readonly labels: Labels },
  host: string,
  wanted: string | undefined,
): ChosenGateway {
  const envoy = new Set(classes.filter(({ spec }) => controllerOf(spec).startsWith(CONTROLLER)).map(({ metadata }) => metadata.name));
  const considered = (gateways as readonly Gateway[]).filter((each) => wanted === undefined || idOf(each) === wanted);
  const found: GatewayChoice[] = [];
  const reasons: string[] = [];
  for (const gateway of considered) {
    const choice = usableListener(gateway, envoy, namespace, host);
    if (typeof choice === 'string') reasons.push(`Gateway ${idOf(gateway)} ${choice}`);
    else found.push(choice);
  }
  if (found.length > 1) return { kind: 'several', names: found.map(({ namespace: of, name }) => `${of}/${name}`) };
  if (found[0] !== undefined) return { kind: 'chosen', gateway: found[0] };
  if (considered.length === 0) reasons.push(wanted === undefined ? 'there is no Gateway' : `there is no Gateway ${wanted}`);
  return { kind: 'none', reasons };
}

function controllerOf(spec: unknown): string {
  return (spec as { readonly controllerName?: string } | undefined)?.controllerName ?? '';
}

function idOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** The listener, or why there is none. */
function usableListener(
  { metadata, spec }: Gateway,
  envoy: ReadonlySet<string>,
  namespace: { readonly name: string; readonly labels: Labels },
  host: string,
): GatewayChoice | string {
  if (!envoy.has(spec?.gatewayClassName ?? '')) return `is not of Envoy Gateway but of class ${spec?.gatewayClassName ?? 'none'}`;
  const plain = (spec?.listeners ?? []).filter(({ protocol }) => protocol === 'HTTP');
  if (plain.length === 0) return 'has no HTTP listener';
  const own = metadata.namespace ?? '';
  const open = plain.filter((listener) => admits(listener, own, namespace) && admitsKind(listener));
  if (open.length === 0) return `lets no HTTPRoute of namespace ${namespace.name} in`;
  const listener = open.find(({ hostname }) => hostname === undefined || matches(hostname, host));
  if (listener === undefined) return `takes other hosts than ${host} only`;
  return { namespace: own, name: metadata.name, listener: listener.name, port: listener.port };
}

function admits({ allowedRoutes }: Listener, own: string, { name, labels }: { readonly name: string; readonly labels: Labels }): boolean {
  const { from = 'Same', selector } = allowedRoutes?.namespaces ?? {};
  if (from === 'All') return true;
  if (from === 'Same') return own === name;
  return (
    selector?.matchExpressions === undefined && Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value)
  );
}

function admitsKind({ allowedRoutes }: Listener): boolean {
  return allowedRoutes?.kinds?.some(({ kind }) => kind === 'HTTPRoute') ?? true;
}

function matches(pattern: string, host: string): boolean {
  return pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
}

/** Where pods reach the Gateway: by the Service that Envoy Gateway made for it, else by the address that it states. */
export function addressOf(
  { namespace, name, port }: GatewayChoice,
  services: readonly KubeObject[],
  gateways: readonly KubeObject[],
): { readonly host: string; readonly port: number } | undefined {
  const service = (services as readonly Service[]).find(
    ({ metadata, spec }) =>
      metadata.labels?.['gateway.envoyproxy.io/owning-gateway-name'] === name &&
      metadata.labels['gateway.envoyproxy.io/owning-gateway-namespace'] === namespace &&
      spec?.ports?.some((each) => each.port === port) === true,
  );
  if (service !== undefined) return { host: `${service.metadata.name}.${service.metadata.namespace ?? ''}`, port };
  const stated = (gateways as readonly Gateway[]).find((each) => idOf(each) === `${namespace}/${name}`)?.status?.addresses?.[0]?.value;
  return stated === undefined ? undefined : { host: stated, port };
}
