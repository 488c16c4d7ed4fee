// Everybody who counts requests, and where the counters of two versions are found.
import type { Arms } from '../core/analysis/measurement.ts';
import type { CountingServer } from '../core/analysis/servers.ts';
import { ENVOY_GATEWAY, seriesFor as slotsOf } from './envoyGateway.ts';
import { KSERVE } from './kserve.ts';
import { MLSERVER } from './mlserver.ts';
import { seriesFor as podsOf } from './pods.ts';
import type { SeriesSource } from './series.ts';
import { TENSORFLOW_SERVING } from './tensorflowServing.ts';
import { TRITON } from './triton.ts';
import { VLLM } from './vllm.ts';

export const SERVERS: Readonly<Record<CountingServer, SeriesSource>> = {
  MLServer: MLSERVER,
  Triton: TRITON,
  TensorFlowServing: TENSORFLOW_SERVING,
  VLLM: VLLM,
  KServe: KSERVE,
};

export function sourceOf(arms: Arms): SeriesSource {
  return 'deployment' in arms ? SERVERS[arms.server] : ENVOY_GATEWAY;
}

/** What the series of each arm have in common, in the words of their source. */
export function armNames(arms: Arms): { readonly stable: string; readonly candidate: string } {
  return 'deployment' in arms ? podsOf(arms) : slotsOf(arms);
}
