// Series of model servers, where no gateway tells versions apart: which of them belong to a version, the queries that read them for all
// releases at once, and the way back. Prometheus must put the labels `namespace` and `pod` on what it scrapes of pods, as its usual
// configurations do.
//
// A server counts what it answered, not what its callers met: connections that it refuses or drops are in no series.
import type { PodArms } from '../core/analysis/measurement.ts';
import type { Series } from './prometheusAnswer.ts';
import { alternation, type Matcher, type Selection } from './selection.ts';
import { boundaryMatchers, collectBoundaries, collectErrors, collectHistogram, collectSlower, forBoundaries, split, withScrapeTimes } from './series.ts';
import type { Durations, Failures, Question, RequestsAlone, SeriesQuery } from './series.ts';

/** A counter, or several that add up, of one kind of server. */
interface Counted {
  readonly metrics: readonly string[];
  /** More matchers, for example of the paths that are inferences. */
  readonly matching?: readonly Matcher[];
  /** Labels that tell the series of one pod apart, and do not matter otherwise. */
  readonly apart: readonly string[];
}

export interface PodDurations extends Counted {
  /** Of the histogram's boundaries: 0.001 for seconds, 1,000 for microseconds. */
  readonly unitsPerMs: number;
  /** What the server needs to be told to have the histogram at all, in a sentence. */
  readonly needs?: string;
}

export interface PodRequests extends Counted {
  /** The label that says how a request ended; `__name__` counts as one. */
  readonly outcome: string;
  readonly isBad: (outcome: string) => boolean;
}

/** Namespace and the beginning of its pods' names, of both arms. */
export function seriesFor({ namespace, deployment, stable, candidate }: PodArms): { readonly stable: string; readonly candidate: string } {
  return { stable: `${namespace}/${deployment}-${stable}`, candidate: `${namespace}/${deployment}-${candidate}` };
}

/** Requests and failed ones among them. */
export function podFailures(requests: PodRequests): Failures {
  const { outcome, isBad } = requests;
  return {
    requests: requests.metrics.join(' and '),
    errorQueries: (names) => split(names, (some) => timed(selectionOf(requests, some, [outcome])), twice),
    readErrors: (series) => collectErrors(series, locate, (labels) => labels[outcome] ?? '', isBad),
  };
}

/** Requests of a server that does not tell which of them failed. */
export function podRequests(requests: Counted): RequestsAlone {
  return {
    requests: requests.metrics.join(' and '),
    errorQueries: undefined,
    requestQueries: (names) => split(names, (some) => timed(selectionOf(requests, some, [])), twice),
    readRequests: (series) => collectErrors(series, locate, () => 'all', () => false),
  };
}

export function podDurations(durations: PodDurations): Durations {
  const { unitsPerMs, matching = [], needs } = durations;
  const toUnits = (ms: number): number => withoutNoise(ms * unitsPerMs);
  const toMs = (units: number): number => withoutNoise(units / unitsPerMs);
  return {
    latency: durations.metrics.join(' and '),
    ...(needs === undefined ? {} : { latencyNeeds: needs }),
    latencyQueries: (names, boundariesMs) => {
      const some = { ...durations, matching: [...matching, ...boundaryMatchers(boundariesMs?.map(toUnits))] };
      const all: Counted = { ...durations, matching: [...matching, ['le', '=', '+Inf']] };
      return split(names, (those) => timed(selectionOf(some, those, ['le']), selectionOf(all, those, [])), twice);
    },
    locate,
    boundaryQueries: (names): readonly SeriesQuery[] => split(names, (some) => forBoundaries({ ...selectionOf(durations, some, ['le']), apart: [] })),
    readSlower: (series, boundaryMs) => collectSlower(series, locate, toUnits(boundaryMs)),
    readHistogram: (series) => collectHistogram(series, locate, toMs),
    readBoundaries: (series) => new Map([...collectBoundaries(series, locate)].map(([name, units]) => [name, units.map(toMs)])),
  };
}

/** Characters that a name takes in a query which asks for scrape times too. */
function twice(name: string): number {
  return 2 * (name.length + 1);
}

/** The labels of a name. */
const PLACE = ['namespace', 'pod'];

/** Of several metrics the first tells when the pod was scraped: `timestamp` forgets their names, and would find the same series twice. */
function timed(selection: Selection, { metrics, where } = selection): Question {
  return withScrapeTimes(selection, { metrics: metrics.slice(0, 1), where }, PLACE);
}

/** Namespaces and pods are matched apart; what else that brings in is left out by `locate` and by whoever looks a name up. */
function selectionOf({ metrics, matching = [], apart }: Counted, names: readonly string[], kept: readonly string[]): Selection {
  const parts = names.map((name) => name.split('/') as [string, string]);
  const namespaces = alternation(parts.map(([namespace]) => namespace));
  // No part of these names means anything to a regular expression: they are DNS labels.
  const pods = `(${parts.map(([, prefix]) => prefix).join('|')})-[a-z0-9]+(-[a-z0-9]+)?`;
  return { metrics, where: [['namespace', '=~', namespaces], ['pod', '=~', pods], ...matching], by: [...PLACE, ...kept], apart };
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

/** 0.007 s are 7 ms. */
function withoutNoise(number: number): number {
  return Number(number.toPrecision(12));
}
