// How each process of the cluster is.
import { join } from 'node:path';
import { COMPONENTS, components } from './components.ts';
import { ENVOY_HEALTH, askHealth, askListener } from './health.ts';
import { envoyProcesses, kubectlOn, type Cluster } from './operations.ts';
import { logPath, runningProcess } from './processes.ts';
import { NETWORK } from './settings.ts';

/** One line of the report. */
export interface PartStatus {
  readonly name: string;
  /** Nothing when it does not run; parts that are no process have none either. */
  readonly pid?: number;
  readonly healthy: boolean;
  /** "ok", or what is wrong. */
  readonly detail: string;
  readonly log: string;
}

/** Asks every process, Envoy, the Gateway's listener and the node. */
export async function inspect(cluster: Cluster): Promise<readonly PartStatus[]> {
  const { settings, programs } = cluster;
  const { state } = settings;
  const all = components(settings, programs);
  const processes = COMPONENTS.map(
    async (name) => await part(name, runningProcess(state, name)?.pid, logPath(state, name), () => askHealth(all[name].health)),
  );
  const gatewayLog = logPath(state, 'envoy-gateway');
  const envoy = part('envoy', envoyProcesses(state)[0]?.pid, gatewayLog, () => askHealth(ENVOY_HEALTH));
  const listener = judged('gateway default/eg', gatewayLog, askListener);
  const node = judged(`node ${NETWORK.node}`, logPath(state, 'kubelet'), () => askNode(cluster));
  return await Promise.all([...processes, envoy, listener, node]);
}

async function part(name: string, pid: number | undefined, log: string, ask: () => Promise<string>): Promise<PartStatus> {
  return pid === undefined ? { name, healthy: false, detail: 'not running', log } : { ...(await judged(name, log, ask)), pid };
}

async function judged(name: string, log: string, ask: () => Promise<string>): Promise<PartStatus> {
  const detail = await ask();
  return { name, healthy: detail === 'ok', detail, log };
}

async function askNode(cluster: Cluster): Promise<string> {
  try {
    const ready = await kubectlOn(cluster, [
      'get',
      'node',
      NETWORK.node,
      '--request-timeout=3s',
      '-o',
      'jsonpath={.status.conditions[?(@.type=="Ready")].status}',
    ]);
    return ready === 'True' ? 'ok' : `Ready is ${ready}`;
  } catch {
    return 'the apiserver does not tell';
  }
}

/** The report as text: one line for each part, and the log of each that is not well. */
export function describe(parts: readonly PartStatus[], state: string): string {
  const lines = parts.map(
    ({ name, pid, healthy, detail, log }) =>
      `${name.padEnd(26)}${String(pid ?? '-').padStart(8)}  ${healthy ? 'ok' : `${detail} (log: ${log})`}`,
  );
  return [...lines, `state folder: ${state}, rule files: ${join(state, 'rules')}/*.yml`].join('\n');
}
