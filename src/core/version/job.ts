import type { PodTrouble } from '../observed.ts';
import type { Metadata } from './metadata.ts';
import type { DecodedTermination, Resolved } from './termination.ts';

/** A Job for a ModelVersion as observed. */
export interface JobState {
  readonly name: string;
  readonly attempt: number;
  readonly state: 'Running' | 'Succeeded' | 'Failed';
  /** What its pod left; undefined while it runs, or when the pod is gone. */
  readonly termination: DecodedTermination | undefined;
  /** What it was made for; see `resolveInputs` and `tagInputs`. */
  readonly inputs: string | undefined;
  /** Why its pod does not run. */
  readonly trouble: PodTrouble | undefined;
  readonly finishedAtMs: number | undefined;
}

/** What a Job that has ended came to. */
export type JobEnd = { readonly state: 'Found'; readonly resolved: Resolved; readonly metadata: Metadata | undefined } | JobFailure;

export interface JobFailure {
  readonly state: 'Failed';
  readonly reason: string;
  readonly message: string;
  /** Whether the same source will fail again. */
  readonly isFinal: boolean;
  readonly retryAtMs: number;
}

const FIRST_RETRY_MS = 15_000;
/** Whoever has just mended a source or a Secret waits at most this long to see it. */
const LONGEST_RETRY_MS = 60_000;
/** After about a quarter of an hour of tries nobody is waiting any more. */
const PATIENT_ATTEMPTS = 15;
const PATIENT_RETRY_MS = 600_000;

/** What came of a Job that has ended. */
export function endOf(job: JobState, now: number): JobEnd {
  const said = job.termination;
  if (job.state === 'Succeeded' && said?.ok === true && said.value.kind === 'resolved') {
    return { state: 'Found', resolved: said.value.resolved, metadata: said.value.metadata };
  }
  return { state: 'Failed', ...failureOf(job, 'ResolveFailed'), retryAtMs: (job.finishedAtMs ?? now) + pauseAfter(job.attempt) };
}

/** Why a Job that has ended came to nothing; `wordless` is the reason where neither it nor its pod says one. */
export function failureOf(job: JobState, wordless: string): Pick<JobFailure, 'reason' | 'message' | 'isFinal'> {
  const said = job.termination;
  if (said?.ok === true && said.value.kind === 'failed') {
    const { reason, message, retryable } = said.value.failure;
    return { reason, message, isFinal: !retryable };
  }
  const message =
    job.trouble?.message ??
    `Job ${job.name} ended without a result${said?.ok === false ? `: its termination message ${said.problem}` : ''}`;
  return { reason: job.trouble?.reason ?? wordless, message, isFinal: false };
}

/**
 * Milliseconds from the end of an attempt to the next. Final failures are tried again too: what a source has, or a Secret holds, is mended
 * outside of anything that is watched.
 */
export function pauseAfter(attempt: number): number {
  return attempt >= PATIENT_ATTEMPTS ? PATIENT_RETRY_MS : Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
}
