import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { shortHash } from '../canonical.ts';
import type { KubeObject, Settings } from '../observed.ts';
import { tagPrefix, type Tags } from '../version/tags.ts';
import { versionJob } from './versionJob.ts';

/** A server that is away for longer is asked again by the next attempt. */
const DEADLINE_SECONDS = 180;
/** Longer than the longest pause between two attempts, which counts from the end of the last one. */
const KEPT_SECONDS = 900;

/** The Job that writes these tags, and removes those that it finds of this ModelVersion beside them. */
export function tagJob(version: ModelVersion, tags: Tags, attempt: number, settings: Settings): KubeObject {
  const { metadata, spec, status } = version;
  const { server = '' } = spec.source.mlflow ?? {};
  const { model = '', version: number = '' } = status?.resolved?.pins ?? {};
  const job = {
    server,
    model,
    version: number,
    owner: metadata.name,
    prefix: tagPrefix(settings.tagPrefix, metadata.namespace ?? 'default'),
    tags,
  };
  const secret = (spec.access?.tagSecretRef ?? spec.access?.secretRef)?.name;
  const times = { deadlineSeconds: DEADLINE_SECONDS, keptSeconds: KEPT_SECONDS };
  return versionJob(version, { program: 'tag', attempt, inputs: tagInputs(tags), job, secret, ...times }, settings);
}

/** Hash of what the Job is to bring about. */
export function tagInputs(tags: Tags): string {
  return shortHash(tags, 16);
}
