import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { ANNOTATION, LABEL, MANAGED_BY_VALUE } from '../../api/names.ts';
import { canonicalJson, shortHash } from '../canonical.ts';
import type { KubeObject } from '../observed.ts';
import { namesOf } from '../version/installed.ts';
import { deploymentLabels, ownerReference, type Owner } from './children.ts';
import { INSPECT_PROGRAM } from './inspectProgram.ts';
import { mergeTemplate, type Json, type JsonObject } from './overlay.ts';
import { asArray, asObject, MODEL_CONTAINER, POD_DEFAULTS, SECURE_CONTAINER } from './template.ts';
import { ATTEMPT } from './versionJob.ts';

/** A question to an image: which of these packages it has. */
export interface Inspection {
  /** Hash of what is asked of what, as the user has it: a newer operator that asks otherwise must not ask every image anew. */
  readonly inputs: string;
  readonly image: string;
  readonly names: readonly string[];
  /** The program that is asked. */
  readonly python: string;
  readonly pod: JsonObject;
}

const CONTAINER = 'inspect';
const ANSWER = '/dev/termination-log';
/** Half an hour: a large image over a slow line. */
const DEADLINE_SECONDS = 1800;
/** Kept for a while so that its log can be read. */
const KEPT_SECONDS = 3600;
/** What decides where a pod may run, and what it takes to pull its image: that of the server's pods. */
const OF_THE_POD = [
  'affinity',
  'imagePullSecrets',
  'nodeSelector',
  'priorityClassName',
  'runtimeClassName',
  'schedulerName',
  'securityContext',
  'serviceAccountName',
  'tolerations',
];
const OF_THE_CONTAINER = ['imagePullPolicy', 'securityContext'];
/** Variables by which a Python finds itself and its packages. Others may hold what is nobody's business here. */
const OF_PYTHON = ['CONDA_PREFIX', 'LD_LIBRARY_PATH', 'PATH', 'PYTHONHOME', 'PYTHONPATH', 'VIRTUAL_ENV'];

/**
 * What the image of container `model` has to be asked for the version that spec names; undefined when there is nothing to ask. The pod runs
 * that image where a pod of the server could run, with another program, and without the model, claims and Secrets.
 */
export function inspectionOf(deployment: ModelDeployment, version: ModelVersion | undefined): Inspection | undefined {
  const wanted = version?.status?.metadata?.dependencies;
  if (wanted === undefined || version?.spec.dependencies === 'Ignore') return undefined;
  const template = asObject(deployment.spec.runtime.template);
  const spec = asObject(template['spec']);
  const container = asArray(spec['containers']).find(({ name }) => name === MODEL_CONTAINER);
  const image = container?.['image'];
  if (container === undefined || typeof image !== 'string' || image === '') return undefined;
  const python = pythonOf(container);
  const names = namesOf(wanted);
  const env = asArray(container['env']).filter(
    ({ name, value }) => typeof name === 'string' && OF_PYTHON.includes(name) && typeof value === 'string',
  );
  const chosen = { pod: pick(spec, OF_THE_POD), container: pick(container, OF_THE_CONTAINER) };
  const asking: JsonObject = {
    name: CONTAINER,
    image,
    command: [python, '-c', INSPECT_PROGRAM, ANSWER],
    env: [...env, { name: 'PLIMSOLL_PACKAGES', value: canonicalJson(names) }],
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
    terminationMessagePath: ANSWER,
    terminationMessagePolicy: 'File',
  };
  const merged = asObject(
    mergeTemplate(
      { spec: { ...POD_DEFAULTS, restartPolicy: 'Never', containers: [{ ...SECURE_CONTAINER, ...asking }] } },
      { spec: { ...chosen.pod, containers: [{ name: CONTAINER, ...chosen.container }] } },
    )['spec'],
  );
  return { inputs: shortHash({ image, names, python, env, chosen }, 16), image, names, python, pod: merged };
}

/** Where the server is started by a Python of a certain place, that one has its packages; else the one that the image finds. */
function pythonOf({ command }: JsonObject): string {
  const [program] = Array.isArray(command) ? (command as readonly Json[]) : [];
  return typeof program === 'string' && /^(.*\/)?python[0-9.]*$/.test(program) ? program : 'python3';
}

function pick(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)));
}

/**
 * The Job that asks. Its pod has no label by which a Service or a budget could take it for one of the server's. It prefers a node that has
 * the image already, since servers of the deployment run there.
 */
export function inspectJob(owner: Owner, inspection: Inspection, attempt: number): KubeObject {
  const { inputs, pod } = inspection;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `plimsoll-inspect-${shortHash({ name: owner.name, uid: owner.uid, inputs })}-${attempt}`,
      namespace: owner.namespace,
      labels: deploymentLabels(owner),
      annotations: { [ATTEMPT]: String(attempt), [ANNOTATION.inputs]: inputs },
      ownerReferences: [ownerReference(owner)],
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: DEADLINE_SECONDS,
      ttlSecondsAfterFinished: KEPT_SECONDS,
      template: {
        metadata: { labels: { [LABEL.managedBy]: MANAGED_BY_VALUE } },
        spec: { ...pod, affinity: besideServers(asObject(pod['affinity']), owner) },
      },
    },
  };
}

function besideServers(affinity: JsonObject, owner: Owner): JsonObject {
  const pods = asObject(affinity['podAffinity']);
  const preferred = asArray(pods['preferredDuringSchedulingIgnoredDuringExecution']);
  const servers = { labelSelector: { matchLabels: { [LABEL.deployment]: owner.name } }, topologyKey: 'kubernetes.io/hostname' };
  const nearby = [...preferred, { weight: 100, podAffinityTerm: servers }];
  return { ...affinity, podAffinity: { ...pods, preferredDuringSchedulingIgnoredDuringExecution: nearby } };
}
