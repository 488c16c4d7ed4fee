import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { sameJson } from '../canonical.ts';
import type { Action, PlanEvent, Settings } from '../observed.ts';
import { clip } from '../release/progress.ts';
import { tagInputs, tagJob } from '../resources/tagJob.ts';
import type { Statement } from '../status/conditions.ts';
import { parseTime } from '../time.ts';
import { failureOf, type JobState } from './job.ts';
import { tagsOf, type Server, type Tags } from './tags.ts';

/** All that a pass may know that is about the tags of a version. */
export interface ObservedTags {
  readonly version: ModelVersion;
  /** Its newest Job that writes tags. */
  readonly tagJob: JobState | undefined;
  /** The ModelDeployments of its model, where its tags are to say what they do. */
  readonly servers: readonly Server[];
  readonly settings: Settings;
}

/** What is done for the tags in the source: what status says of them, and at times a Job. */
export interface Tagging {
  /** The tags that were last written; undefined where there are none to speak of. */
  readonly tags: Tags | undefined;
  /** Condition Tagged, where somebody asks for tags or asked before. */
  readonly told: readonly Statement[];
  readonly actions: readonly Action[];
  readonly events: readonly PlanEvent[];
  readonly requeueAfterMs: number | undefined;
}

const NOTHING: Tagging = { tags: undefined, told: [], actions: [], events: [], requeueAfterMs: undefined };

/** A release moves its weight in steps: what comes quickly is written together. */
const LEAST_PAUSE_MS = 10_000;
const LEAST_PAUSE_AFTER_FAILURE_MS = 30_000;
const LONGEST_PAUSE_MS = 600_000;
/** Tags that nobody asks for any more, and that cannot be removed for so long, are left where they are. */
const GIVE_UP_MS = 3_600_000;
const LOOK_AT_JOB_MS = 10_000;

/** Whether anything is to be done for a version's tags. */
export function concernsTags({ spec, status }: ModelVersion): boolean {
  return spec.writeTags === true || status?.conditions?.some(({ type }) => type === TAGGED) === true;
}

const TAGGED = 'Tagged';

/**
 * Brings what MLflow says to what is so, by one Job at a time. A Job is made only when the stored status says already that the tags are not
 * as they are to be: whatever becomes of the Job or of this process, nothing is forgotten, and what is written is not written again.
 */
export function planTags({ version, tagJob: job, servers, settings }: ObservedTags, now: number): Tagging {
  const { spec, status } = version;
  if (!concernsTags(version) || status?.resolved?.pins?.['version'] === undefined) return NOTHING;
  const before = status.conditions?.find(({ type }) => type === TAGGED);
  const asked = spec.writeTags === true;
  const tags = asked ? tagsOf(version, servers, settings.tagPrefix) : {};
  const isWritten = before?.status === 'True' && sameJson(status.tags ?? {}, tags);
  if (isWritten || (job?.state === 'Succeeded' && job.inputs === tagInputs(tags))) {
    return asked ? { ...NOTHING, tags, told: [written(tags)] } : NOTHING;
  }
  const sinceMs = before?.status === 'False' ? (parseTime(before.lastTransitionTime) ?? now) : now;
  if (!asked && job?.state === 'Failed' && now - sinceMs > GIVE_UP_MS) return NOTHING;
  const statement = troubleOf(job) ?? (before?.status === 'False' ? notWritten(before.reason, before.message) : WRITING);
  const isTold = before?.status === 'False' && before.reason === statement.reason && before.message === statement.message;
  const events = isTold || statement.reason === WRITING.reason ? [] : [warning(statement)];
  const pending = { ...NOTHING, tags: status.tags, told: [statement], events };
  if (job?.state === 'Running') return { ...pending, requeueAfterMs: LOOK_AT_JOB_MS };
  const startAtMs = job === undefined ? now : (job.finishedAtMs ?? now) + pauseAfter(job, sinceMs);
  if (!isTold || now < startAtMs) return { ...pending, requeueAfterMs: Math.max(0, startAtMs - now) };
  const attempt = (job?.attempt ?? 0) + 1;
  return { ...pending, actions: [{ type: 'Create', object: tagJob(version, tags, attempt, settings) }], requeueAfterMs: LOOK_AT_JOB_MS };
}

/** After a failure, as long as it has been failing for: each pause is about twice as long as the one before. */
function pauseAfter({ state, finishedAtMs }: JobState, sinceMs: number): number {
  if (state !== 'Failed') return LEAST_PAUSE_MS;
  return Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_AFTER_FAILURE_MS, (finishedAtMs ?? sinceMs) - sinceMs));
}

const WRITING = notWritten('Writing', 'a Job in this namespace writes the tags');

function written(tags: Tags): Statement {
  const isAny = Object.keys(tags).length > 0;
  const message = isAny ? 'MLflow has the tags that are in status.tags' : 'no ModelDeployment serves the version, and no tag says so';
  return { type: TAGGED, status: 'True', reason: 'Written', message };
}

/** What keeps the tags from being written. */
function troubleOf(job: JobState | undefined): Statement | undefined {
  if (job?.state === 'Failed') {
    const { reason, message } = failureOf(job, 'TaggingFailed');
    return notWritten(reason, `${clip(message, 1900)} (tried again; serving does not depend on it)`);
  }
  const { reason, message } = job?.trouble ?? {};
  return reason === undefined ? undefined : notWritten(reason, `the Job that writes the tags waits: ${clip(message ?? '', 1900)}`);
}

function notWritten(reason: string, message: string): Statement {
  return { type: TAGGED, status: 'False', reason, message };
}

function warning({ reason, message }: Statement): PlanEvent {
  return { type: 'Warning', reason, message };
}
