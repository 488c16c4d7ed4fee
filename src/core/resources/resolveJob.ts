import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { ANNOTATION, LABEL, MANAGED_BY_VALUE } from '../../api/names.ts';
import { canonicalJson, shortHash } from '../canonical.ts';
import type { KubeObject, Settings } from '../observed.ts';
import type { Allowance } from '../version/room.ts';
import { ownerReference } from './children.ts';
import { claimAccess, type ClaimAccess } from './claims.ts';
import type { JsonObject } from './overlay.ts';
import { ACCESS_DIRECTORY, SMALL_HEAP } from './template.ts';

const RESOLVE_CONTAINER = 'resolve';
/** Six hours: a very large model over a slow line. */
const DEADLINE_SECONDS = 21_600;
/** Group of the image's user: a fresh volume belongs to root, and kubelet gives it to this group where it can. */
const GROUP = 65_532;
/** Kept for a while so that its log can be read. */
const KEPT_SECONDS = 3600;

/**
 * The Job that reads a version once, tells its digest, and keeps a copy of it where `spec.storage` asks for one. It runs in the tenant's
 * namespace with the tenant's account and Secret: the operator never connects to an address that a tenant wrote, and reads no Secret. One
 * try each: when to try again is decided by the plan. `allowance` is how much may be in the claim of `spec.storage`.
 */
export function resolveJob(version: ModelVersion, attempt: number, settings: Settings, allowance?: Allowance): KubeObject {
  const { metadata, spec } = version;
  const namespace = metadata.namespace ?? 'default';
  const secret = spec.access?.secretRef?.name;
  const storage = spec.storage?.claim.name;
  const copies = storage === undefined ? undefined : ({ claim: storage, access: 'Write', allowance } as const);
  const claims = claimAccess(spec.source as unknown as JsonObject, copies);
  const labels = { [LABEL.managedBy]: MANAGED_BY_VALUE, [LABEL.modelVersion]: versionLabel(metadata.name) };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: resolveJobName(version, attempt),
      namespace,
      labels,
      annotations: { [ATTEMPT]: String(attempt), [ANNOTATION.inputs]: resolveInputs(version) },
      ownerReferences: [ownerReference({ kind: 'ModelVersion', name: metadata.name, namespace, uid: metadata.uid ?? '' })],
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: DEADLINE_SECONDS,
      ttlSecondsAfterFinished: KEPT_SECONDS,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          ...(spec.access?.serviceAccountName === undefined ? {} : { serviceAccountName: spec.access.serviceAccountName }),
          securityContext: {
            runAsNonRoot: true,
            seccompProfile: { type: 'RuntimeDefault' },
            ...(storage === undefined ? {} : { fsGroup: GROUP, fsGroupChangePolicy: 'OnRootMismatch' }),
          },
          containers: [container(version, settings, secret, claims)],
          volumes: [
            { name: 'tmp', emptyDir: {} },
            ...(secret === undefined ? [] : [{ name: 'access', secret: { secretName: secret } }]),
            ...claims.volumes,
          ],
        },
      },
    },
  };
}

/** Hash of what the outcome depends on: when it changes, what an older Job said counts no more. */
export function resolveInputs({ spec }: ModelVersion): string {
  const { source, digest, access, storage } = spec;
  const optional = { ...(digest && { digest }), ...(access && { access }), ...(storage && { storage }) };
  return shortHash({ source, ...optional }, 16);
}

/** On the Job: number of the attempt, from 1. */
export const ATTEMPT = 'plimsoll.dev/attempt';

/** A name of its own for each attempt and each creation of the ModelVersion: an old Job never answers for a new version. */
function resolveJobName(version: ModelVersion, attempt: number): string {
  const { name, uid } = version.metadata;
  return `plimsoll-resolve-${shortHash({ name, uid })}-${attempt}`;
}

/** A ModelVersion's name can be longer than a label value; then its hash stands for it. */
export function versionLabel(name: string): string {
  return name.length <= 63 ? name : shortHash(name, 32);
}

function container(version: ModelVersion, settings: Settings, secret: string | undefined, claims: ClaimAccess): JsonObject {
  const { source } = version.spec;
  // A copy that is made later has to be of what was pinned.
  const { digest = version.spec.digest, pins } = version.status?.resolved ?? {};
  const job = {
    source,
    ...(pins === undefined ? {} : { pins }),
    ...(digest === undefined ? {} : { digest }),
    ...(secret === undefined ? {} : { accessDir: ACCESS_DIRECTORY }),
    ...claims.job,
  };
  return {
    name: RESOLVE_CONTAINER,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: ['resolve'],
    env: [{ name: 'PLIMSOLL_JOB', value: canonicalJson(job) }, SMALL_HEAP],
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      // A zip is read from its end, so one that comes over the network is kept here first.
      { name: 'tmp', mountPath: '/tmp' },
      ...(secret === undefined ? [] : [{ name: 'access', mountPath: ACCESS_DIRECTORY, readOnly: true }]),
      ...claims.mounts,
    ],
  };
}
