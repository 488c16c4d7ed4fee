// The local cluster for other programs (demo, tests, bench): what `npm run cluster` does, as functions.
//
// All of them are about the one cluster that the environment names (see settings.ts); failures are ClusterErrors.
import { join } from 'node:path';
import type { Say } from '../images/cache.ts';
import { ensurePrograms } from './build.ts';
import type { ComponentName } from './components.ts';
import { takeDown } from './down.ts';
import { witnessOf } from './lock.ts';
import { awaitHealthy, endComponent, ensureStarted, importImageOn, kubectlOn, type Cluster } from './operations.ts';
import { kubeconfigOf } from './pki.ts';
import { reloadPrometheus } from './prometheus.ts';
import { DEFAULT_SCRAPE_INTERVAL, settingsFrom } from './settings.ts';
import { inspect, type PartStatus } from './status.ts';
import { bringUp } from './up.ts';

export type { ComponentName } from './components.ts';
export { ClusterError } from './failure.ts';
export { NETWORK, PORTS, VERSIONS } from './settings.ts';
export type { PartStatus } from './status.ts';
export { TEST_IMAGES } from './test-images.ts';
export { reloadPrometheus };

export interface UpOptions {
  /** How often Prometheus asks Envoy and annotated pods, such as "1s"; 5s unless told. Takes effect on a running cluster too. */
  readonly scrapeInterval?: string;
  /** Told what happens; nobody is, unless given. */
  readonly say?: Say;
}

export interface DownOptions {
  /** Delete the state folder too. */
  readonly wipe?: boolean;
  readonly say?: Say;
}

const silent: Say = () => undefined;

async function opened(): Promise<Cluster> {
  const settings = settingsFrom(process.env);
  return { settings, programs: await ensurePrograms(settings, silent) };
}

/** Brings the cluster up, building and installing what is missing; returns when everything is ready. */
export async function up(options: UpOptions = {}): Promise<void> {
  await bringUp(settingsFrom(process.env), options.scrapeInterval ?? DEFAULT_SCRAPE_INTERVAL, options.say ?? silent);
}

/** Takes the cluster down. */
export async function down(options: DownOptions = {}): Promise<void> {
  await takeDown(settingsFrom(process.env), options.wipe ?? false, options.say ?? silent);
}

/** How each part is. */
export async function status(): Promise<readonly PartStatus[]> {
  return await inspect(await opened());
}

/** Whether any process of the cluster runs. Asks nobody and builds nothing. */
export function isUp(): boolean {
  return witnessOf(stateFolder()) !== undefined;
}

/** Folder of everything that the cluster writes; `bin` in it has kubectl. */
export function stateFolder(): string {
  return settingsFrom(process.env).state;
}

/** Path of the administrator's kubeconfig. */
export function kubeconfigPath(): string {
  return kubeconfigOf(settingsFrom(process.env).state, 'admin');
}

/** Folder whose `*.yml` files Prometheus reads as rules, after `reloadPrometheus()`. */
export function rulesFolder(): string {
  return join(settingsFrom(process.env).state, 'rules');
}

/** Runs kubectl as administrator, with `input` as its standard input, and gives its standard output. */
export async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await kubectlOn(await opened(), args, input);
}

/** Imports an OCI archive into the node. */
export async function importImage(archive: string): Promise<void> {
  await importImageOn(await opened(), archive);
}

/** Imports OCI archives into the node, one after the other. */
export async function importImages(archives: readonly string[]): Promise<void> {
  const cluster = await opened();
  for (const archive of archives) await importImageOn(cluster, archive);
}

/** Ends one process of the cluster, for instance to see what happens without Prometheus; `up` or `startProcess` starts it again. */
export async function stopProcess(name: ComponentName): Promise<void> {
  await endComponent(await opened(), name);
}

/** Starts one process of the cluster and waits until it is well. */
export async function startProcess(name: ComponentName): Promise<void> {
  const cluster = await opened();
  await ensureStarted(cluster, name);
  await awaitHealthy(cluster, name, 60);
}
