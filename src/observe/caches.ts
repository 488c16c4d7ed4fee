import type { CheckSet } from '../api/generated/checkset.ts';
import type { ModelDeployment } from '../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../api/generated/modelrelease.ts';
import type { ModelVersion } from '../api/generated/modelversion.ts';
import { LABEL, MANAGED_BY_VALUE } from '../api/names.ts';
import { RESOURCE, type KubeObject, type ObjectMeta, type ResourceType } from '../api/resources.ts';
import type { KubeClient } from '../controller/client.ts';
import type { Clock, Random } from '../controller/clock.ts';
import { createReflector, type Reflector } from '../controller/reflector.ts';
import { keyOf } from '../controller/store.ts';
import { storageOf } from '../core/resources/claims.ts';
import { versionLabel } from '../core/resources/versionJob.ts';
import { concernsTags } from '../core/version/tagging.ts';
import { hostKeys } from '../core/traffic/hostnames.ts';
import * as project from './projections.ts';

/** Local copies of everything that a pass looks at, by label: no pass waits for the API server to learn the state of the world. */
export interface Caches {
  readonly versions: Reflector<ModelVersion>;
  readonly deployments: Reflector<ModelDeployment>;
  readonly checkSets: Reflector<CheckSet>;
  readonly releases: Reflector<ModelRelease>;
  readonly workloads: Reflector<project.Workload>;
  readonly services: Reflector<project.ServiceChild>;
  readonly budgets: Reflector<project.Child>;
  readonly snapshots: Reflector<project.SnapshotChild>;
  readonly endpoints: Reflector<project.Endpoints>;
  readonly routes: Reflector<project.RouteChild>;
  readonly jobs: Reflector<project.JobChild>;
}

export interface CachesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  /** Something changed that a pass over this object should see. */
  readonly onDeployment: (namespace: string, name: string) => void;
  readonly onVersion: (namespace: string, name: string) => void;
  readonly onError: (resource: string, error: Error, doing: string) => void;
}

/** Index by `namespace/name` of the ModelDeployment that an object belongs to. */
export const BY_DEPLOYMENT = 'deployment';
/** Index of ModelDeployments by `namespace/name` of the ModelVersion that they name; of Jobs by that of the ModelVersion's label. */
export const BY_VERSION = 'version';
/** Index of ModelDeployments by `namespace/name` of each CheckSet that they name. */
export const BY_CHECK_SET = 'checkSet';
/** Index of ModelDeployments and ModelVersions by `namespace/model`. */
export const BY_MODEL = 'model';
/** Index of routes by Gateway and host name. */
export const BY_HOST = 'host';
/** Index of ModelVersions, and of revisions as they were rendered, by `namespace/name` of the claim with the copy that they take. */
export const BY_CLAIM = 'claim';

/** A cluster without the Gateway API has no routes; a server that has just started may not know its own kinds for a moment. */
const NO_GATEWAY_API_MS = 15_000;

interface Belonging {
  readonly metadata: ObjectMeta;
}

/** What the cache of one kind of children has beside what all have. */
interface MoreOf<T> {
  readonly absentAfterMs?: number;
  readonly indexes?: Readonly<Record<string, (child: T) => readonly string[]>>;
  readonly onChange?: (child: T | undefined) => void;
}

const ROUTES: MoreOf<project.RouteChild> = {
  absentAfterMs: NO_GATEWAY_API_MS,
  indexes: { [BY_HOST]: ({ holder }) => hostKeys(holder.namespace, holder.gateway) },
};

const VERSION_INDEXES = {
  [BY_VERSION]: ({ metadata }: ModelVersion) => [keyOf(metadata.namespace, versionLabel(metadata.name))],
  [BY_MODEL]: (version: ModelVersion) => byModel(version),
  [BY_CLAIM]: ({ metadata, spec }: ModelVersion) => byClaim(metadata, spec.storage?.claim.name),
};

