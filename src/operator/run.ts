import { createProber, type Prober } from '../apply/probe.ts';
import type { Applier } from '../apply/actions.ts';
import type { Clock } from '../controller/clock.ts';
import type { ClusterConfig } from '../controller/credentials.ts';
import { createEventRecorder } from '../controller/events.ts';
import { inClusterConfig } from '../controller/inCluster.ts';
import { createKubeClient } from '../controller/kubeClient.ts';
import { createLeaderElector, type LeaderElector } from '../controller/lease.ts';
import type { ReconcileResult } from '../controller/loop.ts';
import { createWorkQueue, type WorkQueue } from '../controller/workqueue.ts';
import type { Settings } from '../core/observed.ts';
import { createAlerts } from '../metrics/alerts.ts';
import { createMeasurements } from '../metrics/measurements.ts';
import { createPrometheus, type Prometheus } from '../metrics/prometheus.ts';
import { findQueryProblem } from '../metrics/trial.ts';
import { allCaches, createCaches, forget, learn, type Caches } from '../observe/caches.ts';
import { startHealthServer } from '../telemetry/health.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { lead, unsynced, watchAges } from './lead.ts';
import { reconcileDeployment, type DeploymentReconciler } from './reconcileDeployment.ts';
import { reconcileVersion, type VersionReconciler } from './reconcileVersion.ts';
import type { OperatorSettings } from './settings.ts';

const LEASE_NAME = 'plimsoll';
const PROBE_TIMEOUT_MS = 30_000;

/**
 * Runs the operator until `signal` aborts; resolves when everything is put down and the lease is given back. Rejects when leadership was lost:
 * the process must end then, because another one leads.
 */
export async function runOperator(
  settings: OperatorSettings,
  logger: Logger,
  clock: Clock,
  random: () => number,
  signal: AbortSignal,
): Promise<void> {
  const metrics = createMetrics({ version: settings.version, commit: '', monotonicMs: clock.monotonic, processMetrics: true });
  const client = createKubeClient(await configOf(settings), { clock, onCall: metrics.recordApiCall, userAgent: `plimsoll/${settings.version}` });
  const queue = createWorkQueue({ clock, onLength: (length) => metrics.setQueueDepth('all', length) });
  const add = keysOf(queue);
  const caches = createCaches({
    client,
    clock,
    random,
    onDeployment: add.deployment,
    onVersion: add.version,
    onError: (resource, error, doing) => logger.warn('Watching failed; trying again', { resource, doing, error }),
  });
  const lost = new AbortController();
  const stop = AbortSignal.any([signal, lost.signal]);
  const elector = electorOf(settings, { client, clock, random, metrics, logger, lost });
  const health = await startHealthServer({
    port: settings.port,
    readiness: { caches: () => unsynced(caches) },
    metrics: metrics.render,
    onError: (error) => logger.error('Rendering the metrics failed', { error }),
  });
  const work = workOf({ settings, logger, metrics, clock, client, caches, elector, add });
  const running = [...allCaches(caches).map(([, cache]) => cache.run(stop)), watchAges(caches, metrics, clock, stop)];
  await lead({
    queue,
    elector,
    caches,
    reconcile: work.reconcile,
    start: work.start,
    workers: settings.workers,
    clock,
    metrics,
    logger,
    stop,
  });
  await Promise.all(running);
  await work.close();
  await health.close();
  metrics.close();
  if (lost.signal.aborted) throw lost.signal.reason;
}

/** In a cluster its service account; elsewhere a kubeconfig, and with it the library that reads every kind of one. */
async function configOf({ apiServer }: OperatorSettings): Promise<ClusterConfig> {
  if (apiServer !== undefined) return inClusterConfig(apiServer);
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromDefault();
  return config;
}

/** Leadership by the Lease of this installation; its loss aborts `lost`. */
function electorOf(
  settings: OperatorSettings,
  {
    client,
    clock,
    random,
    metrics,
    logger,
    lost,
  }: {
    readonly client: Parts['client'];
    readonly clock: Clock;
    readonly random: () => number;
    readonly metrics: Metrics;
    readonly logger: Logger;
    readonly lost: AbortController;
  },
): LeaderElector {
  return createLeaderElector({
    client,
    clock,
    random,
    namespace: settings.namespace,
    name: LEASE_NAME,
    identity: `${settings.instance}_${Math.floor(random() * 0xffffffff).toString(16)}`,
    onAcquired: () => {
      metrics.setLeader(true);
      logger.info('This process leads');
    },
    onLost: (reason) => {
      metrics.setLeader(false);
      logger.error('Leadership was lost', { reason });
      lost.abort(new Error(`leadership was lost: ${reason}`));
    },
    onError: (error) => logger.warn('Renewing the lease failed', { error }),
  });
}

interface Keys {
  readonly deployment: (namespace: string, name: string, urgent?: boolean) => void;
  readonly version: (namespace: string, name: string) => void;
}

/** Keys of the queue: kind, namespace and name. */
function keysOf(queue: WorkQueue): Keys {
  return {
    deployment: (namespace, name, urgent) => queue.add(`ModelDeployment/${namespace}/${name}`, { priority: urgent }),
    version: (namespace, name) => queue.add(`ModelVersion/${namespace}/${name}`),
  };
}

interface Work {
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>;
  readonly start: (signal: AbortSignal) => void;
  readonly close: () => Promise<void>;
}

interface Parts {
  readonly settings: OperatorSettings;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly client: ReturnType<typeof createKubeClient>;
  readonly caches: Caches;
  readonly elector: LeaderElector;
  readonly add: Keys;
}

/** Everything that a pass needs, put together. */
function workOf({ settings, logger, metrics, clock, client, caches, elector, add }: Parts): Work {
  const prometheus = counted(createPrometheus({ url: settings.prometheusUrl, now: clock.monotonic }), metrics);
  const measurements = createMeasurements({ prometheus, clock, onData: (key) => add.deployment(...split(key), true) });
  const alerts = createAlerts({
    prometheus,
    clock,
    intervalMs: settings.alertsIntervalMs,
    onChange: (namespace) => {
      for (const { metadata } of caches.deployments.list())
        if (metadata.namespace === namespace) add.deployment(namespace, metadata.name, true);
    },
  });
  const events = createEventRecorder({
    client,
    clock,
    component: 'plimsoll',
    instance: settings.instance,
    onError: (error, note) => logger.warn('An Event could not be written', { error, reason: note.reason }),
  });
  const prober = proberOf(client, clock, logger, add);
  const applier = applierOf(client, prober, elector, caches, (promql) => findQueryProblem(prometheus, promql, clock.now()));
  const core: Settings = { image: settings.image, imagePullPolicy: settings.imagePullPolicy, settleMs: settings.settleMs };
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
