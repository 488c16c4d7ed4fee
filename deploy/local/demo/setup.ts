// From nothing to the first version serving through the gateway, in the steps that a user would take.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { RESOURCE } from '../../../src/api/resources.ts';
import { down, importImages, isUp, kubeconfigPath, kubectl as localKubectl, PORTS, stateFolder, up } from '../cluster/index.ts';
import { readIfPresent } from '../cluster/configuration.ts';
import { isRunning, parseRecord, startTimeOf } from '../cluster/processes.ts';
import { buildImages } from '../images/main.ts';
import { MLSERVER_IMAGE } from '../images/mlserver.ts';
import { buildModels, type DigitsModels } from '../models/digits.ts';
import { startFileServer } from '../models/server.ts';
import { DemoError } from './failure.ts';
import { SCENARIOS, type ReleaseName, type Scenario } from './scenarios.ts';
import { awaitServing } from './follow.ts';
import { Interrupted, type Teardown } from './interruption.ts';
import { createKubectl, type Kubectl } from './kubectl.ts';
import { FIRST_VERSION, manifests, NAMESPACE, namespaceManifest, type Serving } from './manifests.ts';
import { createObserver, type Observer } from './observer.ts';
import { chooseScenarios, type Ready } from './ready.ts';
import type { Stage } from './stage.ts';
import { REQUESTS_PER_SECOND, startUsers } from './users.ts';

/** What the demo serves, and where from. */
interface Site {
  readonly models: DigitsModels;
  readonly scenarios: readonly Scenario[];
  readonly kubectl: Kubectl;
  readonly folder: string;
  /** Whether the cluster was there before and stays. */
  readonly clusterStays: boolean;
}

const SYSTEM = 'plimsoll-system';
const ROOT = resolve(import.meta.dirname, '../../..');
/** On the operator's pods: which image they run. All builds have one tag, so this is what makes new ones replace old ones. */
const IMAGE_ANNOTATION = 'plimsoll.dev/local-image';

/** Does it all; every step that starts something says first how it is ended. */
export async function setUp(stage: Stage, only: ReleaseName | undefined): Promise<Ready> {
  const scenarios = chooseScenarios(SCENARIOS, only);
  const { narrator, errands, teardown } = stage;
  const folder = claimFolder(teardown);
  const clusterStays = isUp();
  narrator.heading('Local cluster');
  if (clusterStays) narrator.tell('A cluster is up already: the demo uses it and leaves it up.');
  else teardown.add('taking the cluster down', async () => await down({ say: narrator.tell }));
  await errands.run(up({ say: narrator.tell }));

  narrator.heading('Images and models');
  const images = await errands.run(buildImages(['operator', 'mlserver'], narrator.tell));
  const models = await errands.run(buildModels(narrator.tell));
  await errands.run(importImages(images.map(({ archive }) => archive)));
  narrator.tell(`the node has ${images.map(({ reference }) => reference).join(' and ')}`);

  const kubectl = createKubectl(stage, folder, localKubectl);
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigPath());
  const observer = createObserver(config, stage.now);
  await install(stage, kubectl, observer, images[0]?.digest ?? '');
  await applyManifests(stage, { models, scenarios, kubectl, folder, clusterStays });
  await awaitServing(stage, observer, scenarios.length + 1);
  return {
    kubectl,
    observer,
    folder,
    scenarios,
    setting: { context: null, traffic: 'gateway', evidence: true },
    rate: REQUESTS_PER_SECOND,
    keyOf: (_, revision) => revision,
    startUsers: () => Promise.resolve(startUsers(models.heldOut)),
    hints: [
      `export KUBECONFIG=${kubeconfigPath()} PATH=${stateFolder()}/bin:$PATH`,
      `Prometheus  http://127.0.0.1:${PORTS.prometheus}/query?g0.expr=plimsoll_traffic_weight_percent&g0.tab=graph`,
    ],
  };
}

