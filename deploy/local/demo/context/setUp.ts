// From a cluster that is there already to the first version serving in it. What is made has the demo's label, and goes by it.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { buildModels, type DigitsModels } from '../../models/digits.ts';
import type { ContextOptions } from '../arguments.ts';
import { DemoError } from '../failure.ts';
import { SCENARIOS, UNMEASURED_SCENARIOS, type ReleaseName, type Scenario } from '../scenarios.ts';
import { awaitServing } from '../follow.ts';
import { Interrupted } from '../interruption.ts';
import { createKubectl, type Kubectl } from '../kubectl.ts';
import { FIRST_VERSION, HOST, manifests, MODEL, NAMESPACE, namespaceManifest } from '../manifests.ts';
import { createObserver } from '../observer.ts';
import { chooseScenarios, type Ready } from '../ready.ts';
import type { Stage } from '../stage.ts';
import { PATIENCE_MS, REQUESTS_PER_SECOND, type Users } from '../users.ts';
import { openAccess, type Access } from './access.ts';
import { cleanUp } from './cleanup.ts';
import { describeClusterWide, prepareInstallation } from './installation.ts';
import { OWN_LABEL, OWN_VALUE } from './objects.ts';
import { MODELS, MODELS_POD, modelsManifest, modelUrl, NODE, PROGRAMS, USERS_POD, usersManifest } from './pods.ts';
import { inspectCluster, listOf, type Preflight } from './preflight.ts';
import { survey, type Survey } from './survey.ts';
import { followUsers } from './users.ts';

/** Fewer than through a gateway: with three pods the share of a candidate is a quarter at least. */
const REQUESTS_BY_REPLICAS = 20;
const FIRST_ANSWER_MS = 60_000;
const LOOK_MS = 500;
const OWN_LABELS = { [OWN_LABEL]: OWN_VALUE };

/** All that the later parts work with. */
interface Site {
  readonly stage: Stage;
  readonly access: Access;
  readonly kubectl: Kubectl;
  readonly folder: string;
  readonly preflight: Preflight;
}

export async function setUpContext(stage: Stage, options: ContextOptions, only: ReleaseName | undefined): Promise<Ready> {
  const { narrator, teardown } = stage;
  narrator.heading(`Cluster of context ${options.context}`);
  const access = openAccess(options.context, options.kubeconfig, process.env);
  const folder = emptyFolder(access);
  const kubectl = createKubectl(stage, folder, access.kubectl);
  const preflight = await inspectCluster(stage, kubectl, access.server, options);
  const site = { stage, access, kubectl, folder, preflight };
  tellPlan(site);
  teardown.add(
    `removing what the demo made in context ${options.context} (--clean tries it again)`,
    async () => await removeAll(stage, kubectl, options.context),
  );

  const models = await bringModels(site);
  const chosen = await survey(stage, kubectl, options, preflight.existing?.prometheusUrl);
  const scenarios = chooseScenarios(chosen.evidence ? SCENARIOS : UNMEASURED_SCENARIOS, only);
  await install(site, chosen);
  await serve(site, chosen, models, scenarios);
  const observer = createObserver(access.config, stage.now);
  await awaitServing(stage, observer, scenarios.length + 1);
  const byRevision = chosen.traffic.kind === 'gateway';
  return {
    kubectl,
    observer,
    folder,
    scenarios,
    setting: { context: options.context, traffic: chosen.traffic.kind, evidence: chosen.evidence },
    rate: byRevision ? REQUESTS_PER_SECOND : REQUESTS_BY_REPLICAS,
    keyOf: (version, revision) => (byRevision ? revision : version),
    startUsers: async () => await startUsers(site, chosen, models),
    hints: [`alias kubectl='kubectl ${access.command.join(' ')}'`],
  };
}

/** Only that, for what a demo left behind that was killed. */
export async function cleanContext(stage: Stage, options: ContextOptions): Promise<void> {
  const access = openAccess(options.context, options.kubeconfig, process.env);
  await removeAll(stage, createKubectl(stage, emptyFolder(access), access.kubectl), options.context);
}

