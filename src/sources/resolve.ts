// Program `resolve`: reads a version once to its end, keeps nothing or a copy in a claim, and says what it is.

import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { omsDigest } from '../core/version/digest.ts';
import { success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { compareBytes } from '../core/version/paths.ts';
import { encodeResolved } from '../core/version/termination.ts';
import { dependencyReader, type DependencyReader } from './dependencies.ts';
import { runJob } from './job.ts';
import type { JobIo } from './job.ts';
import type { ResolveOptions } from './options.ts';
import { discardSink } from './sink.ts';
import { fillStore } from './store.ts';
import { transfer, verify } from './transfer.ts';
import type { Transferred, TransferContext } from './transfer.ts';

/** The log keeps the listing of this many files; the digest covers all of them. */
const LISTED_FILES = 1000;

/**
 * Downloads the version, hashes it, and leaves `{resolved: {digest, omsDigest, files, bytes, uri, resolvedAt}}` or
 * `{failure: {reason, message, retryable}}` as termination message. Returns the exit code, 0 or 1. Never throws.
 */
export async function runResolve(options: Outcome<ResolveOptions>, io: JobIo): Promise<number> {
  return runJob(options, io, join(tmpdir(), `plimsoll-${randomUUID()}`), async (context) => {
    if (!options.ok) return options;
    const started = io.now();
    const reader = dependencyReader();
    const came = await readAll(options.value, context, reader);
    if (!came.ok) return came;
    const { uri, files, bytes, pins, metadata } = came.value;
    logListing(came.value, (io.now() - started) / 1000, io);
    const digest = verify(files, options.value.digest);
    if (!digest.ok) return digest;
    io.log(`digest ${digest.value}`);
    const resolvedAt = `${new Date(io.now()).toISOString().slice(0, 19)}Z`;
    const found = { digest: digest.value, omsDigest: omsDigest(files), files: files.length, bytes, uri, resolvedAt };
    const dependencies = reader.read();
    const known = { ...metadata, ...(dependencies && { dependencies }) };
    return success({ termination: encodeResolved({ ...found, ...(pins && { pins }) }, known) });
  });
}

/** Reads the version to its end; where a claim is to hold a copy of it, it does so afterwards. */
function readAll(options: ResolveOptions, context: TransferContext, { over }: DependencyReader): Promise<Outcome<Transferred>> {
  const { storage, digest } = options;
  return storage === undefined
    ? transfer(options.source, over(discardSink()), context)
    : fillStore(storage, options.source, digest, context, over);
}

/** The files as `sha256sum` prints them, so that the log of the Job can be checked with coreutils. */
function logListing(came: Transferred, seconds: number, io: JobIo): void {
  io.log(`read ${came.files.length} files, ${came.bytes} bytes from ${came.uri} in ${seconds.toFixed(1)} s`);
  const sorted = came.files.toSorted((a, b) => compareBytes(a.path, b.path));
  for (const file of sorted.slice(0, LISTED_FILES)) io.log(`${file.sha256}  ${file.path}`);
  if (sorted.length > LISTED_FILES) io.log(`and ${sorted.length - LISTED_FILES} more files`);
}
