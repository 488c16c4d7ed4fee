import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { STATUS_SCHEMA } from '../../api/names.ts';
import type { Action, PlanEvent } from '../observed.ts';
import { resolveInputs, resolveJob } from '../resources/resolveJob.ts';
import { stampConditions, type Statement } from '../status/conditions.ts';
import { writeStatus } from '../status/write.ts';
import { formatTime } from '../time.ts';
import { copyEvents, copyOf, durable, type Copy } from './copy.ts';
import { endOf, type JobFailure, type JobState } from './job.ts';
import type { Metadata } from './metadata.ts';
import { allowanceOf } from './room.ts';
import { planTags, type ObservedTags, type Tagging } from './tagging.ts';
import type { Resolved } from './termination.ts';

/** All that a pass over one ModelVersion may know. */
export interface ObservedVersion extends ObservedTags {
  /** Its newest resolve Job. */
  readonly job: JobState | undefined;
  /** Digests of the copies in the claim of `spec.storage` that somebody in the namespace needs; undefined when that was not asked. */
  readonly needed?: readonly string[] | undefined;
}

export interface VersionPlan {
  readonly actions: readonly Action[];
  readonly events: readonly PlanEvent[];
  readonly requeueAfterMs: number | undefined;
}

type Status = NonNullable<ModelVersion['status']>;

interface Found {
  readonly resolved: Resolved;
  readonly metadata: Metadata | undefined;
}

/** Where a version stands: pinned, being pinned, or failed with a time to try again. */
type Stand =
  | (Found & { readonly state: 'Pinned' })
  | { readonly state: 'Resolving'; readonly reason: string; readonly message: string }
  /** Tried again: what the last attempt said stays until this one ends. */
  | { readonly state: 'Retrying' }
  | JobFailure
  | (Found & { readonly state: 'Contradicted'; readonly message: string });

type Told = Exclude<Stand, { readonly state: 'Retrying' }>;

const LOOK_AT_JOB_MS = 10_000;

/**
 * All that is done for one ModelVersion in one pass. A version is resolved once: from then on its digest never changes, whatever its source
 * says later.
 */
export function planVersion(observed: ObservedVersion, now: number): VersionPlan {
  const { version } = observed;
  if (version.metadata.deletionTimestamp !== undefined || (version.status?.schema ?? 0) > STATUS_SCHEMA) {
    return { actions: [], events: [], requeueAfterMs: undefined };
  }
  // What a Job found for other inputs says nothing about these.
  const job = observed.job?.inputs === resolveInputs(version) ? observed.job : undefined;
  const stand = standOf(version, job, now);
  const end = job === undefined || job.state === 'Running' ? undefined : endOf(job, now);
  const copy = stand.state === 'Pinned' ? copyOf(version, job, end, formatTime(now)) : undefined;
  const retryAtMs = stand.state === 'Failed' ? stand.retryAtMs : copy?.state === 'Missing' ? copy.retryAtMs : undefined;
  const retry = retryAtMs !== undefined && now >= retryAtMs;
  const start = !job && (stand.state === 'Resolving' || copy?.state === 'Storing');
  const attempt = (observed.job?.attempt ?? 0) + 1;
  const allowance = allowanceOf(version, observed.needed, now);
  const jobs: Action[] = start || retry ? [{ type: 'Create', object: resolveJob(version, attempt, observed.settings, allowance) }] : [];
  const tagging = planTags(observed, now);
  const written = stand.state === 'Retrying' ? [] : writeStatus(version, statusOf(version, stand, copy, tagging, now));
  // Pods are not watched, so what keeps a Job's pod from running is asked for from time to time.
  const lookAfterMs = retryAtMs !== undefined && !retry ? retryAtMs - now : job?.state === 'Running' ? LOOK_AT_JOB_MS : undefined;
  return {
    // Tags are a courtesy and come last: what keeps their Job from being made keeps nothing else.
    actions: [...jobs, ...written, ...tagging.actions],
    events: written.length > 0 ? [...eventsOf(version, stand, copy), ...tagging.events] : [],
    requeueAfterMs: sooner(lookAfterMs, tagging.requeueAfterMs),
  };
}