const SNAPSHOTS: MoreOf<project.SnapshotChild> = {
  indexes: { [BY_CLAIM]: ({ metadata, snapshot }) => byClaim(metadata, snapshot && storageOf(snapshot.template)) },
};

/** Caches that are not running yet. */
export function createCaches(options: CachesOptions): Caches {
  const tellDeployment = (child: Belonging | undefined): void => {
    const name = child?.metadata.labels?.[LABEL.deployment];
    if (name !== undefined) options.onDeployment(child?.metadata.namespace ?? '', name);
  };
  const children = <T extends Belonging>(
    resource: ResourceType,
    projection: (object: KubeObject) => T,
    more: MoreOf<T> = {},
  ): Reflector<T> =>
    reflect(options, resource, projection, {
      ...more,
      labelSelector: `${LABEL.managedBy}=${MANAGED_BY_VALUE}`,
      indexes: { [BY_DEPLOYMENT]: (child: T) => byDeployment(child), ...more.indexes },
      onChange: (before, after) => {
        tellDeployment(after ?? before);
        more.onChange?.(after ?? before);
      },
    });
  const { deployments, versions, tellVersion, tellTagged } = createOwn(options);
  return {
    versions,
    deployments,
    checkSets: reflect(options, RESOURCE.checkSet, (object) => project.own(object) as unknown as CheckSet, {
      indexes: {},
      onChange: (before, after) => {
        const { namespace, name } = (after ?? before)?.metadata ?? { name: '' };
        for (const deployment of deployments.byIndex(BY_CHECK_SET, keyOf(namespace, name))) tellOwn(options.onDeployment, deployment);
      },
    }),
    releases: children(RESOURCE.modelRelease, (object) => project.own(object) as unknown as ModelRelease, {
      onChange: (release) => tellTagged(deployments.get(release?.metadata.namespace, release?.spec.deployment ?? '')),
    }),
    workloads: children(RESOURCE.deployment, project.workload),
    services: children(RESOURCE.service, project.service),
    budgets: children(RESOURCE.podDisruptionBudget, project.child),
    snapshots: children(RESOURCE.controllerRevision, project.snapshot, SNAPSHOTS),
    endpoints: children(RESOURCE.endpointSlice, project.endpoints),
    routes: children(RESOURCE.httpRoute, project.route, ROUTES),
    jobs: reflect(options, RESOURCE.job, project.job, {
      labelSelector: `${LABEL.managedBy}=${MANAGED_BY_VALUE}`,
      indexes: {
        [BY_VERSION]: ({ metadata }: project.JobChild) => [keyOf(metadata.namespace, metadata.labels?.[LABEL.modelVersion] ?? '')],
        [BY_DEPLOYMENT]: (job: project.JobChild) => byDeployment(job),
      },
      onChange: (before, after) => {
        tellDeployment(after ?? before);
        const label = (after ?? before)?.metadata;
        for (const version of versions.byIndex(BY_VERSION, keyOf(label?.namespace, label?.labels?.[LABEL.modelVersion] ?? '')))
          tellVersion(version);
      },
    }),
  };
}

