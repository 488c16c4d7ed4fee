// Gets a version from any source into a sink, and says what came: the one way for bytes to enter.

import type { FileHandle } from 'node:fs/promises';

import { finalFailure, success } from '../core/version/failure.ts';
import type { Failure, Outcome } from '../core/version/failure.ts';
import type { FileDigest } from '../core/version/digest.ts';
import { modelDigest } from '../core/version/digest.ts';
import { coverOf, type Cover } from '../core/version/layers.ts';
import type { Limits } from '../core/version/limits.ts';
import type { Metadata } from '../core/version/metadata.ts';
import type { Pins } from '../core/version/pins.ts';
import { pathSet } from '../core/version/paths.ts';
import type { PathSet } from '../core/version/paths.ts';
import { quote } from '../core/version/text.ts';
import { unpack, visibleFiles } from './archive.ts';
import type { Take } from './archive.ts';
import { errorOf, failureOf, valueOf } from './error.ts';
import { namelessFile } from './localFile.ts';
import { hashed } from './hash.ts';
import { retrying } from './retry.ts';
import type { RetryContext } from './retry.ts';
import { storageError } from './sink.ts';
import type { Sink } from './sink.ts';
import type { Body, Part, Pinned, Source, SourceContext } from './source.ts';
import { unzip } from './zip.ts';

export type TransferContext = SourceContext & RetryContext;

/** A file that came, with its size. */
export interface TransferredFile extends FileDigest {
  readonly bytes: number;
}

/** A version that came: every file with the digest of the bytes that the sink was given. */
export interface Transferred {
  readonly uri: string;
  readonly pins?: Pins | undefined;
  readonly metadata?: Metadata | undefined;
  readonly files: readonly TransferredFile[];
  readonly bytes: number;
}

/** Files that come at the same time. More would only share the same line, and each holds buffers. */
const LANES = 4;

/**
 * Resolves `source` and gives all its files to `sink`, in constant memory, several files at a time, archives one after the other. A part that
 * fails on the way is removed from the sink and tried again from its beginning; after a failure the sink may hold files and must be thrown
 * away.
 */
export async function transfer(source: Source, sink: Sink, context: TransferContext): Promise<Outcome<Transferred>> {
  const { retryMs } = context.timeouts;
  const pinned = await retrying(() => source.resolve(context), retryMs, context);
  if (!pinned.ok) return pinned;
  const parts = await retrying(() => pinned.value.list(), retryMs, context);
  if (!parts.ok) return parts;
  const account: Account = { paths: pathSet(), cover: coverOf(), files: 0, bytes: 0, streams: new Set(), failure: undefined };
  const areFiles = parts.value.every(({ kind }) => kind === 'file');
  const problem = areFiles ? checkNames(parts.value, context.limits) : undefined;
  if (problem !== undefined) return problem;
  const files = await takeParts(pinned.value, parts.value, areFiles ? LANES : 1, sink, account, context);
  if (!files.ok) return files;
  const { uri, pins, metadata } = pinned.value;
  if (files.value.length === 0) return finalFailure('EmptyModel', `${uri} holds not one file.`);
  return success({ uri, pins, metadata, files: files.value, bytes: account.bytes });
}

/** What has come so far, and what is coming. */
interface Account {
  readonly paths: PathSet;
  readonly cover: Cover;
  files: number;
  bytes: number;
  /** Parts that are being read; a failure of one ends the others. */
  readonly streams: Set<Body['stream']>;
  failure: { readonly ok: false; readonly failure: Failure } | undefined;
}

/** Where all names are known beforehand they are refused before one byte is read. */
function checkNames(parts: readonly Part[], limits: Limits): { readonly ok: false; readonly failure: Failure } | undefined {
  const paths = pathSet();
  for (const [index, part] of parts.entries()) {
    if (index >= limits.files) return tooMany(limits);
    const problem = part.kind === 'file' ? paths.add(part.path) : undefined;
    if (part.kind === 'file' && problem !== undefined) return badName(part.path, problem);
  }
  return undefined;
}

