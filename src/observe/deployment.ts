import type { CheckSet } from '../api/generated/checkset.ts';
import type { ModelDeployment } from '../api/generated/modeldeployment.ts';
import { LABEL } from '../api/names.ts';
import type { KubeClient } from '../controller/client.ts';
import { keyOf } from '../controller/store.ts';
import type { FiringAlert } from '../core/analysis/alert.ts';
import type { CheckSamples } from '../core/analysis/measurement.ts';
import type { Identity, Observed, PodTrouble, ProbeResult, RevisionState, RouteState, Settings } from '../core/observed.ts';
import { activeRelease } from '../core/release/ledger.ts';
import { identityOf } from '../core/status/write.ts';
import { newestCarried } from '../core/traffic/carrier.ts';
import { routingOf } from '../core/traffic/routing.ts';
import { BY_DEPLOYMENT, type Caches } from './caches.ts';
import { observeInspection } from './inspection.ts';
import { findObstacle } from './obstacle.ts';
import type { Child } from './projections.ts';
import { findPodTrouble } from './trouble.ts';

export interface DeploymentSources {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly settings: Settings;
  readonly probes: (namespace: string, deployment: string) => ReadonlyMap<string, ProbeResult>;
  readonly samples: (namespace: string, deployment: string) => readonly CheckSamples[];
  readonly alerts: (namespace: string) => readonly FiringAlert[];
  /** Why it is not known which alerts fire. */
  readonly alertsProblem: () => string | undefined;
}

/** Everything that a pass over this ModelDeployment may know; undefined when it does not exist. Only troubled pods are asked for live. */
export async function observeDeployment(
  sources: DeploymentSources,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<Observed | undefined> {
  const { caches } = sources;
  const deployment = caches.deployments.get(namespace, name);
  if (!deployment) return undefined;
  const key = keyOf(namespace, name);
  const service = ownOf(deployment, caches.services.get(namespace, name));
  const releases = [...caches.releases.byIndex(BY_DEPLOYMENT, key)].sort((a, b) => a.spec.number - b.spec.number);
  const route = ownOf(deployment, caches.routes.get(namespace, name));
  const revisions = await observeRevisions(sources, deployment, key, signal);
  const version = caches.versions.get(namespace, `${deployment.spec.model}-${deployment.spec.version}`);
  return {
    deployment,
    version,
    checkSets: observeCheckSets(caches, deployment),
    releases,
    revisions,
    service: service && { revision: service.selects, identity: identityOf(service.metadata) },
    ...observeCarrier(caches, deployment, revisions),
    obstacle: await findObstacle({ ...sources, deployment, route, isReleasing: activeRelease(releases) !== undefined }, signal),
    inspection: await observeInspection(sources, deployment, version, signal),
    probes: sources.probes(namespace, name),
    samples: sources.samples(namespace, name),
    alerts: sources.alerts(namespace),
    alertsProblem: sources.alertsProblem(),
    settings: sources.settings,
  };
}

function observeCheckSets(caches: Caches, { metadata, spec }: ModelDeployment): ReadonlyMap<string, CheckSet> {
  const found = (spec.analysis?.checkSets ?? []).flatMap((name) => caches.checkSets.get(metadata.namespace, name) ?? []);
  return new Map(found.map((set) => [set.metadata.name, set]));
}

/** The child, if it belongs to this very object and not to an earlier one of the same name, whose children are on their way out. */
function ownOf<T extends Child>({ metadata }: ModelDeployment, child: T | undefined): T | undefined {
  return child?.ownerUid === undefined || child.ownerUid === metadata.uid ? child : undefined;
}

/** What carries the traffic, by spec.traffic. */
function observeCarrier(
  caches: Caches,
  deployment: ModelDeployment,
  revisions: ReadonlyMap<string, RevisionState>,
): { readonly route: RouteState | undefined; readonly spoiltRoute: Identity | undefined } {
  const { name, namespace } = deployment.metadata;
  const routing = routingOf(deployment);
  if (routing === 'None') {
    const workloads = [...revisions.values()].flatMap(({ workload }) => (workload ? [workload] : []));
    return { route: newestCarried(workloads), spoiltRoute: undefined };
  }
  const carrier = ownOf(deployment, (routing === 'Gateway' ? caches.routes : caches.services).get(namespace ?? '', name));
  return { route: carrier?.state, spoiltRoute: carrier && !carrier.state ? identityOf(carrier.metadata) : undefined };
}

async function observeRevisions(
  sources: DeploymentSources,
  deployment: ModelDeployment,
  key: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, RevisionState>> {
  const { caches } = sources;
  const own = <T extends Child>(list: readonly T[]): readonly T[] => list.filter((child) => ownOf(deployment, child) !== undefined);
  const of = <T extends Child>(list: readonly T[], revision: string): T | undefined => list.find((child) => child.revision === revision);
  const workloads = own(caches.workloads.byIndex(BY_DEPLOYMENT, key));
  const services = own(caches.services.byIndex(BY_DEPLOYMENT, key));
  const budgets = own(caches.budgets.byIndex(BY_DEPLOYMENT, key));
  const snapshots = own(caches.snapshots.byIndex(BY_DEPLOYMENT, key));
  const endpoints = caches.endpoints.byIndex(BY_DEPLOYMENT, key);
  const revisions = new Set(
    [...workloads, ...services, ...budgets, ...snapshots].flatMap(({ revision }) => (revision === undefined ? [] : [revision])),
  );
  const { namespace = '', name } = deployment.metadata;
  // Pods that are Ready and do not answer may have ended just now.
  const isUnanswered = [...sources.probes(namespace, name).values()].some(({ state }) => state === 'Unreachable');
  const states = await Promise.all(
    [...revisions].sort().map(async (revision): Promise<RevisionState> => {
      const workload = of(workloads, revision)?.state;
      const service = of(services, revision);
      const troubled = workload !== undefined && (workload.readyReplicas < workload.replicas || isUnanswered);
      return {
        revision,
        snapshot: of(snapshots, revision)?.snapshot,
        workload,
        service: service && { revision: service.selects, identity: identityOf(service.metadata) },
        hasDisruptionBudget: of(budgets, revision) !== undefined,
        readyEndpoints: endpoints.filter((slice) => slice.revision === revision).reduce((sum, { ready }) => sum + ready, 0),
        trouble: troubled ? await troubleOf(sources.client, deployment, revision, signal) : undefined,
      };
    }),
  );
  return new Map(states.map((state) => [state.revision, state]));
}

async function troubleOf(
  client: KubeClient,
  { metadata }: ModelDeployment,
  revision: string,
  signal: AbortSignal,
): Promise<PodTrouble | undefined> {
  const labelSelector = `${LABEL.deployment}=${metadata.name},${LABEL.revision}=${revision}`;
  return (await findPodTrouble(client, { namespace: metadata.namespace, labelSelector }, signal)).trouble;
}
