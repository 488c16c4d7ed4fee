import type { ModelDeploymentTrafficGateway } from '../../api/generated/modeldeployment.ts';

type ParentRef = ModelDeploymentTrafficGateway['parentRefs'][number];

/** A route of ours, as far as it is about who gets which requests. */
export interface Holder {
  readonly namespace: string;
  readonly name: string;
  readonly createdAt: string;
  readonly gateway: ModelDeploymentTrafficGateway;
}

/** What a deployment wants, and the route that it has. */
export interface Wish {
  readonly namespace: string;
  readonly name: string;
  readonly gateway: ModelDeploymentTrafficGateway;
  readonly held: Holder | undefined;
}

export interface Rival {
  readonly holder: Holder;
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  /** Undefined for every host name of the listeners. */
  readonly hostname: string | undefined;
}

interface Claim {
  readonly parent: ParentRef;
  readonly gateway: string;
  readonly hostname: string | undefined;
}

/** Keys under which routes that can be rivals meet. */
export function hostKeys(namespace: string, gateway: ModelDeploymentTrafficGateway): readonly string[] {
  return claimsOf(namespace, gateway).map(keyOf);
}

/**
 * The route that has a host name at a Gateway which this deployment wants too. Of two routes that match alike a Gateway obeys the older, and
 * accepts both: one of two models would get no request, and nobody would be told. Here whoever has the name keeps it.
 */
export function findRival(wish: Wish, others: readonly Holder[]): Rival | undefined {
  const { held } = wish;
  const kept = held ? claimsOf(held.namespace, held.gateway) : [];
  const wanted = claimsOf(wish.namespace, wish.gateway);
  for (const holder of others) {
    if (holder.namespace === wish.namespace && holder.name === wish.name) continue;
    const theirs = claimsOf(holder.namespace, holder.gateway);
    const both = wanted.find((claim) => theirs.some((their) => meet(claim, their)));
    const mayKeep = both && held && kept.some((claim) => meet(claim, both)) && isOlder(held, holder);
    if (both && mayKeep !== true) return { holder, gateway: both.gateway, hostname: both.hostname };
  }
  return undefined;
}

function claimsOf(namespace: string, { parentRefs, hostnames }: ModelDeploymentTrafficGateway): readonly Claim[] {
  return parentRefs.flatMap((parent) => {
    const gateway = `${parent.namespace ?? namespace}/${parent.name}`;
    return (hostnames ?? [undefined]).map((hostname) => ({ parent, gateway, hostname }));
  });
}

function keyOf({ gateway, hostname }: Claim): string {
  return `${gateway} ${hostname ?? ''}`;
}

function meet(a: Claim, b: Claim): boolean {
  return keyOf(a) === keyOf(b) && same(a.parent.sectionName, b.parent.sectionName) && same(a.parent.port, b.parent.port);
}

/** Without one it is every listener. */
function same<T>(a: T | undefined, b: T | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

/** The order of Gateway API: by age, then by name. */
function isOlder(a: Holder, b: Holder): boolean {
  const place = ({ createdAt, namespace, name }: Holder): string => `${createdAt} ${namespace}/${name}`;
  return place(a) < place(b);
}
