// What the cluster changes on the machine outside its state folder, and how that is taken back.
import { lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ClusterError } from './failure.ts';
import { attempt, run } from './run.ts';
import { NETWORK, type Settings } from './settings.ts';

const CERTIFICATES_LINK = '/certs';
const certificatesFolder = (state: string): string => join(state, 'gateway/config/certs/envoy-gateway');

/** Links /certs, where Envoy Gateway reads the certificate of its xDS server whatever its configuration says. */
export function linkCertificates(state: string): void {
  const folder = certificatesFolder(state);
  mkdirSync(folder, { recursive: true });
  const target = linkTarget(CERTIFICATES_LINK);
  if (target === folder) return;
  if (target !== undefined && !target.endsWith('/gateway/config/certs/envoy-gateway')) {
    throw new ClusterError(
      `${CERTIFICATES_LINK} exists and is not this cluster's, but Envoy Gateway reads its certificate there: move it away, then run the same command again.`,
    );
  }
  rmSync(CERTIFICATES_LINK, { force: true });
  symlinkSync(folder, CERTIFICATES_LINK);
}

/** Removes the link, if it is the one of this state folder. */
export function unlinkCertificates(state: string): void {
  if (linkTarget(CERTIFICATES_LINK) === certificatesFolder(state)) rmSync(CERTIFICATES_LINK);
}

/** Target of a symbolic link, "" for another kind of file, nothing when there is no such file. */
function linkTarget(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  return stat.isSymbolicLink() ? readlinkSync(path) : '';
}

/** Gives the pods' bridge its address early on a machine that has no other address for the node. */
export async function ensureNodeAddress(settings: Settings): Promise<void> {
  if (settings.nodeAddress !== NETWORK.bridgeAddress) return;
  await attempt(['ip', 'link', 'add', NETWORK.bridge, 'type', 'bridge']);
  await attempt(['ip', 'address', 'add', `${NETWORK.bridgeAddress}/24`, 'dev', NETWORK.bridge]);
  await run(['ip', 'link', 'set', NETWORK.bridge, 'up']);
}

/** Removes the pods' bridge. */
export async function removeBridge(): Promise<void> {
  await attempt(['ip', 'link', 'delete', NETWORK.bridge]);
}

/** Removes the chain that kube-proxy's own clean-up leaves. */
export async function removeFirewallChain(): Promise<void> {
  for (const chain of ['INPUT', 'OUTPUT']) await attempt(['iptables', '-w', '-D', chain, '-j', 'KUBE-FIREWALL']);
  await attempt(['iptables', '-w', '-F', 'KUBE-FIREWALL']);
  await attempt(['iptables', '-w', '-X', 'KUBE-FIREWALL']);
}

/** Mount points below a folder in the text of /proc/mounts, the deepest first. */
export function mountsBelow(mounts: string, folder: string): readonly string[] {
  return mounts
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8))))
    .filter((path) => path.startsWith(`${folder}/`))
    .sort()
    .reverse();
}

/** Unmounts everything below a folder; gives what is still mounted. */
export async function unmountBelow(folder: string): Promise<readonly string[]> {
  for (const path of mountsBelow(readFileSync('/proc/mounts', 'utf8'), folder)) await attempt(['umount', '--lazy', path]);
  return mountsBelow(readFileSync('/proc/mounts', 'utf8'), folder);
}

/** Refuses when another program listens on a port that is needed. */
export async function checkPorts(name: string, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (await portTaken(port)) {
      throw new ClusterError(
        `Port ${port}, which ${name} needs, is in use by another program: end that (\`ss -ltnp 'sport = :${port}'\` shows it), then run the same command again.`,
      );
    }
  }
}

async function portTaken(port: number): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(true) : reject(error)));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(false)));
  });
}
