import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { STATUS_SCHEMA } from '../../api/names.ts';
import type { Action, PlanEvent, PodTrouble, Settings } from '../observed.ts';
import { resolveInputs, resolveJob } from '../resources/resolveJob.ts';
import { stampConditions, type Statement } from '../status/conditions.ts';
import { writeStatus } from '../status/write.ts';
import type { DecodedTermination, Resolved } from './termination.ts';

/** All that a pass over one ModelVersion may know. */
export interface ObservedVersion {
  readonly version: ModelVersion;
  /** Its newest resolve Job. */
  readonly job: JobState | undefined;
  readonly settings: Settings;
}

export interface JobState {
  readonly name: string;
  readonly attempt: number;
  readonly state: 'Running' | 'Succeeded' | 'Failed';
  /** What its pod left; undefined while it runs, or when the pod is gone. */
  readonly termination: DecodedTermination | undefined;
  /** What it was made for; see `resolveInputs`. */
  readonly inputs: string | undefined;
  /** Why its pod does not run. */
  readonly trouble: PodTrouble | undefined;
  readonly finishedAtMs: number | undefined;
}

export interface VersionPlan {
  readonly actions: readonly Action[];
  readonly events: readonly PlanEvent[];
  readonly requeueAfterMs: number | undefined;
}

type Status = NonNullable<ModelVersion['status']>;

/** Where a version stands: pinned, being pinned, or failed with a time to try again. */
type Stand =
  | { readonly state: 'Pinned'; readonly resolved: Resolved }
  | { readonly state: 'Resolving'; readonly reason: string; readonly message: string }
  /** Tried again: what the last attempt said stays until this one ends. */
  | { readonly state: 'Retrying' }
  | { readonly state: 'Failed'; readonly reason: string; readonly message: string; readonly isFinal: boolean; readonly retryAtMs: number }
  | { readonly state: 'Contradicted'; readonly resolved: Resolved; readonly message: string };

type Told = Exclude<Stand, { readonly state: 'Retrying' }>;

const FIRST_RETRY_MS = 15_000;
const LOOK_AT_JOB_MS = 10_000;
/** Whoever has just mended a source or a Secret waits at most this long to see it. */
const LONGEST_RETRY_MS = 60_000;
/** After about a quarter of an hour of tries nobody is waiting any more. */
const PATIENT_ATTEMPTS = 15;
const PATIENT_RETRY_MS = 600_000;

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
  const retry = stand.state === 'Failed' && now >= stand.retryAtMs;
  const start = stand.state === 'Resolving' && !job;
  const attempt = (observed.job?.attempt ?? 0) + 1;
  const jobs: Action[] = start || retry ? [{ type: 'Create', object: resolveJob(version, attempt, observed.settings) }] : [];
  const written = stand.state === 'Retrying' ? [] : writeStatus(version, statusOf(version, stand, now));
  return {
    actions: [...jobs, ...written],
    events: written.length > 0 ? eventsOf(version, stand) : [],
    requeueAfterMs: requeueAfter(stand, retry, job, now),
  };
}

/** Pods are not watched, so what keeps a Job's pod from running is asked for from time to time. */
function requeueAfter(stand: Stand, retry: boolean, job: JobState | undefined, now: number): number | undefined {
  if (stand.state === 'Failed' && !retry) return stand.retryAtMs - now;
  return job?.state === 'Running' ? LOOK_AT_JOB_MS : undefined;
}

function standOf(version: ModelVersion, job: JobState | undefined, now: number): Stand {
  const kept = version.status?.resolved;
  if (kept) return compare(version, kept as Resolved);
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
  const said = job.termination;
  if (job.state === 'Succeeded' && said?.ok === true && said.value.kind === 'resolved') return compare(version, said.value.resolved);
  const retryAtMs = (job.finishedAtMs ?? now) + pauseAfter(job.attempt);
  if (said?.ok === true && said.value.kind === 'failed') {
    const { reason, message, retryable } = said.value.failure;
    return { state: 'Failed', reason, message, isFinal: !retryable, retryAtMs };
  }
  const message =
    job.trouble?.message ??
    `Job ${job.name} ended without a result${said?.ok === false ? `: its termination message ${said.problem}` : ''}`;
  return { state: 'Failed', reason: job.trouble?.reason ?? 'ResolveFailed', message, isFinal: false, retryAtMs };
}

/**
 * Milliseconds from the end of an attempt to the next. Final failures are tried again too: what a source has, or a Secret holds, is mended
 * outside of anything that is watched.
 */
function pauseAfter(attempt: number): number {
  return attempt >= PATIENT_ATTEMPTS ? PATIENT_RETRY_MS : Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
}

/** The author may state the digest after the fact; then the two must agree. */
function compare(version: ModelVersion, resolved: Resolved): Stand {
  const { digest } = version.spec;
  if (digest === undefined || digest === resolved.digest) return { state: 'Pinned', resolved };
  return {
    state: 'Contradicted',
    resolved,
    message: `spec.digest is ${digest}, but the files have ${resolved.digest}; this version is not served`,
  };
}

function statusOf(version: ModelVersion, stand: Told, now: number): Status {
  const generation = version.metadata.generation ?? 0;
  const resolved = version.status?.resolved ?? (stand.state === 'Pinned' || stand.state === 'Contradicted' ? stand.resolved : undefined);
  return {
    schema: STATUS_SCHEMA,
    observedGeneration: generation,
    ...(resolved ? { resolved } : {}),
    conditions: stampConditions(statementsOf(stand), version.status?.conditions, generation, now),
  };
}

function statementsOf(stand: Told): readonly Statement[] {
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

function eventsOf(version: ModelVersion, stand: Stand): readonly PlanEvent[] {
  const before = version.status?.conditions?.find(({ type }) => type === 'Ready')?.reason;
  switch (stand.state) {
    case 'Pinned':
      return before === 'Ready'
        ? []
        : [
            {
              type: 'Normal',
              reason: 'Resolved',
              message: `pinned to ${stand.resolved.digest} (${stand.resolved.files} files, ${stand.resolved.bytes} bytes)`,
            },
          ];
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
