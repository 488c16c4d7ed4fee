// generated from crds/plimsoll.dev_checksets.yaml, do not edit

import type { ObjectMeta } from '../meta.ts';

/** Checks that several ModelDeployments of a namespace share. A ModelDeployment names it in spec.analysis.checkSets, and every release that starts from then on keeps its checks beside those of the ModelDeployment itself. */
export interface CheckSet {
  readonly apiVersion: 'plimsoll.dev/v1alpha1';
  readonly kind: 'CheckSet';
  readonly metadata: ObjectMeta;
  /** The checks. A release that has started keeps those that it started with, and none starts because they change. */
  readonly spec: CheckSetSpec;
}

/** Compares the share of failed requests (status 5xx or no answer) of the candidate with that of the stable version over the same time, as the gateway counts them or, without a gateway, the model servers. */
export interface CheckSetCheckErrorRate {
  /** Who counts the requests. Gateway: what callers met. Runtime: what the model servers answered, by their own metrics, for this check alone; they must be of a kind that Plimsoll reads. Default: Gateway where one routes, else Runtime. Example: Runtime. */
  readonly source?: 'Gateway' | 'Runtime';
  /** How much higher than the stable version's share the candidate's may be, in per cent of it, once it is certain that it is not higher still. With 50%, that is 3 % against 2 %. From 0% to 999.999%. Default: 50%. Example: 20%. */
  readonly relativeMargin?: string;
  /** Share of failed requests that is always good enough, however well the stable version does. From 0% to 100%. Default: 0.5%. Example: 1%. */
  readonly absoluteFloor?: string;
}

/** Compares how long requests take with the stable version over the same time, as the gateway measures them or, without a gateway, the model servers. Without any field, at every bucket of their histogram at once: that finds whatever becomes slower by more than a quarter, and can accuse the candidate but not certify it. */
export interface CheckSetCheckLatency {
  /** Who measures the requests. Gateway: what callers met. Runtime: what the model servers answered, by their own metrics, for this check alone; they must be of a kind that Plimsoll reads. Default: Gateway where one routes, else Runtime. Example: Runtime. */
  readonly source?: 'Gateway' | 'Runtime';
  /** A request that takes longer is a slow one. Rounded up to the next bucket of their histogram. From 1ms to 1h. Default: every bucket is compared. Example: 250ms. */
  readonly slowerThan?: string;
  /** What half of the candidate's requests must stay within: so many times what the stable version needed for half of its own before the release, or a fixed time. Rounded up to the next bucket of their histogram. Default: none. Example: 1.1x. */
  readonly p50AtMost?: string;
  /** What 95 % of the candidate's requests must stay within: so many times what the stable version needed for 95 % of its own before the release, or a fixed time. Rounded up to the next bucket of their histogram. Default: none. Example: 1.2x. */
  readonly p95AtMost?: string;
  /** What 99 % of the candidate's requests must stay within: so many times what the stable version needed for 99 % of its own before the release, or a fixed time. Rounded up to the next bucket of their histogram. Default: none. Example: 500ms. */
  readonly p99AtMost?: string;
  /** How much higher than the stable version's share of slow requests the candidate's may be, in per cent of it, once it is certain that it is not higher still. From 0% to 999.999%. Default: 50%. Example: 20%. */
  readonly relativeMargin?: string;
  /** Share of slow requests that is always good enough, however fast the stable version is. From 0% to 100%. Default: 1%. Example: 5%. */
  readonly absoluteFloor?: string;
}

