// Stories: things that happen to a world in random order, and how each ends. Used by the property test.
import fc from 'fast-check';
import type { StoredObject } from '../apiStore.ts';
import { createWorld, type Behaviour, type World } from '../world.ts';
import { calm, CHILD_KINDS, EDITS, FAULTS, happen, putCheckSet, type Act, type Stage } from './acts.ts';
import { deploymentObject, SPEC as USUAL, type DeploymentSpec } from './objects.ts';

/** One act, `afterMs` after the one before. */
export type Timed = { readonly afterMs: number; readonly act: Act };

export interface Story {
  readonly seed: number;
  /** What each operator's caches are behind. The second believes that it leads, too. */
  readonly lags: readonly number[];
  /** How requests reach the pods; absent: through a gateway. */
  readonly traffic?: DeploymentSpec['traffic'] | undefined;
  /** Whether the deployment names a set of checks, which is there at first. */
  readonly hasSet?: boolean;
  /** Only with a gateway. */
  readonly capacity?: Capacity;
  /** How the first version is from the beginning. */
  readonly first?: Partial<Behaviour>;
  readonly acts: readonly Timed[];
}

type Capacity = NonNullable<DeploymentSpec['rollout']>['capacity'];

/** Room for any number of pods; Infinity is not JSON. */
const ROOMY = 99;

/** What concerns everything at once. */
const LARGE = ['DeleteDeployment', 'ApplyDeployment', 'BackUp', 'RestoreBackup', 'RestoreObjects'] as const;
/** Stories are kept as JSON. */
const PLAIN = { noNullPrototype: true };
const FATES = ['Ready', 'Crash', 'OutOfMemory', 'NeverReady', 'ImagePull', 'Unschedulable', 'SourceDown', 'BadArchive'] as const;

const version = fc.constantFrom('1', '2', '3');
const operator = fc.constantFrom(0, 1);
const choice = fc.integer({ min: 0, max: 5 });
const behaviour: fc.Arbitrary<Partial<Behaviour>> = fc.oneof(
  fc.record({ fate: fc.constantFrom(...FATES) }, PLAIN),
  fc.record({ probe: fc.constantFrom('Passed', 'Failed', 'Unreachable') }, PLAIN),
  { weight: 3, arbitrary: fc.record({ errorRate: fc.constantFrom(0.002, 0.3, 1), slowRate: fc.constantFrom(0.01, 0.8) }, PLAIN) },
  fc.record({ room: fc.constantFrom(0, 1, 2, ROOMY), readyAfterMs: fc.constantFrom(500, 3000, 20_000) }, PLAIN),
);

function of<Rest extends object>(act: Act['act'], rest: { readonly [Key in keyof Rest]: fc.Arbitrary<Rest[Key]> }): fc.Arbitrary<Act> {
  return fc.record({ act: fc.constant(act), ...rest }, PLAIN) as unknown as fc.Arbitrary<Act>;
}

const kinds = fc.subarray([...FAULTS], { minLength: 1 });
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: of('Release', { version }) },
  { weight: 6, arbitrary: of('Behave', { version, behaviour }) },
  { weight: 5, arbitrary: of('Faults', { share: fc.constantFrom(0.05, 0.3), kinds, ms: fc.constantFrom(0, 2000, 30_000, 120_000) }) },
  { weight: 6, arbitrary: of('Edit', { edit: fc.constantFrom(...EDITS), choice }) },
  { weight: 3, arbitrary: of('Control', { action: fc.constantFrom('Pause', 'Promote', 'Abort', 'Run') }) },
  { weight: 3, arbitrary: of('DeleteChild', { kind: fc.constantFrom(...CHILD_KINDS), choice }) },
  { weight: 3, arbitrary: of('LoseStatus', { of: fc.constantFrom('modelDeployment', 'modelRelease', 'everything') }) },
  {
    weight: 3,
    arbitrary: of('Lag', {
      operator,
      kind: fc.constantFrom('all', 'httpRoute', 'modelRelease', 'deployment', 'endpointSlice', 'controllerRevision', 'checkSet'),
      ms: fc.constantFrom(0, 1000, 20_000),
    }),
  },
  { weight: 2, arbitrary: of('Metrics', { mood: fc.constantFrom('Works', 'Down', 'Empty', 'NotANumber', 'Late') }) },
  { weight: 2, arbitrary: of('Gateway', { mood: fc.constantFrom('Accepts', 'Refuses', 'Silent') }) },
  { weight: 2, arbitrary: of('CheckSet', { choice }) },
  { weight: 2, arbitrary: of('Replicas', { replicas: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: of('Restart', { ms: fc.constantFrom(0, 3000) }) },
  of('Outage', { ms: fc.constantFrom(60_000, 900_000) }),
  of('Traffic', { requestsPerSecond: fc.constantFrom(1, 100) }),
  of('Skew', { operator, ms: fc.constantFrom(-1500, 0, 1500) }),
  of('RemakeVersion', { version }),
  of('DeleteVersion', { version }),
  fc.record({ act: fc.constantFrom('Alert' as const, 'Silence' as const) }, PLAIN),
  { weight: 2, arbitrary: fc.record({ act: fc.constantFrom(...LARGE) }, PLAIN) },
  { weight: 3, arbitrary: of('Worsen', {}) },
  { weight: 6, arbitrary: of('Calm', {}) },
);
const lag = fc.constantFrom(0, 0, 300, 2000);
/** While pods start, while a step is held, or when a release may be over. */
const afterMs = fc.oneof(fc.integer({ min: 0, max: 4000 }), fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 60_000, max: 150_000 }));

