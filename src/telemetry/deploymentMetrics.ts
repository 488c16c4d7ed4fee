// Metrics of ModelDeployments and their releases: what the checks see, how traffic is shared, how releases end.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { createBoundsCache } from './boundsCache.ts';
import type { ArmView, BoundsView, CheckView, DeploymentView, RevisionView } from './deploymentView.ts';
import { createSeriesOwner, type Sample } from './series.ts';

export interface ReleaseEnd {
  readonly namespace: string;
  readonly deployment: string;
  /** Promoted, RolledBack, Aborted, Superseded, Reverted, Frozen or Failed. */
  readonly outcome: string;
  /** Evidence, Infrastructure or User; absent when the release was promoted. */
  readonly failureClass?: string | undefined;
  readonly durationSeconds: number;
}

export interface DeploymentMetrics {
  /** Makes `view` the whole truth about the gauges of that deployment: series that it no longer has are removed. */
  readonly recordDeployment: (view: DeploymentView) => void;
  /** Removes all series of a deployment, counters too. Call it in every pass that finds the object gone; again does no harm. */
  readonly forgetDeployment: (namespace: string, name: string) => void;
  /** Counts a finished release: once for each. */
  readonly recordReleaseEnd: (end: ReleaseEnd) => void;
  /** Counts a decision to roll back, with the reason that its condition carries. */
  readonly recordRollback: (rollback: { readonly namespace: string; readonly deployment: string; readonly reason: string }) => void;
}

/** How releases mostly end. Their counters start at 0, so that `increase()` sees the first one too. */
const USUAL_ENDS = [
  { outcome: 'Promoted', class: '' },
  { outcome: 'RolledBack', class: 'Evidence' },
  { outcome: 'RolledBack', class: 'Infrastructure' },
] as const;

/** Half a minute to a day. */
const RELEASE_BUCKETS_SECONDS = [30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400];

/** Registers the metrics about ModelDeployments in `registry` and returns the functions that feed them. `monotonicMs` never goes back. */
export function createDeploymentMetrics(registry: Registry, monotonicMs: () => number): DeploymentMetrics {
  const bounds = createBoundsCache(monotonicMs);
  const show = (view: DeploymentView): void => {
    const object = objectKey(view.namespace, view.name);
    owner.replaceGauges(object, samplesOf(gauges, view, bounds.known(object)));
  };
  const gauges = createGauges(registry, () => bounds.refresh().forEach(show));
  const { releases, releaseDuration, rollbacks } = createReleaseMetrics(registry);
  const owner = createSeriesOwner();
  return {
    recordDeployment: (view) => {
      const object = objectKey(view.namespace, view.name);
      bounds.record(object, view);
      show(view);
      for (const end of USUAL_ENDS) owner.count(object, releases, { namespace: view.namespace, deployment: view.name, ...end }, 0);
    },
    forgetDeployment: (namespace, name) => {
      bounds.forget(objectKey(namespace, name));
      owner.forget(objectKey(namespace, name));
    },
    recordReleaseEnd: ({ namespace, deployment, outcome, failureClass = '', durationSeconds }) => {
      owner.count(objectKey(namespace, deployment), releases, { namespace, deployment, outcome, class: failureClass }, 1);
      releaseDuration.observe({ outcome, class: failureClass }, durationSeconds);
    },
    recordRollback: ({ namespace, deployment, reason }) =>
      owner.count(objectKey(namespace, deployment), rollbacks, { namespace, deployment, reason }, 1),
  };
}

type DeploymentGauges = ReturnType<typeof createGauges>;

