import type { ModelDeploymentRuntimeCustom } from '../../api/generated/modeldeployment.ts';
import type { CountingServer } from '../analysis/servers.ts';
import { MODEL_FOLDER } from '../version/formats.ts';
import { DEFAULT_MODEL_PATH, type RuntimePreset } from './preset.ts';

/**
 * A server that is the user's own. Its whole container is in the template. The files of the version and nothing else are at `modelPath`, since
 * servers differ in the folders that they want around them: `/models/<name>/<version>`, one repository, or a single file.
 */
export function customServer({ port, modelPath = DEFAULT_MODEL_PATH, metrics }: ModelDeploymentRuntimeCustom): RuntimePreset {
  return {
    name: 'custom',
    httpPort: port,
    container: () => ({}),
    metrics,
    podAnnotations: metrics === undefined ? {} : scraping(metrics, port),
    modelMount: { mountPath: modelPath, subPath: MODEL_FOLDER },
    // Kubernetes takes a pod without one for ready as soon as it runs: it would get requests before its model is loaded.
    lacking: ({ readinessProbe }) =>
      readinessProbe === undefined || readinessProbe === null
        ? `spec.runtime.template needs a readinessProbe in container model, as preset custom brings none; for example {httpGet: {path: /health, port: ${port}}}`
        : undefined,
  };
}

/** Where these servers show their counters unless they are told otherwise; without a port: on the one that answers requests. */
const ENDPOINTS: Readonly<Record<CountingServer, { readonly port?: number; readonly path: string }>> = {
  MLServer: { port: 8082, path: '/metrics' },
  Triton: { port: 8002, path: '/metrics' },
  TensorFlowServing: { path: '/monitoring/prometheus/metrics' },
  VLLM: { path: '/metrics' },
  KServe: { path: '/metrics' },
};

/** Annotations that have a Prometheus scrape the server; the user's template may say otherwise. */
function scraping(metrics: CountingServer, httpPort: number): Readonly<Record<string, string>> {
  const { port = httpPort, path } = ENDPOINTS[metrics];
  return { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(port), 'prometheus.io/path': path };
}
