import type { ModelDeployment } from '../api/generated/modeldeployment.ts';
import type { ModelVersion } from '../api/generated/modelversion.ts';
import { keyOf } from '../controller/store.ts';
import type { KubeClient } from '../controller/client.ts';
import type { InspectionJob } from '../core/observed.ts';
import { inspectionOf } from '../core/resources/inspection.ts';
import { BY_DEPLOYMENT, type Caches } from './caches.ts';
import { findPodTrouble } from './trouble.ts';

/** The Job that asks the server's image for its packages. Nothing costs a request once its answer is in the status. */
export async function observeInspection(
  { client, caches }: { readonly client: KubeClient; readonly caches: Caches },
  deployment: ModelDeployment,
  version: ModelVersion | undefined,
  signal: AbortSignal,
): Promise<InspectionJob | undefined> {
  const inspection = inspectionOf(deployment, version);
  if (!inspection || deployment.status?.inspected?.inputs === inspection.inputs) return undefined;
  const { namespace = '', name, uid } = deployment.metadata;
  const [newest] = caches.jobs
    .byIndex(BY_DEPLOYMENT, keyOf(namespace, name))
    .filter(({ inputs, metadata }) => inputs === inspection.inputs && metadata.ownerReferences?.some((owner) => owner.uid === uid))
    .toSorted((a, b) => b.attempt - a.attempt);
  if (!newest) return undefined;
  const labelSelector = `batch.kubernetes.io/job-name=${newest.metadata.name}`;
  const job = newest.state === 'Running' ? newest.metadata.name : undefined;
  const { pods, trouble } = await findPodTrouble(client, { namespace, labelSelector, job }, signal);
  const ended = pods.flatMap((pod) => pod.status?.containerStatuses ?? []).find(({ state }) => state?.terminated !== undefined)
    ?.state?.terminated;
  const { inputs = '', attempt, state, finishedAtMs } = newest;
  return { inputs, attempt, state, ended, trouble: ended ? undefined : trouble, finishedAtMs };
}
