// MLServer's series (recorded from 1.7.1; its documentation has other names for some of them).
import { podDurations, podFailures } from './pods.ts';
import type { Matcher } from './selection.ts';
import type { SeriesSource } from './series.ts';

/** Inferences alone: kubelet's readiness probe of a model is counted too, under a path of its own. */
const INFERENCES: readonly Matcher[] = [['path', '=~', '.+/(infer|infer_stream|generate|generate_stream)']];

export const MLSERVER: SeriesSource = {
  // REST requests by path and status. `model_infer_request_*` would leave out what never reached the model. Bad is status 5xx.
  ...podFailures({
    metrics: ['rest_server_requests_total'],
    matching: INFERENCES,
    apart: ['path', 'method'],
    outcome: 'status_code',
    isBad: (status) => status.startsWith('5'),
  }),
  // Seconds in the server.
  ...podDurations({
    metrics: ['rest_server_request_duration_seconds_bucket'],
    matching: INFERENCES,
    apart: ['path', 'method', 'status_code'],
    unitsPerMs: 0.001,
  }),
};
