// Which of Envoy Gateway's series belong to a version, the queries that read them for all releases at once, and the way back.
//
// A backendRef with a filter of its own gets an Envoy cluster of its own, named after its position; our routes have one rule and two
// backendRefs that never change place, so slot a is always backend/0 and slot b backend/1.
import type { Arms, ArmSample, Counter, Slot } from '../core/analysis/measurement.ts';
import { readNumber } from './prometheusAnswer.ts';
import type { Series } from './prometheusAnswer.ts';

/** Requests by class of response. Not `upstream_rq_total`, which leaves refused connections out; they are failures that users see. */
export const REQUESTS = 'envoy_cluster_upstream_rq_xx';
/** Milliseconds from the request's arrival at Envoy to the response's last byte. Envoy fills it in every 5 s, so it lags. */
export const LATENCY = 'envoy_cluster_upstream_rq_time_bucket';

const CLUSTER = 'envoy_cluster_name';
const CLASS = 'envoy_response_code_class';
/** Of the list of names: VictoriaMetrics takes queries of 16,384 bytes, the others longer ones. About 300 names fit. */
const MAX_NAMES_CHARACTERS = 15_000;

const UNREADABLE: Counter = { requests: NaN, bad: NaN };

/** One query and the Envoy clusters that it asks about. */
export interface ClusterQuery {
  readonly promql: string;
  readonly clusters: readonly string[];
}

/** Counters by Envoy cluster and then by scraped Envoy. */
export type ClusterSamples = ReadonlyMap<string, ArmSample>;

/** The Envoy cluster that serves a slot of the route. */
export function clusterName(namespace: string, route: string, slot: Slot): string {
  return `httproute/${namespace}/${route}/rule/0/backend/${slot === 'a' ? '0' : '1'}`;
}

/** The Envoy clusters of both arms. */
export function seriesFor(arms: Arms): { readonly stable: string; readonly candidate: string } {
  return {
    stable: clusterName(arms.namespace, arms.route, arms.stable),
    candidate: clusterName(arms.namespace, arms.route, arms.candidate),
  };
}

/**
 * Queries for the response classes of all these clusters: one, unless the names are too long for one.
 * `max by (instance)` counts an Envoy once that two scrape jobs or two Prometheus replicas know.
 */
export function errorQueries(clusters: readonly string[]): readonly ClusterQuery[] {
  return split(clusters, (names) => `max by (${CLUSTER}, ${CLASS}, instance) (${REQUESTS}{${CLUSTER}=~${names}})`);
}

/** Queries for all requests and for those up to each of the boundaries, in milliseconds. */
export function latencyQueries(clusters: readonly string[], boundariesMs: readonly number[]): readonly ClusterQuery[] {
  const le = quote([...[...new Set(boundariesMs)].sort((a, b) => a - b).flatMap(boundaryLabels), '+Inf'].map(escapeRegex).join('|'));
  return split(clusters, (names) => `max by (${CLUSTER}, le, instance) (${LATENCY}{${CLUSTER}=~${names},le=~${le}})`);
}

/** Queries for the boundaries that the histograms of these clusters have. */
export function boundaryQueries(clusters: readonly string[]): readonly ClusterQuery[] {
  return split(clusters, (names) => `group by (${CLUSTER}, le) (${LATENCY}{${CLUSTER}=~${names}})`);
}

/** How a boundary may be written: `50` by Envoy and Prometheus 2, `50.0` by Prometheus 3. */
function boundaryLabels(boundaryMs: number): readonly string[] {
  return Number.isInteger(boundaryMs) ? [String(boundaryMs), `${String(boundaryMs)}.0`] : [String(boundaryMs)];
}

