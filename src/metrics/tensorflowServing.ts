// TensorFlow Serving's series (tensorflow_serving/servables/tensorflow/util.cc). They are shown on the REST port once
// --monitoring_config_file has prometheus_config {enable: true}.
import { podDurations, podFailures } from './pods.ts';
import type { SeriesSource } from './series.ts';

/** Statuses that callers bring about. A model may raise some of them too: those of its failures are not counted as such. */
const CALLERS: ReadonlySet<string> = new Set([
  'OK',
  'CANCELLED',
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'OUT_OF_RANGE',
]);

export const TENSORFLOW_SERVING: SeriesSource = {
  ...podFailures({
    metrics: [':tensorflow:serving:request_count'],
    apart: ['model_name'],
    outcome: 'status',
    isBad: (status) => !CALLERS.has(status),
  }),
  // Microseconds in the server, of requests that succeeded alone.
  ...podDurations({
    metrics: [':tensorflow:serving:request_latency_bucket'],
    apart: ['model_name', 'API', 'entrypoint'],
    unitsPerMs: 1000,
  }),
};
