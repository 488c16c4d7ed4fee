import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { CheckSamples, MeasureRequest, Measurand } from '../../../src/core/analysis/measurement.ts';
import { hasData } from '../../../src/core/analysis/rows.ts';
import { createMeasurements } from '../../../src/metrics/measurements.ts';
import type { Measurements } from '../../../src/metrics/measurements.ts';
import { createPrometheus } from '../../../src/metrics/prometheus.ts';
import type { Prometheus } from '../../../src/metrics/prometheus.ts';
import { inPrometheus } from '../../../src/metrics/store.ts';
import { createFakeClock } from '../../support/clocks.ts';
import type { FakeClock } from '../../support/clocks.ts';
import { always, HOSTILE, startFakePrometheus } from '../../support/prometheus.ts';
import type { FakeAnswer, FakePrometheus, FakeSample } from '../../support/prometheus.ts';

const START = 1_700_000_000_000;
const ERRORS = 'envoy_cluster_upstream_rq_xx';
const BUCKETS = 'envoy_cluster_upstream_rq_time_bucket';
const UNAVAILABLE: FakeAnswer = { kind: 'text', status: 500, text: 'out of order' };

let fake: FakePrometheus;
let clock: FakeClock;
let heard: string[];
let stop: AbortController;
const opened: Prometheus[] = [];

beforeAll(async () => {
  fake = await startFakePrometheus();
});

beforeEach(() => {
  fake.reset();
  fake.asked.length = 0;
  clock = createFakeClock(START + 700);
  heard = [];
  stop = new AbortController();
});

afterEach(() => stop.abort());

afterAll(async () => {
  for (const prometheus of opened) prometheus.close();
  await fake.stop();
});

function startService(): Measurements {
  const prometheus = createPrometheus({ url: fake.url, now: clock.now, timeoutMs: 200 });
  opened.push(prometheus);
  const service = createMeasurements({ prometheus, servers: inPrometheus(prometheus), clock, onData: (key) => heard.push(key) });
  service.start(stop.signal);
  return service;
}

function armsOf(route: string) {
  return { namespace: 'team-a', route, stable: 'a', candidate: 'b' } as const;
}

function wish(measurand: Measurand, options: Partial<MeasureRequest> = {}): MeasureRequest {
  return { check: measurand.type, measurand, intervalMs: 5_000, fromMs: START - 20_000, ...options };
}

const errors: Measurand = { type: 'errors', arms: armsOf('digits') };
const slower: Measurand = { type: 'slowerThan', arms: armsOf('digits'), thresholdMs: 45 };

/** Stable counts 20 requests/s, the candidate one, of which it fails every tenth from its 20th second on. */
function errorSamples(atMs: number, route = 'digits'): FakeSample[] {
  const s = (atMs - START) / 1000 + 1_000;
  const prefix = `httproute/team-a/${route}/rule/0/backend/`;
  const series = (slot: number, code: string, value: number): FakeSample => ({
    labels: { envoy_cluster_name: `${prefix}${String(slot)}`, envoy_response_code_class: code, instance: 'e' },
    value,
  });
  const failed = atMs >= START + 20_000 ? [series(1, '5', Math.floor((s - 1_000) / 10))] : [];
  return [series(0, '2', s * 20), series(1, '2', s), ...failed];
}

function bucketSamples(boundaries: readonly string[]): (atMs: number) => FakeSample[] {
  return (atMs) =>
    ['0', '1'].flatMap((slot) =>
      boundaries.map((le) => ({
        labels: { envoy_cluster_name: `httproute/team-a/digits/rule/0/backend/${slot}`, le, instance: 'e' },
        value: (atMs - START) / 1000 + 1_000 + Math.min(1_000, Number(le.replace('+Inf', '1000'))),
      })),
    );
}

