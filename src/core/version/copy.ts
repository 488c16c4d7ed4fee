import type { ModelVersion } from '../../api/generated/modelversion.ts';
import type { PlanEvent } from '../observed.ts';
import type { Statement } from '../status/conditions.ts';
import type { JobEnd, JobState } from './job.ts';
import type { Resolved } from './termination.ts';

/** Where the copy of a pinned version in a claim of ours stands. */
export type Copy =
  | { readonly state: 'NotAsked' }
  | { readonly state: 'Stored'; readonly claim: string; readonly storedAt: string | undefined }
  /** A Job makes it, or is to. */
  | { readonly state: 'Storing'; readonly claim: string; readonly reason: string; readonly message: string }
  | {
      readonly state: 'Missing';
      readonly claim: string;
      readonly reason: string;
      readonly message: string;
      readonly retryAtMs: number;
    };

/** Whether a Job has something to say: nothing is known of the source yet, or a copy is asked for that is not known to be there. */
export function awaitsJob({ spec, status }: ModelVersion): boolean {
  if (status?.resolved === undefined) return true;
  return spec.storage !== undefined && status.stored?.claim !== spec.storage.claim.name;
}

/** `job` is the newest one for this spec, `end` what came of it if it has ended. */
export function copyOf(version: ModelVersion, job: JobState | undefined, end: JobEnd | undefined, now: string): Copy {
  const claim = version.spec.storage?.claim.name;
  if (claim === undefined) return { state: 'NotAsked' };
  const { stored, conditions } = version.status ?? {};
  if (stored?.claim === claim) return { state: 'Stored', claim, storedAt: stored.storedAt };
  if (end?.state === 'Found') return { state: 'Stored', claim, storedAt: now };
  if (end) return { state: 'Missing', claim, reason: end.reason, message: end.message, retryAtMs: end.retryAtMs };
  // While it is tried again, what the last attempt said stays until this one ends.
  const before = conditions?.find(({ type }) => type === 'Durable');
  if (job && job.attempt > 1 && !job.trouble && before?.status === 'False' && before.reason !== 'PerPodDownload') {
    return { state: 'Storing', claim, reason: before.reason, message: before.message };
  }
  const { reason = 'Storing', message } = job?.trouble ?? {};
  return {
    state: 'Storing',
    claim,
    reason,
    message: message === undefined ? `a Job in this namespace copies the files to claim ${claim}` : `the Job that copies waits: ${message}`,
  };
}

/** Condition Durable: whether new pods start while the source is away. */
export function durable(copy: Copy, { digest }: Resolved): Statement {
  const type = 'Durable';
  switch (copy.state) {
    case 'NotAsked': {
      const message = 'each new pod fetches from the source, and none starts while that is away; spec.storage.claim keeps a copy';
      return { type, status: 'False', reason: 'PerPodDownload', message };
    }
    case 'Stored': {
      const message = `claim ${copy.claim} holds a whole copy in sha256/${digest.slice('sha256:'.length)}`;
      return { type, status: 'True', reason: 'Stored', message };
    }
    case 'Storing':
      return { type, status: 'False', reason: copy.reason, message: copy.message };
    case 'Missing':
      return { type, status: 'False', reason: copy.reason, message: `claim ${copy.claim} holds no copy (tried again): ${copy.message}` };
  }
}

/** What is told of it once: when the copy is whole, and when something keeps it from being. */
export function copyEvents(copy: Copy, said: Statement, version: ModelVersion): readonly PlanEvent[] {
  const before = version.status?.conditions?.find(({ type }) => type === 'Durable');
  const isTold = before?.reason === said.reason && before.message === said.message;
  if (isTold || copy.state === 'NotAsked' || said.reason === 'Storing') return [];
  return [{ type: copy.state === 'Stored' ? 'Normal' : 'Warning', reason: said.reason, message: said.message }];
}
