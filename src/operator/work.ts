import { createProber, type Prober } from '../apply/probe.ts';
import type { Applier } from '../apply/actions.ts';
import type { Clock } from '../controller/clock.ts';
import type { KubeClient } from '../controller/client.ts';
import { createEventRecorder } from '../controller/events.ts';
import type { LeaderElector } from '../controller/lease.ts';
import type { ReconcileResult } from '../controller/loop.ts';
import type { WorkQueue } from '../controller/workqueue.ts';
import type { Settings } from '../core/observed.ts';
import { createAlerts, type Alerts } from '../metrics/alerts.ts';
import { createMeasurements } from '../metrics/measurements.ts';
import { readPage } from '../metrics/page.ts';
import { createPrometheus, NO_PROMETHEUS, type Prometheus } from '../metrics/prometheus.ts';
import { createScraper } from '../metrics/scraper.ts';
import { findQueryProblem } from '../metrics/trial.ts';
import { forget, learn, type Caches } from '../observe/caches.ts';
import { createScrapeTargets } from '../observe/scrapeTargets.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { reconcileDeployment, type DeploymentReconciler } from './reconcileDeployment.ts';
import { reconcileVersion, type VersionReconciler } from './reconcileVersion.ts';
import type { OperatorSettings } from './settings.ts';

const PROBE_TIMEOUT_MS = 30_000;

export interface Keys {
  readonly deployment: (namespace: string, name: string, urgent?: boolean) => void;
  readonly version: (namespace: string, name: string) => void;
}

/** Keys of the queue: kind, namespace and name. */
export function keysOf(queue: WorkQueue): Keys {
  return {
    deployment: (namespace, name, urgent) => queue.add(`ModelDeployment/${namespace}/${name}`, { priority: urgent }),
    version: (namespace, name) => queue.add(`ModelVersion/${namespace}/${name}`),
  };
}

export interface Work {
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>;
  readonly start: (signal: AbortSignal) => void;
  readonly close: () => Promise<void>;
}

export interface Parts {
  readonly settings: OperatorSettings;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly elector: LeaderElector;
  readonly add: Keys;
}

/** Everything that a pass needs, put together. */
export function workOf({ settings, logger, metrics, clock, client, caches, elector, add }: Parts): Work {
  const prometheus = counted(prometheusOf(settings, clock), metrics);
  const targetsOf = createScrapeTargets({ ...settings, client, caches, now: clock.monotonic });
  const servers = createScraper({ clock, targetsOf, read: (url) => countedPage(url, metrics) });
  const measurements = createMeasurements({ prometheus, servers, clock, onData: (key) => add.deployment(...split(key), true) });
  const alerts = alertsOf(prometheus, settings, clock, caches, add);
  const events = createEventRecorder({
    client,
    clock,
    component: 'plimsoll',
    instance: settings.instance,
    onError: (error, note) => logger.warn('An Event could not be written', { error, reason: note.reason }),
  });
  const prober = proberOf(client, clock, logger, add);
  const applier = applierOf(client, prober, elector, caches, (promql) => findQueryProblem(prometheus, promql, clock.now()));
  const { image, imagePullPolicy, settleMs, tagPrefix } = settings;
  const core: Settings = { image, imagePullPolicy, settleMs, tagPrefix };
  const { now } = clock;
  const version: VersionReconciler = { sources: { client, caches, settings: core }, applier, events, logger, now };
  const deployment: DeploymentReconciler = {
    sources: {
      client,
      caches,
      settings: core,
      probes: prober.results,
      samples: (namespace, name) => measurements.samples(`${namespace}/${name}`),
      alerts: (namespace) => alerts.firing(namespace),
      alertsProblem: () => alerts.problem(),
    },
    applier,
    measurements,
    events,
    metrics,
    logger,
    now,
  };
  return {
    reconcile: (key, signal) => {
      const [kind, namespace = '', name = ''] = key.split('/');
      return kind === 'ModelVersion'
        ? reconcileVersion(version, namespace, name, signal)
        : reconcileDeployment(deployment, namespace, name, signal);
    },
    start: (signal) => {
      measurements.start(signal);
      alerts.start(signal);
    },
    close: async () => {
      await events.flush();
      prometheus.close();
    },
  };
}

/** A namespace whose alerts change is looked at at once. */
function alertsOf(prometheus: Prometheus, settings: OperatorSettings, clock: Clock, caches: Caches, add: Keys): Alerts {
  return createAlerts({
    prometheus,
    clock,
    intervalMs: settings.alertsIntervalMs,
    onChange: (namespace) => {
      for (const { metadata } of caches.deployments.list())
        if (metadata.namespace === namespace) add.deployment(namespace, metadata.name, true);
    },
  });
}

/** What the API server answers to a write goes into the caches: the next pass sees it, however far the watches are behind. */
function applierOf(
  client: Parts['client'],
  prober: Prober,
  elector: LeaderElector,
  caches: Caches,
  findProblem: Applier['findQueryProblem'],
): Applier {
  return {
    client,
    prober,
    findQueryProblem: findProblem,
    mustStillLead: () => elector.mustStillLead(),
    onWritten: (object) => learn(caches, object),
    onRemoved: (removed) => forget(caches, removed),
  };
}

function proberOf(client: Parts['client'], clock: Clock, logger: Logger, add: Keys): Prober {
  return createProber({
    client,
    now: clock.now,
    timeoutMs: PROBE_TIMEOUT_MS,
    onResult: (namespace, deployment, revision, result) => {
      logger.info('Probe answered', { namespace, deployment, revision, state: result.state, said: result.message });
      add.deployment(namespace, deployment);
    },
  });
}

function prometheusOf({ prometheusUrl: url, prometheusAccess }: OperatorSettings, clock: Clock): Prometheus {
  return url === undefined ? NO_PROMETHEUS : createPrometheus({ ...prometheusAccess, url, now: clock.monotonic, wallNow: clock.now });
}

async function countedPage(url: string, metrics: Metrics): Promise<string> {
  try {
    const text = await readPage(url);
    metrics.recordScrape('ok');
    return text;
  } catch (error) {
    metrics.recordScrape('error');
    throw error;
  }
}

function counted(prometheus: Prometheus, metrics: Metrics): Prometheus {
  const count = async <T extends { readonly ok: boolean }>(query: Promise<T>): Promise<T> => {
    const result = await query;
    metrics.recordPrometheusQuery(result.ok ? 'ok' : 'error');
    return result;
  };
  return {
    instant: (query, atMs) => count(prometheus.instant(query, atMs)),
    range: (query, startMs, endMs, stepMs) => count(prometheus.range(query, startMs, endMs, stepMs)),
    close: () => prometheus.close(),
  };
}

function split(key: string): [namespace: string, name: string] {
  const [namespace = '', name = ''] = key.split('/');
  return [namespace, name];
}
