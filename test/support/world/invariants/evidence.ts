// Nothing is promoted without evidence, and nobody is condemned without it.
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import { durationMs } from '../../../../src/core/time.ts';
import type { Write } from '../api.ts';
import { classOf, isWord, NOTHING, releaseOf, routeOf, weightIn, when, type Findings, type Invariant, type WatchedWorld } from './watch.ts';

interface Begun {
  readonly atMs: number;
  readonly requests: number;
}

/** Clocks of operators may be apart by so much. */
const SKEW_MS = 5000;

/** The release and step that a route write reaches; a promotion is the step after the last. */
function reached(world: WatchedWorld, write: Write): { readonly release: ModelRelease; readonly step: number } | undefined {
  const decision = routeOf(write.after)?.decision;
  const release = world.releases.find(({ spec }) => spec.number === decision?.release);
  if (!decision || !release || decision.decision === 'RollBack') return undefined;
  return { release, step: decision.decision === 'Shift' ? Number(decision.detail) : release.spec.plan.steps.length };
}

const stepsNeedEvidence: Invariant = {
  name: 'StepsNeedEvidence',
  sentence: 'unless a person promotes, no step ends before its time and the requests that were asked for, and none is left out',
  watch: (world) => {
    const begun = new Map<string, Begun>();
    const watchedSinceMs = world.now;
    const leave = (release: ModelRelease, step: number, now: Begun): Findings => {
      const { number, plan } = release.spec;
      const before = begun.get(`${number}/${step - 1}`);
      const isOlder = Date.parse(release.metadata.creationTimestamp ?? '') < watchedSinceMs;
      if (!before) return when(!isOlder, () => `release ${number} came to step ${step} without step ${step - 1}`);
      const [requests, ms] = [now.requests - before.requests, now.atMs - before.atMs];
      const asked = (plan.steps[step - 1]?.weight ?? 0) > 0 && plan.checks.length > 0 && plan.evidence !== 'Nobody' ? plan.minRequests : 0;
      return [
        ...when(requests < asked, () => `release ${number} left step ${step - 1} after ${requests} requests`),
        ...when(
          ms < durationMs(plan.steps[step - 1]?.hold, '0s') - SKEW_MS,
          () => `release ${number} left step ${step - 1} after ${ms} ms`,
        ),
      ];
    };
    return {
      onWrite: (write) => {
        const { release, step } = reached(world, write) ?? {};
        if (!release || step === undefined || begun.has(`${release.spec.number}/${step}`)) return NOTHING;
        const now = { atMs: world.now, requests: world.gateway.served.get(release.spec.to.revision)?.requests ?? 0 };
        begun.set(`${release.spec.number}/${step}`, now);
        const seen = write.writer.observed?.releases.find(({ spec }) => spec.number === release.spec.number);
        return step === 0 || seen?.spec.control?.action === 'Promote' ? NOTHING : leave(release, step, now);
      },
    };
  },
};

const planHolds: Invariant = {
  name: 'PlanHolds',
  sentence: 'a candidate never has more than the share of its step in the plan that its release began with',
  watch: (world) => ({
    onWrite: (write) => {
      const { release, step } = reached(world, write) ?? {};
      if (!release || step === undefined || step >= release.spec.plan.steps.length) return NOTHING;
      const weight = weightIn(routeOf(write.after), release.spec.to.revision);
      return when(
        weight > (release.spec.plan.steps[step]?.weight ?? 0),
        () => `${weight} % in step ${step} of release ${release.spec.number}`,
      );
    },
  }),
};

const innocentNotCondemned: Invariant = {
  name: 'InnocentNotCondemned',
  sentence: 'a version that never failed is not found bad, whatever became of nodes, images, sources, gateways and metrics',
  watch: (world) => ({
    onWrite: (write) => {
      if (write.kind !== 'ModelRelease' || !write.after) return NOTHING;
      const release = releaseOf(write);
      const { number, to } = release.spec;
      // A limit is the user's own query: what it says is not for the world to know.
      const isCondemned = classOf(release) === 'Evidence' && release.status?.reason !== 'LimitExceeded' && !world.isGuilty(to.version);
      return when(isCondemned, () => `version ${to.version} in release ${number}: ${release.status?.reason}: ${release.status?.message}`);
    },
  }),
};

const knownBadStays: Invariant = {
  name: 'KnownBadStays',
  sentence: 'a revision that failed on evidence is not tried again without a retry token',
  watch: (world) => ({
    onWrite: (write) => {
      if (write.kind !== 'ModelRelease' || write.verb !== 'create') return NOTHING;
      const { number, to, cause } = releaseOf(write).spec;
      const last = world.releases.findLast(
        (release) => release.spec.to.revision === to.revision && release.spec.number < number && isWord(release),
      );
      const isAsked = cause.type === 'Retry';
      return when(!isAsked && last !== undefined && classOf(last) === 'Evidence', () => `release ${number} tries revision ${to.revision}`);
    },
  }),
};

export const EVIDENCE: readonly Invariant[] = [stepsNeedEvidence, planHolds, innocentNotCondemned, knownBadStays];
