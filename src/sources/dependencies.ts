// Takes along what a version needs to be served, while its bytes pass by on their way into a sink.

import { FAILSAFE_SCHEMA, load } from 'js-yaml';

import {
  aboutTheModel,
  dependencyFile,
  MOST_DEPENDENCY_BYTES,
  readDependencies,
  type Dependencies,
  type DependencyFile,
} from '../core/version/dependencies.ts';
import type { Sink, SinkFile } from './sink.ts';

export interface DependencyReader {
  /** A sink that gives everything to this one. What earlier sinks saw is forgotten: their files were of another attempt. */
  readonly over: (sink: Sink) => Sink;
  /** What the files say that have come, once all have. */
  readonly read: () => Dependencies | undefined;
}

/** Files that are held in memory; the others, and those deep down, are no version's own. */
const MOST_FILES = 32;
const DEEPEST = 4;

/** Reads requirements.txt and its like from the files of a version, of any source. */
export function dependencyReader(): DependencyReader {
  let kept = new Map<string, Buffer | 'TooLarge'>();
  return {
    over: (sink) => {
      const mine = new Map<string, Buffer | 'TooLarge'>();
      kept = mine;
      return keeping(sink, mine);
    },
    read: () => readKept(kept),
  };
}

function keeping(sink: Sink, kept: Map<string, Buffer | 'TooLarge'>): Sink {
  return {
    create: async (path) => {
      const file = await sink.create(path);
      const isWanted = dependencyFile(path) !== undefined && path.split('/').length <= DEEPEST && kept.size < MOST_FILES;
      return isWanted ? copied(file, (bytes) => kept.set(path, bytes)) : file;
    },
    remove: (path) => {
      kept.delete(path);
      return sink.remove(path);
    },
  };
}

/** Passes everything on, and keeps a copy of the first bytes: enough to see that there was too much. */
function copied(file: SinkFile, keep: (bytes: Buffer | 'TooLarge') => void): SinkFile {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return {
    ...file,
    write: (chunk) => {
      if (bytes <= MOST_DEPENDENCY_BYTES) chunks.push(Buffer.from(chunk.subarray(0, MOST_DEPENDENCY_BYTES + 1 - bytes)));
      bytes += chunk.length;
      return file.write(chunk);
    },
    finish: async () => {
      await file.finish();
      keep(bytes > MOST_DEPENDENCY_BYTES ? 'TooLarge' : Buffer.concat(chunks));
    },
  };
}

function readKept(kept: ReadonlyMap<string, Buffer | 'TooLarge'>): Dependencies | undefined {
  const contents: Partial<Record<DependencyFile, unknown>> = {};
  const unread: string[] = [];
  for (const path of aboutTheModel([...kept.keys()])) {
    const [file, bytes] = [dependencyFile(path), kept.get(path)];
    if (file === undefined || bytes === undefined) continue;
    if (bytes === 'TooLarge') {
      unread.push(`${file}, which has more than ${MOST_DEPENDENCY_BYTES / 1024} KiB`);
      continue;
    }
    const content = file === 'requirements.txt' ? textOf(bytes) : parseYaml(textOf(bytes));
    if (content === undefined) unread.push(`${file}, which is no YAML that can be read`);
    else contents[file] = content;
  }
  return readDependencies(contents, unread);
}

/** PowerShell writes UTF-16 by `pip freeze > requirements.txt`. */
function textOf(bytes: Buffer): string {
  return new TextDecoder(bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8').decode(bytes);
}

/** The document, with every scalar as it is written: Python 3.10 is no 3.1. Undefined when it is none. */
function parseYaml(text: string): unknown {
  try {
    return load(text, { schema: FAILSAFE_SCHEMA, maxAliases: 0, maxDepth: 32 });
  } catch {
    return undefined;
  }
}
