import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { ANNOTATION, LABEL, MANAGED_BY_VALUE } from '../../api/names.ts';
import { canonicalJson, shortHash } from '../canonical.ts';
import type { KubeObject, Settings } from '../observed.ts';
import { ownerReference } from './children.ts';
import type { ClaimAccess } from './claims.ts';
import type { JsonObject } from './overlay.ts';
import { ACCESS_DIRECTORY, SMALL_HEAP } from './template.ts';

/** What a Job for a ModelVersion does, by one of the short programs of the operator's own image. */
export interface VersionWork {
  readonly program: 'resolve' | 'tag';
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** Hash of what the outcome depends on. */
  readonly inputs: string;
  /** What the program is asked to do; where the Secret is mounted is added. */
  readonly job: JsonObject;
  readonly secret: string | undefined;
  readonly claims?: ClaimAccess;
  /** Group that mounted volumes are to belong to. */
  readonly group?: number | undefined;
  readonly deadlineSeconds: number;
  /** How long it is kept when it has ended, for its outcome and its log. */
  readonly keptSeconds: number;
}

const NO_CLAIMS: ClaimAccess = { volumes: [], mounts: [], job: {} };

/**
 * A Job in the tenant's namespace, with the tenant's account and Secret: the operator never connects to an address that a tenant wrote, and
 * reads no Secret. One try each: when to try again is decided by the plan.
 */
export function versionJob(version: ModelVersion, work: VersionWork, settings: Settings): KubeObject {
  const { metadata, spec } = version;
  const { program, attempt, secret, group, claims = NO_CLAIMS } = work;
  const namespace = metadata.namespace ?? 'default';
  const labels = {
    [LABEL.managedBy]: MANAGED_BY_VALUE,
    [LABEL.modelVersion]: versionLabel(metadata.name),
    ...(program === 'resolve' ? {} : { [LABEL.program]: program }),
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(version, program, attempt),
      namespace,
      labels,
      annotations: { [ATTEMPT]: String(attempt), [ANNOTATION.inputs]: work.inputs },
      ownerReferences: [ownerReference({ kind: 'ModelVersion', name: metadata.name, namespace, uid: metadata.uid ?? '' })],
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: work.deadlineSeconds,
      ttlSecondsAfterFinished: work.keptSeconds,
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
            ...(group === undefined ? {} : { fsGroup: group, fsGroupChangePolicy: 'OnRootMismatch' }),
          },
          containers: [container({ ...work, claims }, settings)],
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

/** On the Job: number of the attempt, from 1. */
export const ATTEMPT = 'plimsoll.dev/attempt';

/** A name of its own for each attempt and each creation of the ModelVersion: an old Job never answers for a new version. */
function jobName(version: ModelVersion, program: string, attempt: number): string {
  const { name, uid } = version.metadata;
  return `plimsoll-${program}-${shortHash({ name, uid })}-${attempt}`;
}

/** A ModelVersion's name can be longer than a label value; then its hash stands for it. */
export function versionLabel(name: string): string {
  return name.length <= 63 ? name : shortHash(name, 32);
}

function container({ program, job, secret, claims }: VersionWork & { readonly claims: ClaimAccess }, settings: Settings): JsonObject {
  const options = { ...job, ...(secret === undefined ? {} : { accessDir: ACCESS_DIRECTORY }), ...claims.job };
  return {
    name: program,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: [program],
    env: [{ name: 'PLIMSOLL_JOB', value: canonicalJson(options) }, SMALL_HEAP],
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
