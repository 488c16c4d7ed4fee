import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RESOURCE } from '../../../../src/api/resources.ts';
import type { StoredObject } from '../../../support/apiStore.ts';
import type { Fault } from '../../../support/world/api.ts';
import { NAME, NAMESPACE } from '../../../support/world/objects.ts';
import { createWorld, type Behaviour, type World } from '../../../support/world.ts';

/** Something that happens, `afterMs` after what happened before. */
type Act = { readonly afterMs: number } & (
  | { readonly act: 'Release' | 'LoseStatus'; readonly version: string }
  | { readonly act: 'Behave'; readonly version: string; readonly behaviour: Partial<Behaviour> }
  | { readonly act: 'Metrics'; readonly mood: 'Works' | 'Down' | 'Empty' | 'NotANumber' }
  | { readonly act: 'Gateway'; readonly mood: 'Accepts' | 'Refuses' | 'Silent' }
  | { readonly act: 'Traffic'; readonly requestsPerSecond: number }
  | { readonly act: 'Replicas'; readonly replicas: number }
  | { readonly act: 'Faults'; readonly share: number }
  | { readonly act: 'Restart' | 'Alert' | 'LoseRelease' }
);

const FAULTS: readonly Fault[] = ['Refused', 'Conflict', 'Lost', 'KillBefore', 'KillAfter'];
const version = fc.constantFrom('1', '2', '3');
const behaviour: fc.Arbitrary<Partial<Behaviour>> = fc.oneof(
  fc.record({
    fate: fc.constantFrom('Ready', 'Crash', 'OutOfMemory', 'NeverReady', 'ImagePull', 'Unschedulable', 'SourceDown', 'BadArchive'),
  }),
  fc.record({ probe: fc.constantFrom('Passed', 'Failed', 'Unreachable') }),
  fc.record({ errorRate: fc.constantFrom(0.002, 0.3, 1), slowRate: fc.constantFrom(0.01, 0.8) }),
  fc.record({ room: fc.constantFrom(0, 1, 2, Infinity), readyAfterMs: fc.constantFrom(500, 3000, 20_000) }),
);
const afterMs = fc.integer({ min: 0, max: 60_000 });
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ afterMs, act: fc.constant('Release' as const), version }) },
  { weight: 4, arbitrary: fc.record({ afterMs, act: fc.constant('Behave' as const), version, behaviour }) },
  { weight: 2, arbitrary: fc.record({ afterMs, act: fc.constant('Faults' as const), share: fc.constantFrom(0, 0.1, 0.4) }) },
  fc.record({ afterMs, act: fc.constant('LoseStatus' as const), version }),
  fc.record({ afterMs, act: fc.constant('Metrics' as const), mood: fc.constantFrom('Works', 'Down', 'Empty', 'NotANumber') }),
  fc.record({ afterMs, act: fc.constant('Gateway' as const), mood: fc.constantFrom('Accepts', 'Refuses', 'Silent') }),
  fc.record({ afterMs, act: fc.constant('Traffic' as const), requestsPerSecond: fc.constantFrom(1, 100) }),
  fc.record({ afterMs, act: fc.constant('Replicas' as const), replicas: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ afterMs, act: fc.constantFrom('Restart' as const, 'Alert' as const, 'LoseRelease' as const) }),
);
const lag = fc.constantFrom(0, 0, 300, 2000);
/** The second operator is one that was paused and still believes that it leads. */
const lags: fc.Arbitrary<readonly number[]> = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(lag) },
  { weight: 1, arbitrary: fc.tuple(lag, fc.constantFrom(0, 1000, 15_000, 60_000)) },
);
type Story = { readonly seed: number; readonly lags: readonly number[]; readonly acts: readonly Act[] };
const story: fc.Arbitrary<Story> = fc.record({
  seed: fc.integer({ min: 1, max: 1e9 }),
  lags,
  acts: fc.array(act, { minLength: 3, maxLength: 14 }),
});

