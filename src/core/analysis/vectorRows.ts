// From cumulative counters in columns to rows: histograms, bins and scores. As rows.ts, which counts requests and bad ones.
import { cutMore, type Counting, type Cut, type Timed } from './cut.ts';
import { growing, type Memory } from './growing.ts';
import type { ArmVectors, Tick, Vectors } from './measurement.ts';
import type { Window } from './window.ts';

/** What both arms counted in an interval, by column; null = no usable data. */
export type VectorRow = TimedVectorRow['row'];

export type TimedVectorRow = Timed<readonly number[]>;

export interface VectorRows {
  readonly columns: readonly string[];
  /** One for each look inside a window except its first, in time order. */
  readonly rows: readonly TimedVectorRow[];
  /** The stable arm's intervals before the first window, oldest first. */
  readonly history: readonly (readonly number[])[];
}

/**
 * Rows of counters in columns, cut as `makeRows` cuts: the first look of a window is only the baseline, and after looks without data the next
 * row counts from the last one with data. Columns that appear later are added at the end. Those of `signed` may fall without a restart.
 */
export function makeVectorRows(
  ticks: readonly Tick[],
  windows: readonly Window[],
  signed: readonly string[] = [],
  memory: Memory = {},
): VectorRows {
  const columns = growColumns(memory, [], [ticks], () => [], (before, from) => addColumns(before, ticks.slice(from)));
  const counting = countingOf(columns, signed);
  const basis = [columns, ...signed, ...windows.flatMap(({ fromMs, toMs }) => [fromMs, toMs])];
  const start = (): Cut<readonly number[], Known> => ({ rows: [], history: [], before: counting.nothing(), inside: undefined });
  const { rows, history } = growRows(memory, basis, [ticks], start, (cut, from) => cutMore(cut, ticks.slice(from), windows, counting));
  return { columns, rows, history };
}

const growColumns = growing<readonly string[]>();
const growRows = growing<Cut<readonly number[], Known>>();

/** The same list where no look has another column. */
function addColumns(known: readonly string[], ticks: readonly Tick[]): readonly string[] {
  const columns = new Set(known);
  for (const { vectors } of ticks) for (const column of vectors?.columns ?? []) columns.add(column);
  return columns.size === known.length ? known : [...columns];
}

/** Whether a look brought counters of at least one arm. */
export function hasVectors({ stable, candidate }: Vectors): boolean {
  return [stable, candidate].some((arm) => Object.values(arm).some((values) => values.some(Number.isFinite)));
}

/** What is known of one arm: the last value of each column by series, and the columns in which the arm has had anything. */
interface ArmKnown {
  readonly values: Map<string, readonly number[]>;
  /** Newer values that contradict them and are not believed yet. */
  readonly doubted: Map<string, readonly number[]>;
  readonly filled: Set<number>;
}

interface Known {
  readonly stable: ArmKnown;
  readonly candidate: ArmKnown;
}

function countingOf(columns: readonly string[], signed: readonly string[]): Counting<readonly number[], Known> {
  const places = new Map(columns.map((column, place) => [column, place]));
  const mayFall = columns.map((column) => signed.includes(column));
  return {
    nothing: () => ({ stable: nothingKnown(), candidate: nothingKnown() }),
    copy: ({ stable, candidate }) => ({ stable: copyOf(stable), candidate: copyOf(candidate) }),
    count: (known, { vectors }) => {
      if (vectors === undefined || !hasVectors(vectors)) return null;
      const order = vectors.columns.map((column) => places.get(column) ?? 0);
      const { stable, candidate } = vectors;
      return {
        stable: countArm(known.stable, stable, candidate, order, mayFall),
        candidate: countArm(known.candidate, candidate, stable, order, mayFall),
      };
    },
    isEmpty: (arm) => arm.every((value) => value === 0),
  };
}

function copyOf({ values, doubted, filled }: ArmKnown): ArmKnown {
  return { values: new Map(values), doubted: new Map(doubted), filled: new Set(filled) };
}

function nothingKnown(): ArmKnown {
  return { values: new Map(), doubted: new Map(), filled: new Set() };
}

/**
 * What an arm counted since it was last known, by column. A series that is seen for the first time is a baseline and adds nothing, with two
 * exceptions, in which it began at 0: where the other arm has had the same series (a gateway makes an arm's counters at its first request),
 * and where the arm was known and has had nothing in this column (a counter of failures that appears with the first failure). As in rows.ts
 * only a fall below half is a restart; a series that goes back by less is believed at the second look that goes on from there.
 */
function countArm(known: ArmKnown, arm: ArmVectors, other: ArmVectors, order: readonly number[], mayFall: readonly boolean[]): number[] {
  const increments = new Array<number>(mayFall.length).fill(0);
  const isKnown = known.filled.size > 0;
  const filled = new Set(known.filled);
  for (const series of Object.keys(arm)) {
    const now = arrange(arm[series] ?? [], order, mayFall);
    const isBelow = (part: number, values: readonly number[] | undefined): boolean =>
      now.some((value, place) => !mayFall[place] && value < part * (values?.[place] ?? NaN));
    const hasRestarted = isBelow(0.5, known.values.get(series));
    const doubted = known.doubted.get(series);
    const isDoubtful = !hasRestarted && isBelow(1, known.values.get(series));
    if (isDoubtful && (doubted === undefined || isBelow(1, doubted))) {
      known.doubted.set(series, now);
      continue;
    }
    const last = isDoubtful ? doubted : known.values.get(series);
    known.doubted.delete(series);
    for (const [place, value] of now.entries()) {
      const before = last?.[place] ?? NaN;
      if (Number.isNaN(value)) {
        now[place] = before;
        continue;
      }
      const base = hasRestarted || (Number.isNaN(before) && isKnown && !filled.has(place)) ? 0 : before;
      increments[place] = (increments[place] ?? 0) + (Number.isNaN(base) ? 0 : value - base);
      known.filled.add(place);
    }
    known.values.set(series, now);
  }
  const idle = new Array<number>(mayFall.length).fill(0);
  for (const series of Object.keys(other)) if (!known.values.has(series)) known.values.set(series, idle);
  return increments;
}

/** Usable values of a series in the order of all columns, NaN for the others. */
function arrange(values: readonly number[], order: readonly number[], mayFall: readonly boolean[]): number[] {
  const arranged = mayFall.map(() => NaN);
  values.forEach((value, index) => {
    const place = order[index] ?? 0;
    if (Number.isFinite(value) && (value >= 0 || mayFall[place] === true)) arranged[place] = value;
  });
  return arranged;
}
