import { canonicalJson } from '../canonical.ts';
import { durationMs, seconds } from '../time.ts';
import type { Pins } from '../version/pins.ts';
import { CLAIM_VOLUMES, claimAccess, type ClaimAccess } from './claims.ts';
import { mergeTemplate, type Json, type JsonObject } from './overlay.ts';
import { DEFAULT_MODEL_PATH, type RuntimePreset } from './preset.ts';
import { presetOf, type Runtime } from './presets.ts';

/** Where the fetch container has the model's volume: bytes in `model/`, the server's settings beside it. */
const MODEL_ROOT = DEFAULT_MODEL_PATH;
export const MODEL_CONTAINER = 'model';
const FETCH_CONTAINER = 'plimsoll-fetch';
const MODEL_VOLUME = 'plimsoll-model';
const TEMPORARY_VOLUME = 'plimsoll-tmp';
const ACCESS_VOLUME = 'plimsoll-access';
export const ACCESS_DIRECTORY = '/var/run/plimsoll/access';
/** Names that the user's template may not use. */
const RESERVED = [FETCH_CONTAINER, MODEL_VOLUME, TEMPORARY_VOLUME, ACCESS_VOLUME, ...CLAIM_VOLUMES];

/** All that a serving pod depends on. Equal inputs are the same revision, whichever operator renders them. */
export interface TemplateInputs extends Runtime {
  readonly model: string;
  readonly version: string;
  readonly digest: string;
  readonly format: JsonObject;
  readonly source: JsonObject;
  /** What the source's pointer was resolved to; pods fetch that. */
  readonly pins?: Pins | undefined;
  readonly secretName?: string | undefined;
  readonly template: JsonObject;
  /** GEP-2257 duration. */
  readonly drain: string;
}

export type Rendering = { readonly ok: true; readonly template: JsonObject } | { readonly ok: false; readonly message: string };

/**
 * Pod template of a revision: the preset's container, the user's template laid over it, and what is never the user's choice: the verified
 * model, read-only, and the time to drain. `image` is the operator's own image, which runs the fetch container; `storage`
 * is the claim with our own copy, a place to fetch from and no part of what runs.
 */
export function renderTemplate(inputs: TemplateInputs, image: string, imagePullPolicy: string, storage?: string): Rendering {
  const preset = presetOf(inputs);
  const refusal = refuse(inputs.template, preset);
  if (refusal !== undefined) return { ok: false, message: refusal };
  const merged = mergeTemplate(
    {
      metadata: { annotations: preset.podAnnotations },
      spec: { containers: [{ name: MODEL_CONTAINER, ...SECURE_CONTAINER, ...preset.container(inputs.model) }], ...POD_DEFAULTS },
    },
    inputs.template,
  );
  const spec = asObject(merged['spec']);
  const containers = asArray(spec['containers']).map((container) => withModel(container, preset, inputs.drain));
  const claims = claimAccess(inputs.source, storage === undefined ? undefined : { claim: storage, access: 'Read' });
  const fetch = fetchContainer(inputs, image, imagePullPolicy, claims);
  return {
    ok: true,
    template: {
      metadata: asObject(merged['metadata']),
      spec: {
        ...spec,
        containers,
        initContainers: [fetch, ...asArray(spec['initContainers'])],
        volumes: [...asArray(spec['volumes']), ...volumes(inputs), ...claims.volumes],
        terminationGracePeriodSeconds: sleepSeconds(inputs.drain) + seconds(durationMs(inputs.drain, '30s')),
      },
    },
  };
}

/** Node frees the buffers of a stream late; with a small heap it does so in time, and a fetch needs little memory whatever the size. */
export const SMALL_HEAP = { name: 'NODE_OPTIONS', value: '--max-old-space-size=64' } as const;

/** Pod Security `restricted` without a word from the user; the template may loosen it where the namespace allows. */
export const SECURE_CONTAINER: JsonObject = {
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
};
export const POD_DEFAULTS: JsonObject = {
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
};

