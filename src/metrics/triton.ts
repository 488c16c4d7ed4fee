// Triton's series (https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html).
//
// What Triton refuses before it knows the model, as a body that cannot be read, is in no series; an ensemble counts itself and its parts.
import { podDurations, podFailures } from './pods.ts';
import type { SeriesSource } from './series.ts';

const SUCCESS = 'nv_inference_request_success';
const FAILURE = 'nv_inference_request_failure';

/** `gpu_uuid` is there where a model's instances are on GPUs, `reason` on failures and not in old versions. */
const APART = ['model', 'version', 'gpu_uuid', 'reason'];

export const TRITON: SeriesSource = {
  // Bad is a failure of any reason, but not a request that its caller cancelled.
  ...podFailures({
    metrics: [SUCCESS, FAILURE],
    matching: [['reason', '!=', 'CANCELED']],
    apart: APART,
    outcome: '__name__',
    isBad: (name) => name === FAILURE,
  }),
  // `nv_inference_request_duration_us` is a sum of all durations, which says nothing of slow ones.
  ...podDurations({
    metrics: ['nv_inference_first_response_histogram_ms_bucket'],
    apart: ['model', 'version', 'gpu_uuid'],
    unitsPerMs: 1,
    needs: 'Triton has this histogram only of decoupled models, and only with --metrics-config histogram_latencies=true.',
  }),
};
