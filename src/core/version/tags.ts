// The words that a registry is told about where a version is served: one tag for each ModelDeployment, `<prefix>/<namespace>/<deployment>`,
// with a value such as `Serving 75% (fraud-1.4.0)`.

import type { ModelDeployment, ModelDeploymentSide } from '../../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { isPassedOver, outcomeOf } from '../release/ledger.ts';

export type Tags = Readonly<Record<string, string>>;

/** A ModelDeployment of the version's model, with its newest release. */
export interface Server {
  readonly deployment: ModelDeployment;
  readonly release: ModelRelease | undefined;
}

/** What `status.tags` has room for. Of more ModelDeployments the first ones by name are told. */
const MOST_TAGS = 64;
/** Phase, share of the requests and ModelVersion; why, where it was taken off. */
const VALUE = /^[A-Za-z]{1,40} \d{1,3}% \(([a-z0-9.-]{1,81})\)(: [A-Za-z]{1,64})?$/;

/** Keys of the tags of a namespace's ModelDeployments begin with this. A namespace has no slash in it, nor has the rest of the key. */
export function tagPrefix(prefix: string, namespace: string): string {
  return `${prefix}/${namespace}/`;
}

/** The tags that a version is to have: a function of its ModelDeployments alone. */
export function tagsOf(version: ModelVersion, servers: readonly Server[], prefix: string): Tags {
  const { name, namespace = 'default' } = version.metadata;
  const tags = servers
    .toSorted((a, b) => (a.deployment.metadata.name < b.deployment.metadata.name ? -1 : 1))
    .flatMap((server) => {
      const phrase = phraseOf(version, server);
      if (phrase === undefined) return [];
      const { phase, weight, reason } = phrase;
      const value = `${phase} ${weight}% (${name})${reason === undefined ? '' : `: ${reason}`}`;
      return [[`${tagPrefix(prefix, namespace)}${server.deployment.metadata.name}`, value] as const];
    });
  return Object.fromEntries(tags.slice(0, MOST_TAGS));
}

/** What a tag that cannot be removed says once its ModelDeployment has nothing to do with the ModelVersion `owner` any more. */
export function notServing(owner: string): string {
  return `NotServing 0% (${owner})`;
}

/** What a ModelDeployment does with a version. `weight` is its share of the requests, in per cent. */
interface Phrase {
  readonly phase: string;
  readonly weight: number;
  readonly reason?: string | undefined;
}

/** Undefined when it has nothing to do with the version, or when a version of that name that is served has other bytes. */
function phraseOf(version: ModelVersion, { deployment, release }: Server): Phrase | undefined {
  const { status = {}, metadata } = deployment;
  if (metadata.deletionTimestamp !== undefined) return undefined;
  const { stable, candidate, previous, weight = 0 } = status;
  const isStable = isOf(version, stable);
  const isCandidate = isOf(version, candidate);
  // A change of the pods alone is a release from the version to itself.
  if (isStable) return { phase: 'Serving', weight: candidate && !isCandidate ? 100 - weight : 100 };
  if (isCandidate) return { phase: 'Candidate', weight };
  if (isOf(version, previous)) return { phase: 'Previous', weight: 0 };
  if (release === undefined || !isOf(version, release.spec.to)) return undefined;
  const outcome = outcomeOf(release);
  if (outcome === undefined || outcome === 'Promoted' || isPassedOver(release)) return undefined;
  const reason = release.status?.reason;
  return { phase: outcome, weight: 0, reason: reason === outcome ? undefined : reason };
}

function isOf({ spec, status }: ModelVersion, side: Pick<ModelDeploymentSide, 'version' | 'digest'> | undefined): boolean {
  return side?.version === spec.version && side.digest === status?.resolved?.digest;
}

/** Whether a tag's value is one that tagsOf, of whatever cluster, writes. */
export function isServingTag(value: string): boolean {
  return VALUE.test(value);
}

/**
 * Keys among the tags of a registered version that were written for the ModelVersion `owner` and say what is no longer so. Other
 * ModelVersions may be of the same registered version, and people write tags too: what is not known to be its own stays.
 */
export function staleKeys(found: Tags, wanted: Tags, prefix: string, owner: string): readonly string[] {
  return Object.entries(found)
    .filter(([key, value]) => key.startsWith(prefix) && !key.slice(prefix.length).includes('/') && VALUE.exec(value)?.[1] === owner)
    .map(([key]) => key)
    .filter((key) => !Object.hasOwn(wanted, key));
}
