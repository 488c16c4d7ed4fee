// A release with all its looks in a file, so that it can be judged again where neither its cluster nor its Prometheus is.

import type { ModelRelease } from '../api/generated/modelrelease.ts';
import type { ArmSample, ArmVectors, CheckSamples, Counter, Tick, Vectors } from '../core/analysis/measurement.ts';
import { parseTime } from '../core/time.ts';
import { quote } from '../core/version/text.ts';
import { Refusal } from './command.ts';

/** What the record of a release says of a check. */
export interface Recorded {
  readonly name: string;
  readonly verdict: string;
  readonly explanation: string;
}

export interface Stored {
  readonly release: ModelRelease;
  readonly recorded: readonly Recorded[];
  readonly samples: readonly CheckSamples[];
}

/** Beyond it a date has no name. */
const LATEST_MS = 8.64e15;

/** JSON has no NaN, which stands for a counter that cannot be read: null is written for it. */
export function writeRows({ release, recorded, samples }: Stored): string {
  const { name, namespace, creationTimestamp, labels } = release.metadata;
  return `${JSON.stringify({ release: { ...release, metadata: { name, namespace, creationTimestamp, labels } }, recorded, samples })}\n`;
}

/** Throws a Refusal that says where `text` is not what `writeRows` writes. */
export function readRows(file: string, text: string): Stored {
  try {
    const { release, recorded, samples } = record(JSON.parse(text), 'the file');
    return {
      release: readRelease(release),
      recorded: list(recorded, 'recorded').map(readRecorded),
      samples: list(samples, 'samples').map(readSamples),
    };
  } catch (error) {
    throw new Refusal(`${quote(file)} holds no rows of a release: ${(error as Error).message}; replay --save writes such a file`);
  }
}

/** What a replay reads and shows of it. Settings of checks are read by their kinds, which say what they cannot read. */
function readRelease(value: unknown): ModelRelease {
  const release = record(value, 'release');
  if (release['kind'] !== 'ModelRelease') throw new Error('release is no ModelRelease');
  string(record(release['metadata'], 'release.metadata')['name'], 'release.metadata.name');
  const { to, plan } = record(release['spec'], 'release.spec');
  string(record(to, 'release.spec.to')['version'], 'release.spec.to.version');
  const { interval, steps, checks } = record(plan, 'release.spec.plan');
  string(interval, 'release.spec.plan.interval');
  list(steps, 'release.spec.plan.steps').forEach((step) => record(step, 'release.spec.plan.steps[]'));
  list(checks, 'release.spec.plan.checks').forEach((check) => string(record(check, 'release.spec.plan.checks[]')['name'], 'a name of a check'));
  readStatus(release['status'] ?? {});
  return release as unknown as ModelRelease;
}

function readStatus(value: unknown): void {
  const { windows = [], finishedAt, promotedAt, outcome = '', phase = '', message = '' } = record(value, 'release.status');
  for (const [name, text] of Object.entries({ outcome, phase, message })) string(text, `release.status.${name}`);
  const times = Object.entries({ finishedAt, promotedAt }).map(([name, at]) => [`release.status.${name}`, at] as const);
  const edges = list(windows, 'release.status.windows').flatMap((window) => {
    const { from, to } = record(window, 'release.status.windows[]');
    string(from, 'release.status.windows[].from');
    return [['release.status.windows[].from', from], ['release.status.windows[].to', to]] as const;
  });
  for (const [name, at] of [...times, ...edges]) {
    if (at !== undefined && parseTime(string(at, name)) === undefined) throw new Error(`${name} is no time`);
  }
}

function readRecorded(value: unknown): Recorded {
  const { name, verdict, explanation } = record(value, 'recorded');
  return {
    name: string(name, 'recorded.name'),
    verdict: string(verdict, 'recorded.verdict'),
    explanation: string(explanation, 'recorded.explanation'),
  };
}

function readSamples(value: unknown): CheckSamples {
  const { check, ticks, boundaryMs, problem } = record(value, 'samples');
  const read = list(ticks, 'samples.ticks').map(readTick);
  const isDisordered = read.some(({ atMs }, index) => index > 0 && atMs <= (read[index - 1]?.atMs ?? -Infinity));
  if (isDisordered) throw new Error('samples.ticks are not in the order of time');
  return {
    check: string(check, 'samples.check'),
    ticks: read,
    ...(boundaryMs === undefined ? {} : { boundaryMs: number(boundaryMs, 'samples.boundaryMs') }),
    ...(problem === undefined ? {} : { problem: string(problem, 'samples.problem') }),
  };
}

function readTick(value: unknown): Tick {
  const { atMs, stable, candidate, value: own, vectors } = record(value, 'tick');
  const at = number(atMs, 'tick.atMs');
  if (!Number.isSafeInteger(at) || Math.abs(at) > LATEST_MS) throw new Error('tick.atMs is no time');
  return {
    atMs: at,
    stable: stable === null ? null : readArm(stable),
    candidate: candidate === null ? null : readArm(candidate),
    value: own === null ? null : number(own, 'tick.value'),
    ...(vectors === undefined ? {} : { vectors: readVectors(vectors) }),
  };
}

function readArm(value: unknown): ArmSample {
  return mapOf(value, 'arm', (counter): Counter => {
    const { requests, bad } = record(counter, 'counter');
    return { requests: number(requests, 'counter.requests'), bad: number(bad, 'counter.bad') };
  });
}

function readVectors(value: unknown): Vectors {
  const { columns, stable, candidate } = record(value, 'vectors');
  const arm = (one: unknown): ArmVectors => mapOf(one, 'arm', (series) => list(series, 'series').map((count) => number(count, 'count')));
  return { columns: list(columns, 'columns').map((column) => string(column, 'column')), stable: arm(stable), candidate: arm(candidate) };
}

function mapOf<T>(value: unknown, what: string, read: (member: unknown) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record(value, what)).map(([key, member]) => [key, read(member)]));
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what} is no list`);
  return value;
}

function string(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Error(`${what} is no text`);
  return value;
}

function number(value: unknown, what: string): number {
  if (value === null) return NaN;
  if (typeof value !== 'number') throw new Error(`${what} is no number`);
  return value;
}
