// The processes of the cluster: how each is started, which ports it needs, and how to see that it is well.
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Programs } from './build.ts';
import { readIfPresent } from './configuration.ts';
import type { Health } from './health.ts';
import { kubeconfigOf } from './pki.ts';
import { GATEWAY_PORTS, NETWORK, PORTS, type Settings } from './settings.ts';

export const COMPONENTS = [
  'etcd',
  'kube-apiserver',
  'containerd',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'coredns',
  'envoy-gateway',
  'prometheus',
] as const;

/** Name of a process of the cluster. Envoy is not among them: envoy-gateway starts it and ends it. */
export type ComponentName = (typeof COMPONENTS)[number];

export interface Component {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Files in the state folder that are read only at the start: a change of one means a restart. */
  readonly files: readonly string[];
  /** TCP ports that must be free before the start. */
  readonly ports: readonly number[];
  readonly health: Health;
  /** Seconds that it may take to end before it is killed. */
  readonly patience: number;
}

const local = (port: number): string => `127.0.0.1:${port}`;
const http = (port: number, path: string): Health => ({ kind: 'http', url: `http://${local(port)}${path}` });
const https = (port: number, path: string): Health => ({ kind: 'https', url: `https://${local(port)}${path}` });

/** All components, in no order: `up` knows which needs which. */
export function components(settings: Settings, programs: Programs): Readonly<Record<ComponentName, Component>> {
  return { ...controlPlane(settings, programs), ...node(settings, programs), ...services(settings, programs) };
}

/** What would be different after a change of the command, its programs' version or its files. */
export function fingerprintOf(state: string, component: Component): string {
  const parts = [...component.argv, ...component.files.map((file) => readIfPresent(join(state, file)) ?? '')];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
}

/** Path of containerd's socket. */
export function containerdSocket(state: string): string {
  return join(state, 'containerd/cd.sock');
}

