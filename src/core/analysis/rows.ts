// From cumulative counters to rows: what each look saw, cut so that no row spans a change of weight.
import { cutMore, type Counting, type Cut, type Timed } from './cut.ts';
import { growing, type Memory } from './growing.ts';
import type { ArmSample, CheckSamples, Counter, Tick } from './measurement.ts';
import { hasVectors } from './vectorRows.ts';
import { contains, type Window } from './window.ts';
import { cleanRow, increment } from './row.ts';
import type { Counts, RawCounts } from './row.ts';

export type TimedRow = Timed<Counts>;

export interface TwoArmRows {
  /** One for each look inside a window except its first, in time order; null rows where data are missing or nothing was counted. */
  readonly rows: readonly TimedRow[];
  /** The stable arm's intervals before the first window, oldest first, for the burst factor. Intervals without traffic are left out. */
  readonly history: readonly Counts[];
}

/** A number read at a look inside a window; null = no data. */
export interface TimedValue {
  readonly atMs: number;
  readonly window: number;
  readonly value: number | null;
}

/** How recent a check's data are. Data that say 'no traffic' are data. */
export interface Freshness {
  /** Newest look, with or without data. */
  readonly lookMs?: number;
  /** Newest look with data. */
  readonly dataMs?: number;
  /** Looks without data since then. */
  readonly missing: number;
  /** Why the newest look has no data, for people. */
  readonly problem?: string;
}

const ZERO: Counter = { requests: 0, bad: 0 };

/**
 * Rows for a check that compares two arms, cut into the windows (cut.ts). After a look without data the next row counts from the last one with
 * data in the same window, so nothing is lost and nothing is counted twice.
 */
export function makeRows(ticks: readonly Tick[], windows: readonly Window[], memory: Memory = {}): TwoArmRows {
  const basis = windows.flatMap(({ fromMs, toMs }) => [fromMs, toMs]);
  return growRows(memory, basis, [ticks], startCut, (cut, from) => cutMore(cut, ticks.slice(from), windows, COUNTING));
}

const growRows = growing<Cut<Counts, Known>>();

function startCut(): Cut<Counts, Known> {
  return { rows: [], history: [], before: nothingKnown(), inside: undefined };
}

/** Values of a `value` check at the looks inside the windows. */
export function makeValues(ticks: readonly Tick[], windows: readonly Window[]): readonly TimedValue[] {
  return windows.flatMap((window, index) =>
    ticks.filter((tick) => contains(window, tick)).map((tick) => ({ atMs: tick.atMs, window: index, value: finite(tick.value) })),
  );
}

