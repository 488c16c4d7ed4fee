// Each kind of server that counts for itself, read from what it shows: by the very queries that Prometheus gets.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { WITHOUT_FAILURES, type CountingServer } from '../../../src/core/analysis/servers.ts';
import type { Counter } from '../../../src/core/analysis/measurement.ts';
import { SERVERS } from '../../../src/metrics/sources.ts';
import { evaluate, scrape } from '../../support/promql.ts';

const NAME = 'risk/fraud-aaaaaaaaaa';
const POD = 'fraud-aaaaaaaaaa-7c9f8d6b5-x2x9q';
const AT = 1000;

/** The pod's text, scraped by two jobs, and beside it a pod of another deployment and one of another namespace. */
function scraped(file: string) {
  const text = readFileSync(join(import.meta.dirname, 'expositions', `${file}.txt`), 'utf8');
  return [
    { namespace: 'risk', pod: POD, job: 'pods', instance: '10.0.0.7:8002' },
    { namespace: 'risk', pod: POD, job: 'again', instance: 'x2x9q' },
    { namespace: 'risk', pod: 'other-aaaaaaaaaa-7c9f8d6b5-x2x9q' },
    { namespace: 'elsewhere', pod: POD },
  ].flatMap((labels) => scrape(text, labels));
}

function counts(server: CountingServer, file: string): Counter | undefined {
  const source = SERVERS[server];
  const queries = source.errorQueries === undefined ? source.requestQueries([NAME]) : source.errorQueries([NAME]);
  const series = queries.flatMap(({ promql }) => evaluate(promql, scraped(file), AT));
  const read = source.errorQueries === undefined ? source.readRequests(series) : source.readErrors(series);
  expect([...(read.get(AT)?.keys() ?? [])]).toEqual([NAME]);
  return read.get(AT)?.get(NAME)?.[POD];
}

function boundaries(server: CountingServer, file: string): readonly number[] | undefined {
  const source = SERVERS[server];
  const series = source.boundaryQueries([NAME]).flatMap(({ promql }) => evaluate(promql, scraped(file), AT));
  return source.readBoundaries(series).get(NAME);
}

function slower(server: CountingServer, file: string, boundaryMs: number): Counter | undefined {
  const source = SERVERS[server];
  // Another release asks for another boundary in the same question.
  const series = source.latencyQueries([NAME], [boundaryMs, 12_345]).flatMap(({ promql }) => evaluate(promql, scraped(file), AT));
  return source.readSlower(series, boundaryMs).get(AT)?.get(NAME)?.[POD];
}

test('a server tells which requests failed, or the plan knows that it does not', () => {
  const mute = Object.entries(SERVERS).filter(([, source]) => source.errorQueries === undefined);
  expect(new Set(mute.map(([server]) => server))).toEqual(WITHOUT_FAILURES);
});

describe('MLServer', () => {
  test('counts inferences: what its model raised is bad, what callers got wrong is not, and readiness is no request', () => {
    expect(counts('MLServer', 'mlserver')).toEqual({ requests: 8, bad: 2 });
  });

  test('has a histogram in seconds, over paths and statuses', () => {
    expect(boundaries('MLServer', 'mlserver')).toEqual([5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000]);
    expect(slower('MLServer', 'mlserver', 250)).toEqual({ requests: 8, bad: 1 });
  });
});

describe('Triton', () => {
  test('counts successes and failures; a request that its caller cancelled is none', () => {
    expect(counts('Triton', 'triton')).toEqual({ requests: 97 + 37 + 1 + 2 + 3, bad: 6 });
  });

  test('has a histogram of its decoupled models, in milliseconds', () => {
    expect(boundaries('Triton', 'triton')).toEqual([100, 500, 2000, 5000]);
    expect(slower('Triton', 'triton', 500)).toEqual({ requests: 37, bad: 7 });
  });

  test('of an old version has failures without a reason', () => {
    const text = 'nv_inference_request_success{model="m",version="1"} 5\nnv_inference_request_failure{model="m",version="1"} 2\n';
    const samples = scrape(text, { namespace: 'risk', pod: POD });
    const source = SERVERS.Triton;
    const series = source.errorQueries?.([NAME]).flatMap(({ promql }) => evaluate(promql, samples, AT)) ?? [];
    expect(source.errorQueries && source.readErrors(series).get(AT)?.get(NAME)).toEqual({ [POD]: { requests: 7, bad: 2 } });
  });
});

describe('TensorFlow Serving', () => {
  test("counts by status; what callers bring about is not the server's failure", () => {
    expect(counts('TensorFlowServing', 'tensorflowServing')).toEqual({ requests: 34, bad: 6 });
  });

  test('has boundaries in microseconds, with six digits', () => {
    const found = boundaries('TensorFlowServing', 'tensorflowServing');
    expect(found).toHaveLength(32);
    expect(found?.slice(0, 8)).toEqual([0.01, 0.018, 0.0324, 0.05832, 0.104976, 0.188957, 0.340122, 0.61222]);
    expect(found?.slice(16, 21)).toEqual([121.44, 218.591, 393.464, 708.235, 1274.82]);
  });

  test('can be asked at any of its boundaries, over its entry points', () => {
    for (const boundary of boundaries('TensorFlowServing', 'tensorflowServing') ?? []) {
      expect(slower('TensorFlowServing', 'tensorflowServing', boundary)?.requests).toBe(24);
    }
    expect(slower('TensorFlowServing', 'tensorflowServing', 708.235)).toEqual({ requests: 24, bad: 6 });
    expect(slower('TensorFlowServing', 'tensorflowServing', 1274.82)).toEqual({ requests: 24, bad: 2 });
  });

  test('is asked for by a name that no parser of PromQL can take for something else', () => {
    const [query] = SERVERS.TensorFlowServing.boundaryQueries([NAME]);
    expect(query?.promql).toMatch(/^group by \(namespace, pod, le\) \(\{__name__=":tensorflow:serving:request_latency_bucket",namespace=~"risk",/);
  });
});

describe('vLLM', () => {
  test('counts by the status of its HTTP server: inferences alone', () => {
    expect(counts('VLLM', 'vllm')).toEqual({ requests: 90, bad: 4 });
  });

  test('has a histogram of whole requests, in seconds', () => {
    expect(boundaries('VLLM', 'vllm')).toEqual([1, 2.5, 5, 10, 15, 20, 30, 40, 50, 60].map((s) => s * 1000));
    expect(slower('VLLM', 'vllm', 2500)).toEqual({ requests: 80, bad: 20 });
  });
});

describe('a server of KServe', () => {
  test('counts requests, and not which of them failed', () => {
    expect(counts('KServe', 'kserve')).toEqual({ requests: 3, bad: 0 });
  });

  test('has a histogram in seconds', () => {
    expect(boundaries('KServe', 'kserve')?.slice(0, 4)).toEqual([5, 10, 25, 50]);
    expect(slower('KServe', 'kserve', 1000)).toEqual({ requests: 3, bad: 3 });
    expect(slower('KServe', 'kserve', 2500)).toEqual({ requests: 3, bad: 0 });
  });
});