/** Takes the parts in their order, `lanes` at a time; the first failure ends it. */
async function takeParts(
  pinned: Pinned,
  parts: readonly Part[],
  lanes: number,
  sink: Sink,
  account: Account,
  context: TransferContext,
): Promise<Outcome<readonly TransferredFile[]>> {
  const taken: (readonly TransferredFile[])[] = [];
  const next = parts.entries();
  const lane = async (): Promise<void> => {
    for (const [index, part] of next) {
      const files = await retrying(() => attempt(pinned, part, sink, account, context), context.timeouts.retryMs, context);
      if (files.ok) taken[index] = files.value;
      else if (account.failure === undefined) {
        account.failure = files;
        for (const stream of account.streams) stream.destroy();
      }
      if (account.failure !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return account.failure ?? success(taken.flat());
}

/** Compares what came with the digest that was recorded, if one was. */
export function verify(files: readonly FileDigest[], expected: string | undefined): Outcome<string> {
  const digest = modelDigest(files);
  if (expected === undefined || expected === digest) return success(digest);
  return finalFailure(
    'DigestMismatch',
    `The bytes are not the recorded ones: expected ${expected}, got ${digest}. Nothing of them is served. ` +
      'Bring the recorded bytes back to the source, or make a new ModelVersion for the new ones.',
  );
}

/** One attempt at one part. */
async function attempt(
  pinned: Pinned,
  part: Part,
  sink: Sink,
  account: Account,
  context: TransferContext,
): Promise<Outcome<readonly TransferredFile[]>> {
  const ended = endOf(account);
  if (ended !== undefined) return ended;
  const taker = new Taker(sink, account, context.limits);
  const opened = await pinned.open(part);
  if (!opened.ok) return opened;
  const { stream } = opened.value;
  account.streams.add(stream);
  try {
    valueOf(checkAnnounced(opened.value, part, taker.room()));
    const take: Take = (path, content) => taker.take(path, content);
    const limits = { ...context.limits, bytes: taker.room() };
    if (part.kind === 'file') await take(part.path, stream);
    else if (part.kind === 'layer') await unpackLayer(stream, part, limits, take, account.cover);
    else if (part.encoding === 'zip') await unzipBody(opened.value, limits, take, context);
    else await unpack(stream, part.encoding, limits, take);
    return success(taker.commit());
  } catch (error) {
    await taker.undo();
    return endOf(account) ?? failureOf(error);
  } finally {
    account.streams.delete(stream);
    stream.destroy();
  }
}

/** What another part failed of in the meantime. */
function endOf({ failure }: Account): Account['failure'] {
  return failure;
}

/** What the layer hides counts only once it has come as a whole. */
async function unpackLayer(
  stream: Body['stream'],
  { encoding, folder }: Part & { readonly kind: 'layer' },
  limits: Limits,
  take: Take,
  cover: Cover,
): Promise<void> {
  const layer = cover.layer(folder);
  await unpack(stream, encoding, limits, take, visibleFiles(layer, limits));
  layer.keep();
}

/** A zip is read from its end: one that comes as a stream is first kept as a whole. */
async function unzipBody({ stream, file }: Body, limits: Limits, take: Take, context: TransferContext): Promise<void> {
  if (file !== undefined) {
    await unzip(file, limits, take);
    return;
  }
  const kept = await keepWhole(stream, limits, context.spool);
  try {
    await unzip(kept, limits, take);
  } finally {
    await kept.close();
  }
}

async function keepWhole(stream: Body['stream'], limits: Limits, spool: string): Promise<FileHandle> {
  try {
    return await namelessFile(spool, limited(stream, limits));
  } catch (error) {
    throw storageError('The packed archive', error);
  }
}

async function* limited(content: AsyncIterable<Uint8Array>, limits: Limits): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > limits.bytes) throw errorOf(tooLarge(limits));
    yield chunk;
  }
}

/** Takes the files of one part, within what the limits leave. */
class Taker {
  readonly #taken: TransferredFile[] = [];
  readonly #touched: string[] = [];
  readonly #sink: Sink;
  readonly #limits: Limits;
  readonly #account: Account;
  readonly #paths: PathSet;
  #bytes = 0;

  constructor(sink: Sink, account: Account, limits: Limits) {
    this.#sink = sink;
    this.#limits = limits;
    this.#account = account;
    this.#paths = pathSet(account.paths);
  }

  /** Bytes that may still come. */
  room(): number {
    return this.#limits.bytes - this.#account.bytes;
  }

  /** Hashes a file on its way into the sink. */
  async take(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const problem = this.#paths.add(path);
    if (problem !== undefined) throw errorOf(badName(path, problem));
    this.#touched.push(path);
    this.#account.files += 1;
    if (this.#account.files > this.#limits.files) throw errorOf(tooMany(this.#limits));
    const before = this.#bytes;
    const { blocks, sha256 } = hashed(this.#metered(content));
    await this.#sink.write(path, blocks);
    this.#taken.push({ path, sha256: await sha256(), bytes: this.#bytes - before });
  }

  /** The part has come to its end. */
  commit(): readonly TransferredFile[] {
    for (const { path } of this.#taken) this.#account.paths.add(path);
    return this.#taken;
  }

  /** Nothing of the part counts. */
  async undo(): Promise<void> {
    this.#account.files -= this.#touched.length;
    this.#account.bytes -= this.#bytes;
    for (const path of this.#touched) await this.#sink.remove(path);
  }

  async *#metered(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of content) {
      this.#bytes += chunk.length;
      this.#account.bytes += chunk.length;
      if (this.room() < 0) throw errorOf(tooLarge(this.#limits));
      yield chunk;
    }
  }
}

function badName(path: string, problem: string): ReturnType<typeof finalFailure> {
  return finalFailure('ArchiveRefused', `The version was refused: its file ${quote(path)} ${problem}.`);
}

function tooMany(limits: Limits): ReturnType<typeof finalFailure> {
  return finalFailure('TooLarge', `The version has more than ${limits.files} files. If it is meant, raise limits.files.`);
}

/** Refuses by the announced length before a byte is read. An archive's packed size is held to the same bound: it only grows. */
function checkAnnounced(body: Body, part: Part, room: number): Outcome<undefined> {
  if (body.length === undefined || body.length <= room) return success(undefined);
  const what = part.kind === 'file' ? `The file ${quote(part.path)}` : part.kind === 'layer' ? 'A layer' : 'The archive';
  return finalFailure('TooLarge', `${what} has ${body.length} bytes, but only ${room} are allowed. If it is meant, raise limits.bytes.`);
}

function tooLarge(limits: Limits): ReturnType<typeof finalFailure> {
  return finalFailure('TooLarge', `The version has more than ${limits.bytes} bytes. If it is meant, raise limits.bytes.`);
}
