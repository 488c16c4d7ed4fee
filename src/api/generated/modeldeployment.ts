// generated from crds/plimsoll.dev_modeldeployments.yaml, do not edit

import type { Condition, ObjectMeta } from '../meta.ts';

/** Serves one version of a model behind a gateway. Changing spec.version or spec.runtime starts a release: the new revision gets a growing share of the requests, is compared with the one that serves, and is promoted or taken off by itself. */
export interface ModelDeployment {
  readonly apiVersion: 'plimsoll.dev/v1alpha1';
  readonly kind: 'ModelDeployment';
  readonly metadata: ObjectMeta;
  /** What should serve. Belongs to you; the operator never writes it. */
  readonly spec: ModelDeploymentSpec;
  /** What the operator found and did. Written by the operator only, when something changes. */
  readonly status?: ModelDeploymentStatus;
}

/** A key of data or binaryData of a ConfigMap in this namespace. */
export interface ModelDeploymentRuntimeCustomProbeBodyFromConfigMapKeyRef {
  /** Name of the ConfigMap. Example: fraud-probe. */
  readonly name: string;
  /** Key that holds the body. Example: digit.png. */
  readonly key: string;
}

/** Body of the request from elsewhere, where it is long or binary. */
export interface ModelDeploymentRuntimeCustomProbeBodyFrom {
  /** A key of data or binaryData of a ConfigMap in this namespace. */
  readonly configMapKeyRef: ModelDeploymentRuntimeCustomProbeBodyFromConfigMapKeyRef;
}

/** What the answer must be like. */
export interface ModelDeploymentRuntimeCustomProbeExpect {
  /** Status of the answer. Default: 200. Example: 204. */
  readonly status?: number;
  /** Text that the answer's body must hold, letter by letter. Default: none. Example: '"predictions"'. */
  readonly contains?: string;
}

/** A real request that a new revision must answer before it gets any traffic. It is sent to the Service of the revision; a POST when there is a body, else a GET. No answer, and 502, 503 and 504, are tried again until rollout.progressDeadline; any other answer that is not as expected fails the release. */
export interface ModelDeploymentRuntimeCustomProbe {
  /** Path of the request, with a query if it needs one. Example: /v1/completions. */
  readonly path: string;
  /** Body of the request. Default: none. Example: '{"model": "fraud", "prompt": "Hello", "max_tokens": 1}'. */
  readonly body?: string;
  /** Body of the request from elsewhere, where it is long or binary. */
  readonly bodyFrom?: ModelDeploymentRuntimeCustomProbeBodyFrom;
  /** Content-Type of the body. Default: application/json. Example: image/png. */
  readonly contentType?: string;
  /** What the answer must be like. */
  readonly expect?: ModelDeploymentRuntimeCustomProbeExpect;
}

/** What Plimsoll must know of a server of your own. Image, arguments, environment, ports and a readinessProbe stand in template. */
export interface ModelDeploymentRuntimeCustom {
  /** Port on which the server answers HTTP: gateway, probe and callers in the cluster reach it here. Example: 8000. */
  readonly port: number;
  /** Folder in which the containers find exactly the files of the version, verified and read-only. Nothing else is put there. Default: /mnt/models. Example: /models/fraud/1. */
  readonly modelPath?: string;
  /** Whose metrics the server has. Without a gateway, checks read these, and pods get the annotations prometheus.io/* for them unless template has its own; KServe's do not say which requests failed. Default: none, so that without a gateway only limits can be judged. Example: Triton. */
  readonly metrics?: 'MLServer' | 'Triton' | 'TensorFlowServing' | 'VLLM' | 'KServe';
  /** A real request that a new revision must answer before it gets any traffic. It is sent to the Service of the revision; a POST when there is a body, else a GET. No answer, and 502, 503 and 504, are tried again until rollout.progressDeadline; any other answer that is not as expected fails the release. */
  readonly probe: ModelDeploymentRuntimeCustomProbe;
}

