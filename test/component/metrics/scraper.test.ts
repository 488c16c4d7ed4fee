// Looks that the operator takes itself, at servers of this process which show what a test wants them to, or misbehave.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Arms, MeasureRequest, PodArms, RouteArms } from '../../../src/core/analysis/measurement.ts';
import { createMeasurements, type Measurements } from '../../../src/metrics/measurements.ts';
import { readPage } from '../../../src/metrics/page.ts';
import { NO_PROMETHEUS } from '../../../src/metrics/prometheus.ts';
import { createScraper, type Target } from '../../../src/metrics/scraper.ts';
import { createFakeClock, type FakeClock } from '../../support/clocks.ts';

const START = 1_700_000_000_000;
const ROUTE: RouteArms = { namespace: 'risk', route: 'fraud', stable: 'a', candidate: 'b' };
const PODS: PodArms = { namespace: 'risk', deployment: 'fraud', stable: 'aaaaaaaaaa', candidate: 'bbbbbbbbbb', server: 'MLServer' };
const STABLE_POD = 'fraud-aaaaaaaaaa-7c9f8d6b5-x2x9q';
const CANDIDATE_POD = 'fraud-bbbbbbbbbb-7c9f8d6b5-x2x9q';

type Answer = (response: ServerResponse) => void;

let server: Server;
let pages: Map<string, Answer>;
let asked: string[];
let clock: FakeClock;
let stop: AbortController;
let targets: (arms: Arms) => readonly Target[];

beforeEach(async () => {
  pages = new Map();
  asked = [];
  targets = () => [envoy('/envoy')];
  // A look is due half a second after its time.
  clock = createFakeClock(START + 500);
  stop = new AbortController();
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    (pages.get(request.url ?? '') ?? ((none) => none.writeHead(404).end()))(response);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
});

afterEach(() => {
  stop.abort();
  server.closeAllConnections();
  server.close();
});

function envoy(path: string): Target {
  return { url: urlOf(path), labels: { instance: path } };
}

function pod(path: string, arm: 'stable' | 'candidate'): Target {
  return { url: urlOf(path), arm, labels: { namespace: 'risk', pod: arm === 'stable' ? STABLE_POD : CANDIDATE_POD } };
}

