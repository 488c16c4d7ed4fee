// What of a version has come, and the limits that hold for all of it, however many of its parts come at the same time.

import { createHash } from 'node:crypto';

import type { FileDigest } from '../core/version/digest.ts';
import { finalFailure } from '../core/version/failure.ts';
import type { Failure } from '../core/version/failure.ts';
import { coverOf, type Cover } from '../core/version/layers.ts';
import type { Limits } from '../core/version/limits.ts';
import { pathSet } from '../core/version/paths.ts';
import type { PathSet } from '../core/version/paths.ts';
import { quote } from '../core/version/text.ts';
import { errorOf } from './error.ts';
import type { Sink } from './sink.ts';
import type { Body } from './source.ts';

/** A file that came, with its size. */
export interface TransferredFile extends FileDigest {
  readonly bytes: number;
}

/** What has come so far, and what is coming. */
export interface Account {
  readonly paths: PathSet;
  readonly cover: Cover;
  files: number;
  bytes: number;
  /** Parts that are being read; a failure of one ends the others. */
  readonly streams: Set<Body['stream']>;
  failure: { readonly ok: false; readonly failure: Failure } | undefined;
}

/** Nothing has come yet. */
export function emptyAccount(): Account {
  return { paths: pathSet(), cover: coverOf(), files: 0, bytes: 0, streams: new Set(), failure: undefined };
}

/** Takes the files of one part, within what the limits leave. */
export class Taker {
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
    const hash = createHash('sha256');
    const file = await this.#sink.create(path);
    try {
      for await (const chunk of content) {
        this.#count(chunk.length);
        const written = file.write(chunk);
        hash.update(chunk); // in this thread, while another one writes
        await written;
      }
      await file.finish();
    } finally {
      await file.close();
    }
    this.#taken.push({ path, sha256: hash.digest('hex'), bytes: this.#bytes - before });
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

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#account.bytes += bytes;
    if (this.room() < 0) throw errorOf(tooLarge(this.#limits));
    if (this.#account.failure !== undefined) throw errorOf(this.#account.failure);
  }
}

export function badName(path: string, problem: string): ReturnType<typeof finalFailure> {
  return finalFailure('ArchiveRefused', `The version was refused: its file ${quote(path)} ${problem}.`);
}

export function tooMany(limits: Limits): ReturnType<typeof finalFailure> {
  return finalFailure('TooLarge', `The version has more than ${limits.files} files. If it is meant, raise limits.files.`);
}

export function tooLarge(limits: Limits): ReturnType<typeof finalFailure> {
  return finalFailure('TooLarge', `The version has more than ${limits.bytes} bytes. If it is meant, raise limits.bytes.`);
}