export const story: fc.Arbitrary<Story> = fc.record(
  {
    seed: fc.integer({ min: 1, max: 1e9 }),
    lags: fc.oneof(
      { weight: 2, arbitrary: fc.tuple(lag) },
      { weight: 1, arbitrary: fc.tuple(lag, fc.constantFrom(0, 1000, 15_000, 60_000)) },
    ),
    traffic: fc.constantFrom<DeploymentSpec['traffic'] | undefined>(undefined, undefined, undefined, { replicaShare: {} }, { none: {} }),
    capacity: fc.constantFrom<Capacity>(undefined, undefined, { stable: 'Release' }, { candidate: 'Full' }),
    first: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: behaviour }),
    acts: fc.array(fc.record({ afterMs, act }, PLAIN), { minLength: 4, maxLength: 20, size: 'max' }),
    hasSet: fc.constantFrom(false, false, true),
  },
  PLAIN,
);

const SPEC = {
  version: '1',
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
} as const satisfies Partial<DeploymentSpec>;

/** What happened: acts of the story, passes, and writes that were asked for. After each of them it was asked what must hold. */
export function stepsOf({ acts }: Story, world: World): number {
  return acts.length + world.steps + world.api.writes.length;
}

/** Plays a story to its end. Throws when anything that must hold does not. */
export async function play({ seed, lags, traffic, hasSet = false, capacity, first = {}, acts }: Story): Promise<World> {
  const world = createWorld({ seed, scattered: true, byPods: traffic !== undefined, lags: lags.map((ms) => () => ms) });
  const spec = {
    ...(traffic ? { ...SPEC, traffic } : { ...SPEC, rollout: { ...SPEC.rollout, ...(capacity ? { capacity } : {}) } }),
    ...(hasSet ? { analysis: { ...USUAL.analysis, checkSets: ['platform'] } } : {}),
  };
  if (hasSet) putCheckSet(world);
  const stage: Stage = { world, spec, restore: undefined };
  world.behave('1', first);
  world.serve('1', spec);
  for (const next of acts) {
    await world.run(next.afterMs);
    happen(stage, next.act);
    world.assertSound();
  }
  await world.run(60_000);
  await quiesce(world);
  await promoteGood(world, spec);
  return world;
}

/** Longer than any pause between two tries. */
const QUIET_MS = 660_000;
const MOST_MS = 14_400_000;

/** Nothing goes wrong any more: what is bad about versions stays. The world comes to rest, with the truth. */
async function quiesce(world: World): Promise<void> {
  calm(world);
  for (const known of ['1', '2', '3']) {
    const { fate, probe } = world.behaviour(known);
    const isMended = fate === 'ImagePull' || fate === 'Unschedulable' || fate === 'SourceDown';
    world.behave(known, {
      room: ROOMY,
      readyAfterMs: 3000,
      ...(isMended ? { fate: 'Ready' } : {}),
      ...(probe === 'Unreachable' ? { probe: 'Passed' } : {}),
    });
  }
  await world.rest(QUIET_MS, MOST_MS);
}

/** Everything works, and a version that was never seen is wanted. */
async function promoteGood(world: World, spec: Partial<DeploymentSpec>): Promise<void> {
  for (const known of ['1', '2', '3']) world.behave(known, { fate: 'Ready', probe: 'Passed', errorRate: 0.002, slowRate: 0.01 });
  putCheckSet(world);
  if (!world.existing) world.api.put(deploymentObject(spec) as unknown as StoredObject);
  await world.run(60_000);
  world.edit({ rollout: SPEC.rollout });
  world.release('4');
  await world.until(() => world.condition('Ready') === 'True/Serving' && world.deployment.status?.stable?.version === '4', 3_600_000);
  await world.rest(120_000, 600_000);
}
