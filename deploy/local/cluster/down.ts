// Taking the cluster down: every process that `up` started and none other, then what it changed on the machine.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Say } from '../images/cache.ts';
import { ensurePrograms } from './build.ts';
import { components } from './components.ts';
import { ClusterError } from './failure.ts';
import { removeBridge, removeFirewallChain, unlinkCertificates, unmountBelow } from './host.ts';
import { releaseLock, takeLock } from './lock.ts';
import { awaitHealthy, ctrOn, endComponent, endEnvoys, ensureStarted, shimProcesses, type Cluster } from './operations.ts';
import { endProcess, runningProcess } from './processes.ts';
import { attempt } from './run.ts';
import type { Settings } from './settings.ts';
import { MARKER } from './up.ts';

/** Parts of the state folder that mean nothing without the processes. */
const RUNTIME_PARTS = ['pids', 'cni/ipam', 'containerd/run', 'containerd/cd.sock', 'containerd/cd.sock.ttrpc', 'gateway/run'];

/** Ends the cluster of this state folder; with `wipe`, deletes the folder too. Does nothing when there is none. */
export async function takeDown(settings: Settings, wipe: boolean, say: Say): Promise<void> {
  const { state } = settings;
  if (!existsSync(join(state, MARKER))) {
    say(`there is no cluster in ${state}`);
    return;
  }
  if (process.getuid?.() !== 0)
    throw new ClusterError('Ending the local cluster undoes mounts and network rules: run the same command as root.');
  await takeLock(settings.lock, state, say);
  try {
    const cluster = { settings, programs: await ensurePrograms(settings, say) };
    await endAll(cluster);
    await restoreHost(cluster);
    const mounted = await unmountBelow(state);
    if (mounted.length > 0)
      throw new ClusterError(`${mounted[0] ?? ''} cannot be unmounted: end what uses it, then run the same command again.`);
    for (const path of wipe ? [state] : RUNTIME_PARTS.map((part) => join(state, part))) rmSync(path, { recursive: true, force: true });
  } finally {
    releaseLock(settings.lock, state);
  }
  say(wipe ? `down; ${state} deleted` : `down; state kept in ${state}`);
}

async function endAll(cluster: Cluster): Promise<void> {
  const { state } = cluster.settings;
  // nothing may start pods or Envoy any more before these are removed
  const first = ['prometheus', 'envoy-gateway', 'coredns', 'kubelet', 'kube-proxy', 'kube-scheduler', 'kube-controller-manager'] as const;
  await Promise.all(first.map((name) => endComponent(cluster, name)));
  await endEnvoys(state);
  await removePods(cluster);
  await endComponent(cluster, 'containerd');
  await endComponent(cluster, 'kube-apiserver');
  await endComponent(cluster, 'etcd');
  await Promise.all(shimProcesses(state).map((id) => endProcess(id, 1)));
}

// Shims and containers outlive containerd, and only containerd knows them all: it is started for this when it has died.
async function removePods(cluster: Cluster): Promise<void> {
  const { state } = cluster.settings;
  if (runningProcess(state, 'containerd') === undefined) {
    if (!existsSync(join(state, 'containerd/run'))) return;
    await ensureStarted(cluster, 'containerd');
    await awaitHealthy(cluster, 'containerd', 30);
  }
  const names = async (kind: string): Promise<readonly string[]> =>
    (await ctrOn(cluster, [kind, 'ls', '-q'])).split('\n').filter((name) => name !== '');
  // one that has ended by itself meanwhile is no failure
  const remove = async (...args: readonly string[]): Promise<unknown> => await ctrOn(cluster, args).catch(() => undefined);
  await Promise.all((await names('task')).map((task) => remove('task', 'rm', '-f', task)));
  await Promise.all((await names('container')).map((container) => remove('container', 'rm', container)));
}

async function restoreHost({ settings, programs }: Cluster): Promise<void> {
  const proxy = components(settings, programs)['kube-proxy'];
  if (existsSync(join(settings.state, 'conf/kube-proxy.yaml'))) await attempt([...proxy.argv, '--cleanup'], { env: proxy.env });
  await removeFirewallChain();
  await removeBridge();
  unlinkCertificates(settings.state);
}