/** How the model is served. Changing anything in here starts a release, as a new version does. */
export interface ModelDeploymentRuntime {
  /** Model server to run. mlserver is Seldon's MLServer, asked by the V2 inference protocol: it brings ports, environment, probes and the place of the model, which template can change; template brings the image. custom is any other server that speaks HTTP: template brings all of its container, and custom says what Plimsoll must know of it. */
  readonly preset: 'mlserver' | 'custom';
  /** What Plimsoll must know of a server of your own. Image, arguments, environment, ports and a readinessProbe stand in template. */
  readonly custom?: ModelDeploymentRuntimeCustom;
  /** PodTemplateSpec (metadata, spec) laid over the pods of the preset. The container that serves is called model and must have an image. Checked by a dry run against the API server, not by this schema. Default: none, which is refused, as there is no image. Example: {spec: {containers: [{name: model, image: registry.example.com/mlserver:1.7.1}]}}. */
  readonly template?: Readonly<Record<string, unknown>>;
}

export interface ModelDeploymentTrafficGatewayParentRef {
  /** Name of the Gateway. Example: public. */
  readonly name: string;
  /** Namespace of the Gateway. Default: the namespace of this object. Example: gateways. */
  readonly namespace?: string;
  /** Listener of the Gateway to attach to. Default: none, all listeners that allow it. Example: https. */
  readonly sectionName?: string;
  /** Port of the listeners to attach to. Default: none, any port. Example: 443. */
  readonly port?: number;
}

/** Time limits of the gateway for requests to this model. */
export interface ModelDeploymentTrafficGatewayTimeouts {
  /** Longest time for a whole request, retries included; 0s is no limit. At most 24h. Default: none, the gateway's own limit holds. Example: 10s. */
  readonly request?: string;
  /** Longest time for one attempt at a pod. At most 24h, and not longer than request. Default: none, the gateway's own limit holds. Example: 5s. */
  readonly backendRequest?: string;
}

/** Routes by a Gateway API HTTPRoute that the operator owns and that has the name of this object. Weights are exact. */
export interface ModelDeploymentTrafficGateway {
  /** Gateways that the route attaches to. */
  readonly parentRefs: readonly ModelDeploymentTrafficGatewayParentRef[];
  /** Host names whose requests go to this model; the first label may be *. Of two ModelDeployments that want the same one at the same Gateway, the one that has it keeps it. Default: none, every host name of the listeners. Example: [fraud.example.com]. */
  readonly hostnames?: readonly string[];
  /** Time limits of the gateway for requests to this model. */
  readonly timeouts?: ModelDeploymentTrafficGatewayTimeouts;
}

/** Callers use the Service of the name of this object, inside the cluster; no gateway is needed. A candidate's share is made by the number of its pods beside those of the stable version, so it is only as fine as spec.replicas allows, and never more than a half before all. Connections that are open go on reaching the pod that they were opened to. Example: {}. */
export interface ModelDeploymentTrafficReplicaShare {}
/** Neither a Service of the name of this object nor a route is made: for pods that fetch their work themselves, such as queue consumers, or traffic that somebody else moves. A candidate's share is made by the number of its pods, and it begins when they are Ready, before the probe. Example: {}. */
export interface ModelDeploymentTrafficNone {}
/** How requests reach the model, and how the candidate gets its share of them. A union: give exactly one of gateway, replicaShare and none. Which one never changes. */
export interface ModelDeploymentTraffic {
  /** Routes by a Gateway API HTTPRoute that the operator owns and that has the name of this object. Weights are exact. */
  readonly gateway?: ModelDeploymentTrafficGateway;
  /** Callers use the Service of the name of this object, inside the cluster; no gateway is needed. A candidate's share is made by the number of its pods beside those of the stable version, so it is only as fine as spec.replicas allows, and never more than a half before all. Connections that are open go on reaching the pod that they were opened to. Example: {}. */
  readonly replicaShare?: ModelDeploymentTrafficReplicaShare;
  /** Neither a Service of the name of this object nor a route is made: for pods that fetch their work themselves, such as queue consumers, or traffic that somebody else moves. A candidate's share is made by the number of its pods, and it begins when they are Ready, before the probe. Example: {}. */
  readonly none?: ModelDeploymentTrafficNone;
  /** Time that pods go on running after they were taken out of the route, to finish what they were asked. At least your longest request, at most 1h. A part of the pods, so changing it starts a release. Default: 30s. Example: 2m. */
  readonly drain?: string;
}

