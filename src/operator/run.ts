import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../controller/clock.ts';
import { createKubeClient } from '../controller/kubeClient.ts';
import { createLeaderElector, type LeaderElector } from '../controller/lease.ts';
import { createWorkQueue } from '../controller/workqueue.ts';
import { allCaches, createCaches } from '../observe/caches.ts';
import { startHealthServer } from '../telemetry/health.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { lead, unsynced, watchAges } from './lead.ts';
import type { OperatorSettings } from './settings.ts';
import { keysOf, workOf, type Parts } from './work.ts';

const LEASE_NAME = 'plimsoll';

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
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const client = createKubeClient(kubeConfig, { clock, onCall: metrics.recordApiCall, userAgent: `plimsoll/${settings.version}` });
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
