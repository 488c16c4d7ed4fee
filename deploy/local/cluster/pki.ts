// Certificates from one CA and the kubeconfigs that use them; made once, and again when what they must say changes.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfPresent, writeIfChanged } from './configuration.ts';
import { run } from './run.ts';
import { NETWORK, PORTS, type Settings } from './settings.ts';

interface Certificate {
  readonly name: string;
  readonly subject: string;
  readonly alternatives?: string;
}

const USERS = ['admin', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'prometheus', 'coredns'] as const;
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const DAYS = '3650';

function certificates(nodeAddress: string): readonly Certificate[] {
  const node = `/O=system:nodes/CN=system:node:${NETWORK.node}`;
  const serviceNames = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
  const apiserver = [
    `IP:127.0.0.1`,
    `IP:${nodeAddress}`,
    `IP:${NETWORK.apiService}`,
    'DNS:localhost',
    ...serviceNames.map((name) => `DNS:${name}`),
  ];
  return [
    { name: 'kube-apiserver', subject: '/CN=kube-apiserver', alternatives: apiserver.join(',') },
    { name: 'kubelet-server', subject: node, alternatives: `IP:127.0.0.1,IP:${nodeAddress},DNS:${NETWORK.node}` },
    { name: 'apiserver-kubelet', subject: '/CN=kube-apiserver-kubelet-client' },
    { name: 'front-proxy', subject: '/CN=front-proxy-client' },
    { name: 'admin', subject: '/O=system:masters/CN=admin' },
    { name: 'kube-controller-manager', subject: '/CN=system:kube-controller-manager' },
    { name: 'kube-scheduler', subject: '/CN=system:kube-scheduler' },
    { name: 'kubelet', subject: node },
    { name: 'kube-proxy', subject: '/CN=system:kube-proxy' },
    { name: 'prometheus', subject: '/CN=prometheus' },
    { name: 'coredns', subject: '/CN=coredns' },
  ];
}

/** Path of a component's (or the administrator's) kubeconfig. */
export function kubeconfigOf(state: string, user: (typeof USERS)[number]): string {
  return join(state, `${user}.kubeconfig`);
}

/** Makes what is missing in `<state>/pki`, and the kubeconfigs, for an API server at `port` of 127.0.0.1. */
export async function ensureCertificates(settings: Settings, port: number = PORTS.apiserver): Promise<void> {
  const folder = join(settings.state, 'pki');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await ensureAuthority(folder);
  for (const certificate of certificates(settings.nodeAddress)) await ensureCertificate(folder, certificate);
  for (const user of USERS) writeIfChanged(kubeconfigOf(settings.state, user), kubeconfig(folder, user, port));
}

// Each file takes its name only when it is complete: a command that is killed here leaves nothing half-made.
async function ensureAuthority(folder: string): Promise<void> {
  const openssl = async (...args: readonly string[]): Promise<string> => await run(['openssl', ...args], { cwd: folder });
  if (!existsSync(join(folder, 'ca.crt'))) {
    await openssl('req', '-x509', ...NEW_KEY, '-days', DAYS, '-subj', '/CN=plimsoll-local', '-keyout', 'ca.key', '-out', 'ca.crt.new');
    renameSync(join(folder, 'ca.crt.new'), join(folder, 'ca.crt'));
  }
  if (!existsSync(join(folder, 'sa.pub'))) {
    await openssl('genrsa', '-out', 'sa.key', '2048');
    await openssl('rsa', '-in', 'sa.key', '-pubout', '-out', 'sa.pub.new');
    renameSync(join(folder, 'sa.pub.new'), join(folder, 'sa.pub'));
  }
}

async function ensureCertificate(folder: string, { name, subject, alternatives }: Certificate): Promise<void> {
  const path = (extension: string): string => join(folder, `${name}.${extension}`);
  const request =
    `${subject}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n` +
    (alternatives === undefined ? '' : `subjectAltName=${alternatives}\n`);
  if (readIfPresent(path('request')) === request) return;
  writeFileSync(path('ext'), request.slice(request.indexOf('\n') + 1));
  await run(['openssl', 'req', ...NEW_KEY, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`], { cwd: folder });
  const sign = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', DAYS, '-extfile', `${name}.ext`];
  await run(['openssl', 'x509', '-req', '-in', `${name}.csr`, ...sign, '-out', `${name}.crt`], { cwd: folder });
  rmSync(path('csr'));
  rmSync(path('ext'));
  writeIfChanged(path('request'), request);
}

function kubeconfig(folder: string, user: string, port: number): string {
  return `apiVersion: v1
kind: Config
clusters: [{name: plimsoll, cluster: {server: "https://127.0.0.1:${port}", certificate-authority: ${folder}/ca.crt}}]
users: [{name: ${user}, user: {client-certificate: ${folder}/${user}.crt, client-key: ${folder}/${user}.key}}]
contexts: [{name: plimsoll, context: {cluster: plimsoll, user: ${user}}}]
current-context: plimsoll
`;
}
