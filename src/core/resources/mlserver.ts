import type { JsonObject } from './overlay.ts';
import { DEFAULT_MODEL_PATH, type RuntimePreset } from './preset.ts';

const HTTP_PORT = 8080;
const METRICS_PORT = 8082;

/**
 * MLServer (https://mlserver.readthedocs.io), and any server of the Open Inference Protocol that reads the same environment and the same
 * `model-settings.json`. The image comes from the user's template: servers differ in the frameworks that they bring.
 */
export const mlserver: RuntimePreset = {
  name: 'mlserver',
  httpPort: HTTP_PORT,
  container: (model): JsonObject => ({
    env: [
      { name: 'MLSERVER_HTTP_PORT', value: String(HTTP_PORT) },
      { name: 'MLSERVER_GRPC_PORT', value: '8081' },
      { name: 'MLSERVER_METRICS_PORT', value: String(METRICS_PORT) },
      // With a read-only root MLServer must be told where it may write.
      { name: 'MLSERVER_METRICS_DIR', value: '/tmp/metrics' },
      { name: 'MLSERVER_ENVIRONMENTS_DIR', value: '/tmp/envs' },
    ],
    ports: [
      { name: 'http', containerPort: HTTP_PORT, protocol: 'TCP' },
      { name: 'metrics', containerPort: METRICS_PORT, protocol: 'TCP' },
    ],
    // A busy server answers its probe late: with the default timeout of 1 s it would lose its endpoints to load alone.
    readinessProbe: {
      httpGet: { path: `/v2/models/${model}/ready`, port: HTTP_PORT },
      periodSeconds: 2,
      timeoutSeconds: 2,
      failureThreshold: 3,
    },
  }),
  metrics: 'MLServer',
  podAnnotations: {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(METRICS_PORT),
    'prometheus.io/path': '/metrics',
  },
  // Whole, with the settings that the fetch container writes beside the model.
  modelMount: { mountPath: DEFAULT_MODEL_PATH },
  lacking: () => undefined,
};