function sooner(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

function standOf(version: ModelVersion, job: JobState | undefined, now: number): Stand {
  const { resolved, metadata } = version.status ?? {};
  if (resolved) return compare(version, { resolved: resolved as Resolved, metadata: metadata });
  if (job?.state === 'Running' && job.attempt > 1 && !job.trouble && version.status?.conditions !== undefined) return { state: 'Retrying' };
  if (!job || job.state === 'Running') {
    const { reason, message } = job?.trouble ?? {};
    return {
      state: 'Resolving',
      reason: reason ?? 'Resolving',
      message:
        message === undefined ? 'a Job in this namespace reads the files and computes their digest' : `the resolve Job waits: ${message}`,
    };
  }
  const end = endOf(job, now);
  return end.state === 'Found' ? compare(version, end) : end;
}

/** The author may state the digest after the fact; then the two must agree. */
function compare(version: ModelVersion, { resolved, metadata }: Found): Stand {
  const { digest } = version.spec;
  if (digest === undefined || digest === resolved.digest) return { state: 'Pinned', resolved, metadata };
  return {
    state: 'Contradicted',
    resolved,
    metadata,
    message: `spec.digest is ${digest}, but the files have ${resolved.digest}; this version is not served`,
  };
}

function statusOf(version: ModelVersion, stand: Told, copy: Copy | undefined, { tags, told }: Tagging, now: number): Status {
  const generation = version.metadata.generation ?? 0;
  const found = stand.state === 'Pinned' || stand.state === 'Contradicted' ? stand : undefined;
  return {
    schema: STATUS_SCHEMA,
    observedGeneration: generation,
    ...(found && { resolved: found.resolved }),
    ...(found?.metadata && { metadata: found.metadata }),
    ...(copy?.state === 'Stored' ? { stored: { claim: copy.claim, ...(copy.storedAt && { storedAt: copy.storedAt }) } } : {}),
    ...(tags && { tags }),
    conditions: stampConditions([...statementsOf(stand, copy), ...told], version.status?.conditions, generation, now),
  };
}

function statementsOf(stand: Told, copy: Copy | undefined): readonly Statement[] {
  switch (stand.state) {
    case 'Pinned':
      return [
        {
          type: 'Resolved',
          status: 'True',
          reason: 'Resolved',
          message: `${stand.resolved.files} files, ${stand.resolved.bytes} bytes from ${stand.resolved.uri}`,
        },
        {
          type: 'Verified',
          status: 'True',
          reason: 'DigestPinned',
          message: `only files with digest ${stand.resolved.digest} are ever served`,
        },
        ...(copy ? [durable(copy, stand.resolved)] : []),
        { type: 'Ready', status: 'True', reason: 'Ready', message: 'the version can be served' },
      ];
    case 'Resolving': {
      const { reason, message } = stand;
      return both(reason, message, [{ type: 'Reconciling', status: 'True', reason, message }]);
    }
    case 'Failed': {
      const message = stand.isFinal ? `${stand.message} (tried again from time to time)` : `${stand.message} (tried again soon)`;
      const motion = stand.isFinal ? 'Stalled' : 'Reconciling';
      return both(stand.reason, message, [{ type: motion, status: 'True', reason: stand.reason, message }]);
    }
    case 'Contradicted':
      return [
        { type: 'Resolved', status: 'True', reason: 'Resolved', message: `${stand.resolved.files} files from ${stand.resolved.uri}` },
        { type: 'Verified', status: 'False', reason: 'DigestMismatch', message: stand.message },
        { type: 'Ready', status: 'False', reason: 'DigestMismatch', message: stand.message },
        { type: 'Stalled', status: 'True', reason: 'DigestMismatch', message: stand.message },
      ];
  }
}

function both(reason: string, message: string, more: readonly Statement[]): readonly Statement[] {
  return [{ type: 'Resolved', status: 'False', reason, message }, { type: 'Ready', status: 'False', reason, message }, ...more];
}

function eventsOf(version: ModelVersion, stand: Stand, copy: Copy | undefined): readonly PlanEvent[] {
  const before = version.status?.conditions?.find(({ type }) => type === 'Ready')?.reason;
  switch (stand.state) {
    case 'Pinned': {
      const { digest, files, bytes } = stand.resolved;
      const pinned: PlanEvent = { type: 'Normal', reason: 'Resolved', message: `pinned to ${digest} (${files} files, ${bytes} bytes)` };
      return [...(before === 'Ready' ? [] : [pinned]), ...(copy ? copyEvents(copy, durable(copy, stand.resolved), version) : [])];
    }
    case 'Failed':
      return [{ type: 'Warning', reason: stand.reason, message: stand.message }];
    case 'Contradicted':
      return [{ type: 'Warning', reason: 'DigestMismatch', message: stand.message }];
    case 'Resolving':
      return stand.reason === 'Resolving' ? [] : [{ type: 'Warning', reason: stand.reason, message: stand.message }];
    case 'Retrying':
      return [];
  }
}
