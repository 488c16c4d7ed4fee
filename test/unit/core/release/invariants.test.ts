import { describe, expect, test } from '@jest/globals';
import { ANNOTATION, FIELD_MANAGER, LABEL, MANAGED_BY_VALUE } from '../../../../src/api/names.ts';
import { RESOURCE, type ResourceType } from '../../../../src/api/resources.ts';
import type { StoredObject } from '../../../support/apiStore.ts';
import type { Writer } from '../../../support/world/api.ts';
import { INVARIANTS } from '../../../support/world/invariants.ts';
import { NAME, NAMESPACE, SPEC } from '../../../support/world/objects.ts';
import type { Pass } from '../../../support/world/operator.ts';
import type { World } from '../../../support/world.ts';
import { ended, holdingAt, releasing, servingWorld } from './scenario.ts';

/** An operator that keeps no promise. */
interface Culprit {
  readonly world: World;
  readonly apply: (object: StoredObject, locked?: boolean) => Promise<unknown>;
  readonly applyStatus: (object: StoredObject, status: object) => Promise<unknown>;
  readonly create: (object: object) => Promise<unknown>;
  readonly remove: (type: ResourceType, name: string) => Promise<unknown>;
}

function culprit(world: World): Culprit {
  const writer: Writer = { by: 'operator-9', pass: -1, observed: world.passes.at(-1)!.observed };
  const client = world.api.client(writer, () => []);
  const address = ({ apiVersion, kind, metadata }: StoredObject) => ({
    apiVersion,
    kind,
    metadata: { name: metadata.name, namespace: NAMESPACE },
  });
  const write = ({ metadata, status: _, ...rest }: StoredObject, locked: boolean) => {
    const { name, labels, annotations, resourceVersion } = metadata;
    const object = { ...rest, metadata: { name, namespace: NAMESPACE, labels, annotations } } as never;
    return client.apply(object, { fieldManager: FIELD_MANAGER.route, ...(locked ? { resourceVersion } : {}) });
  };
  return {
    world,
    apply: (object, locked = true) => write(object, locked),
    applyStatus: (object, status) =>
      client.apply({ ...address(object), status }, { fieldManager: FIELD_MANAGER.status, subresource: 'status' }),
    create: (object) => client.create(object as never),
    remove: (resource, name) => client.remove({ resource, namespace: NAMESPACE, name }),
  };
}

function find(world: World, type: ResourceType, name = NAME): StoredObject {
  const found = world.api.get(type, NAMESPACE, name);
  if (!found) throw new Error(`there is no ${type.kind} ${name}`);
  return found;
}

const child = (revision: string): string => `${NAME}-${revision}`;
const stable = (world: World): string => world.releases[0]!.spec.to.revision;
const candidate = (world: World): string => world.newest().spec.to.revision;

/** The stored route with these shares of its two slots, and another decision. */
function route(world: World, slots: readonly (readonly [string, number])[], decision?: string): StoredObject {
  const found = find(world, RESOURCE.httpRoute);
  const annotations = found.metadata['annotations'] as Record<string, string>;
  const backendRefs = slots.map(([revision, weight]) => ({ name: child(revision), port: 80, weight }));
  return {
    ...found,
    metadata: {
      ...found.metadata,
      annotations: decision === undefined ? annotations : { ...annotations, [ANNOTATION.decision]: decision },
    },
    spec: { ...(found['spec'] as object), rules: [{ backendRefs }] },
  };
}

/** The stored route with these shares of stable and candidate. */
function shares(world: World, a: number, b: number, decision?: string): StoredObject {
  return route(
    world,
    [
      [stable(world), a],
      [candidate(world), b],
    ],
    decision,
  );
}

/** The stored pods of a revision with another spec. */
function pods(world: World, revision: string, change: (spec: { replicas: number; template: object }) => object): StoredObject {
  const found = find(world, RESOURCE.deployment, child(revision));
  return { ...found, spec: change(found['spec'] as { replicas: number; template: object }) };
}

/** A value with one text in place of another. */
function replaced(value: object, text: string, by: string): object {
  return JSON.parse(JSON.stringify(value).replaceAll(text, by)) as object;
}

/** A record of the next release, like the newest but for this. */
function record(world: World, spec: object): object {
  const newest = world.newest();
  const number = newest.spec.number + 1;
  const labels = { [LABEL.deployment]: NAME, [LABEL.managedBy]: MANAGED_BY_VALUE };
  return {
    apiVersion: newest.apiVersion,
    kind: newest.kind,
    metadata: { name: `${NAME}-r${number}`, namespace: NAMESPACE, labels },
    spec: { ...newest.spec, number, ...spec },
  };
}

