// All metrics of the operator behind one object of typed functions. docs/metrics.md describes each of them.
import { collectDefaultMetrics, Registry } from 'prom-client';
import { createDeploymentMetrics, type DeploymentMetrics } from './deploymentMetrics.ts';
import { createOperatorMetrics, type BuildInfo, type OperatorMetrics } from './operatorMetrics.ts';

export interface Metrics extends DeploymentMetrics, OperatorMetrics {
  readonly registry: Registry;
  /** The text that Prometheus scrapes, and its content type. */
  readonly render: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

export interface MetricsOptions extends BuildInfo {
  /** A clock in milliseconds that never goes back. */
  readonly monotonicMs: () => number;
  /** Whether prom-client's own metrics of the process (memory, CPU, file descriptors, garbage collection) are added. */
  readonly processMetrics: boolean;
}

/** Makes a registry of its own, with all metrics in it: two operators in one test do not share series. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  return {
    ...createDeploymentMetrics(registry, options.monotonicMs),
    ...createOperatorMetrics(registry, options, options.monotonicMs),
    registry,
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