/** When a check last had data, and why not since. */
export function freshness(samples: CheckSamples): Freshness {
  const { ticks, problem } = samples;
  const newest = ticks.findLastIndex(hasData);
  const lookMs = ticks.at(-1)?.atMs;
  const dataMs = ticks[newest]?.atMs;
  return {
    ...(lookMs === undefined ? {} : { lookMs }),
    ...(dataMs === undefined ? {} : { dataMs }),
    missing: ticks.length - 1 - newest,
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Whether a look brought data: a finite value, or counters in at least one arm and none of the arms unreadable. */
export function hasData(tick: Tick): boolean {
  if (tick.value !== null) return Number.isFinite(tick.value);
  if (tick.vectors !== undefined) return hasVectors(tick.vectors);
  if (tick.stable === null || tick.candidate === null) return false;
  const arms = [Object.values(tick.stable), Object.values(tick.candidate)];
  return arms.some((arm) => arm.length > 0) && arms.every((arm) => arm.length === 0 || arm.some(isUsable));
}

/** Requests per second of both arms together at the looks up to `untilMs`; undefined unless two of them have data. */
export function requestRate(ticks: readonly Tick[], untilMs: number): number | undefined {
  const counted = ticks.filter((tick) => tick.atMs <= untilMs && hasData(tick));
  const [first, last] = [counted[0], counted.at(-1)];
  if (first === undefined || last === undefined || first === last) return undefined;
  const known = nothingKnown();
  const deltas = counted.flatMap((tick) => cleanRow(countLook(known, tick)) ?? []);
  const requests = deltas.reduce((sum, { stable, candidate }) => sum + stable.requests + candidate.requests, 0);
  return requests / ((last.atMs - first.atMs) / 1000);
}

/** What was last counted, by instance. Every look moves it on. */
interface Known {
  readonly stable: ArmKnown;
  readonly candidate: ArmKnown;
}

/** Usable counters by instance: the last ones, and newer ones that contradict them and are not believed yet. */
interface ArmKnown {
  readonly last: Map<string, Counter>;
  readonly doubted: Map<string, Counter>;
}

interface Delta {
  readonly stable: RawCounts;
  readonly candidate: RawCounts;
}

function nothingKnown(): Known {
  const nothing = (): ArmKnown => ({ last: new Map(), doubted: new Map() });
  return { stable: nothing(), candidate: nothing() };
}

const COUNTING: Counting<Counts, Known> = {
  nothing: nothingKnown,
  copy: ({ stable, candidate }) => {
    const copy = ({ last, doubted }: ArmKnown): ArmKnown => ({ last: new Map(last), doubted: new Map(doubted) });
    return { stable: copy(stable), candidate: copy(candidate) };
  },
  count: (known, tick) => cleanRow(countLook(known, tick)),
  isEmpty: ({ requests }) => requests <= 0,
};

/** What both arms counted since the last look with data; null where there are none, and where any counter contradicts what was known. */
function countLook(known: Known, tick: Tick): Delta | null {
  const { stable, candidate } = tick;
  if (!hasData(tick) || stable === null || candidate === null) return null;
  const contradictions = [doubt(known.stable, stable), doubt(known.candidate, candidate)];
  if (contradictions.includes(true)) return null;
  return { stable: countArm(known.stable, stable, candidate), candidate: countArm(known.candidate, candidate, stable) };
}

/** Whether any counter of the arm contradicts the last one; it is kept for the next look to confirm. */
function doubt({ last, doubted }: ArmKnown, arm: ArmSample): boolean {
  let found = false;
  for (const instance of Object.keys(arm)) {
    const now = arm[instance];
    const before = last.get(instance);
    if (now === undefined || before === undefined || !isUsable(now) || baseOf(before, doubted.get(instance), now) !== undefined) continue;
    doubted.set(instance, now);
    found = true;
  }
  return found;
}

/**
 * What an arm counted since it was last known, over its instances.
 *
 * A gateway makes an arm's counters at its first request. So where an instance shows the other arm, an arm that it never showed stands at 0;
 * without this the first requests of every candidate would be taken for a baseline. An arm that it shows no longer adds nothing, and is
 * counted from where it was when it comes back. Where an instance shows neither arm nothing is known of it.
 */
function countArm({ last, doubted }: ArmKnown, arm: ArmSample, other: ArmSample): RawCounts {
  let requests = 0;
  let bad = 0;
  for (const instance of Object.keys(arm)) {
    const now = arm[instance];
    if (now === undefined || !isUsable(now)) continue;
    const before = last.get(instance);
    const base = before === undefined ? now : (baseOf(before, doubted.get(instance), now) ?? now);
    requests += increment(base.requests, now.requests);
    bad += increment(base.bad, now.bad);
    last.set(instance, now);
    doubted.delete(instance);
  }
  for (const instance of Object.keys(other)) if (!Object.hasOwn(arm, instance) && !last.has(instance)) last.set(instance, ZERO);
  return { requests, bad };
}

/**
 * What `now` is counted from: the last counter, or 0 after a restart of the instance, where both counters begin again. Only a fall below half
 * is one: a store that answers from another replica, or leaves a series out, goes back by less, and would have all that the instance ever
 * counted counted again. Such a look is no data (undefined), and so are bad events that fall or grow by more than the requests: they do not
 * come from one scrape. At the second look in a row that goes on so the counter is believed.
 */
function baseOf(last: Counter, doubted: Counter | undefined, now: Counter): Counter | undefined {
  if (goesOn(last, now)) return last;
  if (now.requests < last.requests / 2) return ZERO;
  return doubted !== undefined && goesOn(doubted, now) ? doubted : undefined;
}

function goesOn(before: Counter, now: Counter): boolean {
  return now.bad >= before.bad && now.bad - before.bad <= now.requests - before.requests;
}

function isUsable(counter: Counter): boolean {
  return Number.isFinite(counter.requests) && counter.bad >= 0 && counter.bad <= counter.requests;
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
