import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { EventRecorder, EventRecorderOptions } from '../../../src/controller/events.ts';
import { createEventRecorder } from '../../../src/controller/events.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import type { FakeApiServer } from '../../support/apiServer.ts';
import { startApiServer } from '../../support/apiServer.ts';
import type { FakeClock } from '../../support/clocks.ts';
import { createFakeClock, realClock } from '../../support/clocks.ts';

let server: FakeApiServer;
let clock: FakeClock;
let errors: string[];

beforeEach(async () => {
  server = await startApiServer();
  clock = createFakeClock(Date.UTC(2026, 0, 1, 12, 0, 0, 500));
  errors = [];
});
afterEach(() => server.close());

const recorder = (over: Partial<EventRecorderOptions> = {}): EventRecorder =>
  createEventRecorder({
    client: createKubeClient(server.kubeConfig(), { clock: realClock, deadlineMs: 500, rate: { perSecond: 1000, burst: 1000 } }),
    clock,
    component: 'plimsoll',
    instance: 'plimsoll-0',
    onError: (error) => errors.push(error.message),
    ...over,
  });
const note = (message = 'weight 5 %', name = 'fraud') => ({
  regarding: { apiVersion: 'plimsoll.dev/v1alpha1', kind: 'ModelDeployment', metadata: { name, namespace: 'risk', uid: 'u1' } },
  type: 'Normal' as const,
  reason: 'Shifted',
  message,
});
const events = () => server.list('v1', 'events', 'risk');

describe('an event', () => {
  test('says about what, why and when, with times in whole seconds, so that kubectl describe finds and shows it', async () => {
    const events1 = recorder();
    events1.record(note());
    await events1.flush();
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({
      involvedObject: { apiVersion: 'plimsoll.dev/v1alpha1', kind: 'ModelDeployment', name: 'fraud', namespace: 'risk', uid: 'u1' },
      type: 'Normal',
      reason: 'Shifted',
      message: 'weight 5 %',
      count: 1,
      firstTimestamp: '2026-01-01T12:00:00Z',
      lastTimestamp: '2026-01-01T12:00:00Z',
      source: { component: 'plimsoll' },
    });
  });

  test('about an object without a namespace goes to the namespace default', async () => {
    const events1 = recorder();
    events1.record({ ...note(), regarding: { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } } });
    await events1.flush();
    expect(server.list('v1', 'events', 'default')).toHaveLength(1);
  });

  test('has a valid name however long that of the object is, and a message of bearable length', async () => {
    const events1 = recorder();
    events1.record(note('x'.repeat(5000), 'n'.repeat(253)));
    await events1.flush();
    const [event] = events();
    expect(event?.metadata.name.length).toBeLessThanOrEqual(253);
    expect((event as unknown as { message: string }).message).toHaveLength(1024);
  });
});

describe('the same again', () => {
  test('raises the count of the event instead of making another', async () => {
    const events1 = recorder();
    events1.record(note());
    await events1.flush();
    await clock.advance(60_000);
    events1.record(note());
    events1.record(note());
    await events1.flush();
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({ count: 3, firstTimestamp: '2026-01-01T12:00:00Z', lastTimestamp: '2026-01-01T12:01:00Z' });
  });

  test('from a restarted process goes on with the event of the first', async () => {
    const before = recorder();
    before.record(note());
    await before.flush();
    await clock.advance(60_000);
    const after = recorder({ instance: 'plimsoll-1' });
    after.record(note());
    await after.flush();
    after.record(note());
    await after.flush();
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({ count: 3, firstTimestamp: '2026-01-01T12:00:00Z', lastTimestamp: '2026-01-01T12:01:00Z' });
  });

  test('with another message, or about another object, is another event', async () => {
    const events1 = recorder();
    events1.record(note('weight 5 %'));
    events1.record(note('weight 25 %'));
    events1.record(note('weight 5 %', 'spam'));
    await events1.flush();
    expect(events()).toHaveLength(3);
  });
});

describe('trouble', () => {
  test('a failure is reported, and the next event is written', async () => {
    server.inject({ verb: 'create', resource: 'events', status: 403, reason: 'Forbidden' });
    const events1 = recorder();
    events1.record(note('first'));
    events1.record(note('second'));
    await events1.flush();
    expect(errors).toEqual([expect.stringContaining('403 Forbidden')]);
    expect(events().map((event) => event['message'])).toEqual(['second']);
  });

  test('a flood about one object is cut off, and comes through again later; other objects are not touched', async () => {
    const events1 = recorder({ perObject: { burst: 3, perMinute: 1 } });
    for (let index = 0; index < 10; index += 1) events1.record(note(`message ${index}`));
    events1.record(note('other', 'spam'));
    await events1.flush();
    expect(events()).toHaveLength(4);
    expect(errors).toHaveLength(7);
    await clock.advance(60_000);
    events1.record(note('late'));
    await events1.flush();
    expect(events()).toHaveLength(5);
  });

  test('recording returns at once although the server hangs', () => {
    server.inject({ hang: true });
    const started = performance.now();
    recorder().record(note());
    expect(performance.now() - started).toBeLessThan(50);
  });
});