/** Compares any share of bad events of the candidate with that of the stable version, from counters of the user's own. Each query is asked for both versions. */
export interface CheckSetCheckCompare {
  /** PromQL that gives counters of bad events as they are, one for each pod, without rate() or increase(). {{namespace}}, {{deployment}}, {{version}} and {{revision}} stand for those of the version that is asked about. Example: 'wrong_predictions_total{namespace="{{namespace}}", revision="{{revision}}"}'. */
  readonly bad: string;
  /** PromQL that gives counters of all events, in the same way. Example: 'labelled_predictions_total{namespace="{{namespace}}", revision="{{revision}}"}'. */
  readonly total: string;
  /** How much higher than the stable version's share the candidate's may be, in per cent of it, once it is certain that it is not higher still. From 0% to 999.999%. Default: 50%. Example: 20%. */
  readonly relativeMargin?: string;
  /** Share that is always good enough, whatever the stable version's is. From 0% to 100%. Default: 1%. Example: 2%. */
  readonly absoluteFloor?: string;
}

/** Compares the mean of a score with that of the stable version, such as a rating or a share of right words, from counters of the user's own. Each query is asked for both versions. */
export interface CheckSetCheckScore {
  /** PromQL that gives counters of scores as they are, one for each pod. {{namespace}}, {{deployment}}, {{version}} and {{revision}} stand for those of the version that is asked about. Default: none. Example: 'rating_count{namespace="{{namespace}}", revision="{{revision}}"}'. */
  readonly count?: string;
  /** PromQL that gives counters of the sum of the scores. Default: none. Example: 'rating_sum{namespace="{{namespace}}", revision="{{revision}}"}'. */
  readonly sum?: string;
  /** PromQL that gives counters of the sum of the squares of the scores. Without it scores count as if each were the lowest or the highest one, and it takes more of them. Default: none. Example: 'rating_squares_sum{namespace="{{namespace}}", revision="{{revision}}"}'. */
  readonly sumOfSquares?: string;
  /** PromQL that gives a histogram of the scores, as counters with the label le; the middle of a bucket stands for what is in it. Default: none. Example: 'rating_bucket{namespace="{{namespace}}", revision="{{revision}}"}'. */
  readonly histogram?: string;
  /** Lowest score that is possible, as a decimal number in a string. Default: "0". Example: "1". */
  readonly lowest?: string;
  /** Highest score that is possible, as a decimal number in a string. Default: "1". Example: "5". */
  readonly highest?: string;
  /** Which scores are better. Default: Higher. Example: Lower. */
  readonly better?: 'Higher' | 'Lower';
  /** How much worse than the stable version's the candidate's mean may be, in per cent of the way from the lowest score to the highest, once it is certain that it is not worse still. From 0% to 100%. Default: 5%. Example: 2%. */
  readonly margin?: string;
}

/** Holds a share of bad events of the candidate alone against a fixed limit, such as a service level objective. Without queries it is the share of failed requests. */
export interface CheckSetCheckRate {
  /** Who counts the requests, where no queries are given. Gateway: what callers met. Runtime: what the model servers answered, by their own metrics, for this check alone; they must be of a kind that Plimsoll reads. Default: Gateway where one routes, else Runtime. Example: Runtime. */
  readonly source?: 'Gateway' | 'Runtime';
  /** PromQL that gives counters of bad events as they are, one for each pod, without rate() or increase(). {{namespace}}, {{deployment}}, {{version}} and {{revision}} stand for those of the candidate. Default: failed requests. Example: 'disagreements_total{namespace="{{namespace}}", revision="{{revision}}"}'. */
  readonly bad?: string;
  /** PromQL that gives counters of all events, in the same way. Default: all requests. Example: 'compared_total{namespace="{{namespace}}", revision="{{revision}}"}'. */
  readonly total?: string;
  /** Highest good share. From 0% to 100%. Example: 1%. */
  readonly atMost: string;
}

/** Finds out whether a distribution of the candidate differs from that of the stable version over the same time: of predictions, or of inputs. From counters of the user's own; the query is asked for both versions. */
export interface CheckSetCheckShift {
  /** PromQL that gives counters as they are, one for each bin and pod. {{namespace}}, {{deployment}}, {{version}} and {{revision}} stand for those of the version that is asked about. Example: 'predictions_total{namespace="{{namespace}}", revision="{{revision}}"}'. */
  readonly counts: string;
  /** Label that tells the bins apart; with le the counters are those of a histogram. Default: le. Example: class. */
  readonly bin?: string;
  /** What a shift means. Hold reports it and leaves the weight where it is, for a person to decide; Rollback counts it as evidence against the candidate. Default: Hold. Example: Rollback. */
  readonly whenShifted?: 'Hold' | 'Rollback';
}

