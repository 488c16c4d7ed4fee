// Where the bytes of a version go: nowhere, when only its digest is wanted, or into a folder.

import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { passingFailure } from '../core/version/failure.ts';
import { codeOf, errorOf, SourceError } from './error.ts';

/** Takes files, several at a time. Paths are relative and have passed checkPath. */
export interface Sink {
  /** Takes a file's bytes to their end. Throws what `content` throws, and a SourceError of its own when it cannot keep them. */
  readonly write: (path: string, content: AsyncIterable<Uint8Array>) => Promise<void>;
  /** Forgets a file of an attempt that failed, whether or not it was complete. */
  readonly remove: (path: string) => Promise<void>;
}

/** Reads everything and keeps nothing. */
export function discardSink(): Sink {
  return {
    write: async (_path, content) => {
      await pipeline(content, new Writable({ write: (_chunk, _encoding, done) => done() }));
    },
    remove: () => Promise.resolve(),
  };
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
    write: async (path, content) => {
      const target = join(root, path);
      try {
        await mkdir(dirname(target), { recursive: true, mode: 0o755 });
        const file = await open(target, 'wx', 0o600);
        try {
          // A stream over the handle would not settle: with autoClose off it never closes, and nothing else keeps the process alive.
          for await (const chunk of content) await writeAll(file, chunk);
          await file.chmod(0o444);
          if (durable) await file.sync();
        } finally {
          await file.close();
        }
      } catch (error) {
        throw storageError(path, error, volume);
      }
    },
    remove: (path) => rm(join(root, path), { force: true }),
  };
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
