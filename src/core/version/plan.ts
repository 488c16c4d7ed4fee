import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { STATUS_SCHEMA } from '../../api/names.ts';
import { sameJson } from '../canonical.ts';
import type { Action, PlanEvent, PodTrouble, Settings } from '../observed.ts';
import { resolveJob } from '../resources/resolveJob.ts';
import { stampConditions, type Statement } from '../status/conditions.ts';
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
  | { readonly state: 'Resolving'; readonly message: string }
  | { readonly state: 'Failed'; readonly reason: string; readonly message: string; readonly isFinal: boolean; readonly retryAtMs: number }
  | { readonly state: 'Contradicted'; readonly resolved: Resolved; readonly message: string };

const FIRST_RETRY_MS = 15_000;
const LONGEST_RETRY_MS = 600_000;

/**
 * All that is done for one ModelVersion in one pass. A version is resolved once: from then on its digest never changes, whatever its source
 * says later.
 */
export function planVersion(observed: ObservedVersion, now: number): VersionPlan {
  const { version } = observed;
  if (version.metadata.deletionTimestamp !== undefined || (version.status?.schema ?? 0) > STATUS_SCHEMA) {
    return { actions: [], events: [], requeueAfterMs: undefined };
  }
  const stand = standOf(observed, now);
  const retry = stand.state === 'Failed' && now >= stand.retryAtMs;
  const start = stand.state === 'Resolving' && !observed.job;
  const attempt = (observed.job?.attempt ?? 0) + 1;
  const jobs: Action[] = start || retry ? [{ type: 'Create', object: resolveJob(version, attempt, observed.settings) }] : [];
  const status = statusOf(version, stand, now);
  const isNew = !sameJson(version.status ?? {}, status);
  return {
    actions: [...jobs, ...(isNew ? [statusAction(version, status)] : [])],
    events: isNew ? eventsOf(version, stand) : [],
    requeueAfterMs: stand.state === 'Failed' && !retry ? stand.retryAtMs - now : undefined,
  };
}

function standOf({ version, job }: ObservedVersion, now: number): Stand {
  const kept = version.status?.resolved;
  if (kept) return compare(version, kept as Resolved);
  if (!job || job.state === 'Running') {
    const why = job?.trouble?.message;
    return { state: 'Resolving', message: why === undefined ? 'a Job in this namespace downloads the files and computes their digest' : `the resolve Job waits: ${why}` };
  }
  const said = job.termination;
  if (job.state === 'Succeeded' && said?.ok === true && said.value.kind === 'resolved') return compare(version, said.value.resolved);
  const retryAtMs = (job.finishedAtMs ?? now) + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (job.attempt - 1));
  if (said?.ok === true && said.value.kind === 'failed') {
    const { reason, message, retryable } = said.value.failure;
    return { state: 'Failed', reason, message, isFinal: !retryable, retryAtMs: retryable ? retryAtMs : (job.finishedAtMs ?? now) + LONGEST_RETRY_MS };
  }
  const message = job.trouble?.message ?? `Job ${job.name} ended without a result${said?.ok === false ? `: its termination message ${said.problem}` : ''}`;
  return { state: 'Failed', reason: job.trouble?.reason ?? 'ResolveFailed', message, isFinal: false, retryAtMs };
}

/** The author may state the digest after the fact; then the two must agree. */
function compare(version: ModelVersion, resolved: Resolved): Stand {
  const { digest } = version.spec;
  if (digest === undefined || digest === resolved.digest) return { state: 'Pinned', resolved };
  return { state: 'Contradicted', resolved, message: `spec.digest is ${digest}, but the files have ${resolved.digest}; this version is not served` };
}

function statusOf(version: ModelVersion, stand: Stand, now: number): Status {
  const generation = version.metadata.generation ?? 0;
  const resolved = version.status?.resolved ?? (stand.state === 'Pinned' || stand.state === 'Contradicted' ? stand.resolved : undefined);
  return {
    schema: STATUS_SCHEMA,
    observedGeneration: generation,
    ...(resolved ? { resolved } : {}),
    conditions: stampConditions(statementsOf(stand), version.status?.conditions, generation, now),
  };
}

function statementsOf(stand: Stand): readonly Statement[] {
  switch (stand.state) {
    case 'Pinned':
      return [
        { type: 'Resolved', status: 'True', reason: 'Resolved', message: `${stand.resolved.files} files, ${stand.resolved.bytes} bytes from ${stand.resolved.uri}` },
        { type: 'Verified', status: 'True', reason: 'DigestPinned', message: `only files with digest ${stand.resolved.digest} are ever served` },
        { type: 'Ready', status: 'True', reason: 'Ready', message: 'the version can be served' },
      ];
    case 'Resolving':
      return both('Resolving', stand.message, [{ type: 'Reconciling', status: 'True', reason: 'Resolving', message: stand.message }]);
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

function statusAction(version: ModelVersion, status: Status): Action {
  const { name, namespace = 'default', resourceVersion = '' } = version.metadata;
  return { type: 'ApplyStatus', object: { apiVersion: version.apiVersion, kind: version.kind, metadata: { name, namespace, resourceVersion }, status } };
}

function eventsOf(version: ModelVersion, stand: Stand): readonly PlanEvent[] {
  const before = version.status?.conditions?.find(({ type }) => type === 'Ready')?.reason;
  switch (stand.state) {
    case 'Pinned':
      return before === 'Ready' ? [] : [{ type: 'Normal', reason: 'Resolved', message: `pinned to ${stand.resolved.digest} (${stand.resolved.files} files, ${stand.resolved.bytes} bytes)` }];
    case 'Failed':
      return [{ type: 'Warning', reason: stand.reason, message: stand.message }];
    case 'Contradicted':
      return [{ type: 'Warning', reason: 'DigestMismatch', message: stand.message }];
    case 'Resolving':
      return [];
  }
}
