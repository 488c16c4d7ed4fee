// Old samples and clocks that differ: what looks like a version without traffic, and is none.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { CheckSamples, MeasureRequest } from '../../../src/core/analysis/measurement.ts';
import { hasData } from '../../../src/core/analysis/rows.ts';
import { createMeasurements, type Measurements } from '../../../src/metrics/measurements.ts';
import { createPrometheus, type Prometheus } from '../../../src/metrics/prometheus.ts';
import { inPrometheus } from '../../../src/metrics/store.ts';
import { createFakeClock, type FakeClock } from '../../support/clocks.ts';
import { startFakePrometheus, type FakePrometheus, type FakeSample } from '../../support/prometheus.ts';

const START = 1_700_000_000_000;
const REQUESTS = 'envoy_cluster_upstream_rq_xx';
const CLUSTER = 'httproute/team-a/digits/rule/0/backend/';
const ARMS = { namespace: 'team-a', route: 'digits', stable: 'a', candidate: 'b' } as const;

let fake: FakePrometheus;
let clock: FakeClock;
let stop: AbortController;
const opened: Prometheus[] = [];

beforeAll(async () => {
  fake = await startFakePrometheus();
});

beforeEach(() => {
  fake.reset();
  fake.asked.length = 0;
  clock = createFakeClock(START + 700);
  stop = new AbortController();
});

afterEach(() => stop.abort());

afterAll(async () => {
  for (const prometheus of opened) prometheus.close();
  await fake.stop();
});

function startService(wallNow?: () => number): Measurements {
  const prometheus = createPrometheus({ url: fake.url, now: clock.now, timeoutMs: 200, ...(wallNow === undefined ? {} : { wallNow }) });
  opened.push(prometheus);
  const service = createMeasurements({ prometheus, servers: inPrometheus(prometheus), clock, onData: () => undefined });
  service.start(stop.signal);
  return service;
}

function wish(intervalMs = 5_000): MeasureRequest {
  return { check: 'errors', measurand: { type: 'errors', arms: ARMS }, intervalMs, fromMs: START };
}

/** Both versions with 100 requests, whose newest samples were scraped at these times. */
function answer(stableMs: (atMs: number) => number, candidateMs = stableMs): void {
  const of = (slot: string, scrapedMs: (atMs: number) => number, atMs: number): FakeSample[] => [
    { labels: { envoy_cluster_name: `${CLUSTER}${slot}`, envoy_response_code_class: '2', instance: 'e' }, value: 100 },
    { labels: { envoy_cluster_name: `${CLUSTER}${slot}`, plimsoll_scraped: 'yes' }, value: scrapedMs(atMs) / 1000 },
  ];
  fake.answer(REQUESTS, { kind: 'samples', at: (atMs) => [...of('0', stableMs, atMs), ...of('1', candidateMs, atMs)] });
}

async function look(service: Measurements, atMs: number): Promise<CheckSamples> {
  await clock.advance(atMs + 600 - clock.now());
  for (let tries = 0; service.samples('r')[0]?.ticks.at(-1)?.atMs !== atMs; tries += 1) {
    if (tries > 400) throw new Error('no look came');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (let before = -1; before !== fake.asked.length; ) {
    before = fake.asked.length;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return service.samples('r')[0]!;
}

test('a counter that does not change is not old: each scrape gives it a sample', async () => {
  answer((atMs) => atMs - 4_000);
  const service = startService();
  service.want('r', [wish()]);
  await look(service, START + 5_000);
  const samples = await look(service, START + 10_000);
  expect(samples.ticks.map(hasData)).toEqual([true, true, true]);
  expect(samples.ticks.at(-1)?.stable).toEqual({ e: { requests: 100, bad: 0 } });
});

test('a look whose newest sample is older than a minute is no data, with its age, and is asked for again when newer ones work', async () => {
  let scrapedMs = (atMs: number): number => atMs - 61_000;
  answer((atMs) => scrapedMs(atMs));
  const service = startService();
  service.want('r', [wish()]);
  const old = await look(service, START + 5_000);
  expect(old.ticks.map(hasData)).toEqual([false, false]);
  expect(old.problem).toBe(
    'The newest sample of envoy_cluster_upstream_rq_xx of the route team-a/digits is 61 s old, and more than 60 s is no data: it is scraped no more, or arrives late.',
  );
  // By then the store has got them.
  scrapedMs = (atMs) => atMs - 60_000;
  const late = await look(service, START + 10_000);
  expect(late.ticks.at(-1)).toMatchObject({ stable: { e: { requests: 100 } } });
  expect(late).not.toHaveProperty('problem');
  expect((await look(service, START + 15_000)).ticks.slice(1).map(hasData)).toEqual([true, true, true]);
});

test('one version that is scraped no more is enough', async () => {
  answer(
    (atMs) => atMs,
    (atMs) => atMs - 100_000,
  );
  const service = startService();
  service.want('r', [wish()]);
  const { ticks, problem } = await look(service, START + 5_000);
  expect(ticks.some(hasData)).toBe(false);
  expect(problem).toContain('is 100 s old');
});

test('at a long interval samples may be three of it old', async () => {
  answer((atMs) => atMs - 89_000);
  const service = startService();
  service.want('r', [wish(30_000)]);
  expect((await look(service, START + 10_000)).ticks.every(hasData)).toBe(true);
  answer((atMs) => atMs - 91_000);
  expect((await look(service, START + 40_000)).problem).toContain('is 91 s old, and more than 90 s is no data');
});

test('a clock that differs by more than an interval is told, where there are no data', async () => {
  answer((atMs) => atMs - 95_000);
  const service = startService(() => Date.now() + 95_000);
  service.want('r', [wish()]);
  expect((await look(service, START + 5_000)).problem).toMatch(/is 95 s old, .* The clock of Prometheus is 9[3-6] s behind the operator's: set both right\.$/);
});

test('a clock that is right, or differs by less, is not mentioned', async () => {
  answer((atMs) => atMs - 95_000);
  const service = startService(() => Date.now() - 3_000);
  service.want('r', [wish()]);
  expect((await look(service, START + 5_000)).problem).toMatch(/or arrives late\.$/);
});
