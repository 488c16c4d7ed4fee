// Candidates on one Lease in memory, on clocks that tests move. "Leads" means: mustStillLead() does not throw.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { KubeObject } from '../../../src/api/resources.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import { KubeError } from '../../../src/controller/errors.ts';
import { createLeaderElector } from '../../../src/controller/lease.ts';
import type { FakeClock } from '../../support/clocks.ts';
import { createFakeClock, createSeededRandom } from '../../support/clocks.ts';

type Fault = 'none' | 'refused' | 'hang' | 'lost' | 'slow';
const slowMs = 4000;

/** The Lease in memory. `fault` is asked at each call: refused, no answer (not done), done without an answer, or a late one. */
function createLeaseServer() {
  let lease: KubeObject | undefined;
  let version = 0;
  const store = (object: unknown): KubeObject => {
    const given = object as KubeObject;
    version += 1;
    lease = { ...given, metadata: { ...given.metadata, resourceVersion: String(version) } };
    return lease;
  };
  const clientFor = (clock: FakeClock, fault: () => Fault): KubeClient => {
    const call = async <T>(deadlineMs = 10_000, work: () => T): Promise<T> => {
      const kind = fault();
      if (kind === 'refused') throw new KubeError('Network', 'refused');
      const result = kind === 'hang' ? undefined : work(); // done at once, whatever becomes of the answer
      if (kind === 'slow') await new Promise<void>((resolve) => clock.after(slowMs, resolve));
      if (kind !== 'hang' && kind !== 'lost') return result as T;
      return new Promise((_resolve, reject) => clock.after(deadlineMs, () => reject(new KubeError('Timeout', 'no answer'))));
    };
    return {
      get: (_ref, options) => call(options?.deadlineMs, () => lease),
      create: (object, options) =>
        call(options?.deadlineMs, () => {
          if (lease !== undefined) throw new KubeError('AlreadyExists', 'exists');
          return store(object);
        }),
      replace: (object, options) =>
        call(options?.deadlineMs, () => {
          const { resourceVersion } = (object as KubeObject).metadata;
          if (lease === undefined) throw new KubeError('NotFound', 'gone');
          if (resourceVersion !== lease.metadata.resourceVersion) throw new KubeError('Conflict', 'modified');
          return store(object);
        }),
    } as KubeClient;
  };
  return { clientFor, lease: () => lease, spec: () => lease?.spec ?? undefined, overwrite: store };
}

function candidate(server: ReturnType<typeof createLeaseServer>, identity: string, clock: FakeClock) {
  const state = { fault: 'none' as Fault, acquired: 0, lost: [] as string[], errors: 0 };
  const elector = createLeaderElector({
    client: server.clientFor(clock, () => state.fault),
    namespace: 'plimsoll-system',
    name: 'plimsoll',
    identity,
    clock,
    random: createSeededRandom(identity.length),
    onAcquired: () => (state.acquired += 1),
    onLost: (reason) => state.lost.push(reason),
    onError: () => (state.errors += 1),
  });
  const stop = new AbortController();
  const ended = elector.run(stop.signal);
  const leads = (): boolean => {
    try {
      return elector.mustStillLead() > 0;
    } catch {
      return false;
    }
  };
  return { state, elector, stop, ended, leads, clock };
}