function refuse(template: JsonObject, { modelMount, lacking }: RuntimePreset): string | undefined {
  const spec = asObject(template['spec']);
  const containers = asArray(spec['containers']).map(asObject);
  const model = containers.find((container) => container['name'] === MODEL_CONTAINER);
  if (typeof model?.['image'] !== 'string' || model['image'] === '') {
    return `spec.runtime.template.spec.containers needs an item {name: ${MODEL_CONTAINER}, image: ...}: the image of the model server`;
  }
  const all = [...containers, ...asArray(spec['initContainers']).map(asObject)];
  // A mount of our volume would be a second way to the model, and one that can be written.
  const mounts = all.flatMap((container) => asArray(container['volumeMounts']).map(asObject));
  const names = [...all, ...asArray(spec['volumes']).map(asObject), ...mounts].map((item) => item['name']);
  const taken = RESERVED.find((name) => names.includes(name));
  if (taken !== undefined) return `spec.runtime.template uses the name ${taken}, which Plimsoll keeps for itself; choose another one`;
  if (mounts.some((mount) => isWithin(modelMount.mountPath, mount['mountPath']))) {
    return `spec.runtime.template mounts something at ${modelMount.mountPath}, where the verified model lives; choose another mountPath`;
  }
  return lacking(model);
}

function isWithin(folder: string, path: Json | undefined): boolean {
  const parts: string[] = [];
  for (const part of typeof path === 'string' ? path.split('/') : []) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}/`.startsWith(`${folder}/`);
}

/** Read-only in every container: bytes that were verified must still be those bytes when they are loaded. */
function withModel(container: JsonObject, { modelMount }: RuntimePreset, drain: string): JsonObject {
  return {
    ...container,
    volumeMounts: [
      ...asArray(container['volumeMounts']),
      { name: MODEL_VOLUME, ...modelMount, readOnly: true },
      ...(needsTemporary(container) ? [{ name: TEMPORARY_VOLUME, mountPath: '/tmp' }] : []),
    ],
    lifecycle: { ...asObject(container['lifecycle']), preStop: { sleep: { seconds: sleepSeconds(drain) } } },
  };
}

/** The server's root is read-only, so it gets a place to write; sidecars look after themselves. */
function needsTemporary(container: JsonObject): boolean {
  const mounts = asArray(container['volumeMounts']);
  return container['name'] === MODEL_CONTAINER && !mounts.some((mount) => mount['mountPath'] === '/tmp');
}

/** Endpoint removal reaches proxies late: a pod keeps serving for this long after it is told to end. */
function sleepSeconds(drain: string): number {
  return Math.min(15, Math.max(2, seconds(durationMs(drain, '30s'))));
}

function fetchContainer(inputs: TemplateInputs, image: string, imagePullPolicy: string, claims: ClaimAccess): JsonObject {
  const job = {
    source: inputs.source,
    ...(inputs.pins === undefined ? {} : { pins: inputs.pins }),
    digest: inputs.digest,
    model: inputs.model,
    version: inputs.version,
    format: inputs.format['name'],
    preset: inputs.preset,
    to: MODEL_ROOT,
    ...(inputs.secretName === undefined ? {} : { accessDir: ACCESS_DIRECTORY }),
    ...claims.job,
  };
  return {
    name: FETCH_CONTAINER,
    image,
    imagePullPolicy,
    args: ['fetch'],
    env: [{ name: 'PLIMSOLL_JOB', value: canonicalJson(job) }, SMALL_HEAP],
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
    ...SECURE_CONTAINER,
    terminationMessagePolicy: 'File',
    volumeMounts: [
      { name: MODEL_VOLUME, mountPath: MODEL_ROOT },
      ...(inputs.secretName === undefined ? [] : [{ name: ACCESS_VOLUME, mountPath: ACCESS_DIRECTORY, readOnly: true }]),
      ...claims.mounts,
    ],
  };
}

function volumes(inputs: TemplateInputs): readonly JsonObject[] {
  return [
    { name: MODEL_VOLUME, emptyDir: {} },
    { name: TEMPORARY_VOLUME, emptyDir: {} },
    ...(inputs.secretName === undefined ? [] : [{ name: ACCESS_VOLUME, secret: { secretName: inputs.secretName } }]),
  ];
}

export function asObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

export function asArray(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly JsonObject[]) : [];
}
