// Pods, Services and the bytes that they serve.
import { LABEL } from '../../../../src/api/names.ts';
import { sameJson } from '../../../../src/core/canonical.ts';
import type { StoredObject } from '../../apiStore.ts';
import { NAME } from '../objects.ts';
import { isOver, NOTHING, releaseOf, releasesStable, weightIn, when, type Invariant, type WatchedWorld } from './watch.ts';

interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
}

interface Container {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly readOnly?: boolean }[];
}

interface WorkloadSpec {
  readonly replicas: number;
  readonly template: { readonly spec: PodSpec };
}

function specOf(workload: StoredObject): WorkloadSpec {
  return workload['spec'] as WorkloadSpec;
}

function revisionOf(name: string): string {
  return name.slice(NAME.length + 1);
}

/** Percent that a revision has by the route or, as long as that has not taken effect, by the gateway. */
function share(world: WatchedWorld, revision: string): number {
  // Pods that fetch their work have it before anybody gave them a share.
  if (world.existing?.spec.traffic.none) return weightIn(world.route, revision);
  return Math.max(weightIn(world.route, revision), world.gateway.weightOf(revision));
}

const podsStay: Invariant = {
  name: 'PodsStay',
  sentence: 'pods that exist are never changed, and pods with traffic are never removed: a promotion restarts nothing',
  watch: (world) => ({
    onWrite: ({ kind, name, before, after }) => {
      if (kind !== 'Deployment' || !before) return NOTHING;
      const revision = revisionOf(name);
      const weight = share(world, revision);
      if (!after) return when(weight > 0, () => `those of revision ${revision} were removed while it had ${weight} %`);
      return when(!sameJson(specOf(before).template, specOf(after).template), () => `those of revision ${revision} were changed`);
    },
  }),
};

const stableKeepsCapacity: Invariant = {
  name: 'StableKeepsCapacity',
  sentence: 'what serves, and what a roll-back would fall back on, keeps the pods of a full set',
  watch: (world) => ({
    onWrite: ({ kind, name, before, after, writer }) => {
      if (kind !== 'Deployment' || !before) return NOTHING;
      const revision = revisionOf(name);
      const release = world.releases.at(-1);
      const isNeeded = share(world, revision) > 50 || (release && !isOver(release) && release.spec.from?.revision === revision);
      // A user may change the number twice before an operator sees it once.
      const wanted = Math.min(world.existing?.spec.replicas ?? 1, writer.observed?.deployment.spec.replicas ?? 1);
      const [was, is] = [specOf(before).replicas, after ? specOf(after).replicas : 0];
      // What gives its pods away keeps those of its share.
      const kept = release && releasesStable(release) && !isOver(release) ? Math.ceil((wanted * share(world, revision)) / 100) : wanted;
      return when(isNeeded === true && is < Math.min(kept, was), () => `revision ${revision} went from ${was} pods to ${is}`);
    },
  }),
};

const servicesStay: Invariant = {
  name: 'ServicesStay',
  sentence: 'no Service is removed while the route points at it',
  watch: (world) => ({
    onWrite: ({ kind, name, after }) => {
      const { slots } = world.route ?? {};
      const isNamed = slots !== undefined && [slots.a.revision, slots.b.revision].includes(revisionOf(name));
      return when(kind === 'Service' && after === undefined && isNamed, () => `that of revision ${revisionOf(name)} was`);
    },
  }),
};

const recordedBytes: Invariant = {
  name: 'RecordedBytes',
  sentence: 'a release is of bytes that its version had, and pods fetch the bytes of the release and no others',
  watch: (world) => {
    const digests = new Map<string, string>();
    return {
      onWrite: (write) => {
        if (write.kind === 'ModelRelease' && write.verb === 'create') {
          const { number, to } = releaseOf(write).spec;
          const isOther = digests.has(to.revision) && digests.get(to.revision) !== to.digest;
          digests.set(to.revision, to.digest);
          return [
            ...when(!world.digests(to.version).includes(to.digest), () => `release ${number} is of other bytes than its version's`),
            ...when(isOther, () => `revision ${to.revision} has stood for other bytes before`),
          ];
        }
        if (write.kind !== 'Deployment' || !write.after) return NOTHING;
        const labels = write.after.metadata['labels'] as Readonly<Record<string, string>>;
        const promised = digests.get(labels[LABEL.revision] ?? '');
        const fetched = fetchedDigest(specOf(write.after));
        return when(promised !== undefined && fetched !== promised, () => `${write.name} fetches ${fetched} and not ${promised}`);
      },
    };
  },
};

function fetchedDigest({ template: { spec } }: WorkloadSpec): string | undefined {
  const job = spec.initContainers?.[0]?.env?.find(({ name }) => name === 'PLIMSOLL_JOB')?.value;
  return job === undefined ? undefined : (JSON.parse(job) as { readonly digest: string }).digest;
}

const modelReadOnly: Invariant = {
  name: 'ModelReadOnly',
  sentence: 'the model is mounted read-only in every container but the one that fetches it',
  watch: () => ({
    onWrite: ({ kind, after }) => {
      if (kind !== 'Deployment' || !after) return NOTHING;
      const { containers, initContainers = [] } = specOf(after).template.spec;
      const others = [...containers, ...initContainers.filter(({ name }) => name !== 'plimsoll-fetch')];
      const open = others.filter(({ volumeMounts = [] }) =>
        volumeMounts.some((mount) => mount.name === 'plimsoll-model' && mount.readOnly !== true),
      );
      return open.map(({ name }) => `container ${name} could write to it`);
    },
  }),
};

export const CHILDREN: readonly Invariant[] = [podsStay, stableKeepsCapacity, servicesStay, recordedBytes, modelReadOnly];
