// The interface behind which every kind of source stands: resolve -> list -> open, then hash and verify, which is the same for all.
//
//   resolve  a pointer (URL, alias, tag, branch) -> a place whose content is meant not to change
//   list     that place -> the parts to get: files by name, or archives whose files are known only once they are read
//   open     a part -> its bytes as a stream
//
// A source knows its protocol and nothing else. Limits on files, hashing, unpacking, retries and writing live in transfer.ts,
// so that no source can forget them. Nothing is executed, and no text from a source reaches a shell.

import type { FileHandle } from 'node:fs/promises';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';

import { archiveKind, type ArchiveEncoding } from '../core/version/archives.ts';
import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import type { Limits, Timeouts } from '../core/version/limits.ts';
import type { Metadata } from '../core/version/metadata.ts';
import type { Pins } from '../core/version/pins.ts';
import { quote } from '../core/version/text.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a source may use while it works. `signal` ends everything: the job's time is up, or it was told to stop. */
export interface SourceContext {
  readonly signal: AbortSignal;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  readonly log: (line: string) => void;
  /** Milliseconds of the wall clock: signatures and credentials hold for a time. */
  readonly now: () => number;
  /** Variables that the cluster gives to a pod, such as those by which it proves its ServiceAccount to a cloud. */
  readonly environment: Environment;
  /** Name resolution; every address that it returns is still checked (see address.ts). */
  readonly lookup: LookupFunction;
  /** An empty folder of the job's own, which is gone when it ends. */
  readonly spool: string;
}

/**
 * One thing to download. A file's `path` is relative to the version's root and not yet checked. Of the layers of an image the uppermost
 * comes first: what it holds hides what later ones have in its place. `folder` is the one in them that is the version, '' for all.
 */
export type Part =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'archive'; readonly encoding: ArchiveEncoding }
  | { readonly kind: 'layer'; readonly encoding: 'tar' | 'tar.gz'; readonly folder: string };

/** What a single file of this name is; an archive is unpacked, and one that cannot be is refused rather than served packed. */
export function namedPart(name: string): Outcome<Part> {
  const kind = archiveKind(name);
  if (kind === 'none') return success({ kind: 'file', path: name });
  if (kind !== 'foreign') return success({ kind: 'archive', encoding: kind });
  return finalFailure(
    'InvalidSource',
    `${quote(name)} is an archive of a kind that is not unpacked. Pack the version as .tar.gz, .tar or .zip.`,
  );
}

/**
 * A part's bytes as they come: as a stream, or in its stead from `lend`, for whoever keeps none of them, in chunks that are good until the
 * next one is asked for. `length` is what the source announced, in bytes. The stream fails with a SourceError when the
 * source breaks off, sends another length, or falls silent; destroying it closes the connection. `file` is the part as a local file, where
 * it is one, for whoever has to read it out of order; it is closed with the stream.
 */
export interface Body {
  readonly stream: Readable;
  readonly lend?: () => AsyncIterable<Uint8Array>;
  readonly file?: FileHandle;
  readonly length: number | undefined;
}

/** A pointer that was followed. `uri` is fit for status and logs: no credentials, no query. */
export interface Pinned {
  readonly uri: string;
  /** What the pointer was resolved to, where it is one that can move: given back as Place.pins to whoever fetches later. */
  readonly pins?: Pins;
  readonly metadata?: Metadata;
  readonly list: () => Promise<Outcome<readonly Part[]>>;
  readonly open: (part: Part) => Promise<Outcome<Body>>;
}

/** A place that models come from. Each call makes one attempt; a failure says whether another may help. */
export interface Source {
  readonly resolve: (context: SourceContext) => Promise<Outcome<Pinned>>;
}
