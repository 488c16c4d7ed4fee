// How requests reach the model in this cluster, and what the releases are judged by: chosen from what is there.
import type { TrafficKind } from '../arguments.ts';
import type { Traffic } from '../manifests.ts';
import type { ChosenGateway } from './gateways.ts';
import type { Knowledge } from './prometheus.ts';

/** What was found. */
export interface Findings {
  readonly gateways: ChosenGateway;
  /** Where pods send requests to that Gateway; undefined if nobody knows. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  readonly prometheus: { readonly url: string; readonly knows: Knowledge } | undefined;
}

export type ChosenTraffic =
  | {
      readonly kind: 'chosen';
      readonly traffic: Traffic;
      /** Whether bad versions can be told by their metrics. */
      readonly evidence: boolean;
      /** Sentences that say why it is so. */
      readonly because: readonly string[];
    }
  | { readonly kind: 'refused'; readonly message: string };

export function chooseTraffic(findings: Findings, wanted: TrafficKind | undefined): ChosenTraffic {
  if (wanted === 'replicaShare') return byReplicas(findings, []);
  const { gateways, address, prometheus } = findings;
  const instead = 'or use --traffic replicaShare';
  if (gateways.kind === 'several') {
    return {
      kind: 'refused',
      message: `Several Gateways would do: ${gateways.names.join(', ')}. Choose one by --gateway NAMESPACE/NAME, ${instead}.`,
    };
  }
  const against: string[] = [];
  if (gateways.kind === 'none') against.push(...gateways.reasons);
  else if (address === undefined)
    against.push(
      `Gateway ${gateways.gateway.namespace}/${gateways.gateway.name} does not say where pods reach it (--gateway-address HOST:PORT would)`,
    );
  if (prometheus === undefined) against.push('no Prometheus was found');
  else if (!prometheus.knows.gateway) against.push(`Prometheus ${prometheus.url} has no metrics of Envoy (envoy_server_live)`);
  if (gateways.kind === 'chosen' && address !== undefined && against.length === 0) {
    return { kind: 'chosen', traffic: { kind: 'gateway', gateway: gateways.gateway }, evidence: true, because: [] };
  }
  if (wanted === 'gateway')
    return { kind: 'refused', message: `Traffic cannot go through a gateway here: ${against.join('; ')}. Mend that, ${instead}.` };
  return byReplicas(findings, [`no gateway is used: ${against.join('; ')}`]);
}

function byReplicas({ prometheus }: Findings, because: readonly string[]): ChosenTraffic {
  const evidence = prometheus?.knows.pods === true;
  const lacking =
    prometheus === undefined
      ? 'no Prometheus was found'
      : `Prometheus ${prometheus.url} does not scrape pods by the annotation prometheus.io/scrape with the labels namespace and pod`;
  const told = evidence
    ? because
    : [...because, `${lacking}, so nothing can be measured: only a promotion and a refusal by the probe are shown`];
  return { kind: 'chosen', traffic: { kind: 'replicaShare' }, evidence, because: told };
}
