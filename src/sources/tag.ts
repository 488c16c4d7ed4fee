// Program `tag`: tells MLflow's registry where a version is served, by tags on the registered version. It writes nothing else there: an
// alias is the pointer of those who train, and whoever follows it would chase its own tail.

import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { success } from '../core/version/failure.ts';
import type { Failure, Outcome } from '../core/version/failure.ts';
import { readVersion } from '../core/version/mlflowAnswers.ts';
import { notServing, staleKeys } from '../core/version/tags.ts';
import { quote } from '../core/version/text.ts';
import { readAccess } from './access.ts';
import { caught, valueOf } from './error.ts';
import { runJob } from './job.ts';
import type { JobIo } from './job.ts';
import { checkServer } from './mlflow.ts';
import { ask, needed, type Server } from './mlflowApi.ts';
import type { TagOptions } from './options.ts';
import { retrying } from './retry.ts';
import type { SourceContext } from './source.ts';

/** Whoever may write into the registry can make tags that look like ours; not more of them than this are removed at once. */
const MOST_REMOVED = 128;

/**
 * Writes the tags that are not there as they are to be, and removes those that the same ModelVersion has beside them. Who may EDIT a model
 * in MLflow may not remove its tags, which takes MANAGE: then they say that they no longer hold. Leaves nothing, or
 * `{failure: {reason, message, retryable}}` as termination message. Returns the exit code, 0 or 1. Never throws.
 */
export async function runTag(options: Outcome<TagOptions>, io: JobIo): Promise<number> {
  return runJob(options, io, join(tmpdir(), `plimsoll-${randomUUID()}`), async (context) => {
    if (!options.ok) return options;
    const done = await retrying(() => caught(() => writeTags(options.value, context)), options.value.timeouts.retryMs, context);
    return done.ok ? success({ termination: '' }) : { ok: false, failure: withWayOut(done.failure) };
  });
}

async function writeTags({ server, accessDir, model, version, owner, prefix, tags }: TagOptions, context: SourceContext): Promise<void> {
  const address = valueOf(checkServer(server));
  const access = valueOf(await readAccess(accessDir, ['authorization', 'tls']));
  const registry: Server = { address, access, context, s3Endpoint: undefined };
  const of = { name: model, version };
  const absent = `Model ${quote(model)} has no version ${version} on ${address} any more, so there is nothing to write tags on.`;
  const question = { path: 'mlflow/model-versions/get', query: of, absent };
  const found = needed(readVersion(await ask(registry, question)), registry, question).tags;
  const set = async (key: string, value: string): Promise<void> => {
    if (found[key] === value) return;
    await ask(registry, { path: 'mlflow/model-versions/set-tag', method: 'POST', body: { ...of, key, value }, absent });
    context.log(`set ${quote(key)} to ${quote(value)}`);
  };
  for (const [key, value] of Object.entries(tags)) await set(key, value);
  for (const key of staleKeys(found, tags, prefix, owner).slice(0, MOST_REMOVED)) {
    const removal = { path: 'mlflow/model-versions/delete-tag', method: 'DELETE', body: { ...of, key }, absent } as const;
    if (await isAllowed(ask(registry, removal))) context.log(`removed ${quote(key)}`);
    else await set(key, notServing(owner));
  }
}

/** False when the credentials are not enough for it. */
async function isAllowed(answer: Promise<unknown>): Promise<boolean> {
  const outcome = await caught(() => answer);
  if (!outcome.ok && outcome.failure.reason === 'AccessDenied') return false;
  valueOf(outcome);
  return true;
}

/** Other credentials may be meant than those of which a failure speaks, and more than those need to be allowed that read. */
function withWayOut(failure: Failure): Failure {
  if (failure.reason !== 'AccessDenied' && failure.reason !== 'AccessInvalid') return failure;
  const wayOut = 'Tags are written with spec.access.tagSecretRef where it is given, and take the permission EDIT on the registered model.';
  return { ...failure, message: `${failure.message} ${wayOut}` };
}