function urlOf(path: string): string {
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}${path}`;
}

const shows = (text: string): Answer => (response) => response.writeHead(200, { 'content-type': 'text/plain' }).end(text);

function requests(a: number | string, b: number | string, failed = 0): string {
  const line = (slot: number, code: string, count: number | string): string =>
    `envoy_cluster_upstream_rq_xx{envoy_response_code_class="${code}",envoy_cluster_name="httproute/risk/fraud/rule/0/backend/${slot}"} ${count}\n`;
  return line(0, '2', a) + line(1, '2', b) + line(1, '5', failed);
}

function measure(wishes: readonly MeasureRequest[], timeoutMs = 4_000, maxBytes = 10_000): Measurements {
  const servers = createScraper({
    clock,
    targetsOf: (arms) => new Promise((resolve) => resolve(targets(arms))),
    read: (url) => readPage(url, { timeoutMs, maxBytes }),
  });
  const service = createMeasurements({ prometheus: NO_PROMETHEUS, servers, clock, onData: () => undefined });
  service.start(stop.signal);
  service.want('r', wishes);
  return service;
}

function wish(arms: Arms, type: 'errors' | 'requests' | 'latencies' = 'errors'): MeasureRequest {
  return { check: type, measurand: { type, arms }, intervalMs: 5_000, fromMs: START - 10_000, scrape: true };
}

/** The newest look of each check after the next one was taken. */
async function look(service: Measurements) {
  const before = service.samples('r').map(({ ticks }) => ticks.length);
  await clock.advance(5_000);
  for (let tries = 0; tries < 500 && service.samples('r').some(({ ticks }, index) => ticks.length <= (before[index] ?? 0)); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return service.samples('r').map(({ ticks, problem }) => ({ ...ticks.at(-1), problem }));
}

/** Lets a first look pass, of which nothing is known. */
async function begun(wishes: readonly MeasureRequest[], limits: readonly number[] = []): Promise<Measurements> {
  const service = measure(wishes, ...limits);
  for (let tries = 0; tries < 500 && service.samples('r').some(({ ticks }) => ticks.length === 0); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return service;
}

describe('counters of both versions', () => {
  test('are read from the gateway at each look, once for all checks', async () => {
    pages.set('/envoy', shows(requests(100, 10)));
    const service = await begun([wish(ROUTE), wish(ROUTE, 'requests')]);
    expect(await look(service)).toMatchObject([
      { stable: { '/envoy': { requests: 100, bad: 0 } }, candidate: { '/envoy': { requests: 10, bad: 0 } }, problem: undefined },
      { stable: { '/envoy': { requests: 100 } }, problem: undefined },
    ]);
    pages.set('/envoy', shows(requests(190, 15, 4)));
    expect(await look(service)).toMatchObject([
      { stable: { '/envoy': { requests: 190, bad: 0 } }, candidate: { '/envoy': { requests: 19, bad: 4 } } },
      { candidate: { '/envoy': { requests: 19 } } },
    ]);
    expect(asked).toEqual(['/envoy', '/envoy']);
  });

  test('are read from the pods of each', async () => {
    targets = () => [pod('/stable', 'stable'), pod('/candidate', 'candidate')];
    const line = (status: number, count: number): string => `rest_server_requests_total{method="POST",path="/v2/models/x/infer",status_code="${status}"} ${count}\n`;
    pages.set('/stable', shows(line(200, 100)));
    pages.set('/candidate', shows(line(200, 10) + line(500, 3)));
    const service = await begun([wish(PODS)]);
    expect(await look(service)).toMatchObject([
      { stable: { [STABLE_POD]: { requests: 100, bad: 0 } }, candidate: { [CANDIDATE_POD]: { requests: 13, bad: 3 } } },
    ]);
  });

  test('of several Envoys are those of the Envoys that answer', async () => {
    targets = () => [envoy('/envoy'), envoy('/gone')];
    pages.set('/envoy', shows(requests(100, 10)));
    const service = await begun([wish(ROUTE)]);
    expect(await look(service)).toMatchObject([{ stable: { '/envoy': { requests: 100 } }, problem: undefined }]);
  });

  test('of a look that was missed stay unknown, and those of the next are as they are', async () => {
    pages.set('/envoy', shows(requests(100, 10)));
    const service = await begun([wish(ROUTE)]);
    await look(service);
    pages.delete('/envoy');
    await look(service);
    pages.set('/envoy', shows(requests(300, 30)));
    await look(service);
    const [samples] = service.samples('r');
    const seen = samples?.ticks.map(({ stable }) => Object.values(stable ?? {})[0]?.requests);
    expect(seen?.slice(-3)).toEqual([100, undefined, 300]);
  });
});

describe('no data, with the reason', () => {
  const long = 'x'.repeat(20_000);
  test.each<readonly [string, Answer, RegExp]>([
    ['an error', (response) => response.writeHead(503).end('no'), /^The metrics of 127\.0\.0\.1:\d+ cannot be read: it answered 503\.$/],
    ['a redirect', (response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(), /it answered 302/],
    ['half a page', (response) => response.writeHead(200, { 'content-length': '99' }).write('a', () => response.destroy()), /cannot be read: /],
    ['a page without an end', shows(`${long}\n`), /longer than 10000 bytes/],
    ['an empty page', shows('\n'), /^The gateway's Envoys show no envoy_cluster_upstream_rq_xx of the route risk\/fraud: no request came yet\.$/],
    ['HTML', shows('<html><body>hello</body></html>\n'), /no request came yet/],
    ['another route', shows(requests(1, 1).replaceAll('risk', 'elsewhere')), /no request came yet/],
    ['what is no number', shows(requests('NaN', 'NaN')), /a counter of one of its versions is not a number, infinite or negative/],
    ['negative numbers', shows(requests(-1, -1)), /not a number, infinite or negative/],
    ['infinity', shows(requests('+Inf', '+Inf')), /not a number, infinite or negative/],
    ['words', shows(requests('many', 'few')), /^127\.0\.0\.1:\d+: A line of envoy_cluster_upstream_rq_xx cannot be read\.$/],
    ['a page that was cut within a number', shows(requests(1, 2, 345).slice(0, -2)), /The metrics end within a line\.$/],
  ])('%s; and it recovers by itself', async (_, answer, problem) => {
    pages.set('/envoy', answer);
    const service = await begun([wish(ROUTE)]);
    const [found] = await look(service);
    expect(found?.problem).toMatch(problem);
    pages.set('/envoy', shows(requests(5, 6)));
    expect(await look(service)).toMatchObject([{ stable: { '/envoy': { requests: 5 } }, problem: undefined }]);
  });

  test('what is read long after the look, which may show another moment', async () => {
    let answer: (() => void) | undefined;
    pages.set('/envoy', (response) => (answer = () => shows(requests(5, 6))(response)));
    const service = await begun([wish(ROUTE)]);
    const looked = look(service);
    while (answer === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    await clock.advance(1_600);
    answer();
    const [found] = await looked;
    expect(found?.problem).toMatch(/^The metrics of 127\.0\.0\.1:\d+ were read 2\.1 s after the look, and more than 2 s is too late\.$/);
    expect(found?.stable).toBeNull();
  });

  test('silence', async () => {
    pages.set('/envoy', () => undefined);
    const service = await begun([wish(ROUTE)], [300]);
    expect((await look(service))[0]?.problem).toMatch(/no answer within 300 ms/);
  });

  test('where one version cannot be read, of both: half of the truth is another one', async () => {
    targets = () => [pod('/stable', 'stable'), pod('/candidate', 'candidate')];
    pages.set('/stable', shows('rest_server_requests_total{path="/v2/models/x/infer",status_code="200"} 100\n'));
    const service = await begun([wish(PODS)]);
    const [found] = await look(service);
    expect(found?.problem).toMatch(/it answered 404/);
    expect(found?.stable).toBeNull();
  });

  test('where nobody knows whom to ask', async () => {
    targets = () => {
      throw new Error('No pod of Envoy Gateway was found.');
    };
    const service = await begun([wish(ROUTE)]);
    expect((await look(service))[0]?.problem).toBe('No pod of Envoy Gateway was found.');
  });

  test("for a user's query, which nobody answers", async () => {
    const service = await begun([{ check: 'x', measurand: { type: 'value', promql: 'up' }, intervalMs: 5_000, fromMs: START - 10_000, scrape: true }]);
    expect((await look(service))[0]?.problem).toMatch(/^The operator has no Prometheus: set its PLIMSOLL_PROMETHEUS_URL/);
  });
});
