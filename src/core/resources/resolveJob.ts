import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { shortHash } from '../canonical.ts';
import type { KubeObject, Settings } from '../observed.ts';
import type { Allowance } from '../version/room.ts';
import { claimAccess } from './claims.ts';
import type { JsonObject } from './overlay.ts';
import { versionJob } from './versionJob.ts';

/** Six hours: a very large model over a slow line. */
const DEADLINE_SECONDS = 21_600;
/** Group of the image's user: a fresh volume belongs to root, and kubelet gives it to this group where it can. */
const GROUP = 65_532;
/** Kept for a while so that its log can be read. */
const KEPT_SECONDS = 3600;

/**
 * The Job that reads a version once, tells its digest, and keeps a copy of it where `spec.storage` asks for one. `allowance` is how much may
 * be in the claim of `spec.storage`.
 */
export function resolveJob(version: ModelVersion, attempt: number, settings: Settings, allowance?: Allowance): KubeObject {
  const { spec, status } = version;
  const source = spec.source as unknown as JsonObject;
  const storage = spec.storage?.claim.name;
  // A copy that is made later has to be of what was pinned.
  const { digest = spec.digest, pins } = status?.resolved ?? {};
  const work = {
    program: 'resolve',
    attempt,
    inputs: resolveInputs(version),
    job: { source, ...(pins && { pins }), ...(digest !== undefined && { digest }) },
    secret: spec.access?.secretRef?.name,
    claims: claimAccess(source, storage === undefined ? undefined : { claim: storage, access: 'Write', allowance }),
    group: storage === undefined ? undefined : GROUP,
    deadlineSeconds: DEADLINE_SECONDS,
    keptSeconds: KEPT_SECONDS,
  } as const;
  return versionJob(version, work, settings);
}

/** Hash of what the outcome depends on: when it changes, what an older Job said counts no more. */
export function resolveInputs({ spec }: ModelVersion): string {
  const { source, digest, access, storage } = spec;
  const { tagSecretRef: _, ...reading } = access ?? {};
  const optional = { ...(digest && { digest }), ...(access && { access: reading }), ...(storage && { storage }) };
  return shortHash({ source, ...optional }, 16);
}
