// What must be true of a world in which nothing goes wrong any more, once it has come to rest.
import { LABEL, MANAGED_BY_VALUE } from '../../../../src/api/names.ts';
import { RESOURCE } from '../../../../src/api/resources.ts';
import { NAME, NAMESPACE } from '../objects.ts';
import { isOver, NOTHING, SLOTS, wasPromoted, weightIn, when, type Findings, type Invariant, type WatchedWorld } from './watch.ts';

/** What belongs to an operator, records apart. */
function children(world: WatchedWorld): readonly string[] {
  return Object.values(RESOURCE)
    .filter((type) => type !== RESOURCE.modelRelease)
    .flatMap((type) => world.api.view(type))
    .filter(({ metadata }) => (metadata['labels'] as Readonly<Record<string, string>> | undefined)?.[LABEL.managedBy] === MANAGED_BY_VALUE)
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}

const restIsStill: Invariant = {
  name: 'RestIsStill',
  sentence: 'in a world that has come to rest nothing is written',
  watch: (world) => ({ atRest: (from) => world.api.writes.slice(from).map(({ verb, kind, name }) => `${verb} ${kind} ${name}`) }),
};

const onlyRecordsRemain: Invariant = {
  name: 'OnlyRecordsRemain',
  sentence: 'of a ModelDeployment that was deleted nothing is left but its records',
  watch: (world) => ({ atRest: () => (world.existing ? NOTHING : children(world)) }),
};

const truthIsTold: Invariant = {
  name: 'TruthIsTold',
  sentence: 'what serves is the wanted version, or the one before with a reason why',
  watch: (world) => ({
    atRest: () => {
      const { existing, releases, route } = world;
      if (!existing) return NOTHING;
      const { status, spec } = existing;
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      const promoted = releases.findLast(wasPromoted)?.spec.to;
      // Records outlive what they tell of.
      const stable = promoted && world.api.get(RESOURCE.deployment, NAMESPACE, `${NAME}-${promoted.revision}`) ? promoted : undefined;
      const active = releases.at(-1);
      const isReleasing = active !== undefined && !isOver(active);
      const serving = SLOTS.map((slot) => route?.slots[slot].revision ?? '').filter((revision) => weightIn(route, revision) === 100);
      const serves = stable !== undefined && serving.includes(stable.revision);
      return [
        ...when(ready === undefined, () => 'the deployment says nothing'),
        ...when(
          ready?.status === 'True' && (status?.stable?.version !== spec.version || !serves),
          () => `it says Ready, and ${spec.version} does not serve`,
        ),
        ...when(
          ready?.status === 'True' && stable !== undefined && world.kubelet.ready(stable.revision) === 0,
          () => 'it says Ready without a Ready pod',
        ),
        ...when(!isReleasing && stable !== undefined && !serves, () => `version ${stable?.version} is stable and does not serve`),
        ...when(!isReleasing && stable === undefined && serving.length > 0, () => `nothing is stable, and revision ${serving[0]} serves`),
        ...when(ready?.observedGeneration !== existing.metadata.generation, () => 'what it says is about an older spec'),
        ...when(
          !isReleasing && status?.stable?.revision !== stable?.revision,
          () => 'its status names another stable revision than its records',
        ),
      ];
    },
  }),
};

const recordsAreClosed: Invariant = {
  name: 'RecordsAreClosed',
  sentence: 'a finished record is labelled with its outcome, and no two are unfinished',
  watch: (world) => ({
    atRest: (): Findings => {
      const { releases, existing } = world;
      const open = releases.filter((release) => !isOver(release));
      const unlabelled = releases.filter(
        ({ status, metadata }) => status?.finishedAt !== undefined && metadata.labels?.[LABEL.outcome] !== status.outcome,
      );
      return [
        ...when(open.length > 1, () => `${open.length} are`),
        ...(existing ? unlabelled.map(({ metadata }) => `${metadata.name} is not labelled`) : NOTHING),
      ];
    },
  }),
};

const nothingIsLeft: Invariant = {
  name: 'NothingIsLeft',
  sentence: 'at rest there are pods and Services of what serves or is tried, and of nothing else',
  watch: (world) => ({
    atRest: () => {
      const { existing, releases } = world;
      if (!existing) return NOTHING;
      const active = releases.at(-1);
      const kept = [releases.findLast(wasPromoted), active && !isOver(active) ? active : undefined].map(
        (release) => `${NAME}-${release?.spec.to.revision}`,
      );
      return [RESOURCE.deployment, RESOURCE.service, RESOURCE.podDisruptionBudget]
        .flatMap((type) => world.api.view(type))
        .filter(({ metadata }) => metadata.name !== NAME && !kept.includes(metadata.name))
        .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    },
  }),
};

export const REST: readonly Invariant[] = [restIsStill, onlyRecordsRemain, truthIsTold, recordsAreClosed, nothingIsLeft];