function servingOf(scenarios: readonly Scenario[]): Serving {
  return {
    traffic: { kind: 'gateway', gateway: { namespace: 'default', name: 'eg' } },
    evidence: true,
    intervalSeconds: 5,
    image: MLSERVER_IMAGE,
    imagePullPolicy: 'Never',
    versions: [FIRST_VERSION, ...scenarios.map(({ version }) => version)],
  };
}

/** The folder of this demo. It is one demo's at a time, since all of them would use the same namespace. */
function claimFolder(teardown: Teardown): string {
  const folder = join(stateFolder(), 'demo');
  const owner = join(folder, 'process');
  const holder = parseRecord(readIfPresent(owner) ?? '');
  if (holder !== undefined && isRunning(holder)) {
    throw new DemoError(
      `Another demo runs already (pid ${holder.pid}): press Ctrl-C there, or \`kill ${holder.pid}\`, then run the same command again.`,
    );
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(owner, `${process.pid} ${startTimeOf(process.pid) ?? '0'} demo\n`);
  teardown.add('giving the folder back', () => {
    rmSync(owner, { force: true });
  });
  return folder;
}

/** As a user would install it. */
async function install({ narrator }: Stage, kubectl: Kubectl, observer: Observer, digest: string): Promise<void> {
  narrator.heading('Plimsoll');
  const ref = { resource: RESOURCE.deployment, namespace: SYSTEM, name: 'plimsoll' };
  const before = await observer.exists(ref);
  await kubectl.show(['apply', '-k', 'deploy/local'], ['apply', '-k', join(ROOT, 'deploy/local')]);
  if (before !== undefined && annotationOf(before) !== digest) {
    narrator.tell('an operator of another build was there: its pod is replaced');
    const patch = { spec: { template: { metadata: { annotations: { [IMAGE_ANNOTATION]: digest } } } } };
    await kubectl.quietly(['-n', SYSTEM, 'patch', 'deployment', 'plimsoll', '-p', JSON.stringify(patch)]);
  }
  try {
    await kubectl.show(['-n', SYSTEM, 'rollout', 'status', 'deployment/plimsoll', '--timeout=120s']);
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    const log = await kubectl.quietly(['-n', SYSTEM, 'logs', 'deployment/plimsoll', '--tail=5']).catch(() => 'it has no log yet');
    throw new DemoError(`Plimsoll's own pod did not become Ready within 120 s. The end of its log:\n${log.trimEnd()}`, { cause: error });
  }
}

function annotationOf(deployment: { readonly spec?: unknown }): string | undefined {
  const spec = deployment.spec as
    { readonly template?: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } } } | undefined;
  return spec?.template?.metadata?.annotations?.[IMAGE_ANNOTATION];
}

async function applyManifests(
  { narrator, errands, teardown }: Stage,
  { kubectl, models, scenarios, folder, clusterStays }: Site,
): Promise<void> {
  narrator.heading(`Model digits, in namespace ${NAMESPACE}`);
  if ((await kubectl.quietly(['get', 'namespace', NAMESPACE, '--ignore-not-found', '-o', 'name'])) !== '') {
    narrator.tell(`namespace ${NAMESPACE} is left from a demo that did not end well: it is deleted first`);
    await kubectl.quietly(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=120s']);
  }
  const server = await errands.run(startFileServer(models.folder));
  teardown.add('ending the server of the models', async () => await server.close());
  narrator.tell(`the models are served from this machine, as from any web server: ${server.url('/v1/model.joblib')}`);
  teardown.add(`deleting namespace ${NAMESPACE}`, async () => {
    narrator.tell(
      `deleting namespace ${NAMESPACE}${clusterStays ? '; the cluster was there before and stays up, with Plimsoll in it' : ''}`,
    );
    await kubectl.atTheEnd(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=90s']);
  });
  const files = [namespaceManifest({}), ...manifests(servingOf(scenarios), (path) => server.url(path), models.heldOut.rows)];
  for (const { file, text } of files) {
    writeFileSync(join(folder, file), text);
    await kubectl.show(['apply', '-f', join(folder, file)]);
    if (text.includes('kind: ModelDeployment')) narrator.show(text.replaceAll(/^/gm, '        ').trimEnd());
  }
}
