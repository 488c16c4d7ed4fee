// Every port, version, address and path of the local cluster, in one place.
import { homedir, networkInterfaces } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ClusterError } from './failure.ts';

/** TCP ports on this machine that the cluster chooses itself. `conf/` uses them as `@P_NAME@`. */
export const PORTS = {
  etcd: 12379,
  etcdPeer: 12380,
  apiserver: 16443,
  controllerManager: 16257,
  scheduler: 16259,
  kubelet: 16250,
  kubeletHealth: 16248,
  proxyHealth: 16256,
  proxyMetrics: 16249,
  dns: 10053,
  dnsHealth: 10054,
  /** HTTP listener of the Gateway `default/eg`. */
  gateway: 18080,
  /** Envoy's /stats/prometheus, /config_dump, /clusters, /ready. */
  envoyAdmin: 19901,
  /** Envoy's /stats/prometheus alone, for pods too. */
  envoyMetrics: 19902,
  prometheus: 19090,
} as const;

/** TCP ports that are fixed inside Envoy Gateway: xDS, Wasm, health, administration, its own metrics. */
export const GATEWAY_PORTS = { xds: 18000, wasm: 18002, health: 8081, admin: 19000, metrics: 19001 } as const;

export const VERSIONS = {
  kubernetes: 'v1.36.3',
  containerd: 'v2.4.2',
  envoyGateway: 'v1.9.1',
  prometheus: '3.16.0',
  envoy: '1.40.0',
} as const;

export const NETWORK = {
  node: 'node-1',
  podCidr: '10.244.0.0/24',
  /** The node's end of the pods' bridge; also the node's address on a machine that has no other. */
  bridgeAddress: '10.244.0.1',
  serviceCidr: '10.96.0.0/16',
  apiService: '10.96.0.1',
  dnsService: '10.96.0.10',
  bridge: 'kcni0',
} as const;

/** Debian packages whose programs the cluster (or the building of images for it) runs. */
export const DEBIAN_PACKAGES = [
  'runc',
  'containernetworking-plugins',
  'iptables',
  'iproute2',
  'conntrack',
  'openssl',
  'mmdebstrap',
  'curl',
  'jq',
  'ca-certificates',
] as const;

export const DEFAULT_SCRAPE_INTERVAL = '5s';

/** Folder of this file: templates in `conf/`, Go modules in `sources/`. */
export const HERE = dirname(fileURLToPath(import.meta.url));

export interface Settings {
  /** Everything that the cluster writes. */
  readonly state: string;
  /** Built programs, by name and version; shared by all that need a cluster. */
  readonly cache: string;
  /** Says which cluster runs on this machine; the same file whatever the state folder. */
  readonly lock: string;
  /** The host's own address that is not loopback; pods reach host processes there. */
  readonly nodeAddress: string;
}

/**
 * Settings from the environment (PLIMSOLL_CLUSTER_DIR, PLIMSOLL_NODE_ADDRESS, XDG_STATE_HOME, XDG_CACHE_HOME).
 * Throws a ClusterError for a state folder that the programs cannot work in.
 */
export function settingsFrom(env: NodeJS.ProcessEnv): Settings {
  const stateHome = env['XDG_STATE_HOME'] || join(homedir(), '.local/state');
  const cacheHome = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const state = resolve(env['PLIMSOLL_CLUSTER_DIR'] || join(stateHome, 'plimsoll/cluster'));
  checkStateFolder(state);
  return {
    state,
    cache: join(cacheHome, 'plimsoll'),
    lock: '/run/lock/plimsoll-cluster.json',
    nodeAddress: env['PLIMSOLL_NODE_ADDRESS'] || hostAddress() || NETWORK.bridgeAddress,
  };
}

/** Refuses a path that cannot stand in the configuration files, or that would make the kubelet's socket names too long. */
export function checkStateFolder(state: string): void {
  if (!/^\/[A-Za-z0-9._/+-]+$/.test(state)) {
    throw new ClusterError(
      `The state folder ${state} has characters other than letters, digits and . _ / + -: set PLIMSOLL_CLUSTER_DIR to a plain path.`,
    );
  }
  if (state.length > 64) {
    throw new ClusterError(
      `The state folder ${state} has ${state.length} characters, and socket names allow 64: set PLIMSOLL_CLUSTER_DIR to a shorter path.`,
    );
  }
}

/** IPv4 address of the interface with the default route, else of the first interface that is neither loopback nor our bridge. */
function hostAddress(): string | undefined {
  const interfaces = Object.entries(networkInterfaces()).filter(([name]) => name !== NETWORK.bridge);
  const addressOf = (name: string): string | undefined =>
    interfaces.find(([each]) => each === name)?.[1]?.find((address) => address.family === 'IPv4' && !address.internal)?.address;
  const names = [defaultRouteInterface(readFileSync('/proc/net/route', 'utf8')), ...interfaces.map(([name]) => name)];
  return names.flatMap((name) => (name === undefined ? [] : (addressOf(name) ?? []))).at(0);
}

/** Interface of the default route in the text of /proc/net/route. */
export function defaultRouteInterface(routes: string): string | undefined {
  return routes
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .find((fields) => fields[1] === '00000000')?.[0];
}
