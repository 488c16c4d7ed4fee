// The ledger of releases, and who may write what.
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import type { Condition } from '../../../../src/api/meta.ts';
import { sameJson } from '../../../../src/core/canonical.ts';
import {
  classOf,
  isOver,
  isWord,
  NOTHING,
  releaseOf,
  wasPromoted,
  weightIn,
  when,
  type Findings,
  type Invariant,
  type WatchedWorld,
} from './watch.ts';

const finishedStays: Invariant = {
  name: 'FinishedStays',
  sentence: 'a record that is finished never changes, and none is removed that the ledger still needs',
  watch: (world) => ({
    onWrite: ({ kind, before, after }) => {
      if (kind !== 'ModelRelease' || !before) return NOTHING;
      const [was, is] = [before, after].map((object) => object as unknown as ModelRelease | undefined);
      if (!is) return removed(world, was!);
      const isChanged = was?.status?.finishedAt !== undefined && !sameJson(was.status, is.status);
      return when(isChanged, () => `${before.metadata.name} was changed after its end`);
    },
  }),
};

/** What the ledger needs: what runs, what made stable, and the last word on a revision that is not tried again. */
function removed(world: WatchedWorld, gone: ModelRelease): Findings {
  const { number, to } = gone.spec;
  const later = world.releases.filter(({ spec }) => spec.number > number);
  const isLastWord = !later.some((release) => release.spec.to.revision === to.revision && isWord(release));
  return [
    ...when(!isOver(gone), () => `that of release ${number}, which runs, was`),
    ...when(wasPromoted(gone) && !later.some(wasPromoted), () => `that of release ${number}, which made what serves, was`),
    ...when(classOf(gone) === 'Evidence' && isLastWord, () => `that of release ${number}, which knew a revision to be bad, was`),
  ];
}

const oneAtATime: Invariant = {
  name: 'OneAtATime',
  sentence: 'no release begins before the one before it has ended',
  watch: (world) => ({
    onWrite: (write) => {
      if (write.kind !== 'ModelRelease' || write.verb !== 'create') return NOTHING;
      const { number } = releaseOf(write).spec;
      return world.releases.filter((release) => release.spec.number !== number && !isOver(release)).map(({ metadata }) => metadata.name);
    },
  }),
};

const neverTakenForFirst: Invariant = {
  name: 'NeverTakenForFirst',
  sentence: 'while what was promoted last has pods, and has not had to begin anew since, no release is taken for the first',
  watch: (world) => ({
    onWrite: (write) => {
      if (write.kind !== 'ModelRelease' || write.verb !== 'create') return NOTHING;
      const { number, from } = releaseOf(write).spec;
      const earlier = world.releases.filter(({ spec }) => spec.number < number);
      const promoted = earlier.findLast(wasPromoted)?.spec;
      const newest = earlier.findLast(({ spec }) => spec.to.revision === promoted?.to.revision)?.spec;
      const serves = promoted !== undefined && newest?.number === promoted.number && world.kubelet.ready(promoted.to.revision) > 0;
      return when(serves && from === undefined, () => `release ${number} is`);
    },
  }),
};

const promotedServes: Invariant = {
  name: 'PromotedServes',
  sentence: 'a release is called promoted only when its revision has all traffic',
  watch: (world) => ({
    onWrite: (write) => {
      if (write.kind !== 'ModelRelease' || write.verb !== 'applyStatus' || !write.after) return NOTHING;
      const { spec, status } = releaseOf(write);
      if (status?.outcome !== 'Promoted' || (write.before as unknown as ModelRelease).status?.finishedAt !== undefined) return NOTHING;
      const [now, seen] = [world.route, write.writer.observed?.route].map((route) => weightIn(route, spec.to.revision));
      return when(now !== 100 && seen !== 100, () => `release ${spec.number} is, with ${now} %`);
    },
  }),
};

const OWN_STATUS = ['ModelDeployment', 'ModelVersion'];

const specIsTheUsers: Invariant = {
  name: 'SpecIsTheUsers',
  sentence: 'operators write nothing but status to what belongs to users',
  watch: () => ({
    onWrite: ({ kind, verb, by }) => when(OWN_STATUS.includes(kind) && verb !== 'applyStatus', () => `${by} asked for ${verb} ${kind}`),
  }),
};

const transitionsTold: Invariant = {
  name: 'TransitionsTold',
  sentence: 'what is written about a state says why: a reason and a sentence in each condition and each record',
  watch: () => ({
    onWrite: ({ kind, verb, after }) => {
      if (verb !== 'applyStatus' || !after) return NOTHING;
      if (kind === 'ModelRelease') {
        const { status, spec } = after as unknown as ModelRelease;
        const isMute = status?.phase !== undefined && (status.message ?? '') === '';
        const ended = status?.finishedAt !== undefined && (status.outcome === undefined || status.reason === undefined);
        return when(isMute || ended, () => `release ${spec.number} in ${status?.phase}`);
      }
      const { conditions = [] } = (after['status'] ?? {}) as { readonly conditions?: readonly Condition[] };
      const generation = after.metadata.generation ?? 0;
      const mute = conditions.filter(
        ({ reason, message, observedGeneration = 0 }) => reason === '' || message === '' || observedGeneration > generation,
      );
      return mute.map(({ type }) => `condition ${type} of ${kind}`);
    },
  }),
};

const endsAreEvents: Invariant = {
  name: 'EndsAreEvents',
  sentence: 'a pass that moves the weight of a step, decides or ends a release tells it in an Event',
  watch: (world) => ({
    afterPass: ({ planned, error, number }) => {
      if (error || planned.actions.length === 0) return NOTHING;
      const ended = world.api.writes
        .slice(-40)
        .filter(
          ({ writer, kind, verb, before, after }) =>
            writer.pass === number && kind === 'ModelRelease' && verb === 'applyStatus' && before !== after,
        )
        .filter(({ before, after }) => {
          const [was, is] = [before, after].map((object) => (object as unknown as ModelRelease | undefined)?.status);
          return was?.finishedAt === undefined && is?.finishedAt !== undefined;
        });
      return when(ended.length > 0 && planned.events.length === 0, () => `the end of ${ended[0]?.name} was not told`);
    },
  }),
};

const noWriteWasted: Invariant = {
  name: 'NoWriteWasted',
  sentence: 'with a view of the present world no write changes nothing',
  watch: (world) => ({
    afterPass: ({ by, number, writes, atMs }) => {
      if (writes === 0 || !world.isFresh(by) || atMs !== world.now) return NOTHING;
      return world.api.writes
        .slice(-40)
        .filter(
          (write) => write.writer.pass === number && write.verb !== 'rehearse' && write.error === undefined && write.before === write.after,
        )
        .map(({ verb, kind, name }) => `${verb} ${kind} ${name}`);
    },
  }),
};

export const RECORDS: readonly Invariant[] = [
  finishedStays,
  oneAtATime,
  neverTakenForFirst,
  promotedServes,
  specIsTheUsers,
  transitionsTold,
  endsAreEvents,
  noWriteWasted,
];
