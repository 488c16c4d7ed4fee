// What sources of built-in measurements share: queries about many names at once, and counters out of their answers.
import type { ArmSample, ArmVectors, Counter } from '../core/analysis/measurement.ts';
import { readNumber } from './prometheusAnswer.ts';
import type { Series } from './prometheusAnswer.ts';
import { alternation, toPromql, toSelector, type Matcher, type Selection } from './selection.ts';

/** One question, in PromQL and as a selection. */
export interface Question {
  readonly promql: string;
  readonly selection: Selection;
}

/** One question and the names that it asks about. A name is what one version's series have in common, in the words of the source. */
export interface SeriesQuery extends Question {
  readonly names: readonly string[];
}

/** Counters by name and then by whatever counted them: a scraped gateway, a pod. */
export type SeriesSamples = ReadonlyMap<string, ArmSample>;

/** Cumulative histograms by name: `columns` are upper boundaries in milliseconds, ascending, the last one `Infinity`. */
export interface HistogramSamples {
  readonly columns: readonly string[];
  readonly names: ReadonlyMap<string, ArmVectors>;
}

/** Who counts requests and their durations: a gateway, or the model servers. */
export type SeriesSource = (Failures | RequestsAlone) & Durations;

type NamesQueries = (names: readonly string[]) => readonly SeriesQuery[];
type ReadCounters = (series: readonly Series[]) => ReadonlyMap<number, SeriesSamples>;

/** It counts requests, and says which of them failed. */
export interface Failures {
  /** Metric that counts requests, for people. */
  readonly requests: string;
  /** Queries for all these names: one, unless they are too long for one. */
  readonly errorQueries: NamesQueries;
  readonly readErrors: ReadCounters;
}

/** It counts requests, and does not say which of them failed. */
export interface RequestsAlone {
  readonly requests: string;
  readonly errorQueries: undefined;
  readonly requestQueries: NamesQueries;
  /** Counters without bad requests. */
  readonly readRequests: ReadCounters;
}

export interface Durations {
  /** Histogram of the requests' durations, for people. */
  readonly latency: string;
  /** What the server must be told to have it, in a sentence; absent where it has it anyway. */
  readonly latencyNeeds?: string;
  /** For all requests and for those up to each of the boundaries, in milliseconds; without them for the whole histogram. */
  readonly latencyQueries: (names: readonly string[], boundariesMs?: readonly number[]) => readonly SeriesQuery[];
  /** For the boundaries that the histograms have. */
  readonly boundaryQueries: NamesQueries;
  readonly readSlower: (series: readonly Series[], boundaryMs: number) => ReadonlyMap<number, SeriesSamples>;
  readonly readHistogram: (series: readonly Series[]) => ReadonlyMap<number, HistogramSamples>;
  readonly locate: Locate;
  /** In milliseconds, ascending, without +Inf. */
  readonly readBoundaries: (series: readonly Series[]) => ReadonlyMap<string, readonly number[]>;
}

/** Whose series these are, and who counted them ('' where the labels do not say); undefined for series that nobody asked for. */
export type Locate = (labels: Series['labels']) => { readonly name: string; readonly instance: string } | undefined;

export const UNREADABLE: Counter = { requests: NaN, bad: NaN };

/** Of the lists of names: VictoriaMetrics takes queries of 16,384 bytes, the others longer ones. About 300 names fit. */
const MAX_NAMES_CHARACTERS = 15_000;

/**
 * Queries whose alternations are short enough; names are sorted, so that the same wishes give the same text. `charactersOf`: how many a name
 * takes in the query.
 */
export function split(
  names: readonly string[],
  ask: (names: readonly string[]) => Question,
  charactersOf = (name: string): number => name.length + 1,
): readonly SeriesQuery[] {
  const lists: string[][] = [];
  let length = Infinity;
  for (const name of [...new Set(names)].sort()) {
    length += charactersOf(name);
    if (length > MAX_NAMES_CHARACTERS) {
      lists.push([]);
      length = charactersOf(name);
    }
    lists.at(-1)?.push(name);
  }
  return lists.map((list) => ({ ...ask(list), names: list }));
}

/** The label of series that are no counters: they say when the newest samples of the counters beside them were scraped. */
const SCRAPED = 'plimsoll_scraped';

/**
 * A question for counters, and in the same answer the time of the newest sample of each of these: without it, what is scraped no more looks
 * like what has no traffic, for as long as the store looks back (five minutes). `timed` are series that are there whenever the counters are,
 * `by` the labels of a name.
 */
export function withScrapeTimes(selection: Selection, timed: Pick<Selection, 'metrics' | 'where'>, by: readonly string[]): Question {
  const times = `label_replace(max by (${by.join(', ')}) (timestamp(${toSelector(timed)})), "${SCRAPED}", "yes", "", "")`;
  return { promql: `${toPromql(selection)} or ${times}`, selection };
}

/** A question for the boundaries of histograms. */
export function forBoundaries(selection: Selection): Question {
  return { promql: `group by (${selection.by.join(', ')}) (${toSelector(selection)})`, selection };
}

/** A matcher of the boundaries and +Inf, in the histogram's own unit; none without boundaries. */
export function boundaryMatchers(boundaries: readonly number[] | undefined): readonly Matcher[] {
  return boundaries === undefined ? [] : [['le', '=~', boundaryRegex(boundaries)]];
}

