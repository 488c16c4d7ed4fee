import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import { STATUS_SCHEMA } from '../../api/names.ts';
import type { Action, PlanEvent } from '../observed.ts';
import { formatTime, parseTime } from '../time.ts';
import type { FailureClass } from './ledger.ts';

/** Where a release stands: its status, written on transitions only. */
export type Progress = NonNullable<ModelRelease['status']>;
export type Window = NonNullable<Progress['windows']>[number];

export type Phase =
  | 'Preparing'
  | 'Scaling'
  | 'Shifting'
  | 'Holding'
  | 'Paused'
  | 'Frozen'
  | 'Promoting'
  | 'Watching'
  | 'Promoted'
  | 'RollingBack'
  | 'RolledBack'
  | 'Failed';

/** One pass over a release: what to do, where it stands afterwards, what to tell, when to look again. */
export interface Turn {
  readonly actions: readonly Action[];
  readonly progress: Progress;
  readonly events: readonly PlanEvent[];
  readonly wakeAtMs: number | undefined;
}

/** A release without a status is being prepared since it was made. */
export function progressOf({ status, metadata }: ModelRelease): Progress {
  const { creationTimestamp: at } = metadata;
  if (status !== undefined || at === undefined) return status ?? { schema: STATUS_SCHEMA };
  const message = 'the release has begun';
  return { schema: STATUS_SCHEMA, phase: 'Preparing', message, startedAt: at, timeline: [{ at, event: 'Preparing', message }] };
}

/** Until when it is not worth a write of its own that a release is being prepared: what follows tells it too. Undefined for all else. */
export function quietUntilMs({ status, metadata }: ModelRelease, progress: Progress, now: number): number | undefined {
  const untilMs = (parseTime(metadata.creationTimestamp) ?? -Infinity) + WORTH_TELLING_MS;
  return status === undefined && progress.phase === 'Preparing' && now < untilMs ? untilMs : undefined;
}

/** Nothing to do but wait; `wakeAtMs` when time alone can change something. */
export function wait(progress: Progress, wakeAtMs?: number): Turn {
  return { actions: [], progress, events: [], wakeAtMs };
}

export function act(progress: Progress, actions: readonly Action[], events: readonly PlanEvent[] = []): Turn {
  return { actions, progress, events, wakeAtMs: undefined };
}

/** A Preparing, Scaling, Shifting or Promoting that lasts longer than this is written to status; a shorter one would only cost writes. */
export const WORTH_TELLING_MS = 10_000;

const TIMELINE_LENGTH = 64;

/** `progress` with one more line in its timeline; the oldest lines but the first give way. */
export function record(progress: Progress, now: number, event: string, message: string, weight?: number): Progress {
  const line = { at: formatTime(now), event, message: clip(message, 256), ...(weight === undefined ? {} : { weight }) };
  const lines = [...(progress.timeline ?? []), line];
  const timeline = lines.length <= TIMELINE_LENGTH ? lines : [...lines.slice(0, 1), ...lines.slice(-(TIMELINE_LENGTH - 1))];
  return { ...progress, timeline };
}

/** `progress` in this phase, with a transition of phase or weight in its timeline; unchanged when it says so already. */
export function enter(progress: Progress, now: number, phase: Phase, message: string, weight?: number): Progress {
  if (progress.phase === phase && progress.message === clip(message, 2048)) return progress;
  const entered = {
    ...progress,
    schema: STATUS_SCHEMA,
    phase,
    message: clip(message, 2048),
    startedAt: progress.startedAt ?? formatTime(now),
  };
  const isTransition = progress.phase !== phase || (weight !== undefined && progress.timeline?.at(-1)?.weight !== weight);
  return isTransition ? record(entered, now, phase, message, weight) : entered;
}

/** The last state of a release. It never changes again. */
export function finish(
  progress: Progress,
  now: number,
  end: {
    readonly phase: Phase;
    readonly outcome: string;
    readonly reason: string;
    readonly message: string;
    readonly class?: FailureClass | undefined;
    readonly weight: number;
  },
): Progress {
  return {
    ...record(closeWindow(progress, now), now, end.phase, end.message, end.weight),
    schema: STATUS_SCHEMA,
    phase: end.phase,
    outcome: end.outcome,
    ...(end.class === undefined ? {} : { class: end.class }),
    reason: end.reason,
    message: clip(end.message, 2048),
    startedAt: progress.startedAt ?? formatTime(now),
    finishedAt: formatTime(now),
  };
}

/** The span that is open, whose evidence is still growing. */
export function openWindow(progress: Progress): Window | undefined {
  const last = progress.windows?.at(-1);
  return last && last.to === undefined ? last : undefined;
}

/** Ends the open span: what comes later was measured under another weight. */
export function closeWindow(progress: Progress, atMs: number): Progress {
  const open = openWindow(progress);
  if (!open) return progress;
  const from = parseTime(open.from) ?? atMs;
  return { ...progress, windows: [...(progress.windows ?? []).slice(0, -1), { ...open, to: formatTime(Math.max(from, atMs)) }] };
}

export function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