/** Stories that once went wrong, as found and shrunk. */
const FOUND: [Story][] = [
  // An operator that was paused made the route of a first version that had been superseded; its roll-back never ended.
  [
    {
      seed: 1,
      lags: [300, 15_000],
      acts: [
        { afterMs: 4101, act: 'Release', version: '1' },
        { afterMs: 0, act: 'Release', version: '2' },
        { afterMs: 0, act: 'Traffic', requestsPerSecond: 1 },
      ],
    },
  ],
  // It took pods from what had been promoted in the meantime.
  [
    {
      seed: 1,
      lags: [0, 60_000],
      acts: [
        { afterMs: 43_796, act: 'Release', version: '1' },
        { afterMs: 5, act: 'Release', version: '1' },
      ],
    },
  ],
  // It removed the pods of a revision that was being tried again.
  [
    {
      seed: 1,
      lags: [0, 60_000],
      acts: [
        { afterMs: 0, act: 'Behave', version: '2', behaviour: { room: 0, readyAfterMs: 500 } },
        { afterMs: 3500, act: 'Release', version: '2' },
        { afterMs: 11_907, act: 'LoseStatus', version: '1' },
        { afterMs: 3371, act: 'Traffic', requestsPerSecond: 1 },
        { afterMs: 19_223, act: 'Gateway', mood: 'Accepts' },
      ],
    },
  ],
];

function happen(world: World, next: Act): void {
  switch (next.act) {
    case 'Release':
      world.release(next.version);
      return;
    case 'Behave':
      world.behave(next.version, next.behaviour);
      return;
    case 'Metrics':
      world.gateway.metrics = next.mood;
      return;
    case 'Gateway':
      world.gateway.mood = next.mood;
      return;
    case 'Traffic':
      world.gateway.requestsPerSecond = next.requestsPerSecond;
      return;
    case 'Replicas':
      world.edit({ replicas: next.replicas });
      return;
    case 'Faults':
      world.api.fault = () => (world.random() < next.share ? FAULTS[Math.floor(world.random() * FAULTS.length)] : undefined);
      return;
    case 'Restart':
      world.restart();
      return;
    case 'Alert':
      world.alerts = [{ labels: { alertname: 'Odd', namespace: NAMESPACE, severity: 'page' }, activeAtMs: world.now }];
      return;
    case 'LoseStatus':
      loseStatus(world, RESOURCE.modelDeployment, NAME);
      return;
    case 'LoseRelease': {
      const name = world.releases.at(-1)?.metadata.name;
      if (name !== undefined) loseStatus(world, RESOURCE.modelRelease, name);
    }
  }
}

function loseStatus(world: World, type: (typeof RESOURCE)['modelRelease' | 'modelDeployment'], name: string): void {
  const found = world.api.get<StoredObject & { readonly status?: unknown }>(type, NAMESPACE, name);
  if (!found) return;
  const { status: _, ...rest } = found;
  world.api.put(rest);
}

/** Everything works again, and a version that was never seen is wanted. */
async function mend(world: World): Promise<void> {
  world.api.fault = () => undefined;
  world.gateway.mood = 'Accepts';
  world.gateway.metrics = 'Works';
  world.gateway.requestsPerSecond = 100;
  world.alerts = [];
  for (const known of ['1', '2', '3'])
    world.behave(known, { fate: 'Ready', room: Infinity, readyAfterMs: 3000, probe: 'Passed', errorRate: 0.002, slowRate: 0.01 });
  await world.run(60_000);
  world.release('4');
}

test('whatever happens in whatever order, what must hold holds after every write, and once all is mended a good version is promoted', async () => {
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(story, async ({ seed, lags, acts }) => {
      const world = createWorld({ seed, scattered: true, lags: lags.map((ms) => () => ms) });
      world.serve('1', {
        triggers: { alerts: { matchLabels: { severity: 'page' } } },
        replicas: 3,
        rollout: {
          steps: [
            { weight: 10, hold: '20s' },
            { weight: 50, hold: '10s' },
          ],
          unavailableGrace: '20s',
          progressDeadline: '1m',
          evidenceDeadline: '2m',
        },
      });
      for (const next of acts) {
        await world.run(next.afterMs);
        happen(world, next);
        expect(world.violations).toEqual([]);
      }
      await world.run(120_000);
      await mend(world);
      await world.until(() => world.condition('Ready') === 'True/Serving' && world.deployment.status?.stable?.version === '4', 3_600_000);
      steps += world.steps;
      expect(world.violations).toEqual([]);
    }),
    { numRuns: 60, examples: FOUND },
  );
  expect(steps).toBeGreaterThan(4000);
}, 120_000);
