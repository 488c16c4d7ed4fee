// What resolve, fetch and tag have in common as programs: a time limit, a log, an exit code, and a last word for whoever reads their pod's
// status.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

import { finalFailure } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { encodeFailure } from '../core/version/termination.ts';
import { codeOf, failureOf } from './error.ts';
import type { JobOptions } from './options.ts';
import { storageError } from './sink.ts';
import type { Environment } from './source.ts';
import type { TransferContext } from './transfer.ts';

/** The world outside a job. `terminationLog` is the path of the file that kubelet reads when the container has ended. */
export interface JobIo {
  readonly log: (line: string) => void;
  readonly now: () => number;
  readonly random: () => number;
  readonly terminationLog: string;
  /** Default: empty. */
  readonly environment?: Environment;
  /** Fires when the job is told to stop. */
  readonly signal?: AbortSignal;
  readonly lookup?: LookupFunction;
}

/** What a job that went well leaves as its termination message. */
export interface JobResult {
  readonly termination: string;
}

/**
 * Runs a job to its exit code: 0, or 1 with the failure logged and written as termination message. `spool` is a folder for what it keeps
 * while it works: made anew, and gone afterwards. Never throws.
 */
export async function runJob(
  options: Outcome<JobOptions>,
  io: JobIo,
  spool: string,
  work: (context: TransferContext) => Promise<Outcome<JobResult>>,
): Promise<number> {
  const outcome = options.ok ? await guarded(() => withSpool(spool, io, () => work(contextOf(options.value, io, spool))), io) : options;
  if (!outcome.ok) io.log(`${outcome.failure.reason}: ${outcome.failure.message}`);
  await leave(outcome.ok ? outcome.value.termination : encodeFailure(outcome.failure), io);
  return outcome.ok ? 0 : 1;
}

async function withSpool<T>(folder: string, io: JobIo, work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    await removeSpool(folder);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await work();
  } catch (error) {
    return failureOf(storageError(folder, error));
  } finally {
    await removeSpool(folder).catch((error: unknown) => io.log(`${folder} could not be removed (${codeOf(error)})`));
  }
}

/** What was begun in it may still be tidying up after itself. */
function removeSpool(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

function contextOf(options: JobOptions, io: JobIo, spool: string): TransferContext {
  const { limits, timeouts } = options;
  const deadline = AbortSignal.timeout(timeouts.totalMs);
  const signal = io.signal === undefined ? deadline : AbortSignal.any([io.signal, deadline]);
  const { log, now, random, environment = {} } = io;
  return { limits, timeouts, signal, log, now, random, environment, lookup: io.lookup ?? lookup, spool };
}

/** An unexpected error is a defect: its stack belongs into the log, its message where the user looks. */
async function guarded(work: () => Promise<Outcome<JobResult>>, io: JobIo): Promise<Outcome<JobResult>> {
  try {
    return await work();
  } catch (error) {
    io.log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    const message = error instanceof Error ? error.message : 'no message';
    return finalFailure('InternalError', `An unexpected error: ${message}. This is a defect of Plimsoll; this container's log says where.`);
  }
}

async function leave(message: string, io: JobIo): Promise<void> {
  try {
    await writeFile(io.terminationLog, message);
  } catch (error) {
    io.log(`${io.terminationLog} could not be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}