/** A ConfigMap in this namespace. Each of its keys holds the body of one V2 inference request; every one must be answered with status 200 and a list of outputs. */
export interface ModelDeploymentProbeRequestsConfigMapRef {
  /** Name of the ConfigMap. Example: fraud-probe. */
  readonly name: string;
}

/** Requests of your own, instead of the one made from the model's metadata. */
export interface ModelDeploymentProbeRequests {
  /** A ConfigMap in this namespace. Each of its keys holds the body of one V2 inference request; every one must be answered with status 200 and a list of outputs. */
  readonly configMapRef: ModelDeploymentProbeRequestsConfigMapRef;
}

/** What a new revision of preset mlserver must answer before it gets any traffic. Without it, one request is made up from the model's own metadata; a model that describes no inputs is not asked then. Preset custom has its own, in runtime.custom. */
export interface ModelDeploymentProbe {
  /** Requests of your own, instead of the one made from the model's metadata. */
  readonly requests: ModelDeploymentProbeRequests;
}

export interface ModelDeploymentRolloutStep {
  /** Name of the step, for people. Default: none. Example: canary. */
  readonly name?: string;
  /** Per cent of the requests that go to the candidate. Must be higher than in the step before. At 0 its pods are up and can be asked through the Service <name>-<revision>, and only checks of kind limit and alerts judge it; a limit without data holds it if all traffic would come next. A single step of weight 0 is blue/green. Example: 25. */
  readonly weight: number;
  /** Shortest time to stay at this weight. The step lasts longer if the checks have too little evidence to go on. At most 168h. Default: 0s, as soon as the evidence allows. Example: 10m. */
  readonly hold?: string;
}

/** How many pods the two versions have while they share the traffic. Only with traffic.gateway. */
export interface ModelDeploymentRolloutCapacity {
  /** Proportional: as many pods as its share of spec.replicas needs, rounded up, and more with each step. Full: all of them before the first step. Default: Proportional. Example: Full. */
  readonly candidate?: 'Proportional' | 'Full';
  /** Hold: the version that serves keeps all its pods until the candidate has everything, so taking the candidate off is one write. Release: after each step it keeps only what its share needs, for where pods are scarce; taking the candidate off then waits for its pods, and goes as fast as they become Ready. status.rollback says which it is. Default: Hold. Example: Release. */
  readonly stable?: 'Hold' | 'Release';
}

/** Keeps the version before at its full size for a while after a promotion. Meanwhile checks of kind limit, alerts and the readiness guard go on watching, and the way back is one write. Takes effect at once. Default: not kept. */
export interface ModelDeploymentRolloutKeepPrevious {
  /** How long, counted from the promotion. From 1s to 168h. Example: 30m. */
  readonly for: string;
}

/** Tries a revision again that is known to be bad, was aborted, or has used up its retries. A token works once, and only for this version: left in Git it never revives another one. Default: none. */
export interface ModelDeploymentRolloutRetry {
  /** The version to try again; no other one is. Example: "1.4.0". */
  readonly version: string;
  /** Any text that was not used before; it is kept in the record of the release. Example: "2". */
  readonly token: string;
}

