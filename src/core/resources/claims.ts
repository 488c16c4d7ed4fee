import type { JsonObject } from './overlay.ts';

/** Where the claims of a version are mounted in a pod that fetches. */
const SOURCE_DIRECTORY = '/var/run/plimsoll/source';
const SOURCE_VOLUME = 'plimsoll-source';
export const CLAIM_VOLUMES = [SOURCE_VOLUME];

/** What a fetching container needs to reach a claim: parts of its pod, and of its job's options. */
export interface ClaimAccess {
  readonly volumes: readonly JsonObject[];
  readonly mounts: readonly JsonObject[];
  readonly job: JsonObject;
}

/** The claim of a source `pvc`, read-only. */
export function claimAccess(source: JsonObject): ClaimAccess {
  const claim = claimOf(source);
  if (claim === undefined) return { volumes: [], mounts: [], job: {} };
  return {
    volumes: [{ name: SOURCE_VOLUME, persistentVolumeClaim: { claimName: claim, readOnly: true } }],
    mounts: [{ name: SOURCE_VOLUME, mountPath: SOURCE_DIRECTORY, readOnly: true }],
    job: { sourceDir: SOURCE_DIRECTORY },
  };
}

function claimOf(source: JsonObject): string | undefined {
  const pvc = source['pvc'];
  const claim = typeof pvc === 'object' && pvc !== null && 'claim' in pvc ? pvc.claim : undefined;
  return typeof claim === 'string' ? claim : undefined;
}
