import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ALERTS_QUERY, createAlerts } from '../../../src/metrics/alerts.ts';
import type { Alerts } from '../../../src/metrics/alerts.ts';
import { createPrometheus } from '../../../src/metrics/prometheus.ts';
import type { Prometheus } from '../../../src/metrics/prometheus.ts';
import { createFakeClock } from '../../support/clocks.ts';
import type { FakeClock } from '../../support/clocks.ts';
import { always, HOSTILE, startFakePrometheus } from '../../support/prometheus.ts';
import type { FakePrometheus } from '../../support/prometheus.ts';

const START = 1_700_000_000_000;
const firing = { labels: { __name__: 'ALERTS_FOR_STATE', alertname: 'HighErrors', namespace: 'team-a' }, value: START / 1000 - 30 };

let fake: FakePrometheus;
let prometheus: Prometheus;
let clock: FakeClock;
let changed: string[];
let stop: AbortController;

beforeAll(async () => {
  fake = await startFakePrometheus();
});

beforeEach(() => {
  fake.reset();
  fake.asked.length = 0;
  clock = createFakeClock(START + 700);
  prometheus = createPrometheus({ url: fake.url, now: clock.now, timeoutMs: 200, breakAfter: 1_000 });
  changed = [];
  stop = new AbortController();
});

afterEach(() => {
  stop.abort();
  prometheus.close();
});

afterAll(() => fake.stop());

function start(): Alerts {
  const alerts = createAlerts({ prometheus, clock, intervalMs: 5_000, onChange: (namespace) => changed.push(namespace) });
  alerts.start(stop.signal);
  return alerts;
}

function advanceTo(ms: number): Promise<void> {
  return clock.advance(ms - clock.now());
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries > 2000) throw new Error('it did not happen within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('firing alerts', () => {
  test('one question for all namespaces, at the times of the grid', async () => {
    fake.answer('ALERTS', always(firing, { labels: { alertname: 'Other', namespace: 'team-b' }, value: 1 }));
    const alerts = start();
    await until(() => alerts.asOfMs() === START);
    await advanceTo(START + 5_600);
    await until(() => alerts.asOfMs() === START + 5_000);
    expect(fake.asked.map(({ query, startMs }) => [query, startMs])).toEqual([
      [ALERTS_QUERY, START],
      [ALERTS_QUERY, START + 5_000],
    ]);
    expect(alerts.firing('team-a')).toEqual([{ labels: { alertname: 'HighErrors', namespace: 'team-a' }, activeAtMs: START - 30_000 }]);
    expect(alerts.firing('team-c')).toEqual([]);
  });

  test('a namespace is told of when its alerts begin and end, and only then', async () => {
    const alerts = start();
    await until(() => alerts.asOfMs() === START);
    fake.answer('ALERTS', always(firing));
    for (const s of [5, 10]) {
      await advanceTo(START + s * 1_000 + 600);
      await until(() => alerts.asOfMs() === START + s * 1_000);
    }
    expect(changed).toEqual(['team-a']);
    fake.reset();
    await advanceTo(START + 15_600);
    await until(() => alerts.asOfMs() === START + 15_000);
    expect(changed).toEqual(['team-a', 'team-a']);
    expect(alerts.firing('team-a')).toEqual([]);
  });

  const failing = Object.entries(HOSTILE).filter(([, answer]) => answer.kind !== 'samples' || answer.warnings !== undefined);
  test.each(failing)('after %s the last known alerts stay, with their old time and a reason: unknown is not none', async (_, answer) => {
    fake.answer('ALERTS', always(firing));
    const alerts = start();
    await until(() => alerts.asOfMs() === START);
    fake.answer('ALERTS', answer);
    for (let s = 5; s <= 20; s += 5) await advanceTo(START + s * 1_000 + 600);
    await until(() => alerts.problem() !== undefined);
    expect(alerts.firing('team-a')).toHaveLength(1);
    expect(alerts.asOfMs()).toBe(START);
  });

  test('one look that fails is not yet a silence, and one that works ends it', async () => {
    fake.answer('ALERTS', always(firing));
    const alerts = start();
    await until(() => alerts.asOfMs() === START);
    fake.answer('ALERTS', { kind: 'text', status: 500, text: 'no' });
    await advanceTo(START + 5_600);
    expect(alerts.problem()).toBeUndefined();
    for (let s = 10; s <= 20; s += 5) await advanceTo(START + s * 1_000 + 600);
    await until(() => alerts.problem()?.includes('500') === true);
    fake.answer('ALERTS', always(firing));
    await advanceTo(START + 25_600);
    await until(() => alerts.problem() === undefined);
  });

  test('before the first answer nothing is known', () => {
    const alerts = createAlerts({ prometheus, clock, intervalMs: 5_000 });
    expect(alerts.problem()).toBe('No question about them has been answered yet.');
    expect(alerts.asOfMs()).toBeUndefined();
    expect(alerts.firing('team-a')).toEqual([]);
  });

  test('an alert whose time cannot be read is left out', async () => {
    fake.answer('ALERTS', always({ ...firing, value: NaN }));
    const alerts = start();
    await until(() => alerts.asOfMs() === START);
    expect(alerts.firing('team-a')).toEqual([]);
  });
});