/** How a release goes. A release keeps the plan that it started with; changes here hold from the next one on, if the field does not say otherwise. */
export interface ModelDeploymentRollout {
  /** Shares of the traffic that the candidate gets, one after the other; after the last step it gets 100. Default: [{weight: 5, hold: 5m}, {weight: 25, hold: 10m}, {weight: 50, hold: 10m}]. Example: [{weight: 10, hold: 10m}, {weight: 50, hold: 1h}]. */
  readonly steps?: readonly ModelDeploymentRolloutStep[];
  /** How many pods the two versions have while they share the traffic. Only with traffic.gateway. */
  readonly capacity?: ModelDeploymentRolloutCapacity;
  /** How long the candidate may have too few ready pods for its share before the release is rolled back. Its weight is lowered at once in any case. From 1s to 1h. Default: 30s. Example: 1m. */
  readonly unavailableGrace?: string;
  /** How long the pods of a new revision may take to become ready before the release fails. From 1s to 168h. Default: 15m. Example: 1h. */
  readonly progressDeadline?: string;
  /** How long a step may go on after its hold without enough evidence to decide. Then onInconclusive says what happens. From 1s to 168h. Default: 1h. Example: 6h. */
  readonly evidenceDeadline?: string;
  /** Holds everything where it is, for tools that write to Git: no release starts and none goes up a step. Failing releases are taken off all the same. People who act by hand use spec.control of the ModelRelease instead. Takes effect at once. Default: false. Example: true. */
  readonly paused?: boolean;
  /** What happens when checks or alerts speak against a candidate that has traffic. Rollback takes it off at once. Freeze leaves the weights as they are until a person decides by spec.control of the ModelRelease, for releases that cannot go back. Default: Rollback. Example: Freeze. */
  readonly onFailure?: 'Rollback' | 'Freeze';
  /** What happens when evidenceDeadline passes and the evidence still does not allow more. Pause stays at the weight and goes on by itself when the evidence comes. Rollback takes the candidate off, condemns nobody and tries again as after any failure of the infrastructure. Default: Pause. Example: Rollback. */
  readonly onInconclusive?: 'Pause' | 'Rollback';
  /** How often a revision is tried again after failures that were not its own, such as an image that cannot be pulled or a quota: 30 s after the first, then twice as long each time, at most 10 minutes. Takes effect at once. Default: 5. Example: 0. */
  readonly infrastructureRetries?: number;
  /** Keeps the version before at its full size for a while after a promotion. Meanwhile checks of kind limit, alerts and the readiness guard go on watching, and the way back is one write. Takes effect at once. Default: not kept. */
  readonly keepPrevious?: ModelDeploymentRolloutKeepPrevious;
  /** Tries a revision again that is known to be bad, was aborted, or has used up its retries. A token works once, and only for this version: left in Git it never revives another one. Default: none. */
  readonly retry?: ModelDeploymentRolloutRetry;
  /** ModelReleases to keep once they have finished. The one that made the serving version, those that know a revision to be bad, and the one that used the retry token are kept beyond it. Takes effect at once. Default: 5. Example: 20. */
  readonly historyLimit?: number;
}

/** The operator reads the metrics of the gateway's Envoys, or of the pods where they count, by itself at each look, without any Prometheus. Only checks without queries of your own can be judged by them. What was seen is kept in memory alone, so that after a restart of the operator a running release collects its evidence anew. Example: {}. */
export interface ModelDeploymentAnalysisMetricsScrape {}
/** Where the numbers come from. Default: none, which is the Prometheus that the operator asks. Example: {scrape: {}}. */
export interface ModelDeploymentAnalysisMetrics {
  /** The operator reads the metrics of the gateway's Envoys, or of the pods where they count, by itself at each look, without any Prometheus. Only checks without queries of your own can be judged by them. What was seen is kept in memory alone, so that after a restart of the operator a running release collects its evidence anew. Example: {}. */
  readonly scrape: ModelDeploymentAnalysisMetricsScrape;
}

/** Compares the share of failed requests (status 5xx or no answer) of the candidate with that of the stable version over the same time, as the gateway counts them or, without a gateway, the model servers. */
export interface ModelDeploymentAnalysisCheckErrorRate {
  /** Who counts the requests. Gateway: what callers met. Runtime: what the model servers answered, by their own metrics, for this check alone; they must be of a kind that Plimsoll reads. Default: Gateway where one routes, else Runtime. Example: Runtime. */
  readonly source?: 'Gateway' | 'Runtime';
  /** How much higher than the stable version's share the candidate's may be, in per cent of it, once it is certain that it is not higher still. With 50%, that is 3 % against 2 %. From 0% to 999.999%. Default: 50%. Example: 20%. */
  readonly relativeMargin?: string;
  /** Share of failed requests that is always good enough, however well the stable version does. From 0% to 100%. Default: 0.5%. Example: 1%. */
  readonly absoluteFloor?: string;
}