function newest(world: World): StoredObject {
  return world.newest() as unknown as StoredObject;
}

const atRest = (): Promise<World> => servingWorld();
const atFive = async (): Promise<World> => {
  const world = await releasing();
  await holdingAt(world, 5);
  return world;
};
const atTwentyFive = async (): Promise<World> => {
  const world = await releasing();
  await holdingAt(world, 25);
  return world;
};
/** Stable has given half of its pods away. */
const atFiftyWithHalf = async (): Promise<World> => {
  const world = await releasing({}, { rollout: { ...SPEC.rollout, capacity: { stable: 'Release' } } });
  await holdingAt(world, 50);
  await world.run(10);
  return world;
};
const condemned = async (): Promise<World> => {
  const world = await releasing({ errorRate: 0.4 });
  await ended(world);
  return world;
};

/** What is asked after a pass and at rest is asked here of that one invariant. */
function ask(world: World, name: string, pass?: Pass): readonly string[] {
  const watch = INVARIANTS.find((invariant) => invariant.name === name)!.watch(world);
  return pass ? watch.afterPass!(pass) : watch.atRest!(world.api.writes.length - 1);
}

const passOf = (writes: number, world: World): Pass =>
  ({
    atMs: world.now,
    by: 'operator-0',
    number: -1,
    observed: undefined,
    planned: { actions: [{}], events: [] },
    writes,
    error: undefined,
  }) as never;

