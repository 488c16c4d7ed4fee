// Single steps on a cluster: one process, one kubectl command, one image.
import { existsSync, mkdirSync } from 'node:fs';
import { copyFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Programs } from './build.ts';
import { components, containerdSocket, fingerprintOf, type ComponentName } from './components.ts';
import { ClusterError } from './failure.ts';
import { askHealth, waitUntil } from './health.ts';
import { checkPorts, linkCertificates } from './host.ts';
import { kubeconfigOf } from './pki.ts';
import { end, endProcess, findProcesses, launch, logPath, runningProcess, type ProcessId } from './processes.ts';
import { run } from './run.ts';
import { VERSIONS, type Settings } from './settings.ts';

/** A cluster's settings together with the built programs. */
export interface Cluster {
  readonly settings: Settings;
  readonly programs: Programs;
}

/** Starts a process unless it runs as it should; one that runs with another version or configuration is started anew. Gives whether it started one. */
export async function ensureStarted({ settings, programs }: Cluster, name: ComponentName): Promise<boolean> {
  const component = components(settings, programs)[name];
  const fingerprint = fingerprintOf(settings.state, component);
  const running = runningProcess(settings.state, name);
  if (running?.fingerprint === fingerprint) return false;
  if (running !== undefined) await end(settings.state, name, component.patience);
  if (name === 'envoy-gateway') await prepareGateway({ settings, programs });
  await checkPorts(name, component.ports);
  await launch(settings.state, name, component.argv, component.env, fingerprint);
  return true;
}

/** Waits until a process says that it is well. */
export async function awaitHealthy({ settings, programs }: Cluster, name: ComponentName, seconds: number): Promise<void> {
  const { health } = components(settings, programs)[name];
  const ended = (): boolean => runningProcess(settings.state, name) === undefined;
  await waitUntil(
    name,
    seconds,
    async () => await askHealth(health),
    `see ${logPath(settings.state, name)}, then run the same command again`,
    ended,
  );
}

/** Ends a process of the cluster; `envoy-gateway` takes Envoy with it. */
export async function endComponent({ settings, programs }: Cluster, name: ComponentName): Promise<void> {
  await end(settings.state, name, components(settings, programs)[name].patience);
  if (name === 'envoy-gateway') await endEnvoys(settings.state);
}

// Envoy outlives an envoy-gateway that was killed, and would keep the ports.
async function prepareGateway({ settings, programs }: Cluster): Promise<void> {
  const { state } = settings;
  await endEnvoys(state);
  const config = join(state, 'gateway/config');
  if (!existsSync(join(config, 'certs/envoy-gateway/tls.crt')))
    await run([programs.envoyGateway, 'certgen', '--local', '--config-home', config]);
  linkCertificates(state);
  const envoy = envoyPath(state);
  // where envoy-gateway looks before it would download one
  if (!existsSync(envoy)) {
    mkdirSync(join(envoy, '..'), { recursive: true });
    await copyFile(programs.envoy, `${envoy}.new`);
    await rename(`${envoy}.new`, envoy);
  }
}

function envoyPath(state: string): string {
  return join(state, 'gateway/data/envoy-versions', VERSIONS.envoy, 'bin/envoy');
}

/** Envoy processes of this cluster: their program lies in its state folder. */
export function envoyProcesses(state: string): readonly ProcessId[] {
  return findProcesses((program) => program.startsWith(join(state, 'gateway/data/')));
}

/** Ends the Envoy processes of this cluster. */
export async function endEnvoys(state: string): Promise<void> {
  await Promise.all(envoyProcesses(state).map((id) => endProcess(id, 5)));
}

/** Shims of this cluster's containerd: they outlive it, and say whose they are in their arguments. */
export function shimProcesses(state: string): readonly ProcessId[] {
  return findProcesses((program, argv) => program.endsWith('/containerd-shim-runc-v2') && argv.includes(containerdSocket(state)));
}

/** Runs kubectl as administrator and gives its standard output. */
export async function kubectlOn({ settings, programs }: Cluster, args: readonly string[], input?: string): Promise<string> {
  const env = { ...process.env, KUBECONFIG: kubeconfigOf(settings.state, 'admin') };
  return await run([programs.kube, 'kubectl', ...args], { env, ...(input === undefined ? {} : { input }) });
}

/** Runs ctr on the node's images and containers and gives its standard output. */
export async function ctrOn({ settings, programs }: Cluster, args: readonly string[]): Promise<string> {
  return await run([join(programs.containerd, 'ctr'), '--address', containerdSocket(settings.state), '--namespace', 'k8s.io', ...args]);
}

/** Imports an OCI archive into the node. Its name comes from the archive; pods use it with `imagePullPolicy: Never`. */
export async function importImageOn(cluster: Cluster, archive: string): Promise<void> {
  if (!existsSync(archive)) throw new ClusterError(`There is no image archive ${archive}: build it first.`);
  await ctrOn(cluster, ['images', 'import', archive]);
}