function environment(): Record<string, string> {
  // none of the caller's settings: a proxy would stand between the parts of the cluster
  return { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', HOME: homedir() };
}

function controlPlane({ state, nodeAddress }: Settings, { kube }: Programs) {
  const pki = (name: string): string => join(state, 'pki', name);
  const files = ['pki/kube-apiserver.request', 'pki/ca.crt'];
  const client = (name: 'kube-controller-manager' | 'kube-scheduler'): readonly string[] =>
    ['--kubeconfig', '--authentication-kubeconfig', '--authorization-kubeconfig'].flatMap((flag) => [flag, kubeconfigOf(state, name)]);
  const common = { env: environment(), patience: 10, files: ['pki/ca.crt'] };
  return {
    etcd: {
      ...common,
      // nothing here must survive a power cut, and waiting for the disk is most of etcd's time
      argv: [
        kube,
        'etcd',
        '--name',
        'e',
        '--data-dir',
        join(state, 'etcd'),
        '--unsafe-no-fsync',
        '--log-level',
        'warn',
        '--listen-client-urls',
        `http://${local(PORTS.etcd)}`,
        '--advertise-client-urls',
        `http://${local(PORTS.etcd)}`,
        '--listen-peer-urls',
        `http://${local(PORTS.etcdPeer)}`,
        '--initial-advertise-peer-urls',
        `http://${local(PORTS.etcdPeer)}`,
        '--initial-cluster',
        `e=http://${local(PORTS.etcdPeer)}`,
      ],
      files: [],
      ports: [PORTS.etcd, PORTS.etcdPeer],
      health: http(PORTS.etcd, '/health'),
    },
    'kube-apiserver': {
      ...common,
      argv: [
        kube,
        'kube-apiserver',
        '--etcd-servers',
        `http://${local(PORTS.etcd)}`,
        '--bind-address',
        '0.0.0.0',
        '--secure-port',
        String(PORTS.apiserver),
        '--advertise-address',
        nodeAddress,
        '--tls-cert-file',
        pki('kube-apiserver.crt'),
        '--tls-private-key-file',
        pki('kube-apiserver.key'),
        '--client-ca-file',
        pki('ca.crt'),
        '--authorization-mode',
        'Node,RBAC',
        '--enable-admission-plugins',
        'NodeRestriction',
        '--allow-privileged=true',
        '--service-cluster-ip-range',
        NETWORK.serviceCidr,
        '--service-account-issuer',
        'https://kubernetes.default.svc',
        '--service-account-key-file',
        pki('sa.pub'),
        '--service-account-signing-key-file',
        pki('sa.key'),
        '--kubelet-client-certificate',
        pki('apiserver-kubelet.crt'),
        '--kubelet-client-key',
        pki('apiserver-kubelet.key'),
        '--kubelet-certificate-authority',
        pki('ca.crt'),
        '--kubelet-preferred-address-types',
        'InternalIP',
        '--requestheader-client-ca-file',
        pki('ca.crt'),
        '--requestheader-allowed-names',
        'front-proxy-client',
        '--requestheader-extra-headers-prefix',
        'X-Remote-Extra-',
        '--requestheader-group-headers',
        'X-Remote-Group',
        '--requestheader-username-headers',
        'X-Remote-User',
        '--proxy-client-cert-file',
        pki('front-proxy.crt'),
        '--proxy-client-key-file',
        pki('front-proxy.key'),
        '--enable-aggregator-routing=true',
      ],
      files,
      ports: [PORTS.apiserver],
      health: https(PORTS.apiserver, '/readyz'),
      // it would wait a minute for its watchers; all that it knows is in etcd
      patience: 3,
    },
    'kube-controller-manager': {
      ...common,
      argv: [
        kube,
        'kube-controller-manager',
        ...client('kube-controller-manager'),
        '--bind-address',
        '127.0.0.1',
        '--secure-port',
        String(PORTS.controllerManager),
        '--use-service-account-credentials',
        '--service-account-private-key-file',
        pki('sa.key'),
        '--root-ca-file',
        pki('ca.crt'),
        '--client-ca-file',
        pki('ca.crt'),
        '--cluster-signing-cert-file',
        pki('ca.crt'),
        '--cluster-signing-key-file',
        pki('ca.key'),
        '--leader-elect=false',
        '--node-monitor-grace-period',
        '40s',
        '--kube-api-qps',
        '200',
        '--kube-api-burst',
        '400',
      ],
      ports: [PORTS.controllerManager],
      health: https(PORTS.controllerManager, '/healthz'),
    },
    'kube-scheduler': {
      ...common,
      argv: [
        kube,
        'kube-scheduler',
        ...client('kube-scheduler'),
        '--bind-address',
        '127.0.0.1',
        '--secure-port',
        String(PORTS.scheduler),
        '--leader-elect=false',
        '--kube-api-qps',
        '200',
        '--kube-api-burst',
        '400',
      ],
      ports: [PORTS.scheduler],
      health: https(PORTS.scheduler, '/healthz'),
    },
  } satisfies Partial<Record<ComponentName, Component>>;
}

function node({ state, nodeAddress }: Settings, { kube, containerd }: Programs) {
  const base = environment();
  return {
    containerd: {
      // containerd looks for its shim on PATH
      argv: [join(containerd, 'containerd'), '--config', join(state, 'conf/containerd.toml')],
      env: { ...base, PATH: `${containerd}:${base['PATH'] ?? ''}` },
      files: ['conf/containerd.toml'],
      ports: [],
      health: {
        kind: 'command',
        argv: [join(containerd, 'ctr'), '--address', containerdSocket(state), '--connect-timeout', '2s', 'version'],
      },
      patience: 10,
    },
    kubelet: {
      argv: [
        kube,
        'kubelet',
        '--config',
        join(state, 'conf/kubelet.yaml'),
        '--kubeconfig',
        kubeconfigOf(state, 'kubelet'),
        '--root-dir',
        join(state, 'kubelet'),
        '--cert-dir',
        join(state, 'kubelet/pki'),
        '--hostname-override',
        NETWORK.node,
        '--node-ip',
        nodeAddress,
      ],
      env: base,
      files: ['conf/kubelet.yaml', 'pki/kubelet-server.request', 'pki/ca.crt'],
      ports: [PORTS.kubelet, PORTS.kubeletHealth],
      health: http(PORTS.kubeletHealth, '/healthz'),
      patience: 10,
    },
    'kube-proxy': {
      argv: [kube, 'kube-proxy', '--config', join(state, 'conf/kube-proxy.yaml')],
      env: base,
      files: ['conf/kube-proxy.yaml', 'pki/ca.crt'],
      ports: [PORTS.proxyHealth, PORTS.proxyMetrics],
      health: http(PORTS.proxyHealth, '/livez'),
      patience: 10,
    },
  } satisfies Partial<Record<ComponentName, Component>>;
}

function services({ state, nodeAddress }: Settings, { coredns, envoyGateway, prometheus }: Programs) {
  const base = environment();
  return {
    coredns: {
      argv: [coredns, '-conf', join(state, 'conf/Corefile')],
      env: base,
      files: ['conf/Corefile', 'pki/ca.crt'],
      ports: [PORTS.dns, PORTS.dnsHealth],
      health: http(PORTS.dnsHealth, '/health'),
      patience: 10,
    },
    'envoy-gateway': {
      argv: [envoyGateway, 'server', '--config-path', join(state, 'conf/envoy-gateway.yaml')],
      env: { ...base, KUBECONFIG: kubeconfigOf(state, 'admin'), ENVOY_GATEWAY_NAMESPACE: 'envoy-gateway-system' },
      // Envoy's bootstrap is made once, from the EnvoyProxy of gateway.yaml
      files: ['conf/envoy-gateway.yaml', 'conf/gateway.yaml', 'pki/ca.crt'],
      ports: [...Object.values(GATEWAY_PORTS), PORTS.gateway, PORTS.envoyAdmin, PORTS.envoyMetrics],
      health: http(GATEWAY_PORTS.health, '/readyz'),
      patience: 10,
    },
    prometheus: {
      argv: [
        prometheus,
        '--config.file',
        join(state, 'conf/prometheus.yml'),
        '--storage.tsdb.path',
        join(state, 'prometheus'),
        '--web.listen-address',
        local(PORTS.prometheus),
        '--web.listen-address',
        `${nodeAddress}:${PORTS.prometheus}`,
        '--web.enable-lifecycle',
        '--storage.tsdb.retention.time',
        '1d',
      ],
      env: base,
      files: ['pki/ca.crt'],
      ports: [PORTS.prometheus],
      health: http(PORTS.prometheus, '/-/ready'),
      patience: 20,
    },
  } satisfies Partial<Record<ComponentName, Component>>;
}
