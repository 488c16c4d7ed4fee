// What the operator meets in the bench: a real API server with our CRDs and Gateway API's, and the operator's own account and rights as
// deploy/base gives them. No controller of Kubernetes runs, no kubelet and no gateway: standIns.ts does their part.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { ensureCrds } from '../../deploy/local/cluster/build.ts';
import { settingsFrom } from '../../deploy/local/cluster/settings.ts';
import type { KubeClient } from '../../src/controller/client.ts';
import { createKubeClient } from '../../src/controller/kubeClient.ts';
import { realClock } from '../support/clocks.ts';
import { startPrivateApiServer, type PrivateApiServer } from '../support/privateApiServer.ts';
import { auditPolicy, followAudit, type Audit } from './audit.ts';

export interface BenchCluster {
  readonly server: PrivateApiServer;
  /** The administrator, in no hurry to be polite: no rate limit. */
  readonly admin: KubeClient;
  readonly makeNamespace: (name: string) => Promise<void>;
  readonly audit: Audit;
  /** Path of a kubeconfig of the operator's service account. */
  readonly operatorKubeconfig: string;
  /** The variables that deploy/base gives the operator's container. */
  readonly operatorEnvironment: Readonly<Record<string, string>>;
}

const NAMESPACE = 'plimsoll-system';
const ACCOUNT = 'plimsoll';

/** Starts it; all files that it needs are below `folder`. */
export async function startCluster(root: string, folder: string): Promise<BenchCluster> {
  mkdirSync(folder, { recursive: true });
  const policy = join(folder, 'audit-policy.json');
  const log = join(folder, 'audit.log');
  writeFileSync(policy, auditPolicy(`system:serviceaccount:${NAMESPACE}:${ACCOUNT}`));
  writeFileSync(log, '');
  const audited = ['--audit-policy-file', policy, '--audit-log-path', log, '--audit-log-maxsize', '2000'];
  const server = await startPrivateApiServer({ apiserver: audited });
  try {
    const crds = await ensureCrds(settingsFrom(process.env), () => undefined);
    await server.kubectl(['apply', '--server-side', '--validate=false', '-f', join(crds, '10-gateway-api.yaml')]);
    await server.kubectl(['apply', '--server-side', '-k', join(root, 'deploy/base')]);
    await server.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
    await makeGateway(server);
    const operatorKubeconfig = join(folder, 'operator.kubeconfig');
    writeFileSync(operatorKubeconfig, await kubeconfigOfAccount(server), { mode: 0o600 });
    return {
      server,
      admin: createKubeClient(server.kubeConfig(), { clock: realClock, rate: { perSecond: 100_000, burst: 100_000 }, userAgent: 'bench' }),
      makeNamespace: async (name) => {
        await server.request('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } });
      },
      audit: followAudit(log),
      operatorKubeconfig,
      operatorEnvironment: readEnvironment(join(root, 'deploy/base/deployment.yaml')),
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** The Gateway that the fleet's routes attach to; standIns.ts answers for it. */
async function makeGateway(server: PrivateApiServer): Promise<void> {
  const namespace = 'gateways';
  const spec = { gatewayClassName: 'bench', listeners: [{ name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' } } }] };
  const gateway = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'public', namespace }, spec };
  await server.request('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } } });
  const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/gateways`;
  const { status, message } = await server.request('POST', path, { body: gateway });
  if (status !== 201) throw new Error(`the Gateway of the bench was not taken: ${status} ${message}`);
}

async function kubeconfigOfAccount(server: PrivateApiServer): Promise<string> {
  const token = await server.kubectl(['-n', NAMESPACE, 'create', 'token', ACCOUNT, '--duration=24h']);
  const cluster = server.kubeConfig().getCurrentCluster();
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bench', cluster: { server: cluster?.server, 'certificate-authority': cluster?.caFile } }],
    users: [{ name: ACCOUNT, user: { token: token.trim() } }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: ACCOUNT } }],
    'current-context': 'bench',
  });
}

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

interface DeploymentFile {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
}

function readEnvironment(path: string): Readonly<Record<string, string>> {
  const { spec } = load(readFileSync(path, 'utf8')) as DeploymentFile;
  const variables = spec.template.spec.containers[0]?.env ?? [];
  return Object.fromEntries(variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}
