// vLLM's series (https://docs.vllm.ai/en/latest/usage/metrics.html). It counts no failures of its own (`vllm:request_success_total` has no
// counterpart), but the middleware of its HTTP server counts requests by path and class of status.
//
// A stream that breaks after its first byte has status 2xx.
import { podDurations, podFailures } from './pods.ts';
import type { SeriesSource } from './series.ts';

export const VLLM: SeriesSource = {
  // Bad is class 5. Lists of models and health are GET; a path that the server does not know has the handler `none`.
  ...podFailures({
    metrics: ['http_requests_total'],
    matching: [['method', '=', 'POST'], ['handler', '!~', 'none|/tokenize|/detokenize']],
    apart: ['handler'],
    outcome: 'status',
    isBad: (status) => status.startsWith('5'),
  }),
  // Seconds until the last token, of requests that came to an end.
  ...podDurations({
    metrics: ['vllm:e2e_request_latency_seconds_bucket'],
    apart: ['model_name', 'engine'],
    unitsPerMs: 0.001,
  }),
};
