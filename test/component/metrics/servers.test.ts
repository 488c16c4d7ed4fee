// What model servers show, scraped by a real Prometheus and read back by our queries.
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Arms, PodArms } from '../../../src/core/analysis/measurement.ts';
import type { CountingServer } from '../../../src/core/analysis/servers.ts';
import { readBuiltIn } from '../../../src/metrics/builtin.ts';
import type { BuiltInReading, BuiltInWish } from '../../../src/metrics/builtin.ts';
import { readPage } from '../../../src/metrics/page.ts';
import { createPrometheus, type Prometheus } from '../../../src/metrics/prometheus.ts';
import { createScraper, type Target } from '../../../src/metrics/scraper.ts';
import { inPrometheus, type SeriesStore } from '../../../src/metrics/store.ts';
import { startRealPrometheus, type RealPrometheus } from '../../support/realPrometheus.ts';

const FILES: Readonly<Record<CountingServer, string>> = {
  MLServer: 'mlserver',
  Triton: 'triton',
  TensorFlowServing: 'tensorflowServing',
  VLLM: 'vllm',
  KServe: 'kserve',
};
const POD = 'fraud-aaaaaaaaaa-7c9f8d6b5-x2x9q';

let pods: Server;
let real: RealPrometheus;
let prometheus: Prometheus;
let address: string;

beforeAll(async () => {
  const texts = new Map<string, string>();
  for (const file of Object.values(FILES)) {
    texts.set(`/${file}`, await readFile(join(import.meta.dirname, '../../unit/metrics/expositions', `${file}.txt`), 'utf8'));
  }
  // With a time of its own a sample is not ended by Prometheus when it comes no more.
  const longAgo = String(Date.now() - 100_000);
  const labels = '{app_name="MLServer",method="POST",path="/v2/models/digits/infer",status_code="200"}';
  texts.set('/old', `rest_server_requests_total${labels} 100 ${longAgo}\n`);
  const series = 'envoy_cluster_upstream_rq_xx{envoy_cluster_name="httproute/mlserver/fraud/rule/0/backend/0",envoy_response_code_class="2"}';
  texts.set('/envoy', `${series} 50\n`);
  pods = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(texts.get(request.url ?? ''));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => pods.once('listening', resolve));
  address = `127.0.0.1:${String((pods.address() as AddressInfo).port)}`;
  // Each server in a namespace of its own, and each scraped by two jobs.
  const once = Object.entries(FILES).map(([server, file]) => {
    return { address, path: `/${file}`, labels: { namespace: server.toLowerCase(), pod: POD } };
  });
  const old = { address, path: '/old', labels: { namespace: 'old', pod: POD } };
  const gateway = { address, path: '/envoy', labels: { namespace: 'gateways', pod: 'envoy-1' } };
  real = await startRealPrometheus([...once, ...once, old, gateway]);
  prometheus = createPrometheus({ url: real.url, now: () => performance.now() });
  for (const deadline = Date.now() + 60_000; !(await isScraped()); ) {
    if (Date.now() > deadline) throw new Error('Prometheus has not scraped everything');
    await sleep(100);
  }
}, 600_000);

/** Whether Prometheus has something of each target. */
async function isScraped(): Promise<boolean> {
  const result = await prometheus.instant('count(up == 1)', Date.now());
  return result.ok && result.series[0]?.points[0]?.value === 2 * Object.keys(FILES).length + 2;
}

afterAll(async () => {
  prometheus.close();
  await real.stop();
  pods.closeAllConnections();
  pods.close();
});

function armsOf(server: CountingServer): PodArms {
  return { namespace: server.toLowerCase(), deployment: 'fraud', stable: 'aaaaaaaaaa', candidate: 'bbbbbbbbbb', server };
}

async function read(server: CountingServer, thresholdMs: number, store?: SeriesStore): Promise<readonly BuiltInReading[]> {
  const arms = armsOf(server);
  return await readNow([
    { measurand: { type: server === 'KServe' ? 'requests' : 'errors', arms } },
    { measurand: { type: 'slowerThan', arms, thresholdMs } },
    { measurand: { type: 'latencies', arms } },
  ], store);
}

/** Reads the same pages without any Prometheus. */
function scraper(): SeriesStore {
  const targetsOf = (arms: Arms): Promise<readonly Target[]> => {
    const file = Object.entries(FILES).find(([server]) => server.toLowerCase() === arms.namespace)?.[1];
    const url = `http://${address}/${file ?? 'nothing'}`;
    return Promise.resolve([{ url, arm: 'stable', labels: { namespace: arms.namespace, pod: POD } }]);
  };
  return createScraper({ clock: Date, targetsOf, read: readPage });
}

