// Bringing the cluster up. Each step looks first, so a second run, or one after a crash, does only what is missing.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Say } from '../images/cache.ts';
import { ensurePrograms, type Programs } from './build.ts';
import { COMPONENTS } from './components.ts';
import { readIfPresent, renderConfiguration, writeIfChanged } from './configuration.ts';
import { ClusterError } from './failure.ts';
import { ENVOY_HEALTH, askHealth, askListener, waitUntil } from './health.ts';
import { ensureNodeAddress } from './host.ts';
import { releaseLock, takeLock } from './lock.ts';
import { awaitHealthy, endComponent, ensureStarted, envoyProcesses, importImageOn, kubectlOn, type Cluster } from './operations.ts';
import { ensurePackages } from './packages.ts';
import { ensureCertificates } from './pki.ts';
import { logPath, runningProcess } from './processes.ts';
import { awaitScrapeInterval, durationMs, reloadPrometheus } from './prometheus.ts';
import { NETWORK, PORTS, type Settings } from './settings.ts';

/** A file of this name marks a folder as the state of a local cluster: only such a folder is ever deleted. */
export const MARKER = 'plimsoll-cluster';

/** Brings everything up and returns when all of it is ready. `scrapeInterval` (such as "1s") is for Envoy's and the pods' metrics. */
export async function bringUp(settings: Settings, scrapeInterval: string, say: Say): Promise<void> {
  if (!(durationMs(scrapeInterval) > 0))
    throw new ClusterError(`The scrape interval "${scrapeInterval}" is not a duration such as 1s, 500ms or 1m30s.`);
  await ensurePackages(process.getuid?.() === 0, say);
  await takeLock(settings.lock, settings.state, say);
  try {
    const cluster = { settings, programs: await ensurePrograms(settings, say) };
    await startAll(cluster, scrapeInterval, say);
  } finally {
    releaseLock(settings.lock, settings.state);
  }
}

async function startAll(cluster: Cluster, scrapeInterval: string, say: Say): Promise<void> {
  const { settings, programs } = cluster;
  prepareFolder(settings, programs);
  const changed = renderConfiguration(settings, scrapeInterval);
  await ensureCertificates(settings);
  await ensureNodeAddress(settings);
  say('configuration and certificates');

  await ensureStarted(cluster, 'etcd');
  await ensureStarted(cluster, 'kube-apiserver');
  await ensureStarted(cluster, 'containerd');
  await awaitApiserver(cluster);
  say('apiserver ready');

  // it takes the longest, and the node does not need it; a failure is thrown where it is awaited below
  const resources = ensureGatewayResources(cluster);
  resources.catch(() => undefined);
  await ensureStarted(cluster, 'kube-controller-manager');
  await ensureStarted(cluster, 'kube-scheduler');
  await awaitHealthy(cluster, 'containerd', 30);
  await ensureTestImages(cluster);
  await ensureStarted(cluster, 'kubelet');
  await ensureStarted(cluster, 'kube-proxy');
  await kubectlOn(cluster, ['apply', '--server-side', '--force-conflicts', '-f', join(settings.state, 'conf/base.yaml')]);
  await ensureStarted(cluster, 'coredns');
  const prometheusIsNew = await ensureStarted(cluster, 'prometheus');
  await awaitNode(cluster);
  say(`node ${NETWORK.node} ready`);

  await resources;
  say('Gateway API and Envoy Gateway resources established');
  await ensureGateway(cluster);
  for (const name of COMPONENTS) await awaitHealthy(cluster, name, 60);
  if (!prometheusIsNew && changed.includes('prometheus.yml')) {
    await reloadPrometheus();
    await awaitScrapeInterval(scrapeInterval);
  }
  say(
    `up: gateway http://127.0.0.1:${PORTS.gateway}, Prometheus http://127.0.0.1:${PORTS.prometheus}, Envoy http://127.0.0.1:${PORTS.envoyAdmin}`,
  );
}

