// Which of Envoy Gateway's series belong to a version, the queries that read them for all releases at once, and the way back.
//
// A backendRef with a filter of its own gets an Envoy cluster of its own, named after its position; our routes have one rule and two
// backendRefs that never change place, so slot a is always backend/0 and slot b backend/1.
import type { RouteArms, Slot } from '../core/analysis/measurement.ts';
import type { Series } from './prometheusAnswer.ts';
import { alternation, type Matcher, type Selection } from './selection.ts';
import {
  boundaryMatchers, collectBoundaries, collectErrors, collectHistogram, collectSlower, forBoundaries, split, withScrapeTimes,
} from './series.ts';
import type { HistogramSamples, Question, SeriesQuery, SeriesSamples, SeriesSource } from './series.ts';

/** Requests by class of response. Not `upstream_rq_total`, which leaves refused connections out; they are failures that users see. */
export const REQUESTS = 'envoy_cluster_upstream_rq_xx';
/** Milliseconds from the request's arrival at Envoy to the response's last byte. Envoy fills it in every 5 s, so it lags. */
export const LATENCY = 'envoy_cluster_upstream_rq_time_bucket';

/** Where an Envoy of Envoy Gateway shows its metrics; `filter` (Envoy's own parameter) leaves of them those that are read here. */
export const PAGE = {
  port: 19001,
  path: '/stats/prometheus',
  filter: String.raw`^cluster\.httproute/.*/rule/0/backend/[01]\.upstream_rq_([0-9]xx|time)$`,
} as const;

const CLUSTER = 'envoy_cluster_name';
const CLASS = 'envoy_response_code_class';

/** The Envoy cluster that serves a slot of the route. */
export function clusterName(namespace: string, route: string, slot: Slot): string {
  return `httproute/${namespace}/${route}/rule/0/backend/${slot === 'a' ? '0' : '1'}`;
}

/** The Envoy clusters of both arms. */
export function seriesFor(arms: RouteArms): { readonly stable: string; readonly candidate: string } {
  return {
    stable: clusterName(arms.namespace, arms.route, arms.stable),
    candidate: clusterName(arms.namespace, arms.route, arms.candidate),
  };
}

export function errorQueries(clusters: readonly string[]): readonly SeriesQuery[] {
  const ask = (names: readonly string[]): Question =>
    withScrapeTimes(counted(REQUESTS, names, CLASS), { metrics: [REQUESTS], where: [routesOf(names)] }, [CLUSTER]);
  return split(clusters, ask, charactersOf);
}

export function latencyQueries(clusters: readonly string[], boundariesMs?: readonly number[]): readonly SeriesQuery[] {
  const le = boundaryMatchers(boundariesMs);
  const ask = (names: readonly string[]): Question =>
    withScrapeTimes(counted(LATENCY, names, 'le', le), { metrics: [LATENCY], where: [routesOf(names), ['le', '=', '+Inf']] }, [CLUSTER]);
  return split(clusters, ask, charactersOf);
}

/** By instance: an Envoy counts once that two scrape jobs or two Prometheus replicas know. */
function counted(metric: string, clusters: readonly string[], part: string, more: readonly Matcher[] = []): Selection {
  return { metrics: [metric], where: [clustersOf(clusters), ...more], by: [CLUSTER, part, 'instance'], apart: [] };
}

function clustersOf(clusters: readonly string[]): Matcher {
  return [CLUSTER, '=~', alternation(clusters)];
}

/** Both slots of these clusters' routes, in fewer characters than the clusters have. */
function routesOf(clusters: readonly string[]): Matcher {
  return [CLUSTER, '=~', `httproute/(${alternation(clusters.map(routeOf))})/rule/0/backend/[01]`];
}

/** Namespace and name. */
function routeOf(cluster: string): string {
  return cluster.split('/').slice(1, 3).join('/');
}

/** In a query that asks for scrape times too. */
function charactersOf(cluster: string): number {
  return cluster.length + routeOf(cluster).length + 2;
}

export function boundaryQueries(clusters: readonly string[]): readonly SeriesQuery[] {
  return split(clusters, (names) => forBoundaries({ metrics: [LATENCY], where: [clustersOf(names)], by: [CLUSTER, 'le'], apart: [] }));
}

export function readBoundaries(series: readonly Series[]): ReadonlyMap<string, readonly number[]> {
  return collectBoundaries(series, locate);
}

/** Bad is class 5. */
export function readErrors(series: readonly Series[]): ReadonlyMap<number, SeriesSamples> {
  return collectErrors(series, locate, (labels) => labels[CLASS], (name) => name === '5');
}

export function readSlower(series: readonly Series[], boundaryMs: number): ReadonlyMap<number, SeriesSamples> {
  return collectSlower(series, locate, boundaryMs);
}

export function readHistogram(series: readonly Series[]): ReadonlyMap<number, HistogramSamples> {
  return collectHistogram(series, locate, (ms) => ms);
}

function locate(labels: Series['labels']): { readonly name: string; readonly instance: string } | undefined {
  const name = labels[CLUSTER];
  return name === undefined ? undefined : { name, instance: labels['instance'] ?? '' };
}

export const ENVOY_GATEWAY: SeriesSource = {
  requests: REQUESTS,
  latency: LATENCY,
  errorQueries,
  latencyQueries,
  boundaryQueries,
  locate,
  readErrors,
  readSlower,
  readHistogram,
  readBoundaries,
};