/** For each promise a world, and a deed that breaks it: by writes that are seen at once, or by a state that is asked about. */
const BREACHES: Readonly<Record<string, readonly [() => Promise<World>, (by: Culprit) => Promise<unknown>]>> = {
  WeightsSum: [atFive, ({ world, apply }) => apply(shares(world, 60, 5))],
  IdleSlotServes: [atFive, ({ world, apply }) => apply(shares(world, 100, 0))],
  BackendsExist: [
    atFive,
    ({ world, apply }) =>
      apply(
        route(world, [
          [stable(world), 95],
          ['0123456789', 5],
        ]),
      ),
  ],
  SlotsStay: [
    atFive,
    ({ world, apply }) =>
      apply(
        route(world, [
          [candidate(world), 5],
          [stable(world), 95],
        ]),
      ),
  ],
  CapacityFirst: [atFive, ({ world, apply }) => apply(shares(world, 40, 60))],
  ProbedFirst: [
    atFive,
    ({ world, apply }) => {
      world.answered.clear();
      return apply(shares(world, 94, 6));
    },
  ],
  GuardReacts: [
    atFive,
    async ({ world }) => {
      world.kubelet.ready = () => 0;
      await world.run(20_000);
    },
  ],
  RouteWritesLocked: [atFive, ({ world, apply }) => apply(shares(world, 96, 4), false)],
  RouteDecides: [atFive, ({ world, apply }) => apply(shares(world, 95, 5, 'none'))],
  DecisionRises: [atFive, ({ world, apply }) => apply(shares(world, 95, 5, 'r1/Shift/0'))],
  PromotedHasAll: [atFive, ({ world, apply }) => apply(shares(world, 95, 5, `r2/Promote/${candidate(world)}`))],
  NoStepRepeated: [atTwentyFive, ({ world, apply }) => apply(shares(world, 95, 5, 'r2/Shift/0'))],
  RolledBackStaysOff: [condemned, ({ world, apply }) => apply(shares(world, 95, 5, 'r2/RollBack/Evidence:X'))],
  GoesBackToReadyPods: [
    atFiftyWithHalf,
    ({ world, apply }) =>
      apply(
        route(
          world,
          [
            [stable(world), 9999],
            [stable(world), 1],
          ],
          'r2/RollBack/Evidence:X',
        ),
      ),
  ],
  RollBackFirst: [
    atFive,
    async ({ world, apply, applyStatus }) => {
      await applyStatus(newest(world), { ...world.newest().status, message: 'first this' });
      await apply(
        route(
          world,
          [
            [stable(world), 9999],
            [stable(world), 1],
          ],
          'r2/RollBack/Evidence:X',
        ),
      );
    },
  ],
  RecordFollowsRoute: [atFive, ({ world, applyStatus }) => applyStatus(newest(world), { ...world.newest().status, decision: 'RollBack' })],
  StepsNeedEvidence: [atFive, ({ world, apply }) => apply(shares(world, 75, 25, 'r2/Shift/1'))],
  PlanHolds: [atFive, ({ world, apply }) => apply(shares(world, 90, 10))],
  InnocentNotCondemned: [
    atFive,
    ({ world, applyStatus }) => applyStatus(newest(world), { ...world.newest().status, class: 'Evidence', reason: 'ErrorRateWorse' }),
  ],
  KnownBadStays: [condemned, ({ world, create }) => create(record(world, {}))],
  PodsStay: [atRest, ({ world, apply }) => apply(pods(world, stable(world), (spec) => replaced(spec, '"mlserver:1.7.1"', '"other:1"')))],
  StableKeepsCapacity: [atRest, ({ world, apply }) => apply(pods(world, stable(world), (spec) => ({ ...spec, replicas: 1 })))],
  ServicesStay: [atRest, ({ world, remove }) => remove(RESOURCE.service, child(stable(world)))],
  RecordedBytes: [
    atRest,
    ({ world, create }) =>
      create(record(world, { to: { ...world.newest().spec.to, revision: '0123456789', digest: `sha256:${'0'.repeat(64)}` } })),
  ],
  ModelReadOnly: [
    atRest,
    ({ world, apply }) => apply(pods(world, stable(world), (spec) => replaced(spec, '"readOnly":true', '"readOnly":false'))),
  ],
  FinishedStays: [atRest, ({ world, remove }) => remove(RESOURCE.modelRelease, world.newest().metadata.name)],
  OneAtATime: [atFive, ({ world, create }) => create(record(world, {}))],
  NeverTakenForFirst: [condemned, ({ world, create }) => create(record(world, { from: undefined }))],
  PromotedServes: [
    atFive,
    ({ world, applyStatus }) =>
      applyStatus(newest(world), {
        ...world.newest().status,
        outcome: 'Promoted',
        reason: 'Promoted',
        finishedAt: '2026-11-24T10:10:00Z',
      }),
  ],
  SpecIsTheUsers: [
    atRest,
    ({ world, apply }) => {
      const found = find(world, RESOURCE.modelDeployment);
      return apply({ ...found, spec: { ...(found['spec'] as object), replicas: 9 } });
    },
  ],
  TransitionsTold: [
    atFive,
    ({ world, applyStatus }) => {
      const { message: _, ...mute } = world.newest().status!;
      return applyStatus(newest(world), mute);
    },
  ],
  EndsAreEvents: [
    atFive,
    async ({ world, applyStatus }) => {
      const finished = { outcome: 'RolledBack', reason: 'X', finishedAt: '2026-11-24T10:10:00Z' };
      await applyStatus(newest(world), { ...world.newest().status, ...finished });
      return ask(world, 'EndsAreEvents', passOf(1, world));
    },
  ],
  NoWriteWasted: [
    atFive,
    async ({ world, applyStatus }) => {
      await applyStatus(newest(world), world.newest().status!);
      return ask(world, 'NoWriteWasted', passOf(1, world));
    },
  ],
  RestIsStill: [atRest, ({ world }) => Promise.resolve(ask(world, 'RestIsStill'))],
  OnlyRecordsRemain: [
    atRest,
    ({ world }) => {
      const service = find(world, RESOURCE.service);
      world.api.remove(RESOURCE.modelDeployment, NAMESPACE, NAME);
      world.api.put(service);
      return Promise.resolve(ask(world, 'OnlyRecordsRemain'));
    },
  ],
  TruthIsTold: [
    atRest,
    ({ world }) => {
      world.edit({ version: '9' });
      return Promise.resolve(ask(world, 'TruthIsTold'));
    },
  ],
  RecordsAreClosed: [
    atRest,
    ({ world }) => {
      const { metadata, ...rest } = newest(world);
      world.api.put({ ...rest, metadata: { ...metadata, labels: {} } });
      return Promise.resolve(ask(world, 'RecordsAreClosed'));
    },
  ],
  NothingIsLeft: [
    atRest,
    ({ world }) => {
      const found = find(world, RESOURCE.deployment, child(stable(world)));
      world.api.put({ ...found, metadata: { ...found.metadata, name: child('0123456789') } });
      return Promise.resolve(ask(world, 'NothingIsLeft'));
    },
  ],
};

describe('a breach is found of', () => {
  test.each(INVARIANTS.map(({ name, sentence }) => [name, sentence]))('%s: %s', async (name) => {
    const [stage, breach] = BREACHES[name]!;
    const world = await stage();
    expect(world.violations).toEqual([]);
    const asked = await breach(culprit(world));
    const found = Array.isArray(asked) ? asked : world.violations.filter((violation) => violation.includes(` ${name} (`));
    expect(found.length).toBeGreaterThan(0);
  });
});