/** `onScrape` is called before any of them is read: prom-client asks metrics in the order in which they were made. */
function createGauges(registry: Registry, onScrape: () => void) {
  const gauge = (name: string, help: string, labels: readonly string[], collect?: () => void): Gauge =>
    new Gauge({
      name: `plimsoll_${name}`,
      help,
      labelNames: ['namespace', 'deployment', ...labels],
      registers: [registry],
      ...(collect && { collect }),
    });
  return {
    phase: gauge('deployment_phase', 'Always 1, on the phase that the deployment is in now.', ['phase'], onScrape),
    weight: gauge('traffic_weight_percent', 'Percent of the requests that the route gives to this side or, without a gateway, that its Ready pods get.', ['role']),
    ready: gauge('ready_replicas', 'Pods of this side that are ready.', ['role']),
    revision: gauge('revision_info', 'Always 1, on the version and revision of each side now.', ['role', 'version', 'revision']),
    requests: gauge('check_requests', 'Requests that the check has counted since its evidence began.', ['check', 'role']),
    bad: gauge('check_bad_requests', 'Of these, the ones that the check counts as bad: failed, or slower than its limit.', [
      'check',
      'role',
    ]),
    verdict: gauge('check_verdict', "Always 1, on the check's verdict now and the reason for it.", ['check', 'verdict', 'reason']),
    logE: gauge('check_log_e_value', "Natural logarithm of the check's e-value: evidence that the candidate is worse.", ['check']),
    phi: gauge('check_burst_factor', 'About how many bad requests come together; the evidence is divided by it.', ['check']),
    ratioLower: gauge(
      'check_ratio_lower',
      "The candidate's share of bad requests is at least so many times stable's; 0 if nothing is certain.",
      ['check'],
    ),
    ratioUpper: gauge(
      'check_ratio_upper',
      "The candidate's share of bad requests is at most so many times stable's; absent if there is no bound.",
      ['check'],
    ),
    rateUpper: gauge('check_rate_upper', "The candidate's share of bad requests is at most this.", ['check']),
    meanWorseLower: gauge(
      'check_mean_worse_lower',
      "The candidate's mean score is worse than stable's by at least this, in the units of the score; below 0 it may be better.",
      ['check'],
    ),
    meanWorseUpper: gauge(
      'check_mean_worse_upper',
      "The candidate's mean score is worse than stable's by at most this, in the units of the score.",
      ['check'],
    ),
    value: gauge('check_value', "Latest value of a limit check's query.", ['check']),
    combinedLogE: gauge('release_log_e_value', 'Natural logarithm of the combined e-value, which decides on a rollback.', []),
  };
}

function createReleaseMetrics(registry: Registry) {
  const registers = [registry];
  return {
    releases: new Counter({
      name: 'plimsoll_releases_total',
      help: 'Finished releases. The class is empty for a promoted one.',
      labelNames: ['namespace', 'deployment', 'outcome', 'class'],
      registers,
    }),
    releaseDuration: new Histogram({
      name: 'plimsoll_release_duration_seconds',
      help: 'Time from the start of a release to its end.',
      labelNames: ['outcome', 'class'],
      buckets: RELEASE_BUCKETS_SECONDS,
      registers,
    }),
    rollbacks: new Counter({
      name: 'plimsoll_rollbacks_total',
      help: 'Decisions to roll back.',
      labelNames: ['namespace', 'deployment', 'reason'],
      registers,
    }),
  };
}

function samplesOf(gauges: DeploymentGauges, view: DeploymentView, known: ReadonlyMap<string, BoundsView>): readonly Sample[] {
  const base = { namespace: view.namespace, deployment: view.name };
  return [
    { gauge: gauges.phase, labels: { ...base, phase: view.phase }, value: 1 },
    ...(view.stable === undefined ? [] : sideSamples(gauges, { ...base, role: 'stable' }, view.stable, 100 - view.weight)),
    ...(view.candidate === undefined ? [] : sideSamples(gauges, { ...base, role: 'candidate' }, view.candidate, view.weight)),
    ...view.checks.flatMap((check) => checkSamples(gauges, { ...base, check: check.check }, check, known.get(check.check))),
    ...optionalSample(gauges.combinedLogE, base, view.combinedLogE),
  ];
}

function sideSamples(gauges: DeploymentGauges, labels: Sample['labels'], side: RevisionView, weight: number): readonly Sample[] {
  return [
    { gauge: gauges.weight, labels, value: weight },
    { gauge: gauges.ready, labels, value: side.readyReplicas },
    { gauge: gauges.revision, labels: { ...labels, version: side.version, revision: side.revision }, value: 1 },
  ];
}

function checkSamples(
  gauges: DeploymentGauges,
  labels: Sample['labels'],
  check: CheckView,
  bounds: BoundsView | undefined,
): readonly Sample[] {
  const arm = (role: string, view: ArmView | undefined): readonly Sample[] => [
    ...optionalSample(gauges.requests, { ...labels, role }, view?.requests),
    ...optionalSample(gauges.bad, { ...labels, role }, view?.bad),
  ];
  return [
    { gauge: gauges.verdict, labels: { ...labels, verdict: check.verdict, reason: check.reason ?? '' }, value: 1 },
    ...optionalSample(gauges.logE, labels, check.logE),
    ...optionalSample(gauges.phi, labels, check.phi),
    ...optionalSample(gauges.ratioLower, labels, bounds?.ratioLower),
    ...optionalSample(gauges.ratioUpper, labels, bounds?.ratioUpper ?? undefined),
    ...optionalSample(gauges.rateUpper, labels, bounds?.rateUpper),
    ...optionalSample(gauges.meanWorseLower, labels, bounds?.meanWorseLower),
    ...optionalSample(gauges.meanWorseUpper, labels, bounds?.meanWorseUpper),
    ...optionalSample(gauges.value, labels, check.value),
    ...arm('stable', check.stable),
    ...arm('candidate', check.candidate),
  ];
}

function optionalSample(gauge: Gauge, labels: Sample['labels'], value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ gauge, labels, value }];
}

/** Neither part can contain a slash. */
function objectKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}