function prepareFolder({ state }: Settings, programs: Programs): void {
  for (const name of ['bin', 'logs', 'pids', 'rules', 'etcd', 'kubelet', 'podlogs', 'containerd/opt', 'gateway', 'prometheus']) {
    mkdirSync(join(state, name), { recursive: true });
  }
  writeFileSync(join(state, MARKER), 'State of a local cluster of Plimsoll: `npm run cluster -- down --wipe` deletes this folder.\n');
  const tools = { kubectl: programs.kube, ctr: join(programs.containerd, 'ctr'), promtool: programs.promtool };
  for (const [name, program] of Object.entries(tools)) {
    rmSync(join(state, 'bin', name), { force: true });
    symlinkSync(program, join(state, 'bin', name));
  }
}

async function awaitApiserver(cluster: Cluster): Promise<void> {
  try {
    await awaitHealthy(cluster, 'kube-apiserver', 120);
  } catch (error) {
    const { state } = cluster.settings;
    if (runningProcess(state, 'etcd') !== undefined) throw error;
    throw new ClusterError(
      `etcd ended while it was starting: see ${logPath(state, 'etcd')}; if its data are damaged, \`npm run cluster -- down --wipe\` and \`up\` begin anew.`,
      { cause: error },
    );
  }
}

/** CRDs, then the GatewayClass, EnvoyProxy and Gateway, which must be there before envoy-gateway starts. */
async function ensureGatewayResources(cluster: Cluster): Promise<void> {
  const { settings, programs } = cluster;
  const applied = join(settings.state, 'crds-applied');
  const present =
    (await kubectlOn(cluster, ['get', 'crd', '-o', 'name'])).match(/(gateway\.networking\.k8s|gateway\.envoyproxy)\.io$/gm)?.length ?? 0;
  if (present < 18 || readIfPresent(applied) !== programs.crds) {
    await kubectlOn(cluster, ['apply', '--server-side', '--force-conflicts', '--validate=false', '-f', programs.crds]);
    await kubectlOn(cluster, ['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all']);
    writeIfChanged(applied, programs.crds);
  }
  await kubectlOn(cluster, ['apply', '--server-side', '--force-conflicts', '-f', join(settings.state, 'conf/gateway.yaml')]);
}

async function ensureTestImages(cluster: Cluster): Promise<void> {
  const imported = join(cluster.settings.state, 'containerd/imported');
  const wanted = cluster.programs.images.join('\n');
  if (readIfPresent(imported) === wanted) return;
  for (const archive of cluster.programs.images) await importImageOn(cluster, archive);
  writeIfChanged(imported, wanted);
}

async function awaitNode(cluster: Cluster): Promise<void> {
  const log = logPath(cluster.settings.state, 'kubelet');
  await awaitHealthy(cluster, 'kubelet', 60);
  const path = '{.status.conditions[?(@.type=="Ready")].status}';
  const check = async (): Promise<string> => {
    const ready = await kubectlOn(cluster, ['get', 'node', NETWORK.node, '--ignore-not-found', '-o', `jsonpath=${path}`]);
    return ready === 'True' ? 'ok' : `Ready is ${ready === '' ? 'not reported' : ready}`;
  };
  await waitUntil(
    `node ${NETWORK.node}`,
    90,
    check,
    `see ${log}, then run the same command again`,
    () => runningProcess(cluster.settings.state, 'kubelet') === undefined,
  );
}

async function ensureGateway(cluster: Cluster): Promise<void> {
  const { state } = cluster.settings;
  const log = logPath(state, 'envoy-gateway');
  // envoy-gateway does not start Envoy again after it was killed
  if (runningProcess(state, 'envoy-gateway') !== undefined && envoyProcesses(state).length === 0)
    await endComponent(cluster, 'envoy-gateway');
  await ensureStarted(cluster, 'envoy-gateway');
  const ended = (): boolean => runningProcess(state, 'envoy-gateway') === undefined;
  await waitUntil('Envoy', 90, async () => await askHealth(ENVOY_HEALTH), `see ${log}, then run the same command again`, ended);
  await waitUntil('the Gateway default/eg', 60, askListener, `see ${log}, then run the same command again`, ended);
}
