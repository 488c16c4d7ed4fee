// Where the bytes of a version go: nowhere, when only its digest is wanted, or into a folder.

import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { passingFailure } from '../core/version/failure.ts';
import { codeOf, errorOf, SourceError } from './error.ts';

/** Takes files, several at a time. Paths are relative and have passed checkPath. */
export interface Sink {
  /** A new file. Like all that is done with it, this throws a SourceError when it cannot be kept. */
  readonly create: (path: string) => Promise<SinkFile>;
  /** Forgets a file of an attempt that failed, whether or not it was complete. */
  readonly remove: (path: string) => Promise<void>;
}

/** A file that grows. */
export interface SinkFile {
  /** Takes the next bytes. They may be read meanwhile, and become others afterwards. */
  readonly write: (chunk: Uint8Array) => Promise<void>;
  /** Nothing more comes: the file is whole. */
  readonly finish: () => Promise<void>;
  /** Comes last, whether or not the file is whole. */
  readonly close: () => Promise<void>;
}

/** Keeps nothing. */
export function discardSink(): Sink {
  const nothing = (): Promise<void> => Promise.resolve();
  return { create: () => Promise.resolve({ write: nothing, finish: nothing, close: nothing }), remove: nothing };
}

/** What a volume is called in a sentence, and how more room is made in it. */
export interface Volume {
  readonly name: string;
  readonly room: string;
}

/** The volume of the pod itself. */
const POD_VOLUME: Volume = { name: 'the volume', room: 'give it more room (sizeLimit, or ephemeral-storage of the pod)' };

/**
 * Writes below `root`, an existing folder of ours in which nobody else writes. Files end as 0444, whatever the umask: the
 * server that reads them runs as another user. A file that is already there is never written over. When it is `durable`, a file's bytes
 * have reached the disk before it counts as written.
 */
export function folderSink(root: string, { volume = POD_VOLUME, durable = false }: { volume?: Volume; durable?: boolean } = {}): Sink {
  return {
    create: async (path) => {
      const inWords = async <T>(work: Promise<T>): Promise<T> => {
        try {
          return await work;
        } catch (error) {
          throw storageError(path, error, volume);
        }
      };
      const file = await inWords(createFile(join(root, path)));
      return {
        write: (chunk) => inWords(writeAll(file, chunk)),
        finish: () => inWords(finishFile(file, durable)),
        close: () => inWords(file.close()),
      };
    },
    remove: (path) => rm(join(root, path), { force: true }),
  };
}

async function createFile(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  return open(path, 'wx', 0o600);
}

async function finishFile(file: FileHandle, durable: boolean): Promise<void> {
  await file.chmod(0o444);
  if (durable) await file.sync();
}

/** A write may take fewer bytes than it was given. */
export async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten;
}

const STORAGE_FAILURE: Readonly<Record<string, (volume: Volume) => string>> = {
  ENOSPC: ({ name, room }) => `${name} is full: ${room}`,
  EDQUOT: ({ name }) => `the quota of ${name} is used up`,
  EROFS: ({ name }) => `${name} is mounted read-only`,
  EACCES: ({ name }) => `the user of this container may not write to ${name}`,
  EPERM: ({ name }) => `the user of this container may not write to ${name}`,
  ENOTDIR: () => 'a part of its path is a file and no folder',
  EIO: ({ name }) => `${name} failed (input/output error)`,
};

/** An error of a volume that is written in words for people; any other error as it is. */
export function storageError(what: string, error: unknown, volume = POD_VOLUME): unknown {
  if (error instanceof SourceError) return error;
  const meaning = STORAGE_FAILURE[codeOf(error)]?.(volume);
  return meaning === undefined ? error : errorOf(passingFailure('StorageFailed', `${what} could not be written: ${meaning}.`), error);
}