/** Caches of what users write, and who is told when it, or something that belongs to it, changes. */
function createOwn(options: CachesOptions): Pick<Caches, 'deployments' | 'versions'> & {
  readonly tellVersion: (version: ModelVersion | undefined) => void;
  readonly tellTagged: (deployment: ModelDeployment | undefined) => void;
} {
  const deployments: Reflector<ModelDeployment> = reflect(
    options,
    RESOURCE.modelDeployment,
    (object) => project.own(object) as unknown as ModelDeployment,
    {
      indexes: {
        [BY_VERSION]: ({ metadata, spec }) => [keyOf(metadata.namespace, `${spec.model}-${spec.version}`)],
        [BY_CHECK_SET]: ({ metadata, spec }) => (spec.analysis?.checkSets ?? []).map((name) => keyOf(metadata.namespace, name)),
        [BY_MODEL]: byModel,
      },
      onChange: (before, after) => {
        tellOwn(options.onDeployment, after ?? before);
        tellTagged(after ?? before);
      },
    },
  );
  const tellVersion = (version: ModelVersion | undefined): void => {
    if (!version) return;
    const { namespace = '', name } = version.metadata;
    options.onVersion(namespace, name);
    for (const { metadata } of deployments.byIndex(BY_VERSION, keyOf(namespace, name))) options.onDeployment(namespace, metadata.name);
  };
  const versions = reflect(options, RESOURCE.modelVersion, (object) => project.own(object) as unknown as ModelVersion, {
    indexes: VERSION_INDEXES,
    onChange: (before, after) => tellVersion(after ?? before),
  });
  /** The versions whose tags say what this deployment does. */
  const tellTagged = (deployment: ModelDeployment | undefined): void => {
    const tagged = deployment ? versions.byIndex(BY_MODEL, keyOf(deployment.metadata.namespace, deployment.spec.model)) : [];
    for (const version of tagged) if (concernsTags(version)) tellOwn(options.onVersion, version);
  };
  return { deployments, versions, tellVersion, tellTagged };
}

/** All of them, for running, readiness and metrics. */
export function allCaches(caches: Caches): readonly (readonly [string, Reflector<unknown>])[] {
  return Object.entries(caches) as [string, Reflector<unknown>][];
}

/** Takes over what the API server answered to a write of this operator: the pass after it must not see the world before it. */
export function learn(caches: Caches, object: KubeObject): void {
  cacheOf(caches, object.kind)?.learn(object);
}

/** The same for an object that a write of this operator has deleted. */
export function forget(caches: Caches, { kind, namespace, name, uid }: Removed): void {
  cacheOf(caches, kind)?.forget(namespace, name, uid);
}

export interface Removed {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

function cacheOf(caches: Caches, kind: string): Reflector<unknown> | undefined {
  switch (kind) {
    case RESOURCE.modelVersion.kind:
      return caches.versions;
    case RESOURCE.modelDeployment.kind:
      return caches.deployments;
    case RESOURCE.modelRelease.kind:
      return caches.releases;
    case RESOURCE.deployment.kind:
      return caches.workloads;
    case RESOURCE.service.kind:
      return caches.services;
    case RESOURCE.podDisruptionBudget.kind:
      return caches.budgets;
    case RESOURCE.controllerRevision.kind:
      return caches.snapshots;
    case RESOURCE.httpRoute.kind:
      return caches.routes;
    case RESOURCE.job.kind:
      return caches.jobs;
    default:
      return undefined;
  }
}

function reflect<T>(
  options: CachesOptions,
  resource: ResourceType,
  projection: (object: KubeObject) => T,
  more: {
    readonly labelSelector?: string;
    readonly absentAfterMs?: number;
    readonly indexes: Readonly<Record<string, (value: T) => readonly string[]>>;
    readonly onChange: (before: T | undefined, after: T | undefined) => void;
  },
): Reflector<T> {
  const { client, clock, random, onError } = options;
  return createReflector({
    client,
    clock,
    random,
    resource,
    project: projection,
    pageSize: 100,
    ...more,
    onError: (error, doing) => onError(resource.plural, error, doing),
  });
}

function byDeployment({ metadata }: Belonging): readonly string[] {
  const name = metadata.labels?.[LABEL.deployment];
  return name === undefined ? [] : [keyOf(metadata.namespace, name)];
}

function byModel({ metadata, spec }: ModelDeployment | ModelVersion): readonly string[] {
  return [keyOf(metadata.namespace, spec.model)];
}

function byClaim({ namespace }: ObjectMeta, claim: string | undefined): readonly string[] {
  return claim === undefined ? [] : [keyOf(namespace, claim)];
}

function tellOwn(tell: (namespace: string, name: string) => void, object: Belonging | undefined): void {
  if (object) tell(object.metadata.namespace ?? '', object.metadata.name);
}
