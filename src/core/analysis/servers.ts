/** Model servers whose own counters src/metrics reads, one file each. */
export type CountingServer = 'MLServer' | 'Triton' | 'TensorFlowServing' | 'VLLM' | 'KServe';

/** Those that count requests and their durations, but do not tell which requests failed. */
export const WITHOUT_FAILURES: ReadonlySet<CountingServer> = new Set(['KServe']);
