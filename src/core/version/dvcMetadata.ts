// The history of a version that DVC keeps: by which code, from which data, with which parameters it was made, and what it came to.

import { recordOf, type Stage } from './dvc.ts';
import type { Metadata } from './metadata.ts';

type Texts = Readonly<Record<string, string>>;

/** A document with numbers in it, and the file that it is. */
export interface Numbers {
  readonly path: string;
  readonly document: unknown;
}

/** What is known of a version from the repository alone. */
export interface Told {
  readonly repository: string;
  readonly commit: string;
  readonly stage: Stage | undefined;
  readonly tags: Texts;
  readonly metrics: readonly Numbers[];
  readonly parameters: readonly Numbers[];
  /** Whether Git itself holds what is at a path: then it is code, and no data. */
  readonly isCode: (path: string) => boolean;
}

const MOST_DEPENDENCIES = 256;

/** Puts the history together. The checksums of what its stage read, as far as that is data, are the version of the training data. */
export function metadataOf({ repository, commit, stage, tags, metrics, parameters, isCode }: Told): Metadata {
  const data = (stage?.dependencies ?? []).slice(0, MOST_DEPENDENCIES).filter(({ path }) => !isCode(path));
  return {
    code: { repository, commit },
    data: data.map(({ path, md5 }) => ({ name: path, ...(md5 !== undefined && { digest: `md5:${md5}` }) })),
    training: { ...(stage && { pipeline: stage.name }), parameters: { ...numbersOf(parameters), ...lockedParameters(stage) } },
    metrics: numbersOf(metrics),
    tags,
  };
}

/** Parameters of params.yaml, the file that DVC means where none is named, by their own names; others with their file's. */
function lockedParameters(stage: Stage | undefined): Texts {
  return Object.fromEntries(
    Object.entries(stage?.parameters ?? {}).flatMap(([file, values]) => {
      return Object.entries(leavesOf(values)).map(([name, value]) => [file === 'params.yaml' ? name : `${file}:${name}`, value]);
    }),
  );
}

/** Their names and values; a name that several files have is told with its file. */
function numbersOf(files: readonly Numbers[]): Texts {
  const all = files.flatMap(({ path, document }) => Object.entries(leavesOf(document)).map(([name, value]) => ({ path, name, value })));
  const sharing = Map.groupBy(all, ({ name }) => name);
  return Object.fromEntries(all.map(({ path, name, value }) => [(sharing.get(name) ?? []).length > 1 ? `${path}:${name}` : name, value]));
}

/** Values that are looked at: a document can refer to the same values again and again. */
const MOST_VALUES = 1000;

/** The texts of a document by the names that lead to them, `model.depth`; a list of texts counts as one. */
function leavesOf(document: unknown): Texts {
  const leaves: Record<string, string> = {};
  let looked = 0;
  const walk = (value: unknown, name: string): void => {
    looked += 1;
    if (looked > MOST_VALUES) return;
    if (typeof value === 'string' && name !== '') leaves[name] = value;
    else if (Array.isArray(value) && value.every((item) => typeof item === 'string')) leaves[name] = `[${value.slice(0, 32).join(', ')}]`;
    else for (const [key, item] of Object.entries(recordOf(value) ?? {})) walk(item, name === '' ? key : `${name}.${key}`);
  };
  walk(document, '');
  return leaves;
}
