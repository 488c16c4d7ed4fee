// Which of MLServer's series belong to a version, where no gateway tells versions apart. Prometheus must put the labels `namespace` and `pod`
// on what it scrapes of pods, as its usual configurations do.
//
// The server counts what it answered, not what its callers met: connections that it refuses or drops are in no series.
import type { PodArms } from '../core/analysis/measurement.ts';
import type { Series } from './prometheusAnswer.ts';
import { boundaryMatcher, collectBoundaries, collectErrors, collectHistogram, collectSlower, oneOf, quote, split } from './series.ts';
import type { HistogramSamples, SeriesQuery, SeriesSamples, SeriesSource } from './series.ts';

/** REST requests by path and status. `model_infer_request_*` would leave out what never reached the model. */
const REQUESTS = 'rest_server_requests_total';
/** Seconds in the server. */
const LATENCY = 'rest_server_request_duration_seconds_bucket';
/** Inferences alone: kubelet's readiness probe of a model is counted too, under a path of its own. */
const INFERENCES = 'path=~".+/(infer|infer_stream|generate|generate_stream)"';

/** Namespace and the beginning of its pods' names, of both arms. */
export function seriesFor({ namespace, deployment, stable, candidate }: PodArms): { readonly stable: string; readonly candidate: string } {
  return { stable: `${namespace}/${deployment}-${stable}`, candidate: `${namespace}/${deployment}-${candidate}` };
}

/** `max` counts a pod once that two scrape jobs or two Prometheus replicas know; `sum` adds its paths. */
export function errorQueries(names: readonly string[]): readonly SeriesQuery[] {
  return split(names, (some) => {
    const each = `max by (namespace, pod, path, method, status_code) (${REQUESTS}{${podsOf(some)},${INFERENCES}})`;
    return `sum by (namespace, pod, status_code) (${each})`;
  });
}

export function latencyQueries(names: readonly string[], boundariesMs?: readonly number[]): readonly SeriesQuery[] {
  const le = boundaryMatcher(boundariesMs?.map((ms) => ms / 1000));
  return split(names, (some) => {
    const each = `max by (namespace, pod, path, method, status_code, le) (${LATENCY}{${podsOf(some)},${INFERENCES}${le}})`;
    return `sum by (namespace, pod, le) (${each})`;
  });
}

export function boundaryQueries(names: readonly string[]): readonly SeriesQuery[] {
  return split(names, (some) => `group by (namespace, pod, le) (${LATENCY}{${podsOf(some)},${INFERENCES}})`);
}

/** Namespaces and pods are matched apart; what else that brings in is left out by `locate` and by whoever looks a name up. */
function podsOf(names: readonly string[]): string {
  const parts = names.map((name) => name.split('/') as [string, string]);
  const namespaces = oneOf(parts.map(([namespace]) => namespace));
  // No part of these names means anything to a regular expression: they are DNS labels.
  const pods = quote(`(${parts.map(([, prefix]) => prefix).join('|')})-[a-z0-9]+(-[a-z0-9]+)?`);
  return `namespace=~${namespaces},pod=~${pods}`;
}

/** A pod is named after its revision's Deployment; then come the hash of its ReplicaSet, which may look like a revision, and five characters. */
const POD = /^(.+-[0-9a-f]{10})-[a-z0-9]+-[a-z0-9]{5}$/;
/** A name that would be longer than 63 is cut before the five characters, and may lose the dash. */
const CUT_POD = /^(?=.{63}$)(.+-[0-9a-f]{10})-[a-z0-9]+$/;

function locate({ namespace, pod }: Series['labels']): { readonly name: string; readonly instance: string } | undefined {
  const prefix = (POD.exec(pod ?? '') ?? CUT_POD.exec(pod ?? ''))?.[1];
  return namespace === undefined || pod === undefined || prefix === undefined
    ? undefined
    : { name: `${namespace}/${prefix}`, instance: pod };
}

/** Bad is status 5xx. */
export function readErrors(series: readonly Series[]): ReadonlyMap<number, SeriesSamples> {
  return collectErrors(
    series,
    locate,
    (labels) => labels['status_code'],
    (status) => status.startsWith('5'),
  );
}

export function readSlower(series: readonly Series[], boundaryMs: number): ReadonlyMap<number, SeriesSamples> {
  return collectSlower(series, locate, boundaryMs / 1000);
}

export function readHistogram(series: readonly Series[]): ReadonlyMap<number, HistogramSamples> {
  return collectHistogram(series, locate, toMs);
}

export function readBoundaries(series: readonly Series[]): ReadonlyMap<string, readonly number[]> {
  return new Map([...collectBoundaries(series, locate)].map(([name, seconds]) => [name, seconds.map(toMs)]));
}

/** Without the noise of the multiplication: 0.007 s are 7 ms. */
function toMs(seconds: number): number {
  return Math.round(seconds * 1e6) / 1000;
}

export const MLSERVER: SeriesSource = {
  requests: REQUESTS,
  latency: LATENCY,
  errorQueries,
  latencyQueries,
  boundaryQueries,
  readErrors,
  readSlower,
  readHistogram,
  readBoundaries,
};