describe('one candidate', () => {
  test('gets a lease that does not exist yet, and keeps it', async () => {
    const server = createLeaseServer();
    const clock = createFakeClock();
    const one = candidate(server, 'one', clock);
    await clock.advance(0);
    expect(one.leads()).toBe(true);
    await clock.advance(120_000);
    expect(one.leads()).toBe(true);
    expect(one.state).toEqual({ fault: 'none', acquired: 1, lost: [], errors: 0 });
  });

  test('pitfall 16: writes times with exactly six fraction digits, and acquireTime only once', async () => {
    const server = createLeaseServer();
    const clock = createFakeClock(Date.UTC(2026, 4, 6, 7, 8, 9, 754));
    candidate(server, 'one', clock);
    await clock.advance(0);
    expect(server.spec()).toEqual({
      holderIdentity: 'one',
      leaseDurationSeconds: 15,
      acquireTime: '2026-05-06T07:08:09.754000Z',
      renewTime: '2026-05-06T07:08:09.754000Z',
      leaseTransitions: 0,
    });
    await clock.advance(2000);
    expect(server.spec()).toMatchObject({ acquireTime: '2026-05-06T07:08:09.754000Z', renewTime: '2026-05-06T07:08:11.754000Z' });
  });

  test('survives failures that are shorter than the renew deadline', async () => {
    const clock = createFakeClock();
    const one = candidate(createLeaseServer(), 'one', clock);
    await clock.advance(0);
    one.state.fault = 'refused';
    await clock.advance(9000);
    one.state.fault = 'none';
    await clock.advance(60_000);
    expect(one.leads()).toBe(true);
    expect(one.state.lost).toEqual([]);
    expect(one.state.errors).toBeGreaterThan(5);
  });

  test.each<Fault>(['refused', 'hang'])('gives up after the renew deadline when the server is gone (%s), and ends', async (fault) => {
    const clock = createFakeClock();
    const one = candidate(createLeaseServer(), 'one', clock);
    await clock.advance(0);
    one.state.fault = fault;
    await clock.advance(9999);
    expect(one.leads()).toBe(true);
    await clock.advance(1);
    expect(one.leads()).toBe(false);
    await clock.advance(1000);
    expect(one.state.lost).toEqual(['the lease could not be renewed for 10000 ms']);
    await one.ended;
  });

  test('goes on when the answers to its renewals are lost although they were done', async () => {
    const clock = createFakeClock();
    const one = candidate(createLeaseServer(), 'one', clock);
    await clock.advance(0);
    one.state.fault = 'lost';
    await clock.advance(5000);
    one.state.fault = 'none';
    await clock.advance(60_000);
    expect(one.leads()).toBe(true);
    expect(one.state.lost).toEqual([]);
  });

  test('counts its time from when it asked, not from when the answer came', async () => {
    const clock = createFakeClock();
    const one = candidate(createLeaseServer(), 'one', clock);
    await clock.advance(0);
    one.state.fault = 'slow';
    await clock.advance(2000 + slowMs);
    expect(one.elector.mustStillLead()).toBe(15_000 - slowMs);
  });

  test('pitfall 17: knows that it leads no longer after its event loop stood still, before any timer has run', async () => {
    const clock = createFakeClock();
    const one = candidate(createLeaseServer(), 'one', clock);
    await clock.advance(0);
    expect(one.elector.mustStillLead()).toBe(15_000);
    clock.freeze(9000);
    expect(one.elector.mustStillLead()).toBe(6000);
    clock.freeze(1000);
    expect(() => one.elector.mustStillLead()).toThrow('does not lead');
    expect(one.elector.isLeader()).toBe(false);
  });

  test('does not lead before it has the lease', () => {
    const one = candidate(createLeaseServer(), 'one', createFakeClock());
    expect(() => one.elector.mustStillLead()).toThrow('does not lead');
  });
});

