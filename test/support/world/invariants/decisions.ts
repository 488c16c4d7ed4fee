// What was decided stays decided, whoever believes to lead.
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import type { Decision, RouteState } from '../../../../src/core/observed.ts';
import type { Write } from '../api.ts';
import { NOTHING, releaseOf, releasesStable, routeOf, weightIn, when, writesRoute, type Findings, type Invariant } from './watch.ts';

const RANK: Readonly<Record<Decision, number>> = { Shift: 0, Promote: 1, RollBack: 2 };

/** Looks at what a route write does to the decision that was there. */
function onDecision(look: (after: RouteState, before: RouteState | undefined, write: Write) => Findings): (write: Write) => Findings {
  return (write) => {
    const after = routeOf(write.after);
    return after ? look(after, routeOf(write.before), write) : NOTHING;
  };
}

const routeDecides: Invariant = {
  name: 'RouteDecides',
  sentence: 'every route that an operator writes carries the decision behind its weights',
  watch: () => ({
    onWrite: (write) =>
      when(writesRoute(write) && write.after !== undefined && routeOf(write.after)?.decision === undefined, () => 'it carries none'),
  }),
};

const decisionRises: Invariant = {
  name: 'DecisionRises',
  sentence: 'within a release a decision only rises, and a later release is never followed by an earlier one',
  watch: () => ({
    onWrite: onDecision(({ decision: is }, before) => {
      const was = before?.decision;
      if (!was || !is) return NOTHING;
      if (is.release < was.release) return [`the route went back from release ${was.release} to release ${is.release}`];
      const fell = is.release === was.release && RANK[is.decision] < RANK[was.decision];
      return when(fell, () => `it fell from ${was.decision} to ${is.decision} in release ${is.release}`);
    }),
  }),
};

const promotedHasAll: Invariant = {
  name: 'PromotedHasAll',
  sentence: 'a route that says Promote gives everything to the revision that was promoted',
  watch: () => ({
    onWrite: onDecision((after) => {
      const { decision, detail, release } = after.decision ?? {};
      return when(decision === 'Promote' && weightIn(after, detail ?? '') !== 100, () => `release ${release} gives ${detail} less`);
    }),
  }),
};

const noStepRepeated: Invariant = {
  name: 'NoStepRepeated',
  sentence: 'a release never goes back to an earlier step',
  watch: () => ({
    onWrite: onDecision(({ decision: is }, before) => {
      const was = before?.decision;
      const isShift = was?.decision === 'Shift' && is?.decision === 'Shift' && is.release === was.release;
      return when(isShift && Number(is.detail) < Number(was.detail), () => `release ${is?.release} from ${was?.detail} to ${is?.detail}`);
    }),
  }),
};

const rolledBackStaysOff: Invariant = {
  name: 'RolledBackStaysOff',
  sentence: 'no weight of a release rises once its roll-back is decided, in the route or in its record',
  watch: (world) => ({
    onWrite: onDecision((after, before, { writer }) => {
      const number = after.decision?.release;
      // Whoever deletes the route takes the decision with it; then it is what the writer saw of the record that counts.
      const known = before ? world.releases : (writer.observed?.releases ?? []);
      const release = known.find(({ spec }) => spec.number === number);
      if (!release) return NOTHING;
      const inRoute = before?.decision?.release === number ? before?.decision : undefined;
      const isDecided = inRoute?.decision === 'RollBack' || release.status?.decision === 'RollBack';
      const { revision } = release.spec.to;
      const [was, is] = [inRoute ? weightIn(before, revision) : 0, weightIn(after, revision)];
      return when(isDecided && is > was, () => `that of release ${number} rose from ${was} to ${is}`);
    }),
  }),
};

const goesBackToReadyPods: Invariant = {
  name: 'GoesBackToReadyPods',
  sentence: 'where stable has given pods away, a roll-back gives it no more than its Ready pods carry, unless the candidate has none',
  watch: (world) => ({
    onWrite: onDecision((after, before, { writer: { observed } }) => {
      const release = world.releases.find(({ spec }) => spec.number === after.decision?.release);
      const { from, to } = release?.spec ?? {};
      if (!release || !from || !to || !releasesStable(release) || after.decision?.decision !== 'RollBack') return NOTHING;
      const [was, is] = [weightIn(before, from.revision), weightIn(after, from.revision)];
      const readyOf = (revision: string): number => {
        const state = observed?.revisions.get(revision);
        return Math.max(world.kubelet.ready(revision), Math.min(state?.workload?.readyReplicas ?? 0, state?.readyEndpoints ?? 0));
      };
      const seen = observed?.revisions.get(to.revision);
      const isGone =
        world.kubelet.ready(to.revision) === 0 || Math.min(seen?.workload?.readyReplicas ?? 0, seen?.readyEndpoints ?? 0) === 0;
      const carried = (100 * readyOf(from.revision)) / (observed?.deployment.spec.replicas ?? 1);
      return when(is > was && !isGone && is > carried, () => `${is} % go back to ${readyOf(from.revision)} Ready pods`);
    }),
  }),
};

const rollBackFirst: Invariant = {
  name: 'RollBackFirst',
  sentence: 'the route write of a roll-back is the first write of its pass',
  watch: (world) => ({
    onWrite: onDecision((after, before, { writer, index }) => {
      const isNew = after.decision?.decision === 'RollBack' && before?.decision?.decision !== 'RollBack';
      const earlier = world.api.writes
        .slice(-40)
        .filter((write) => write.writer === writer && write.index < index && write.before !== write.after);
      return when(isNew && earlier.length > 0, () => `before it came ${earlier.map(({ verb, kind }) => `${verb} ${kind}`).join(', ')}`);
    }),
  }),
};

const recordFollowsRoute: Invariant = {
  name: 'RecordFollowsRoute',
  sentence: 'a record says that a release is rolled back only after the route does, if there is a route',
  watch: (world) => ({
    onWrite: (write) => {
      if (write.kind !== 'ModelRelease' || !write.after) return NOTHING;
      const { spec, status } = releaseOf(write);
      const { route } = world;
      const { observed } = write.writer;
      if (status?.decision !== 'RollBack' || !route?.decision || !observed?.route) return NOTHING;
      // Where its Deployment would carry the decision, a candidate without one has nothing that could be taken away.
      if (observed.deployment.spec.traffic.none && !observed.revisions.get(spec.to.revision)?.workload) return NOTHING;
      if ((write.before as unknown as ModelRelease | undefined)?.status?.decision === 'RollBack') return NOTHING;
      const { release, decision } = route.decision;
      return when(
        release <= spec.number && decision !== 'RollBack',
        () => `release ${spec.number}; the route says ${decision} of ${release}`,
      );
    },
  }),
};

export const DECISIONS: readonly Invariant[] = [
  routeDecides,
  decisionRises,
  promotedHasAll,
  noStepRepeated,
  rolledBackStaysOff,
  goesBackToReadyPods,
  rollBackFirst,
  recordFollowsRoute,
];
