import type { ModelVersion } from '../api/generated/modelversion.ts';
import type { KubeClient } from '../controller/client.ts';
import { keyOf } from '../controller/store.ts';
import type { Settings } from '../core/observed.ts';
import { versionLabel } from '../core/resources/versionJob.ts';
import { awaitsJob } from '../core/version/copy.ts';
import type { JobState } from '../core/version/job.ts';
import type { ObservedVersion } from '../core/version/plan.ts';
import { concernsTags } from '../core/version/tagging.ts';
import type { Server } from '../core/version/tags.ts';
import { decodeTermination } from '../core/version/termination.ts';
import { BY_CLAIM, BY_DEPLOYMENT, BY_MODEL, BY_VERSION, type Caches } from './caches.ts';
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
  const jobs = caches.jobs
    .byIndex(BY_VERSION, keyOf(namespace, versionLabel(name)))
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === version.metadata.uid))
    .toSorted((a, b) => b.attempt - a.attempt);
  const newest = async (program: string): Promise<JobState | undefined> => {
    const job = jobs.find((one) => one.program === program);
    return job && (await observeJob(client, job, signal));
  };
  const awaited = awaitsJob(version);
  const isTagged = concernsTags(version);
  return {
    version,
    job: awaited ? await newest('resolve') : undefined,
    tagJob: isTagged ? await newest('tag') : undefined,
    servers: isTagged ? serversOf(caches, version) : [],
    needed: awaited ? neededCopies(caches, namespace, version.spec.storage?.claim.name) : undefined,
    settings,
  };
}

/** The ModelDeployments of the version's model, each with its newest release. */
function serversOf({ deployments, releases }: Caches, { metadata: { namespace }, spec }: ModelVersion): readonly Server[] {
  return deployments.byIndex(BY_MODEL, keyOf(namespace, spec.model)).map((deployment) => ({
    deployment,
    release: releases
      .byIndex(BY_DEPLOYMENT, keyOf(namespace, deployment.metadata.name))
      .toSorted((a, b) => a.spec.number - b.spec.number)
      .at(-1),
  }));
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
  // Of tags the success says all, and nothing else of its pod is read.
  if (job.program === 'tag' && job.state === 'Succeeded') return { ...stateOf(job), termination: undefined, trouble: undefined };
  const labelSelector = `batch.kubernetes.io/job-name=${name}`;
  const running = job.state === 'Running' ? name : undefined;
  const { pods, trouble } = await findPodTrouble(client, { namespace, labelSelector, job: running }, signal);
  const ended = pods.flatMap((pod) => pod.status?.containerStatuses ?? []).find(({ state }) => state?.terminated !== undefined)
    ?.state?.terminated;
  return {
    ...stateOf(job),
    termination: ended ? decodeTermination(ended.message) : undefined,
    trouble: job.state === 'Succeeded' || ended ? undefined : trouble,
  };
}

function stateOf({ metadata: { name }, attempt, state, finishedAtMs, inputs }: JobChild): Omit<JobState, 'termination' | 'trouble'> {
  return { name, attempt, state, finishedAtMs, inputs };
}
