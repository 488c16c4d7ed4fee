/** Model servers whose own counters src/metrics reads, one file each. */
export const COUNTING_SERVERS = ['MLServer', 'Triton', 'TensorFlowServing', 'VLLM', 'KServe'] as const;
export type CountingServer = (typeof COUNTING_SERVERS)[number];

/** Who counts requests: the gateway, or the model servers, which are of this kind. */
export type CountingSource = 'Gateway' | CountingServer;

/** Those that count requests and their durations, but do not tell which requests failed. */
export const WITHOUT_FAILURES: ReadonlySet<CountingServer> = new Set(['KServe']);