/** By time and name: when the newest sample was scraped, in milliseconds since 1970. */
export function readScrapeTimes(series: readonly Series[], locate: Locate): ReadonlyMap<number, ReadonlyMap<string, number>> {
  const times = new Map<number, Map<string, number>>();
  for (const { labels, points } of series) {
    const name = labels[SCRAPED] === undefined ? undefined : locate(labels)?.name;
    if (name === undefined) continue;
    for (const { atMs, value } of points) {
      const names = getOrMake(times, atMs, () => new Map<string, number>());
      names.set(name, Math.max(value * 1000, names.get(name) ?? -Infinity));
    }
  }
  return times;
}

/**
 * The boundaries and +Inf, in the histogram's own unit. Whole ones are written `50` by some and `50.0` by others, large and tiny ones
 * `1.27482e+06` by Go and C.
 */
function boundaryRegex(boundaries: readonly number[]): string {
  const written = (boundary: number): string[] => {
    const plain = Number.isInteger(boundary) ? [`${boundary}`, `${boundary}.0`] : [`${boundary}`];
    const [digits = '', exponent = ''] = boundary.toExponential().split('e');
    const power = Number(exponent);
    return power >= -4 && power < 6 ? plain : [...plain, `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`];
  };
  return alternation([...[...boundaries].sort((a, b) => a - b).flatMap(written), '+Inf']);
}

type Parts = Map<string, number>;

/**
 * Counters of requests and, in them, of bad ones, by time. A part (class, status) without a series has not happened: requests are the sum of
 * the parts that there are. An unusable number in any part makes the counter NaN: left out it would look like 0.
 */
export function collectErrors(
  series: readonly Series[],
  locate: Locate,
  partOf: (labels: Series['labels']) => string | undefined,
  isBad: (part: string) => boolean,
): ReadonlyMap<number, SeriesSamples> {
  return collect(series, locate, partOf, (parts) => {
    const values = [...parts.values()];
    const bad = [...parts].filter(([part]) => isBad(part)).map(([, count]) => count);
    return values.every(isCount) ? { requests: sum(values), bad: sum(bad) } : UNREADABLE;
  });
}

/**
 * Counters of requests slower than `boundary`, by time: all minus those up to it. Without both numbers, or with fewer in all than up to the
 * boundary, the counter is NaN.
 */
export function collectSlower(series: readonly Series[], locate: Locate, boundary: number): ReadonlyMap<number, SeriesSamples> {
  const partOf = ({ le }: Series['labels']): string | undefined => {
    const read = readNumber(le ?? '');
    if (read === Infinity) return 'all';
    return read === boundary ? 'fast' : undefined;
  };
  return collect(series, locate, partOf, (parts) => {
    const all = parts.get('all');
    const fast = parts.get('fast');
    return isCount(all) && isCount(fast) && fast <= all ? { requests: all, bad: all - fast } : UNREADABLE;
  });
}

/** Whole histograms by time. `toMs`: milliseconds of a boundary in the histogram's own unit. */
export function collectHistogram(
  series: readonly Series[],
  locate: Locate,
  toMs: (boundary: number) => number,
): ReadonlyMap<number, HistogramSamples> {
  const boundaryOf = ({ le }: Series['labels']): number | undefined => readNumber(le ?? '');
  const boundaries = new Set(series.flatMap(({ labels }) => boundaryOf(labels) ?? []).filter((boundary) => !Number.isNaN(boundary)));
  const ascending = [...boundaries].sort((a, b) => a - b);
  const columns = ascending.map((boundary) => String(toMs(boundary)));
  const partOf = (labels: Series['labels']): string | undefined => boundaryOf(labels)?.toString();
  const found = collect(series, locate, partOf, (parts) => ascending.map((boundary) => parts.get(String(boundary)) ?? NaN));
  return mapValues(found, (names) => ({ columns, names }));
}

/** Boundaries by name, ascending, without +Inf, in the histogram's own unit. */
export function collectBoundaries(series: readonly Series[], locate: Locate): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, Set<number>>();
  for (const { labels } of series) {
    const boundary = readNumber(labels['le'] ?? '');
    const name = locate(labels)?.name;
    if (name === undefined || boundary === undefined || !Number.isFinite(boundary)) continue;
    getOrMake(found, name, () => new Set<number>()).add(boundary);
  }
  return new Map([...found].map(([name, set]) => [name, [...set].sort((a, b) => a - b)]));
}

/**
 * Groups points by time, name and instance; `toCounter` makes one counter, or more, of the parts. Of a part that is there twice (a boundary in
 * two spellings) the larger number counts, as in the queries.
 */
function collect<Sample>(
  series: readonly Series[],
  locate: Locate,
  partOf: (labels: Series['labels']) => string | undefined,
  toCounter: (parts: Parts) => Sample,
): ReadonlyMap<number, ReadonlyMap<string, Readonly<Record<string, Sample>>>> {
  const times = new Map<number, Map<string, Map<string, Parts>>>();
  for (const { labels, points } of series) {
    const part = partOf(labels);
    const place = locate(labels);
    if (part === undefined || place === undefined || labels[SCRAPED] !== undefined) continue;
    for (const { atMs, value } of points) {
      const names = getOrMake(times, atMs, () => new Map<string, Map<string, Parts>>());
      const instances = getOrMake(names, place.name, () => new Map<string, Parts>());
      const parts = getOrMake(instances, place.instance, () => new Map<string, number>());
      parts.set(part, Math.max(value, parts.get(part) ?? -Infinity));
    }
  }
  return mapValues(times, (names) => mapValues(names, (instances) => Object.fromEntries(mapValues(instances, toCounter))));
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value >= 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function mapValues<K, V, W>(map: ReadonlyMap<K, V>, change: (value: V) => W): ReadonlyMap<K, W> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