/** For what is applied, one for each cluster. */
function emptyFolder({ server }: Access): string {
  const folder = join(tmpdir(), `plimsoll-demo-${createHash('sha256').update(server).digest('hex').slice(0, 8)}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function removeAll({ narrator }: Stage, kubectl: Kubectl, context: string): Promise<void> {
  narrator.tell(`removing everything with the label ${OWN_LABEL}=${OWN_VALUE} in context ${context}`);
  const left = await cleanUp(kubectl.atTheEnd);
  if (left.length > 0) throw new DemoError(left.join('; '));
  narrator.tell('nothing of the demo is left in the cluster', 'good');
}

function tellPlan({ stage: { narrator }, access, preflight: { existing, objects, operator } }: Site): void {
  narrator.show(`        The demo is going to make in context ${access.context} (${access.server}):`);
  narrator.show(`        - namespace ${NAMESPACE}, with a model, its server and users`);
  narrator.show(
    existing === undefined
      ? `        - Plimsoll (${operator.reference}): namespace plimsoll-system, and cluster-wide ${describeClusterWide(objects)}`
      : `        - nothing else: Plimsoll is installed (${operator.reference}), is used as it is, and stays`,
  );
  narrator.show('        All of it is removed at the end, also after Ctrl-C.');
}

/** Writes the objects into the demo's folder, for the reader, and creates them. */
async function create({ kubectl, folder }: Site, file: string, objects: readonly unknown[]): Promise<void> {
  writeFileSync(join(folder, file), dump(listOf(objects), { noRefs: true }));
  await kubectl.show(['create', '-f', join(folder, file)]);
}

/** The demo's namespace, and in it the server of the models with all models that a release may need. */
async function bringModels(site: Site): Promise<DigitsModels> {
  const { stage, kubectl, folder, preflight } = site;
  const models = await stage.errands.run(buildModels(stage.narrator.tell));
  const { file, text } = namespaceManifest(OWN_LABELS);
  writeFileSync(join(folder, file), text);
  await kubectl.show(['create', '-f', join(folder, file)]);
  await create(site, '0-models.yaml', modelsManifest(preflight.operator));
  await awaitPod(kubectl, MODELS_POD);
  const versions = new Set([FIRST_VERSION, ...[...SCENARIOS, ...UNMEASURED_SCENARIOS].map(({ version }) => version)]);
  for (const version of versions) {
    const bytes = readFileSync(join(models.folder, version, 'model.joblib'));
    const input = bytes.toString('base64');
    const digest = createHash('sha256').update(bytes).digest('hex');
    const receive = [NODE, `${PROGRAMS}/pod.ts`, 'receive', `${MODELS}/${version}/model.joblib`, digest, String(input.length)];
    await kubectl.quietly(['-n', NAMESPACE, 'exec', '-i', MODELS_POD, '--', ...receive], input);
  }
  stage.narrator.tell(`the models are in pod ${MODELS_POD}: ${[...versions].join(', ')}`);
  return models;
}

async function awaitPod(kubectl: Kubectl, name: string): Promise<void> {
  try {
    await kubectl.quietly(['-n', NAMESPACE, 'wait', '--for=condition=Ready', `pod/${name}`, '--timeout=120s']);
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    const events = await kubectl.quietly(['-n', NAMESPACE, 'events', '--for', `pod/${name}`]).catch(() => '');
    throw new DemoError(`Pod ${name} did not become Ready within 120 s:\n${events.trimEnd()}`, { cause: error });
  }
}

async function install(site: Site, { prometheus }: Survey): Promise<void> {
  const { stage, kubectl, preflight } = site;
  stage.narrator.heading('Plimsoll');
  if (preflight.existing !== undefined) {
    stage.narrator.tell('is installed already and used as it is');
    return;
  }
  const found = prometheus === undefined ? undefined : { url: prometheus.url, intervalSeconds: prometheus.knows.intervalSeconds };
  await create(site, '0-plimsoll.yaml', prepareInstallation(preflight.objects, preflight.operator, found));
  await kubectl.quietly(['wait', '--for=condition=Established', 'crd', '-l', `${OWN_LABEL}=${OWN_VALUE}`, '--timeout=60s']);
  await kubectl.show(['-n', 'plimsoll-system', 'rollout', 'status', 'deployment/plimsoll', '--timeout=120s']);
}

async function serve(
  { stage, kubectl, folder, preflight }: Site,
  chosen: Survey,
  models: DigitsModels,
  scenarios: readonly Scenario[],
): Promise<void> {
  stage.narrator.heading(`Model digits, in namespace ${NAMESPACE}`);
  const serving = {
    traffic: chosen.traffic,
    evidence: chosen.evidence,
    intervalSeconds: chosen.intervalSeconds,
    image: preflight.server.reference,
    imagePullPolicy: preflight.server.pullPolicy,
    versions: [FIRST_VERSION, ...scenarios.map(({ version }) => version)],
  };
  for (const { file, text } of manifests(serving, (path) => modelUrl(path), models.heldOut.rows)) {
    writeFileSync(join(folder, file), text);
    await kubectl.show(['create', '-f', join(folder, file)]);
    if (text.includes('kind: ModelDeployment')) stage.narrator.show(text.replaceAll(/^/gm, '        ').trimEnd());
  }
}

/** Users in the cluster: through the gateway as from outside, else as callers of the Service. */
async function startUsers(site: Site, { traffic, address }: Survey, { heldOut }: DigitsModels): Promise<Users> {
  const target =
    address === undefined || traffic.kind !== 'gateway'
      ? { address: `${MODEL}.${NAMESPACE}`, port: 80 }
      : { address: address.host, port: address.port };
  const common = { ...target, host: HOST, model: MODEL, timeoutMs: PATIENCE_MS };
  const options =
    traffic.kind === 'gateway' ? { ...common, rate: REQUESTS_PER_SECOND } : { ...common, rate: REQUESTS_BY_REPLICAS, asksVersion: true };
  await create(site, '6-users.yaml', usersManifest(site.preflight.operator, options, heldOut.rows));
  await awaitPod(site.kubectl, USERS_POD);
  const users = followUsers(site.access.command);
  try {
    await awaitAnswers(site.stage, users, `${target.address}:${target.port}`);
  } catch (error) {
    await users.stop();
    throw error;
  }
  return users;
}

async function awaitAnswers({ errands }: Stage, users: Users, target: string): Promise<void> {
  const deadline = performance.now() + FIRST_ANSWER_MS;
  while (users.answers().length === 0) {
    if (performance.now() > deadline) {
      throw new DemoError(
        `The users had no good answer at ${target} within ${FIRST_ANSWER_MS / 1000} s; \`--traffic replicaShare\` needs no gateway.`,
      );
    }
    await errands.pause(LOOK_MS);
  }
}
