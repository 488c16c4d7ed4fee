// Metrics of the operator itself: does it work, is it quick, does it see the world.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface ApiCall {
  /** get, list, watch, create, update, patch, apply or delete. */
  readonly verb: string;
  /** Plural resource name; `/status` and other subresources are part of it. */
  readonly resource: string;
  /** HTTP status, or one word when no answer came (`timeout`, `network`). */
  readonly code: number | string;
  readonly seconds: number;
}

export interface OperatorMetrics {
  /** One pass over one object. `result` is one word of a fixed list, as `ok` or `error`. */
  readonly recordReconcile: (kind: string, result: string, seconds: number) => void;
  /** Keys that wait in a lane of the work queue. */
  readonly setQueueDepth: (lane: string, keys: number) => void;
  readonly recordApiCall: (call: ApiCall) => void;
  /** Something came from a watch: an event, a bookmark, or a list. Its age starts again at 0. */
  readonly recordWatchActivity: (resource: string) => void;
  readonly setLeader: (leads: boolean) => void;
  /** One query to Prometheus. `result` is one word of a fixed list, as `ok`, `empty`, `error` or `timeout`. */
  readonly recordPrometheusQuery: (result: string) => void;
  readonly recordScrape: (result: string) => void;
  /** Stops measuring the event loop. */
  readonly close: () => void;
}

export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
}

const RECONCILE_BUCKETS_SECONDS = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const API_BUCKETS_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];
const LAG_RESOLUTION_MS = 10;

/**
 * Registers the operator's own metrics in `registry` and returns the functions that feed them.
 * `monotonicMs` is a clock in milliseconds that never goes back; watch ages are measured with it.
 */
export function createOperatorMetrics(registry: Registry, build: BuildInfo, monotonicMs: () => number): OperatorMetrics {
  const { reconciles, queueDepth, leader, prometheusQueries, scrapes } = createWorkMetrics(registry);
  const { apiCalls, apiDuration } = createApiMetrics(registry);
  const recordWatchActivity = createWatchAge(registry, monotonicMs);
  const close = createEventLoopLag(registry);
  createBuildInfo(registry, build);
  leader.set(0);
  return {
    recordReconcile: (kind, result, seconds) => reconciles.observe({ kind, result }, seconds),
    setQueueDepth: (lane, keys) => queueDepth.set({ lane }, keys),
    recordApiCall: ({ verb, resource, code, seconds }) => {
      apiCalls.inc({ verb, resource, code: String(code) });
      apiDuration.observe({ verb, resource }, seconds);
    },
    recordWatchActivity,
    setLeader: (leads) => leader.set(leads ? 1 : 0),
    recordPrometheusQuery: (result) => prometheusQueries.inc({ result }),
    recordScrape: (result) => scrapes.inc({ result }),
    close,
  };
}

function createWorkMetrics(registry: Registry) {
  const registers = [registry];
  return {
    reconciles: new Histogram({
      name: 'plimsoll_reconcile_duration_seconds',
      help: 'Time of one pass over one object.',
      labelNames: ['kind', 'result'],
      buckets: RECONCILE_BUCKETS_SECONDS,
      registers,
    }),
    queueDepth: new Gauge({ name: 'plimsoll_queue_depth', help: 'Objects that wait for a pass.', labelNames: ['lane'], registers }),
    leader: new Gauge({ name: 'plimsoll_leader', help: '1 if this process leads and acts, 0 if it stands by.', registers }),
    prometheusQueries: new Counter({
      name: 'plimsoll_prometheus_queries_total',
      help: 'Queries to Prometheus by how they ended.',
      labelNames: ['result'],
      registers,
    }),
    scrapes: new Counter({
      name: 'plimsoll_scrapes_total',
      help: 'Pages of metrics that the operator read from gateways and pods itself, by how that ended.',
      labelNames: ['result'],
      registers,
    }),
  };
}

function createApiMetrics(registry: Registry) {
  const registers = [registry];
  return {
    apiCalls: new Counter({
      name: 'plimsoll_kube_api_calls_total',
      help: 'Calls to the Kubernetes API server. The code is the HTTP status, or a word when no answer came.',
      labelNames: ['verb', 'resource', 'code'],
      registers,
    }),
    apiDuration: new Histogram({
      name: 'plimsoll_kube_api_call_duration_seconds',
      help: 'Time of a call to the Kubernetes API server, waits of our own rate limit not included.',
      labelNames: ['verb', 'resource'],
      buckets: API_BUCKETS_SECONDS,
      registers,
    }),
  };
}

function createWatchAge(registry: Registry, monotonicMs: () => number): (resource: string) => void {
  const lastMs = new Map<string, number>();
  new Gauge({
    name: 'plimsoll_watch_age_seconds',
    help: 'Time since anything, bookmarks included, came from the watch on this resource.',
    labelNames: ['resource'],
    registers: [registry],
    collect() {
      for (const [resource, at] of lastMs) this.set({ resource }, (monotonicMs() - at) / 1000);
    },
  });
  return (resource) => void lastMs.set(resource, monotonicMs());
}

/** Node's histogram holds the time between two ticks of a timer: what exceeds the timer's own period is the lag. */
function createEventLoopLag(registry: Registry): () => void {
  const histogram = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  const lagSeconds = (nanoseconds: number): number =>
    histogram.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - LAG_RESOLUTION_MS / 1000);
  histogram.enable();
  new Gauge({
    name: 'plimsoll_event_loop_lag_seconds',
    help: 'How late timers ran since the last scrape: 99th percentile (p99) and the worst (max).',
    labelNames: ['stat'],
    registers: [registry],
    collect() {
      this.set({ stat: 'p99' }, lagSeconds(histogram.percentile(99)));
      this.set({ stat: 'max' }, lagSeconds(histogram.max));
      histogram.reset();
    },
  });
  return () => void histogram.disable();
}

function createBuildInfo(registry: Registry, build: BuildInfo): void {
  const info = new Gauge({
    name: 'plimsoll_build_info',
    help: 'Always 1, on what is running.',
    labelNames: ['version', 'commit', 'node'],
    registers: [registry],
  });
  info.set({ version: build.version, commit: build.commit, node: process.version }, 1);
}
