// Before anything is made: whether the demo can run in this cluster, and what of it is there. Only reads.
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import type { KubeObject } from '../../../../src/api/resources.ts';
import { buildImages, type ImageName } from '../../images/main.ts';
import { MLSERVER_IMAGE } from '../../images/mlserver.ts';
import { operatorReference } from '../../images/operator.ts';
import type { ContextOptions } from '../arguments.ts';
import { DemoError } from '../failure.ts';
import { Interrupted } from '../interruption.ts';
import type { Kubectl } from '../kubectl.ts';
import { NAMESPACE } from '../manifests.ts';
import type { Stage } from '../stage.ts';
import { judgeInstallation, type Existing, type Image } from './installation.ts';
import { loadCommand, missingImages, nodeProblems } from './nodes.ts';
import { isOwn, nameOf, readObjects } from './objects.ts';
import { missingRights, reviews, type Review } from './rights.ts';

export interface Preflight {
  /** The operator that is there; undefined: the demo installs one. */
  readonly existing: Existing | undefined;
  /** All objects of an installation, as deploy/base has them. */
  readonly objects: readonly KubeObject[];
  readonly operator: Image;
  readonly server: Image & { readonly pullPolicy: 'Never' | 'IfNotPresent' };
}

const BASE = join(import.meta.dirname, '../../../base');
const OLDEST_MINOR = 30;

/** Throws a DemoError that says all that is in the way. */
export async function inspectCluster(stage: Stage, kubectl: Kubectl, server: string, options: ContextOptions): Promise<Preflight> {
  const get = async (...args: string[]): Promise<readonly KubeObject[]> =>
    readObjects(await kubectl.quietly(['get', ...args, '--ignore-not-found', '-o', 'json']));
  const version = await serverVersion(kubectl, server);
  stage.narrator.tell(`Kubernetes ${version} at ${server}`);
  const rights = readReviews(await kubectl.quietly(['create', '-f', '-', '-o', 'json'], JSON.stringify(reviews())));
  refuseLackOf(missingRights(rights, false));
  const objects = loadAll(await kubectl.quietly(['kustomize', BASE])) as readonly KubeObject[];
  const found = readObjects(await kubectl.quietly(['get', '-f', '-', '--ignore-not-found', '-o', 'json'], JSON.stringify(listOf(objects))));
  const operators = await get('deployments', '-A', '--field-selector', 'metadata.name=plimsoll');
  const own = await operatorReference();
  const installation = judgeInstallation(objects, found, operators, own.slice(own.lastIndexOf(':') + 1));
  if (installation.kind === 'refused') throw new DemoError(installation.message);
  const existing = installation.kind === 'existing' ? installation.operator : undefined;
  refuseLackOf(missingRights(rights, existing === undefined));
  for (const object of await get('namespace', NAMESPACE)) {
    throw new DemoError(
      isOwn(object)
        ? `${nameOf(object)} is there: another demo runs, or one did not end well. If none runs, repeat the command with --clean.`
        : `${nameOf(object)} is there and is not the demo's, which would use it: delete it, or use another cluster.`,
    );
  }
  const images = imagesOf(options, existing, own);
  await checkNodes(stage, await get('nodes'), images, existing);
  return { existing, objects, ...images };
}

export function listOf(items: readonly unknown[]): unknown {
  return { apiVersion: 'v1', kind: 'List', items };
}

async function serverVersion(kubectl: Kubectl, server: string): Promise<string> {
  let text: string;
  try {
    text = await kubectl.quietly(['version', '-o', 'json', '--request-timeout=15s']);
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    throw new DemoError(
      `The API server ${server} does not answer as it should: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  const { gitVersion } = (JSON.parse(text) as { readonly serverVersion: { readonly gitVersion: string } }).serverVersion;
  if (isTooOld(gitVersion))
    throw new DemoError(`Kubernetes ${gitVersion} is too old: Plimsoll's admission policies need 1.${OLDEST_MINOR} or later.`);
  return gitVersion;
}

/** Of versions such as `v1.29.4-gke.1043002`. */
export function isTooOld(gitVersion: string): boolean {
  const [major = 0, minor = 0] = gitVersion.replace(/^v/, '').split('.').map(Number);
  return major < 1 || (major === 1 && minor < OLDEST_MINOR);
}

function refuseLackOf(missing: readonly string[]): void {
  if (missing.length > 0) {
    throw new DemoError(`You lack rights that the demo needs: ${missing.join('; ')}. Ask for them, or use another context.`);
  }
}

/** kubectl prints one object after the other. */
function readReviews(text: string): readonly Review[] {
  return JSON.parse(`[${text.trim().replaceAll(/^\}\n\{$/gm, '},\n{')}]`) as readonly Review[];
}

/** Images of one's own come from a registry, those that the demo builds are in the nodes or nowhere. */
function imagesOf(options: ContextOptions, existing: Existing | undefined, own: string): Pick<Preflight, 'operator' | 'server'> {
  const { operatorImage, serverImage } = options;
  const asked: Image =
    operatorImage === undefined ? { reference: own, pullPolicy: 'Never' } : { reference: operatorImage, pullPolicy: 'IfNotPresent' };
  return {
    operator: existing?.image ?? asked,
    server:
      serverImage === undefined
        ? { reference: MLSERVER_IMAGE, pullPolicy: 'Never' }
        : { reference: serverImage, pullPolicy: 'IfNotPresent' },
  };
}

async function checkNodes(
  { narrator, errands }: Stage,
  nodes: readonly KubeObject[],
  { operator, server }: Pick<Preflight, 'operator' | 'server'>,
  existing: Existing | undefined,
): Promise<void> {
  const problems = nodeProblems(nodes);
  if (problems.length > 0) throw new DemoError(problems.join('\n'));
  const local: readonly (readonly [ImageName, Image])[] = [
    ['operator', operator],
    ['mlserver', server],
  ];
  const needed = local.filter(([name, { pullPolicy }]) => pullPolicy === 'Never' && !(name === 'operator' && existing !== undefined));
  const missing = missingImages(
    nodes,
    needed.map(([, { reference }]) => reference),
  );
  const absent = needed.filter(([, { reference }]) => missing.has(reference));
  if (absent.length === 0) return;
  for (const [reference, names] of missing) narrator.tell(`${reference} is not in ${names.join(', ')}`, 'warning');
  const archives = await errands.run(
    buildImages(
      absent.map(([name]) => name),
      narrator.tell,
    ),
  );
  const commands = archives.map(({ archive }) => `  ${loadCommand(nodes, archive)}`);
  throw new DemoError(
    `No registry has these images, so they must be loaded into the nodes:\n${commands.join('\n')}\nThen run the same command again. ` +
      'Or push them to a registry of your own, and name them by --operator-image and --server-image.',
  );
}
