// What the cluster has that the demo can use: a Prometheus, asked from the pod of the models as the operator will ask it, and a Gateway.
import type { KubeObject } from '../../../../src/api/resources.ts';
import type { ContextOptions } from '../arguments.ts';
import { DemoError } from '../failure.ts';
import type { Kubectl } from '../kubectl.ts';
import { HOST, NAMESPACE, type Traffic } from '../manifests.ts';
import type { Stage } from '../stage.ts';
import { addressOf, chooseGateway, type ChosenGateway } from './gateways.ts';
import { OWN_LABEL, OWN_VALUE, readObjects } from './objects.ts';
import { MODELS_POD, NODE } from './pods.ts';
import { candidates, inspectPrometheus, type Get, type Knowledge } from './prometheus.ts';
import { chooseTraffic, type Findings } from './traffic.ts';

export interface Survey {
  readonly traffic: Traffic;
  readonly evidence: boolean;
  readonly address: Findings['address'];
  readonly prometheus: Findings['prometheus'];
  /** Between two looks at the metrics: a look sooner than the next scrape sees nothing new. */
  readonly intervalSeconds: number;
}

const SHORTEST_INTERVAL_SECONDS = 5;
const FETCH = `fetch(process.argv[1], { signal: AbortSignal.timeout(5000) }).then(async (answer) => {
  if (!answer.ok) process.exit(1);
  process.stdout.write(await answer.text());
}, () => process.exit(1));`;

/** `operators`: the Prometheus that an operator is set to which is there already. Throws a DemoError where a choice is the person's. */
export async function survey(stage: Stage, kubectl: Kubectl, options: ContextOptions, operators: string | undefined): Promise<Survey> {
  stage.narrator.heading('What the cluster has');
  const services = readObjects(await kubectl.quietly(['get', 'services', '-A', '-o', 'json']));
  const prometheus = await findPrometheus(kubectl, options.prometheus, operators, services);
  const { gateways, chosen } = await findGateways(kubectl, options);
  const address =
    chosen.kind === 'chosen' ? (statedAddress(options.gatewayAddress) ?? addressOf(chosen.gateway, services, gateways)) : undefined;
  const traffic = chooseTraffic({ gateways: chosen, address, prometheus }, options.traffic);
  if (traffic.kind === 'refused') throw new DemoError(traffic.message);
  for (const sentence of traffic.because) stage.narrator.tell(sentence, traffic.evidence ? 'plain' : 'warning');
  if (prometheus !== undefined)
    stage.narrator.tell(`Prometheus ${prometheus.url}, which scrapes every ${prometheus.knows.intervalSeconds} s`);
  stage.narrator.tell(
    traffic.traffic.kind === 'gateway' && address !== undefined
      ? `traffic goes through Gateway ${traffic.traffic.gateway.namespace}/${traffic.traffic.gateway.name}, at ${address.host}:${address.port}`
      : 'traffic goes through a Service, shared by the number of pods',
  );
  const intervalSeconds = Math.max(SHORTEST_INTERVAL_SECONDS, Math.ceil(prometheus?.knows.intervalSeconds ?? 0));
  return { traffic: traffic.traffic, evidence: traffic.evidence, address, prometheus, intervalSeconds };
}

async function findPrometheus(
  kubectl: Kubectl,
  wanted: string | undefined,
  operators: string | undefined,
  services: readonly KubeObject[],
): Promise<Findings['prometheus']> {
  if (wanted === 'none') return undefined;
  const get: Get = async (url) => await kubectl.quietly(['-n', NAMESPACE, 'exec', MODELS_POD, '--', NODE, '-e', FETCH, url]);
  if (wanted !== undefined && operators !== undefined && wanted !== operators) {
    throw new DemoError(`The operator that is installed asks Prometheus ${operators}, not ${wanted}: leave --prometheus out.`);
  }
  const only = wanted ?? operators;
  const found: { readonly url: string; readonly knows: Knowledge }[] = [];
  for (const url of only === undefined ? candidates(services) : [only]) {
    const knows = await inspectPrometheus(url, get);
    if (knows !== undefined) found.push({ url, knows });
  }
  if (wanted !== undefined && found.length === 0)
    throw new DemoError(`No Prometheus answers pods at ${wanted}: mend --prometheus, or leave it out.`);
  return found.find(({ knows }) => knows.gateway) ?? found.find(({ knows }) => knows.pods) ?? found[0];
}

async function findGateways(
  kubectl: Kubectl,
  options: ContextOptions,
): Promise<{ readonly gateways: readonly KubeObject[]; readonly chosen: ChosenGateway }> {
  const kinds = (await kubectl.quietly(['api-resources', '--api-group=gateway.networking.k8s.io', '-o', 'name'])).split('\n');
  const policies = await kubectl.quietly(['api-resources', '--api-group=gateway.envoyproxy.io', '-o', 'name']);
  if (!kinds.includes('gateways.gateway.networking.k8s.io') || policies === '') {
    return { gateways: [], chosen: { kind: 'none', reasons: ['Envoy Gateway with its CRDs is not installed'] } };
  }
  const list = async (kind: string): Promise<readonly KubeObject[]> =>
    readObjects(await kubectl.quietly(['get', kind, '-A', '-o', 'json']));
  const [classes, gateways] = [await list('gatewayclasses.gateway.networking.k8s.io'), await list('gateways.gateway.networking.k8s.io')];
  const labels = { 'kubernetes.io/metadata.name': NAMESPACE, [OWN_LABEL]: OWN_VALUE };
  return { gateways, chosen: chooseGateway(classes, gateways, { name: NAMESPACE, labels }, HOST, options.gateway) };
}

function statedAddress(text: string | undefined): Findings['address'] {
  if (text === undefined) return undefined;
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}