describe('two candidates', () => {
  test('the second waits while the first renews', async () => {
    const server = createLeaseServer();
    const clock = createFakeClock();
    const one = candidate(server, 'one', clock);
    await clock.advance(0);
    const two = candidate(server, 'two', clock);
    await clock.advance(300_000);
    expect([one.leads(), two.leads()]).toEqual([true, false]);
  });

  test('after a release the next one leads at its next try, not after the lease duration', async () => {
    const server = createLeaseServer();
    const clock = createFakeClock();
    const one = candidate(server, 'one', clock);
    await clock.advance(0);
    const two = candidate(server, 'two', clock);
    await clock.advance(30_000);
    one.stop.abort();
    await one.ended;
    expect(server.spec()).toMatchObject({ holderIdentity: '' });
    expect(one.leads()).toBe(false);
    await clock.advance(2400);
    expect(two.leads()).toBe(true);
    expect(one.state.lost).toEqual([]);
    expect(server.spec()).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  });

  test('a release finds the right version although the last renewal was in flight', async () => {
    const server = createLeaseServer();
    const clock = createFakeClock();
    const one = candidate(server, 'one', clock);
    await clock.advance(0);
    one.state.fault = 'lost';
    await clock.advance(2000);
    one.state.fault = 'none';
    one.stop.abort();
    await clock.advance(6000);
    await one.ended;
    expect(server.spec()).toMatchObject({ holderIdentity: '' });
  });

  test('pitfall 15: after a crash the next one leads once it has watched the lease stand still for its duration', async () => {
    const server = createLeaseServer();
    const clock = createFakeClock();
    const one = candidate(server, 'one', clock);
    await clock.advance(0);
    const two = candidate(server, 'two', clock);
    await clock.advance(10_000);
    one.state.fault = 'hang'; // as dead as a process can be on this clock
    await clock.advance(14_000);
    expect(two.leads()).toBe(false);
    await clock.advance(6000);
    expect(two.leads()).toBe(true);
  });

  test.each([-3_600_000, 3_600_000])(
    'a wall clock that is wrong by %i ms neither steals the lease nor prevents a takeover',
    async (skewMs) => {
      const server = createLeaseServer();
      const clock = createFakeClock();
      const one = candidate(server, 'one', clock);
      await clock.advance(0);
      const skewed: FakeClock = { ...clock, now: () => clock.now() + skewMs };
      const two = candidate(server, 'two', skewed);
      await clock.advance(60_000);
      expect([one.leads(), two.leads()]).toEqual([true, false]);
      one.state.fault = 'hang';
      await clock.advance(20_000);
      expect([one.leads(), two.leads()]).toEqual([false, true]);
    },
  );

  test('a leader that finds the name of another stops at once', async () => {
    const server = createLeaseServer();
    const clock = createFakeClock();
    const one = candidate(server, 'one', clock);
    await clock.advance(0);
    server.overwrite({ ...server.lease(), spec: { ...server.spec(), holderIdentity: 'thief' } });
    await clock.advance(2600);
    expect(one.state.lost).toEqual(['the lease is held by thief now']);
    expect(one.leads()).toBe(false);
    await one.ended;
  });

  test('a leader that was overtaken and finds the lease released does not take it back as if nothing had been', async () => {
    const server = createLeaseServer();
    const clock = createFakeClock();
    const one = candidate(server, 'one', clock);
    await clock.advance(0);
    server.overwrite({ ...server.lease(), spec: { ...server.spec(), holderIdentity: '' } });
    await clock.advance(2600);
    expect(one.state.lost).toHaveLength(1);
    await one.ended;
  });
});

test('pitfall 15: whatever fails and stands still, two candidates never lead at once', async () => {
  const fault = fc.constantFrom<Fault>('none', 'none', 'refused', 'hang', 'lost', 'slow');
  const phase = fc.record({
    ms: fc.integer({ min: 100, max: 24_000 }),
    one: fault,
    two: fault,
    frozen: fc.constantFrom('none', 'none', 'one', 'two'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(phase, { minLength: 1, maxLength: 12 }), async (phases) => {
      const server = createLeaseServer();
      const clocks = [createFakeClock(), createFakeClock(undefined, 86_400_000)] as const;
      const [one, two] = [candidate(server, 'one', clocks[0]), candidate(server, 'two', clocks[1])];
      for (const { ms, ...faults } of phases) {
        one.state.fault = faults.one;
        two.state.fault = faults.two;
        for (let passed = 0; passed < ms; passed += 100) {
          // A process that stands still runs no timer, but time passes for it too.
          for (const [name, clock] of [
            ['one', clocks[0]],
            ['two', clocks[1]],
          ] as const) {
            if (faults.frozen === name) clock.freeze(100);
            else await clock.advance(100);
          }
          expect(one.leads() && two.leads()).toBe(false);
        }
      }
      one.stop.abort();
      two.stop.abort();
      await Promise.all([clocks[0].advance(30_000), clocks[1].advance(30_000)]);
      await Promise.all([one.ended, two.ended]);
    }),
    { numRuns: 60 },
  );
}, 60_000);
