// Reads what the operator says: status of the ModelDeployment and of its ModelReleases, and the Events about them.
import type { KubeConfig } from '@kubernetes/client-node';
import type { ModelDeployment } from '../../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../../src/api/generated/modelrelease.ts';
import type { ModelVersion } from '../../../src/api/generated/modelversion.ts';
import { LABEL } from '../../../src/api/names.ts';
import { RESOURCE, type KubeObject } from '../../../src/api/resources.ts';
import { createSystemClock } from '../../../src/controller/clock.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import { MODEL, NAMESPACE } from './manifests.ts';

/** An Event, once. */
export interface Note {
  readonly warning: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface Observer {
  readonly deployment: () => Promise<ModelDeployment | undefined>;
  readonly versions: () => Promise<readonly ModelVersion[]>;
  /** The newest release. */
  readonly release: () => Promise<ModelRelease | undefined>;
  /** Events about the ModelDeployment that were not given before, in order. */
  readonly notes: () => Promise<readonly Note[]>;
  /** Whether an object is there. */
  readonly exists: (ref: Parameters<ReturnType<typeof createKubeClient>['get']>[0]) => Promise<KubeObject | undefined>;
}

/** An observer with the rights of the current context. `now` is wall-clock milliseconds. */
export function createObserver(config: KubeConfig, now: () => number): Observer {
  const client = createKubeClient(config, { clock: createSystemClock(now), userAgent: 'plimsoll-demo' });
  const told = new Set<string>();
  return {
    deployment: async () =>
      (await client.get({ resource: RESOURCE.modelDeployment, namespace: NAMESPACE, name: MODEL })) as ModelDeployment | undefined,
    versions: async () => (await client.list(RESOURCE.modelVersion, { namespace: NAMESPACE })).items as unknown as readonly ModelVersion[],
    release: async () => {
      const { items } = await client.list(RESOURCE.modelRelease, { namespace: NAMESPACE, labelSelector: `${LABEL.deployment}=${MODEL}` });
      return (items as unknown as readonly ModelRelease[]).toSorted((a, b) => a.spec.number - b.spec.number).at(-1);
    },
    notes: async () => {
      const { items } = await client.list(RESOURCE.event, { namespace: NAMESPACE });
      const fresh = items.filter((event) => {
        const about = event['involvedObject'] as { readonly kind?: string } | undefined;
        return about?.kind === 'ModelDeployment' && !told.has(event.metadata.uid ?? '');
      });
      for (const { metadata } of fresh) told.add(metadata.uid ?? '');
      return fresh
        .sort(byAge)
        .map((event) => ({ warning: event['type'] === 'Warning', reason: word(event['reason']), message: word(event['message']) }));
    },
    exists: async (ref) => await client.get(ref),
  };
}

/** Oldest first; of the same second, as the API server counted them. */
function byAge(a: KubeObject, b: KubeObject): number {
  const age = (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '');
  return age !== 0 ? age : Number(a.metadata.resourceVersion ?? 0) - Number(b.metadata.resourceVersion ?? 0);
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
