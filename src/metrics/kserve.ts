// Series of the servers of KServe's Python package (python/kserve/kserve/metrics.py): a histogram of the time in `predict`, for whoever
// raised an error in it too, and nothing that tells the two apart. What fails in `preprocess` comes to no histogram.
import { podDurations, podRequests } from './pods.ts';
import type { SeriesSource } from './series.ts';

export const KSERVE: SeriesSource = {
  ...podRequests({ metrics: ['request_predict_seconds_count'], apart: ['model_name'] }),
  ...podDurations({ metrics: ['request_predict_seconds_bucket'], apart: ['model_name'], unitsPerMs: 0.001 }),
};
