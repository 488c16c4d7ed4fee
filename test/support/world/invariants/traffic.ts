// What routes may say, and what must be there before they say it.
import { RESOURCE } from '../../../../src/api/resources.ts';
import type { RouteState } from '../../../../src/core/observed.ts';
import type { Write } from '../api.ts';
import { NAME, NAMESPACE } from '../objects.ts';
import {
  isOver,
  NOTHING,
  podsFor,
  releasesStable,
  routeOf,
  SLOTS,
  wasPromoted,
  weightIn,
  when,
  writesRoute,
  type Findings,
  type Invariant,
  type WatchedWorld,
} from './watch.ts';

interface RouteSpec {
  readonly rules?: readonly { readonly backendRefs?: readonly { readonly weight: number }[] }[];
}

function onRoute(look: (after: RouteState, before: RouteState | undefined, write: Write) => Findings): (write: Write) => Findings {
  return (write) => {
    const after = routeOf(write.after);
    return after ? look(after, routeOf(write.before), write) : NOTHING;
  };
}

/** Slots of which `isWrong` is true. */
function slots(route: RouteState, isWrong: (slot: { readonly revision: string; readonly weight: number }) => boolean): readonly string[] {
  return SLOTS.filter((slot) => isWrong(route.slots[slot])).map((slot) => `slot ${slot} (revision ${route.slots[slot].revision})`);
}

/** Weights as they stand in the route. */
function written({ after }: Write): readonly number[] {
  const { rules = [] } = (after?.['spec'] ?? {}) as RouteSpec;
  return rules.flatMap(({ backendRefs = [] }) => backendRefs).map(({ weight }) => weight);
}

const weightsSum: Invariant = {
  name: 'WeightsSum',
  sentence: 'the weights of a route are per cents or hundredths of them, and all of them together',
  watch: () => ({
    onWrite: onRoute((_, __, write) => {
      const weights = written(write);
      const sum = weights.reduce((total, weight) => total + weight, 0);
      return when(weights.length > 0 && sum !== 100 && sum !== 10_000, () => `they are ${weights.join(' and ')}`);
    }),
  }),
};

const idleSlotServes: Invariant = {
  name: 'IdleSlotServes',
  sentence: 'a slot without a share points at what serves and keeps a weight, else gateways drop requests',
  watch: () => ({
    onWrite: onRoute(({ slots: { a, b } }, _, write) => [
      ...when(written(write).includes(0), () => 'a backend has no weight'),
      ...when(
        (a.weight === 0 || b.weight === 0) && a.revision !== b.revision,
        () => `one of ${a.revision} and ${b.revision} does not serve`,
      ),
    ]),
  }),
};

const backendsExist: Invariant = {
  name: 'BackendsExist',
  sentence: 'a route names no Service that did not exist when its write was planned; only a roll-back waits for nothing',
  watch: (world) => ({
    onWrite: onRoute((after, _, { writer }) =>
      slots(after, ({ revision }) => {
        const isThere = world.api.get(RESOURCE.service, NAMESPACE, `${NAME}-${revision}`) !== undefined;
        const isExcused = revision === '' || after.decision?.decision === 'RollBack';
        return !isExcused && !isThere && writer.observed?.revisions.get(revision)?.service === undefined;
      }),
    ),
  }),
};

const slotsStay: Invariant = {
  name: 'SlotsStay',
  sentence: 'a revision keeps its slot for as long as it has a share',
  watch: () => ({
    onWrite: onRoute((after, before) => {
      const held = (route: RouteState, revision: string): string | undefined =>
        SLOTS.find((slot) => route.slots[slot].revision === revision && route.slots[slot].weight > 0);
      return SLOTS.flatMap((slot) => {
        const { revision, weight } = before?.slots[slot] ?? { revision: '', weight: 0 };
        const now = held(after, revision);
        return when(
          weight > 0 && revision !== '' && now !== undefined && now !== slot,
          () => `revision ${revision} went from ${slot} to ${now}`,
        );
      });
    }),
  }),
};