/** Finds out whether the traffic is split as the weight says, and holds the release if it is not. Not for routes with session affinity, nor where a balancer works by connection: there healthy splits differ from their weight. */
export interface CheckSetCheckSplit {
  /** How far the odds that a request reaches the candidate may be from those of its weight, in per cent of them. From 0% to 999.999%. Default: 50%. Example: 100%. */
  readonly tolerance?: string;
}

/** A bound on any PromQL expression. It compares with nothing; no data is no verdict. */
export interface CheckSetCheckLimit {
  /** PromQL that gives one number. {{namespace}}, {{deployment}}, {{version}} and {{revision}} stand for those of the candidate. Example: 'max(queue_depth{namespace="{{namespace}}", revision="{{revision}}"})'. */
  readonly query: string;
  /** Highest good value, as a decimal number in a string. Default: none. Example: "100". */
  readonly max?: string;
  /** Lowest good value, as a decimal number in a string. Default: none. Example: "0.9". */
  readonly min?: string;
  /** Looks in a row that must find the value outside before the candidate fails. Default: 2. Example: 4. */
  readonly consecutive?: number;
  /** Time for which the value must be outside at each look before the candidate fails, instead of a number of looks. From 1s to 24h. Default: none, consecutive holds. Example: 2m. */
  readonly for?: string;
}

export interface CheckSetCheck {
  /** Name of the check, as status, Events and metrics show it. Example: errors. */
  readonly name: string;
  /** Lack of data for this check neither holds the release nor keeps it from a promotion; what it does say counts as ever. For labels that arrive late. Default: false. Example: true. */
  readonly optional?: boolean;
  /** Compares the share of failed requests (status 5xx or no answer) of the candidate with that of the stable version over the same time, as the gateway counts them or, without a gateway, the model servers. */
  readonly errorRate?: CheckSetCheckErrorRate;
  /** Compares how long requests take with the stable version over the same time, as the gateway measures them or, without a gateway, the model servers. Without any field, at every bucket of their histogram at once: that finds whatever becomes slower by more than a quarter, and can accuse the candidate but not certify it. */
  readonly latency?: CheckSetCheckLatency;
  /** Compares any share of bad events of the candidate with that of the stable version, from counters of the user's own. Each query is asked for both versions. */
  readonly compare?: CheckSetCheckCompare;
  /** Compares the mean of a score with that of the stable version, such as a rating or a share of right words, from counters of the user's own. Each query is asked for both versions. */
  readonly score?: CheckSetCheckScore;
  /** Holds a share of bad events of the candidate alone against a fixed limit, such as a service level objective. Without queries it is the share of failed requests. */
  readonly rate?: CheckSetCheckRate;
  /** Finds out whether a distribution of the candidate differs from that of the stable version over the same time: of predictions, or of inputs. From counters of the user's own; the query is asked for both versions. */
  readonly shift?: CheckSetCheckShift;
  /** Finds out whether the traffic is split as the weight says, and holds the release if it is not. Not for routes with session affinity, nor where a balancer works by connection: there healthy splits differ from their weight. */
  readonly split?: CheckSetCheckSplit;
  /** A bound on any PromQL expression. It compares with nothing; no data is no verdict. */
  readonly limit?: CheckSetCheckLimit;
}

/** The checks. A release that has started keeps those that it started with, and none starts because they change. */
export interface CheckSetSpec {
  /** Checks that a candidate must not fail, by name. No other CheckSet that a ModelDeployment names, nor the ModelDeployment itself, may have a check of the same name, and together they may have 20. Example: [{name: errors, errorRate: {}}, {name: slow, latency: {slowerThan: 250ms}}]. */
  readonly checks: readonly CheckSetCheck[];
}
