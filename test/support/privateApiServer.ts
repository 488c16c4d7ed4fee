// A real API server for one test file: kube-apiserver and its etcd, and nothing else. No controller acts on what a test makes
// (nothing is collected, a deleted namespace stays), no admission of ours, no pod ever runs. Ready in about five seconds.
//
//   const server = await startPrivateApiServer();
//   await server.request('GET', '/apis/plimsoll.dev/v1alpha1/modeldeployments');
//   await server.stop();
//
// The kernel ends both processes when the test's process ends, however it does; an exit handler would never run, since jest gives
// tests a copy of `process`. A folder that was left behind that way goes with the next start.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { ensureKube } from '../../deploy/local/cluster/build.ts';
import type { Health } from '../../deploy/local/cluster/health.ts';
import { askHealth, waitUntil } from '../../deploy/local/cluster/health.ts';
import { ensureCertificates, kubeconfigOf } from '../../deploy/local/cluster/pki.ts';
import { end, isRunning, launch, logPath, recordedProcesses, runningProcess, startTimeOf } from '../../deploy/local/cluster/processes.ts';
import { NETWORK, settingsFrom } from '../../deploy/local/cluster/settings.ts';
import type { ApiAccess } from './apiAccess.ts';
import { accessTo, kubectlProgram } from './apiAccess.ts';

export type PrivateApiServer = ApiAccess & {
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** The same, read. */
  readonly kubeConfig: () => KubeConfig;
  /** TCP port on 127.0.0.1. */
  readonly port: number;
  /** Ends the two processes and deletes all that they wrote. */
  readonly stop: () => Promise<void>;
};

export type PrivateApiServerOptions = {
  /** More arguments for kube-apiserver. */
  readonly apiserver?: readonly string[];
};

type Ports = { readonly etcd: number; readonly peer: number; readonly apiserver: number };

const PREFIX = 'plimsoll-apiserver-';
const PATIENCE_SECONDS = 60;
/** Somebody else may take a free port before our process does. */
const TRIES = 3;

/** Starts one, building its program first if the cache lacks it. Throws with the end of the log when it does not become ready. */
export async function startPrivateApiServer(options: PrivateApiServerOptions = {}): Promise<PrivateApiServer> {
  await sweep();
  const kube = await ensureKube(settingsFrom(process.env), () => undefined);
  for (let tries = 1; ; tries += 1) {
    const folder = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-${startTimeOf(process.pid) ?? '0'}-`));
    try {
      const port = await startIn(folder, kube, options);
      return serverIn(folder, kube, port);
    } catch (error) {
      const cut = runningProcess(folder, 'etcd') === undefined || runningProcess(folder, 'kube-apiserver') === undefined;
      const log = `${lastLines(folder, 'etcd')}${lastLines(folder, 'kube-apiserver')}`;
      await remove(folder);
      if (!cut || tries === TRIES) throw new Error(`The private API server did not start. The end of its logs:\n${log}`, { cause: error });
    }
  }
}

function serverIn(folder: string, kube: string, port: number): PrivateApiServer {
  const kubeconfig = kubeconfigOf(folder, 'admin');
  return {
    ...accessTo(kubeconfig, kubectlProgram([kube, 'kubectl', '--kubeconfig', kubeconfig])),
    kubeconfig,
    kubeConfig: () => {
      const config = new KubeConfig();
      config.loadFromFile(kubeconfig);
      return config;
    },
    port,
    stop: () => remove(folder),
  };
}

/** Starts both processes and gives the API server's port once it is ready. */
async function startIn(folder: string, kube: string, options: PrivateApiServerOptions): Promise<number> {
  const ports = await freePorts();
  await startProcess(folder, 'etcd', [kube, 'etcd', ...etcdArguments(folder, ports)]);
  await ensureCertificates({ ...settingsFrom(process.env), state: folder, nodeAddress: '127.0.0.1' }, ports.apiserver);
  await awaitHealthy(folder, 'etcd', { kind: 'http', url: `http://127.0.0.1:${ports.etcd}/health` });
  const argv = [kube, 'kube-apiserver', ...apiserverArguments(folder, ports), ...(options.apiserver ?? [])];
  await startProcess(folder, 'kube-apiserver', argv);
  await awaitHealthy(folder, 'kube-apiserver', { kind: 'https', url: `https://127.0.0.1:${ports.apiserver}/readyz` });
  return ports.apiserver;
}

async function startProcess(folder: string, name: string, argv: readonly string[]): Promise<void> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: folder };
  await launch(folder, name, ['setpriv', '--pdeathsig', 'KILL', ...argv], env, 'private');
}

async function awaitHealthy(folder: string, name: string, health: Health): Promise<void> {
  const ended = (): boolean => runningProcess(folder, name) === undefined;
  await waitUntil(name, PATIENCE_SECONDS, () => askHealth(health), 'its log says why', ended);
}

function etcdArguments(folder: string, { etcd, peer }: Ports): readonly string[] {
  const client = `http://127.0.0.1:${etcd}`;
  const peers = `http://127.0.0.1:${peer}`;
  return [
    ...['--name', 'e', '--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'warn'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers, '--initial-cluster', `e=${peers}`],
  ];
}

function apiserverArguments(folder: string, { etcd, apiserver }: Ports): readonly string[] {
  const pki = (name: string): string => join(folder, 'pki', name);
  return [
    ...['--etcd-servers', `http://127.0.0.1:${etcd}`, '--bind-address', '127.0.0.1', '--secure-port', String(apiserver)],
    // a loopback address cannot stand in the Endpoints of the service `kubernetes`, and nobody here asks for them
    ...['--advertise-address', '127.0.0.1', '--endpoint-reconciler-type', 'none', '--service-cluster-ip-range', NETWORK.serviceCidr],
    ...[
      '--tls-cert-file',
      pki('kube-apiserver.crt'),
      '--tls-private-key-file',
      pki('kube-apiserver.key'),
      '--client-ca-file',
      pki('ca.crt'),
    ],
    ...['--authorization-mode', 'RBAC', '--service-account-issuer', 'https://kubernetes.default.svc'],
    ...['--service-account-key-file', pki('sa.pub'), '--service-account-signing-key-file', pki('sa.key')],
  ];
}

/** Ports that nobody listens on now. All are held until the last is found, so that they differ. */
async function freePorts(): Promise<Ports> {
  const servers = await Promise.all(
    [0, 1, 2].map(async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const [etcd = 0, peer = 0, apiserver = 0] = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return { etcd, peer, apiserver };
}

/** Removes what tests left that were ended before they could stop theirs. Those of tests that run are left alone. */
async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(PREFIX) ? /^(\d+)-(\d+)-/.exec(name.slice(PREFIX.length)) : null;
    if (owner === null || isRunning({ pid: Number(owner[1]), startTime: owner[2] ?? '' })) continue;
    await remove(join(tmpdir(), name));
  }
}

/** Ends the processes that a folder records, at once since nothing of theirs will be read again, and deletes it. */
async function remove(folder: string): Promise<void> {
  for (const name of recordedProcesses(folder)) await end(folder, name, 0);
  rmSync(folder, { recursive: true, force: true });
}

function lastLines(folder: string, name: string): string {
  try {
    return `${readFileSync(logPath(folder, name), 'utf8').split('\n').slice(-5).join('\n')}\n`;
  } catch {
    return ''; // it was never started
  }
}