/** Compares how long requests take with the stable version over the same time, as the gateway measures them or, without a gateway, the model servers. Without any field, at every bucket of their histogram at once: that finds whatever becomes slower by more than a quarter, and can accuse the candidate but not certify it. */
export interface ModelDeploymentAnalysisCheckLatency {
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
export interface ModelDeploymentAnalysisCheckCompare {
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
export interface ModelDeploymentAnalysisCheckScore {
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
export interface ModelDeploymentAnalysisCheckRate {
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
export interface ModelDeploymentAnalysisCheckShift {
  /** PromQL that gives counters as they are, one for each bin and pod. {{namespace}}, {{deployment}}, {{version}} and {{revision}} stand for those of the version that is asked about. Example: 'predictions_total{namespace="{{namespace}}", revision="{{revision}}"}'. */
  readonly counts: string;
  /** Label that tells the bins apart; with le the counters are those of a histogram. Default: le. Example: class. */
  readonly bin?: string;
  /** What a shift means. Hold reports it and leaves the weight where it is, for a person to decide; Rollback counts it as evidence against the candidate. Default: Hold. Example: Rollback. */
  readonly whenShifted?: 'Hold' | 'Rollback';
}

/** Finds out whether the traffic is split as the weight says, and holds the release if it is not. Not for routes with session affinity, nor where a balancer works by connection: there healthy splits differ from their weight. */
export interface ModelDeploymentAnalysisCheckSplit {
  /** How far the odds that a request reaches the candidate may be from those of its weight, in per cent of them. From 0% to 999.999%. Default: 50%. Example: 100%. */
  readonly tolerance?: string;
}

/** A bound on any PromQL expression. It compares with nothing; no data is no verdict. */
export interface ModelDeploymentAnalysisCheckLimit {
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

export interface ModelDeploymentAnalysisCheck {
  /** Name of the check, as status, Events and metrics show it. Example: errors. */
  readonly name: string;
  /** Lack of data for this check neither holds the release nor keeps it from a promotion; what it does say counts as ever. For labels that arrive late. Default: false. Example: true. */
  readonly optional?: boolean;
  /** Compares the share of failed requests (status 5xx or no answer) of the candidate with that of the stable version over the same time, as the gateway counts them or, without a gateway, the model servers. */
  readonly errorRate?: ModelDeploymentAnalysisCheckErrorRate;
  /** Compares how long requests take with the stable version over the same time, as the gateway measures them or, without a gateway, the model servers. Without any field, at every bucket of their histogram at once: that finds whatever becomes slower by more than a quarter, and can accuse the candidate but not certify it. */
  readonly latency?: ModelDeploymentAnalysisCheckLatency;
  /** Compares any share of bad events of the candidate with that of the stable version, from counters of the user's own. Each query is asked for both versions. */
  readonly compare?: ModelDeploymentAnalysisCheckCompare;
  /** Compares the mean of a score with that of the stable version, such as a rating or a share of right words, from counters of the user's own. Each query is asked for both versions. */
  readonly score?: ModelDeploymentAnalysisCheckScore;
  /** Holds a share of bad events of the candidate alone against a fixed limit, such as a service level objective. Without queries it is the share of failed requests. */
  readonly rate?: ModelDeploymentAnalysisCheckRate;
  /** Finds out whether a distribution of the candidate differs from that of the stable version over the same time: of predictions, or of inputs. From counters of the user's own; the query is asked for both versions. */
  readonly shift?: ModelDeploymentAnalysisCheckShift;
  /** Finds out whether the traffic is split as the weight says, and holds the release if it is not. Not for routes with session affinity, nor where a balancer works by connection: there healthy splits differ from their weight. */
  readonly split?: ModelDeploymentAnalysisCheckSplit;
  /** A bound on any PromQL expression. It compares with nothing; no data is no verdict. */
  readonly limit?: ModelDeploymentAnalysisCheckLimit;
}

/** What the candidate is judged by. A release keeps the checks that it started with; changes here hold from the next one on. */
export interface ModelDeploymentAnalysis {
  /** Where the numbers come from. Default: none, which is the Prometheus that the operator asks. Example: {scrape: {}}. */
  readonly metrics?: ModelDeploymentAnalysisMetrics;
  /** Time between two looks at the metrics. Not shorter than the scrape interval of Prometheus. From 1s to 10m. Default: 15s. Example: 30s. */
  readonly interval?: string;
  /** Requests that the candidate must have answered in each step before the release goes on. Default: 100. Example: 1000. */
  readonly minRequests?: number;
  /** What a promotion takes. NotWorse: every step was held, nothing is suspect, no data are missing, and enough requests were answered; the record says which change would have been found. Certified: every check that can certify has also certified that the candidate is within its margin or floor. Default: NotWorse. Example: Certified. */
  readonly promoteWhen?: 'NotWorse' | 'Certified';
  /** Goes on to the next step before its hold is over, as soon as every check that can certify has certified the candidate. Default: false. Example: true. */
  readonly fastPromote?: boolean;
  /** Names of CheckSets of this namespace whose checks hold besides those of checks. A release keeps them as they are at its start. Default: none. Example: [platform]. */
  readonly checkSets?: readonly string[];
  /** Checks that the candidate must not fail, by name. An empty list promotes on readiness and probe alone, and the record says so. Default: [{name: errors, errorRate: {}}, {name: latency, latency: {}}], or none where checkSets is given. Example: [{name: errors, errorRate: {}}, {name: slow, latency: {slowerThan: 250ms}}]. */
  readonly checks?: readonly ModelDeploymentAnalysisCheck[];
}

/** Alerts of Prometheus that roll back a running release when they fire, if they became active after it started. */
export interface ModelDeploymentTriggersAlerts {
  /** Labels that the alert must have, besides the namespace of this object. Example: {model: fraud, severity: page}. */
  readonly matchLabels: Readonly<Record<string, string>>;
}

/** What else rolls a release back. */
export interface ModelDeploymentTriggers {
  /** Alerts of Prometheus that roll back a running release when they fire, if they became active after it started. */
  readonly alerts?: ModelDeploymentTriggersAlerts;
}

/** What should serve. Belongs to you; the operator never writes it. */
export interface ModelDeploymentSpec {
  /** Model to serve: spec.model of the ModelVersions in this namespace. Never changes. Example: fraud. */
  readonly model: string;
  /** Version to serve; with model it names the ModelVersion <model>-<version>. Changing it starts a release. Put it in quotes, or YAML reads 1.10 as the number 1.1. Example: "1.4.0". */
  readonly version: string;
  /** Pods of the version that serves. During a release the candidate gets its share of this number on top, rounded up. Takes effect at once, without a release. Default: 1. Example: 3. */
  readonly replicas?: number;
  /** How the model is served. Changing anything in here starts a release, as a new version does. */
  readonly runtime: ModelDeploymentRuntime;
  /** How requests reach the model, and how the candidate gets its share of them. A union: give exactly one of gateway, replicaShare and none. Which one never changes. */
  readonly traffic: ModelDeploymentTraffic;
  /** What a new revision of preset mlserver must answer before it gets any traffic. Without it, one request is made up from the model's own metadata; a model that describes no inputs is not asked then. Preset custom has its own, in runtime.custom. */
  readonly probe?: ModelDeploymentProbe;
  /** How a release goes. A release keeps the plan that it started with; changes here hold from the next one on, if the field does not say otherwise. */
  readonly rollout?: ModelDeploymentRollout;
  /** What the candidate is judged by. A release keeps the checks that it started with; changes here hold from the next one on. */
  readonly analysis?: ModelDeploymentAnalysis;
  /** What else rolls a release back. */
  readonly triggers?: ModelDeploymentTriggers;
}

/** The revision that serves. */
export interface ModelDeploymentSide {
  /** Its version. Example: "1.3.2". */
  readonly version?: string;
  /** Digest of its files. Example: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08. */
  readonly digest?: string;
  /** What runs: a hash of the digest and the pod template. Its Deployment and Service are <name>-<revision>. Example: 3f9a1c07be. */
  readonly revision?: string;
  /** Its place among the route's two backends. It keeps the place for as long as it gets requests. */
  readonly slot?: 'a' | 'b';
}

/** How requests reach the pods. */
export interface ModelDeploymentStatusTraffic {
  /** What callers get who use the Service <name> inside the cluster. StableOnly: the stable version, since shares are the gateway's. ByReplicas: each version by the number of its pods. None: there is no such Service. Example: StableOnly. */
  readonly inCluster?: string;
  /** Per cent of the requests that the candidate gets by its Ready pods, as of the last change of weight or phase; only where shares are made by pods. Example: 25. */
  readonly achievedWeight?: number;
}

export interface ModelDeploymentStatusVerdict {
  /** Name of the check. Example: errors. */
  readonly check: string;
  /** What it says. New values may be added; bear with unknown ones. Example: Fail. */
  readonly verdict: string;
  /** Why, in figures, as they were when the verdict changed. Example: candidate 12/38 vs stable 0/713, e=3292 >= 100. */
  readonly explanation?: string;
  /** When the verdict changed. Example: "2026-11-24T10:05:30Z". */
  readonly at?: string;
}

/** What a Job found in the image of the server, of the packages that the version that spec names needs. Asked once for an image and a set of packages. */
export interface ModelDeploymentStatusInspected {
  /** What was asked of what, as a hash. Example: 5e884898da280471. */
  readonly inputs: string;
  /** The image that was asked. Example: registry.example.com/mlserver:1.7.1. */
  readonly image: string;
  /** Version of its Python. Example: 3.11.9. */
  readonly python?: string;
  /** The processor that it ran on. Example: x86_64. */
  readonly machine?: string;
  /** Those of the packages that are installed, and their versions. Example: {scikit-learn: 1.7.2}. */
  readonly packages?: Readonly<Record<string, string>>;
  /** Why the image cannot say what it has, in place of that. Example: it has no program python3. */
  readonly problem?: string;
}

/** What the operator found and did. Written by the operator only, when something changes. */
export interface ModelDeploymentStatus {
  /** The metadata.generation that this status is about. Example: 7. */
  readonly observedGeneration?: number;
  /** Version of the meaning of this status. An operator that meets a higher number than it knows leaves the object alone. Example: 1. */
  readonly schema?: number;
  /** Where things stand. New values may be added; bear with unknown ones. Example: Holding. */
  readonly phase?: string;
  /** The worst verdict of all checks. New values may be added; bear with unknown ones. Example: Pass. */
  readonly verdict?: string;
  /** Per cent of the requests that go to the candidate. Example: 25. */
  readonly weight?: number;
  /** What taking the candidate off would need, while a release is under way. Instant: one write. NeedsPods(n): n more pods of the stable version, which gets its traffic back as they become Ready. Example: Instant. */
  readonly rollback?: string;
  /** Name of the ModelRelease in progress, or of the last one. Example: fraud-r7. */
  readonly release?: string;
  /** The revision that serves. */
  readonly stable?: ModelDeploymentSide;
  /** The revision that is being released, if any. */
  readonly candidate?: ModelDeploymentSide;
  /** The revision that served before and is kept after a promotion, if any. */
  readonly previous?: ModelDeploymentSide;
  /** How requests reach the pods. */
  readonly traffic?: ModelDeploymentStatusTraffic;
  /** Verdict of each check. Written when a verdict changes, not when a number does; live numbers are in the operator's metrics. */
  readonly verdicts?: readonly ModelDeploymentStatusVerdict[];
  /** What a Job found in the image of the server, of the packages that the version that spec names needs. Asked once for an image and a set of packages. */
  readonly inspected?: ModelDeploymentStatusInspected;
  /** State for people and tools. Ready says whether what spec asks for serves; Available whether anything does. DependenciesMatch compares the packages in the image with those that the version needs, where it says any. Reconciling and Stalled are there only while they are true. */
  readonly conditions?: readonly Condition[];
}