/** What served before gets its traffic back with the pods that it has: there is nobody else. */
function isFallback(world: WatchedWorld, revision: string, number: number | undefined): boolean {
  const release = world.releases.find(({ spec }) => spec.number === number);
  return release?.spec.from?.revision === revision || world.releases.findLast(wasPromoted)?.spec.to.revision === revision;
}

/** Looks at each share of a candidate that a write raises. */
function onRaise(world: WatchedWorld, look: (revision: string, weight: number, write: Write) => Findings): (write: Write) => Findings {
  return onRoute((after, before, write) =>
    [...new Set(SLOTS.map((slot) => after.slots[slot].revision))].flatMap((revision) => {
      const weight = weightIn(after, revision);
      const isRaised = weight > weightIn(before, revision) && !isFallback(world, revision, after.decision?.release);
      return isRaised ? look(revision, weight, write) : NOTHING;
    }),
  );
}

const capacityFirst: Invariant = {
  name: 'CapacityFirst',
  sentence: 'a candidate has Ready pods for the share that it is about to get',
  watch: (world) => ({
    onWrite: onRaise(world, (revision, weight, { writer: { observed } }) => {
      const state = observed?.revisions.get(revision);
      const seen = Math.min(state?.workload?.readyReplicas ?? 0, state?.readyEndpoints ?? 0);
      const ready = Math.max(seen, world.kubelet.ready(revision));
      const needed = podsFor(world, Math.min(observed?.deployment.spec.replicas ?? 1, world.existing?.spec.replicas ?? 1), weight);
      return when(ready < needed, () => `${weight} % go to revision ${revision}, which has ${ready} Ready pods instead of ${needed}`);
    }),
  }),
};

const probedFirst: Invariant = {
  name: 'ProbedFirst',
  sentence: 'a candidate has answered a probe before it gets a share',
  watch: (world) => ({
    onWrite: onRaise(world, (revision, weight) =>
      when(!world.answered.has(revision), () => `${weight} % go to revision ${revision}, which never answered`),
    ),
  }),
};

/** How long an undisturbed operator may take to see that a candidate has lost its pods. */
const GUARD_MS = 10_000;

const guardReacts: Invariant = {
  name: 'GuardReacts',
  sentence: 'a candidate whose Ready pods cannot carry its share loses it within 10 s',
  watch: (world) => {
    let sinceMs: number | undefined;
    return {
      afterMoment: () => {
        const release = world.releases.at(-1);
        const { route, existing, now } = world;
        const revision = release?.spec.to.revision ?? '';
        const weight = weightIn(route, revision);
        const asked = world.api.get<{ readonly spec: { readonly replicas: number } }>(
          RESOURCE.deployment,
          NAMESPACE,
          `${NAME}-${revision}`,
        );
        const needed = Math.max(1, Math.min(podsFor(world, existing?.spec.replicas ?? 1, weight), asked?.spec.replicas ?? Infinity));
        const isCandidate =
          release?.spec.from !== undefined && !isOver(release) && !releasesStable(release) && route?.decision?.decision === 'Shift';
        const isStranded = isCandidate && weight > 0 && world.kubelet.ready(revision) < needed;
        sinceMs = isStranded && !world.isDisturbed(GUARD_MS) ? (sinceMs ?? now) : undefined;
        return when(sinceMs !== undefined && now - sinceMs > GUARD_MS, () => `revision ${revision} has ${weight} %`);
      },
    };
  },
};

const routeWritesLocked: Invariant = {
  name: 'RouteWritesLocked',
  sentence: 'a write that moves traffic is refused when the route is not as it was observed',
  watch: () => ({ onWrite: (write) => when(writesRoute(write) && !write.locked, () => `${write.verb} by ${write.by} is not locked`) }),
};

export const TRAFFIC: readonly Invariant[] = [
  weightsSum,
  idleSlotServes,
  backendsExist,
  slotsStay,
  capacityFirst,
  probedFirst,
  guardReacts,
  routeWritesLocked,
];