async function readNow(wishes: readonly BuiltInWish[], store = inPrometheus(prometheus)): Promise<readonly BuiltInReading[]> {
  const atMs = Date.now();
  return await readBuiltIn(store, { fromMs: atMs, toMs: atMs, stepMs: 0 }, wishes);
}

test.each([
  ['MLServer', 250, { requests: 8, bad: 2 }, 250, { requests: 8, bad: 1 }],
  ['Triton', 400, { requests: 140, bad: 6 }, 500, { requests: 37, bad: 7 }],
  ['TensorFlowServing', 1000, { requests: 34, bad: 6 }, 1274.82, { requests: 24, bad: 2 }],
  ['VLLM', 2500, { requests: 90, bad: 4 }, 2500, { requests: 80, bad: 20 }],
  ['KServe', 250, { requests: 3, bad: 0 }, 250, { requests: 3, bad: 3 }],
] as const)('%s', async (server, thresholdMs, counts, boundaryMs, slow) => {
  const [counted, durations] = await read(server, thresholdMs);
  expect(counted?.problem).toBeUndefined();
  expect(counted?.ticks).toMatchObject([{ stable: { [POD]: counts }, candidate: {} }]);
  expect(durations?.boundaryMs).toBe(boundaryMs);
  expect(durations?.ticks).toMatchObject([{ stable: { [POD]: slow }, candidate: {} }]);
});

test.each(Object.keys(FILES) as CountingServer[])('%s says the same to the operator itself', async (server) => {
  const found = (readings: readonly BuiltInReading[]): unknown => readings.map(({ ticks, problem, boundaryMs }) => [ticks.map((tick) => ({ ...tick, atMs: 0 })), problem, boundaryMs]);
  const [kept, shown] = [await read(server, 250), await read(server, 250, scraper())];
  expect(kept.map(({ ticks }) => ticks.length)).toEqual([1, 1, 1]);
  expect(found(shown)).toEqual(found(kept));
});

test('all of them are read in one look, at their own boundaries', async () => {
  const servers = Object.keys(FILES) as CountingServer[];
  const readings = await readNow(
    servers.map((server) => ({ measurand: { type: 'slowerThan', arms: armsOf(server), thresholdMs: 300 } })),
  );
  expect(readings.map(({ boundaryMs }) => boundaryMs)).toEqual([500, 500, 393.464, 1000, 500]);
});

test('the gateway and the servers of one release are read in one look, each in its own series', async () => {
  const [byGateway, byServers] = await readNow([
    { measurand: { type: 'errors', arms: { namespace: 'mlserver', route: 'fraud', stable: 'a', candidate: 'b' } } },
    { measurand: { type: 'errors', arms: armsOf('MLServer') } },
  ]);
  expect(Object.values(byGateway?.ticks[0]?.stable ?? {})).toEqual([{ requests: 50, bad: 0 }]);
  expect(byServers?.ticks[0]?.stable).toEqual({ [POD]: { requests: 8, bad: 2 } });
});

test('a server without a histogram says what it needs', async () => {
  const arms = { ...armsOf('Triton'), namespace: 'elsewhere' };
  const [reading] = await readNow([{ measurand: { type: 'slowerThan', arms, thresholdMs: 300 } }]);
  expect(reading?.problem).toBe(
    'Prometheus has no nv_inference_first_response_histogram_ms_bucket of the pods of elsewhere/fraud: no request came yet, or the pods are not scraped with the labels namespace and pod. Triton has this histogram only of decoupled models, and only with --metrics-config histogram_latencies=true.',
  );
});

test('failures that a server does not tell are not taken for none', async () => {
  const [reading] = await readNow([{ measurand: { type: 'errors', arms: armsOf('KServe') } }]);
  expect(reading).toEqual({
    ticks: [],
    problem: 'The model servers count requests in request_predict_seconds_count, but do not tell which of them failed.',
  });
});

test('a sample that was scraped long ago is no data, though Prometheus still shows it', async () => {
  const arms = { ...armsOf('MLServer'), namespace: 'old' };
  const [reading] = await readNow([{ measurand: { type: 'errors', arms } }]);
  expect(reading?.ticks).toEqual([]);
  expect(reading?.problem).toMatch(/^The newest sample of rest_server_requests_total of the pods of old\/fraud is 1\d\d s old, /);
  const old = await prometheus.instant('sum(rest_server_requests_total{namespace="old"})', Date.now());
  expect(old).toMatchObject({ ok: true, series: [{ points: [{ value: 100 }] }] });
});
