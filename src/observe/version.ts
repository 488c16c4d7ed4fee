import type { KubeClient } from '../controller/client.ts';
import { keyOf } from '../controller/store.ts';
import type { Settings } from '../core/observed.ts';
import { versionLabel } from '../core/resources/resolveJob.ts';
import { awaitsJob } from '../core/version/copy.ts';
import type { JobState } from '../core/version/job.ts';
import type { ObservedVersion } from '../core/version/plan.ts';
import { decodeTermination } from '../core/version/termination.ts';
import { BY_CLAIM, BY_VERSION, type Caches } from './caches.ts';
import type { JobChild } from './projections.ts';
import { findPodTrouble } from './trouble.ts';

export interface VersionSources {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly settings: Settings;
}

/** Everything that a pass over this ModelVersion may know; undefined when it does not exist. */
export async function observeVersion(
  { client, caches, settings }: VersionSources,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<ObservedVersion | undefined> {
  const version = caches.versions.get(namespace, name);
  if (!version) return undefined;
  const jobs = caches.jobs.byIndex(BY_VERSION, keyOf(namespace, versionLabel(name)));
  const newest = [...jobs]
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === version.metadata.uid))
    .sort((a, b) => b.attempt - a.attempt)[0];
  const awaited = awaitsJob(version);
  return {
    version,
    job: newest && awaited ? await observeJob(client, newest, signal) : undefined,
    needed: awaited ? neededCopies(caches, namespace, version.spec.storage?.claim.name) : undefined,
    settings,
  };
}

/** Digests of the copies in a claim that a ModelVersion names, or that pods of a revision look for first. */
function neededCopies(caches: Caches, namespace: string, claim: string | undefined): readonly string[] | undefined {
  if (claim === undefined) return undefined;
  const key = keyOf(namespace, claim);
  const named = caches.versions.byIndex(BY_CLAIM, key).flatMap(({ spec, status }) => [spec.digest, status?.resolved?.digest]);
  const rendered = caches.snapshots.byIndex(BY_CLAIM, key).map(({ snapshot }) => snapshot?.digest);
  return [...new Set([...named, ...rendered])].filter((digest) => digest !== undefined).sort();
}

async function observeJob(client: KubeClient, job: JobChild, signal: AbortSignal): Promise<JobState> {
  const { name, namespace } = job.metadata;
  const labelSelector = `batch.kubernetes.io/job-name=${name}`;
  const running = job.state === 'Running' ? name : undefined;
  const { pods, trouble } = await findPodTrouble(client, { namespace, labelSelector, job: running }, signal);
  const ended = pods.flatMap((pod) => pod.status?.containerStatuses ?? []).find(({ state }) => state?.terminated !== undefined)
    ?.state?.terminated;
  return {
    name,
    attempt: job.attempt,
    state: job.state,
    termination: ended ? decodeTermination(ended.message) : undefined,
    trouble: job.state === 'Succeeded' || ended ? undefined : trouble,
    finishedAtMs: job.finishedAtMs,
    inputs: job.inputs,
  };
}