function advanceTo(ms: number): Promise<void> {
  return clock.advance(ms - clock.now());
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries > 400) throw new Error('it did not happen within 2 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Moves to 0.6 s after a look and waits until it and everything that it sets off is in. */
async function look(service: Measurements, atMs: number, key = 'r'): Promise<readonly CheckSamples[]> {
  await advanceTo(atMs + 600);
  await until(() => service.samples(key).every((samples) => samples.ticks.at(-1)?.atMs === atMs));
  await quiet();
  return service.samples(key);
}

/** Until nothing has been asked for 30 ms. */
async function quiet(): Promise<void> {
  for (let before = -1; before !== fake.asked.length; ) {
    before = fake.asked.length;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

function times(samples: CheckSamples | undefined): number[] {
  return (samples?.ticks ?? []).map((tick) => (tick.atMs - START) / 1000);
}

describe('looks', () => {
  test('a new wish is answered with one range query for the past, then one instant query at each time of the grid', async () => {
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    const service = startService();
    service.want('r', [wish(errors)]);
    await until(() => heard.length === 1);
    expect(times(service.samples('r')[0])).toEqual([-20, -15, -10, -5, 0]);
    await look(service, START + 5_000);
    const [samples] = await look(service, START + 10_000);
    expect(times(samples)).toEqual([-20, -15, -10, -5, 0, 5, 10]);
    expect(samples?.ticks.at(-1)).toEqual({
      atMs: START + 10_000,
      stable: { e: { requests: 20_200, bad: 0 } },
      candidate: { e: { requests: 1_010, bad: 0 } },
      value: null,
    });
    expect(samples).not.toHaveProperty('problem');
    expect(fake.asked.map(({ path, startMs, endMs }) => [path.split('/').at(-1), startMs - START, endMs - START])).toEqual([
      ['query_range', -20_000, 0],
      ['query', 5_000, 5_000],
      ['query', 10_000, 10_000],
    ]);
  });

  test('a look is asked for half a second after its time, not before', async () => {
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    const service = startService();
    service.want('r', [wish(errors)]);
    await until(() => heard.length === 1);
    await advanceTo(START + 5_499);
    await quiet();
    expect(fake.asked).toHaveLength(1);
    await advanceTo(START + 5_500);
    await until(() => fake.asked.length === 2);
    expect(fake.asked[1]?.startMs).toBe(START + 5_000);
  });

  test('what a restarted service reads again is what was seen live', async () => {
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    fake.answer(BUCKETS, { kind: 'samples', at: bucketSamples(['25.0', '50.0', '+Inf']) });
    fake.answer('temperature', { kind: 'samples', at: (atMs) => [{ labels: {}, value: atMs / 7 }] });
    const wishes = [wish(errors), wish(slower), wish({ type: 'value', promql: 'temperature' }, { intervalMs: 15_000 })];
    const service = startService();
    service.want('r', wishes);
    await until(() => heard.length >= 3);
    for (let s = 5; s <= 45; s += 5) {
      await advanceTo(START + s * 1_000 + 600);
      await until(() => (service.samples('r')[0]?.ticks.at(-1)?.atMs ?? 0) === START + s * 1_000);
      await quiet();
    }
    const again = startService();
    again.want('r', wishes);
    await until(() => again.samples('r').every((samples) => samples.ticks.length > 0));
    expect(again.samples('r')).toEqual(service.samples('r'));
    expect(service.samples('r').map((samples) => samples.ticks.every(hasData))).toEqual([true, true, true]);
    expect(times(service.samples('r')[2])).toEqual([-20, -5, 10, 25, 40]);
  });

  test('the number of questions for a look is the same for one release and for a hundred', async () => {
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    fake.answer(BUCKETS, { kind: 'samples', at: bucketSamples(['25', '50', '+Inf']) });
    const service = startService();
    const asked: number[] = [];
    for (const releases of [1, 100]) {
      for (let i = 0; i < releases; i += 1) {
        const arms = armsOf(i === 0 ? 'digits' : `digits-${String(i)}`);
        service.want(`r${String(i)}`, [wish({ type: 'errors', arms }), wish({ type: 'slowerThan', arms, thresholdMs: 40 + i / 10 })]);
      }
      await quiet();
      fake.asked.length = 0;
      await clock.advance(5_000);
      await quiet();
      asked.push(fake.asked.filter((one) => one.path === '/api/v1/query' && !one.query.startsWith('group')).length);
    }
    expect(asked).toEqual([2, 2]);
  });

  test('looks that a suspended process slept through are caught up with one range query', async () => {
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    const service = startService();
    service.want('r', [wish(errors)]);
    await until(() => heard.length === 1);
    clock.freeze(29_900);
    await clock.advance(0);
    await until(() => service.samples('r')[0]?.ticks.at(-1)?.atMs === START + 30_000);
    await quiet();
    expect(fake.asked.at(-1)).toMatchObject({ path: '/api/v1/query_range', startMs: START + 5_000, endMs: START + 25_000 });
    expect(service.samples('r')[0]?.ticks.every(hasData)).toBe(true);
    expect(times(service.samples('r')[0])).toHaveLength(11);
  });

  test('a wish that reaches further back asks only for what is missing, a later one forgets what was before', async () => {
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    const service = startService();
    service.want('r', [wish(errors)]);
    await until(() => heard.length === 1);
    service.want('r', [wish(errors, { fromMs: START - 30_000 })]);
    await until(() => heard.length === 2);
    expect(fake.asked.at(-1)).toMatchObject({ startMs: START - 30_000, endMs: START - 25_000 });
    service.want('r', [wish(errors, { fromMs: START - 9_000 })]);
    await quiet();
    expect(times(service.samples('r')[0])).toEqual([-5, 0]);
    expect(fake.asked).toHaveLength(2);
  });

  test('a check that is wanted no longer and a key that is dropped are asked for no longer', async () => {
    fake.answer('one', always({ labels: {}, value: 1 }));
    const service = startService();
    const value = (promql: string) => wish({ type: 'value', promql }, { check: promql });
    service.want('r', [value('one'), value('one + 1')]);
    service.want('s', [value('one + 2')]);
    await until(() => heard.length >= 3);
    service.want('r', [value('one')]);
    service.drop('s');
    fake.asked.length = 0;
    await look(service, START + 5_000);
    expect(fake.asked.map((one) => one.query)).toEqual(['one']);
    expect(service.samples('s')).toEqual([]);
  });

  test('at most 2,000 looks are asked for and kept', async () => {
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    const service = startService();
    service.want('r', [wish(errors, { fromMs: 0 })]);
    await until(() => heard.length === 1);
    expect(fake.asked[0]).toMatchObject({ startMs: START - 1_999 * 5_000, endMs: START });
    const [samples] = await look(service, START + 5_000);
    expect(samples?.ticks).toHaveLength(2_000);
  });

  test('after the signal nothing is asked any more', async () => {
    const service = startService();
    service.want('r', [wish(errors)]);
    await until(() => heard.length === 1);
    stop.abort();
    await advanceTo(START + 60_000);
    await quiet();
    expect(fake.asked).toHaveLength(1);
  });
});

describe('no data', () => {
  test('looks that failed are ticks without data with the reason, and are caught up when Prometheus works again', async () => {
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    const service = startService();
    service.want('r', [wish(errors)]);
    await until(() => heard.length === 1);
    fake.answer(ERRORS, UNAVAILABLE);
    await look(service, START + 5_000);
    const [failing] = await look(service, START + 10_000);
    expect(failing?.ticks.slice(-2).map(hasData)).toEqual([false, false]);
    expect(failing?.problem).toBe('Prometheus answered 500: out of order.');
    expect(heard).toEqual(['r', 'r', 'r']);
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    const [healed] = await look(service, START + 15_000);
    expect(healed?.ticks.every(hasData)).toBe(true);
    expect(healed).not.toHaveProperty('problem');
  });

  test('without any Prometheus every look is a tick without data, and nobody waits for ever', async () => {
    const prometheus = createPrometheus({ url: 'http://127.0.0.1:1', now: clock.now });
    const service = createMeasurements({ prometheus, servers: inPrometheus(prometheus), clock, onData: (key) => heard.push(key) });
    service.start(stop.signal);
    service.want('r', [wish(errors), wish(slower), wish({ type: 'value', promql: 'x' })]);
    await until(() => service.samples('r').every((samples) => samples.ticks.length === 5));
    for (const samples of await look(service, START + 5_000)) {
      expect(samples.ticks.some(hasData)).toBe(false);
      expect(samples.problem).toContain('127.0.0.1:1');
    }
  });

  test.each(Object.entries(HOSTILE))('%s to every question is no data with a sentence, and is got over', async (_, answer) => {
    fake.answer('', answer);
    const service = startService();
    const wishes = [wish(errors), wish(slower), wish({ type: 'value', promql: 'one' })];
    service.want('r', wishes);
    await until(() => service.samples('r').every((samples) => samples.ticks.length > 0));
    for (const samples of await look(service, START + 5_000)) {
      expect(samples.ticks.some(hasData)).toBe(false);
      expect(samples.problem).toMatch(/^[A-Z].*\.$/);
    }
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    fake.answer(BUCKETS, { kind: 'samples', at: bucketSamples(['25', '50', '+Inf']) });
    fake.answer('one', always({ labels: {}, value: 1 }));
    await look(service, START + 10_000);
    for (const samples of await look(service, START + 15_000)) {
      expect(hasData(samples.ticks.at(-1)!)).toBe(true);
      expect(samples).not.toHaveProperty('problem');
    }
  });

  test('a route that Prometheus knows nothing of is told apart from one without traffic', async () => {
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    const service = startService();
    service.want('r', [wish({ type: 'errors', arms: armsOf('elsewhere') })]);
    await until(() => heard.length === 1);
    expect(service.samples('r')[0]?.problem).toContain('team-a/elsewhere');
    expect(service.samples('r')[0]?.ticks[0]).toMatchObject({ stable: {}, candidate: {} });
  });

  test('a slow query of one user does not hold up the built-in checks', async () => {
    fake.answer(ERRORS, { kind: 'samples', at: errorSamples });
    fake.answer('slow', { kind: 'silence' });
    const service = startService();
    service.want('r', [wish(errors)]);
    service.want('s', [wish({ type: 'value', promql: 'slow' })]);
    await until(() => service.samples('s')[0]?.ticks.length === 5);
    const began = performance.now();
    await advanceTo(START + 5_600);
    await until(() => service.samples('r')[0]?.ticks.at(-1)?.atMs === START + 5_000);
    expect(performance.now() - began).toBeLessThan(150);
  });
});

describe('latency', () => {
  test('the threshold is rounded up to a boundary of the histogram, and both arms are counted at it', async () => {
    fake.answer(BUCKETS, { kind: 'samples', at: bucketSamples(['25.0', '50.0', '100.0', '+Inf']) });
    const service = startService();
    service.want('r', [wish(slower)]);
    const [samples] = await look(service, START + 5_000);
    expect(samples?.boundaryMs).toBe(50);
    expect(samples?.ticks.at(-1)?.stable).toEqual({ e: { requests: 2_005, bad: 950 } });
    expect(samples?.ticks.at(-1)?.candidate).toEqual({ e: { requests: 2_005, bad: 950 } });
  });

  test('boundaries are asked for once, not with every look', async () => {
    fake.answer(BUCKETS, { kind: 'samples', at: bucketSamples(['50', '+Inf']) });
    const service = startService();
    service.want('r', [wish(slower)]);
    await until(() => heard.length === 1);
    for (let s = 5; s <= 20; s += 5) await look(service, START + s * 1_000);
    expect(fake.asked.filter((one) => one.query.startsWith('group'))).toHaveLength(1);
  });

  test('a threshold above every boundary is no data, and the sentence names the highest', async () => {
    fake.answer(BUCKETS, { kind: 'samples', at: bucketSamples(['25', '30', '+Inf']) });
    const service = startService();
    service.want('r', [wish(slower)]);
    const [samples] = await look(service, START + 5_000);
    expect(samples?.ticks.some(hasData)).toBe(false);
    expect(samples?.problem).toContain('above 30 ms');
  });

  test('when the first request brings the histogram, looks before it are read as they were', async () => {
    const service = startService();
    service.want('r', [wish(slower)]);
    const [before] = await look(service, START + 5_000);
    expect(before?.ticks.some(hasData)).toBe(false);
    const buckets = bucketSamples(['50', '+Inf']);
    fake.answer(BUCKETS, { kind: 'samples', at: (atMs) => (atMs > START ? buckets(atMs) : []) });
    const [after] = await look(service, START + 10_000);
    expect(after?.ticks.map(hasData)).toEqual([false, false, false, false, false, true, true]);
  });

  test('a gateway with other boundaries is noticed, and counts at the old and the new one are never mixed', async () => {
    const [old, other] = [bucketSamples(['50', '+Inf']), bucketSamples(['60', '+Inf'])];
    fake.answer(BUCKETS, { kind: 'samples', at: (atMs) => (atMs <= START + 5_000 ? old(atMs) : other(atMs)) });
    const service = startService();
    service.want('r', [wish(slower)]);
    await look(service, START + 5_000);
    const [lost] = await look(service, START + 10_000);
    expect(lost?.problem).toContain('boundary of 50 ms');
    const [found] = await look(service, START + 15_000);
    expect(found?.boundaryMs).toBe(60);
    const slow = found?.ticks.map((tick) => (hasData(tick) ? tick.stable?.['e']?.bad : null));
    expect(slow).toEqual([null, null, null, null, null, null, 940, 940]);
  });
});