/** Boundaries in milliseconds by cluster, ascending, without +Inf, from the answer to `boundaryQueries`. */
export function readBoundaries(series: readonly Series[]): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, Set<number>>();
  for (const { labels } of series) {
    const boundary = readNumber(labels['le'] ?? '');
    const cluster = labels[CLUSTER];
    if (cluster === undefined || boundary === undefined || !Number.isFinite(boundary)) continue;
    getOrMake(found, cluster, () => new Set<number>()).add(boundary);
  }
  return new Map([...found].map(([cluster, set]) => [cluster, [...set].sort((a, b) => a - b)]));
}

/**
 * Counters from the answer to `errorQueries`, by time. A class that Envoy has not made a series for yet has not happened: requests are
 * the sum of the classes that there are, bad is class 5 or 0. An unusable number in any class makes the counter NaN: left out it
 * would look like 0.
 */
export function readErrors(series: readonly Series[]): ReadonlyMap<number, ClusterSamples> {
  return collect(series, (labels) => labels[CLASS], (classes) => {
    const values = [...classes.values()];
    return values.every(isCount) ? { requests: values.reduce((sum, n) => sum + n, 0), bad: classes.get('5') ?? 0 } : UNREADABLE;
  });
}

/**
 * Counters from the answer to `latencyQueries`, by time: bad = all minus those up to the boundary. Without both numbers, or with fewer
 * in all than up to the boundary, the counter is NaN.
 */
export function readSlower(series: readonly Series[], boundaryMs: number): ReadonlyMap<number, ClusterSamples> {
  return collect(series, (labels) => boundaryKey(labels['le'], boundaryMs), (buckets) => {
    const all = buckets.get('all');
    const fast = buckets.get('fast');
    return isCount(all) && isCount(fast) && fast <= all ? { requests: all, bad: all - fast } : UNREADABLE;
  });
}

function boundaryKey(le: string | undefined, boundaryMs: number): string | undefined {
  const boundary = readNumber(le ?? '');
  if (boundary === Infinity) return 'all';
  return boundary === boundaryMs ? 'fast' : undefined;
}

type Parts = Map<string, number>;

/** Groups points by time, cluster and instance; `keyOf` names the part that a series is, `toCounter` makes one counter of the parts. */
function collect(
  series: readonly Series[],
  keyOf: (labels: Series['labels']) => string | undefined,
  toCounter: (parts: Parts) => Counter,
): ReadonlyMap<number, ClusterSamples> {
  const times = new Map<number, Map<string, Map<string, Parts>>>();
  for (const { labels, points } of series) {
    const key = keyOf(labels);
    const cluster = labels[CLUSTER];
    if (key === undefined || cluster === undefined) continue;
    for (const { atMs, value } of points) {
      const clusters = getOrMake(times, atMs, () => new Map<string, Map<string, Parts>>());
      const instances = getOrMake(clusters, cluster, () => new Map<string, Parts>());
      getOrMake(instances, labels['instance'] ?? '', () => new Map<string, number>()).set(key, value);
    }
  }
  return mapValues(times, (clusters) => mapValues(clusters, (instances) => Object.fromEntries(mapValues(instances, toCounter))));
}

/** Queries whose alternations are short enough; names are sorted, so that the same wishes give the same text. */
function split(clusters: readonly string[], promql: (names: string) => string): readonly ClusterQuery[] {
  const lists: string[][] = [];
  let length = Infinity;
  for (const name of [...new Set(clusters)].sort()) {
    length += name.length + 1;
    if (length > MAX_NAMES_CHARACTERS) {
      lists.push([]);
      length = name.length + 1;
    }
    lists.at(-1)?.push(name);
  }
  return lists.map((list) => ({ promql: promql(quote(list.map(escapeRegex).join('|'))), clusters: list }));
}

/** Escapes only what a name can hold and a regular expression means otherwise: Prometheus looks plain alternations up in its index. */
function escapeRegex(text: string): string {
  return text.replaceAll(/[.+*?()|[\]{}^$\\]/g, '\\$&');
}

/** A PromQL string literal: its escapes are a superset of JSON's for printable text. */
function quote(text: string): string {
  return JSON.stringify(text);
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value >= 0;
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
