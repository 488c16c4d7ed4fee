import type { Allowance } from '../version/room.ts';
import type { JsonObject } from './overlay.ts';

/** Where the claims of a version are mounted in a pod that fetches. */
const SOURCE_DIRECTORY = '/var/run/plimsoll/source';
const STORAGE_DIRECTORY = '/var/run/plimsoll/storage';
const SOURCE_VOLUME = 'plimsoll-source';
const STORAGE_VOLUME = 'plimsoll-storage';
export const CLAIM_VOLUMES = [SOURCE_VOLUME, STORAGE_VOLUME];

/** What a fetching container needs to reach claims: parts of its pod, and of its job's options. */
export interface ClaimAccess {
  readonly volumes: readonly JsonObject[];
  readonly mounts: readonly JsonObject[];
  readonly job: JsonObject;
}

/** The claim of a copy of ours: a resolve Job writes it, a fetch container reads it. */
export interface Storage {
  readonly claim: string;
  readonly access: 'Read' | 'Write';
  /** How much may be written. */
  readonly allowance?: Allowance | undefined;
}

/**
 * The claim that a source is in, read-only, and that of our own copy. Where both are the same claim it is one volume, since a pod that
 * names a claim in two may never start.
 */
export function claimAccess(source: JsonObject, storage: Storage | undefined): ClaimAccess {
  const claim = claimOf(source);
  const isShared = storage !== undefined && storage.claim === claim;
  const writes = storage?.access === 'Write';
  const parts: ClaimAccess[] = [];
  if (claim !== undefined) {
    parts.push({
      volumes: [volume(SOURCE_VOLUME, claim, !(isShared && writes))],
      mounts: [{ name: SOURCE_VOLUME, mountPath: SOURCE_DIRECTORY, readOnly: true }],
      job: { sourceDir: SOURCE_DIRECTORY },
    });
  }
  if (storage !== undefined) {
    const name = isShared ? SOURCE_VOLUME : STORAGE_VOLUME;
    parts.push({
      volumes: isShared ? [] : [volume(name, storage.claim, !writes)],
      mounts: [{ name, mountPath: STORAGE_DIRECTORY, ...(writes ? {} : { readOnly: true }) }],
      job: { storage: { claim: storage.claim, mountedAt: STORAGE_DIRECTORY, ...allowed(storage.allowance) } },
    });
  }
  return {
    volumes: parts.flatMap((part) => part.volumes),
    mounts: parts.flatMap((part) => part.mounts),
    job: Object.assign({}, ...parts.map((part) => part.job)) as JsonObject,
  };
}

function allowed(allowance: Allowance | undefined): JsonObject {
  if (allowance === undefined) return {};
  const { bytes, needed, gatheredAtMs } = allowance;
  return { allowance: { bytes, gatheredAtMs, ...(needed && { needed }) } };
}

/** The claim from which the pods of a rendered template take our own copy. */
export function storageOf(template: JsonObject): string | undefined {
  const spec = template['spec'] as { readonly initContainers?: readonly FetchingContainer[]; readonly volumes?: readonly ClaimVolume[] };
  const mount = spec.initContainers?.[0]?.volumeMounts?.find(({ mountPath }) => mountPath === STORAGE_DIRECTORY);
  return mount && spec.volumes?.find(({ name }) => name === mount.name)?.persistentVolumeClaim?.claimName;
}

interface FetchingContainer {
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface ClaimVolume {
  readonly name: string;
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

function volume(name: string, claimName: string, readOnly: boolean): JsonObject {
  return { name, persistentVolumeClaim: { claimName, ...(readOnly ? { readOnly } : {}) } };
}

/** The claim that a source is in, whatever its kind. */
function claimOf(source: JsonObject): string | undefined {
  const [member] = Object.values(source);
  const claim = typeof member === 'object' && member !== null && 'claim' in member ? member.claim : undefined;
  return typeof claim === 'string' ? claim : undefined;
}
