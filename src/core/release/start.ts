import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { API_VERSION, FIELD_MANAGER, LABEL, MANAGED_BY_VALUE } from '../../api/names.ts';
import type { Action, KubeObject, PlanEvent } from '../observed.ts';
import { deploymentLabels, workload } from '../resources/children.ts';
import { childName, type Snapshot } from '../resources/revision.ts';
import { nextNumber } from './ledger.ts';
import { queryTrials } from './measures.ts';
import { planSnapshot, sayApproximations } from './parameters.ts';
import { unseenStable, type Scene } from './scene.ts';

/** Annotations that say who changed a ModelDeployment, where something sets them. */
const CHANGED_BY = 'plimsoll.dev/changed-by';
const COMMIT = 'plimsoll.dev/commit';

/** What makes a release more than the first try of a revision. */
export interface Again {
  readonly attempt: number;
  readonly retryToken?: string | undefined;
}

/**
 * The record of a new release, with the plan that holds for it. Its name holds its number, so that two operators that start the same release
 * make one object. It has no owner: the audit trail outlives the deployment. Before it, the API server is asked whether what is said to serve
 * is gone, if nothing of it is seen, and whether it would have these pods, and Prometheus whether it can read the queries of the checks: what
 * one of them refuses is told at once and makes no release, since a release keeps the checks that it started with.
 */
export function startRelease(
  scene: Scene,
  snapshot: Snapshot,
  { attempt, retryToken }: Again,
): { readonly actions: readonly Action[]; readonly events: readonly PlanEvent[] } {
  const { owner, stable, checks, observed } = scene;
  const number = nextNumber(observed.releases, observed.route?.decision?.release);
  const { revision, version, digest } = snapshot;
  const annotations = observed.deployment.metadata.annotations ?? {};
  const spec: ModelRelease['spec'] = {
    deployment: owner.name,
    number,
    ...(stable ? { from: { version: stable.version, digest: stable.digest, revision: stable.revision } } : {}),
    to: { version, digest, revision },
    cause: {
      type: retryToken === undefined ? typeOf(stable, snapshot) : 'Retry',
      attempt,
      ...(retryToken === undefined ? {} : { retryToken }),
      ...(annotations[CHANGED_BY] === undefined ? {} : { changedBy: annotations[CHANGED_BY].slice(0, 253) }),
      ...(annotations[COMMIT] === undefined ? {} : { commit: annotations[COMMIT].slice(0, 64) }),
    },
    plan: planSnapshot(observed.deployment, checks, observed.settings.settleMs, stable === undefined),
  };
  const object: KubeObject = {
    apiVersion: API_VERSION,
    kind: 'ModelRelease',
    metadata: {
      name: releaseName(owner.name, number),
      namespace: owner.namespace,
      labels: { [LABEL.managedBy]: MANAGED_BY_VALUE, [LABEL.deployment]: owner.name, [LABEL.revision]: revision },
    },
    spec,
  };
  const from = stable ? `from version ${stable.version} to ${version}` : `of the first version, ${version}`;
  const rehearsal: Action = {
    type: 'Apply',
    object: workload(owner, snapshot, scene.size, scene.now, undefined),
    fieldManager: FIELD_MANAGER.children,
    dryRun: true,
  };
  const queries = queryTrials(owner, checks.specs, snapshot);
  const trial: readonly Action[] = queries.length === 0 ? [] : [{ type: 'TryQueries', queries }];
  return {
    actions: [...confirmGone(scene), rehearsal, ...trial, { type: 'Create', object }],
    events: [
      { type: 'Normal', reason: 'ReleaseStarted', message: `release ${number} ${from} (revision ${revision})` },
      ...(stable ? approximations(scene) : []),
    ],
  };
}

/**
 * Each kind of object has a cache of its own, and that of the releases may be ahead: pods that serve must not be taken for those of an earlier
 * deployment of the same name, which are gone.
 */
function confirmGone(scene: Scene): readonly Action[] {
  const revision = unseenStable(scene);
  if (revision === undefined) return [];
  const { name, namespace } = scene.owner;
  const labels = { ...deploymentLabels(scene.owner), [LABEL.revision]: revision };
  const metadata = { name: childName(name, revision), namespace, labels };
  return [{ type: 'ConfirmAbsent', object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata } }];
}

function typeOf(stable: Scene['stable'], { version, digest }: Snapshot): 'First' | 'Version' | 'Template' {
  if (!stable) return 'First';
  return stable.version === version && stable.digest === digest ? 'Template' : 'Version';
}

function approximations(scene: Scene): readonly PlanEvent[] {
  const message = sayApproximations(scene);
  return message === undefined ? [] : [{ type: 'Warning', reason: 'WeightsApproximated', message }];
}

export function releaseName(deployment: string, number: number): string {
  return `${deployment}-r${number}`;
}
