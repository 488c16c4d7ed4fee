// What DVC says about a path of a repository in one commit: read from the files of DVC that lie there, as few of them as will do.

import { isWithin, folderOf, outsOf, pipelineOf, type Out, type Pipeline } from '../../core/version/dvc.ts';
import { parseConfig, type DvcConfig } from '../../core/version/dvcRemote.ts';
import { finalFailure, success, type Outcome } from '../../core/version/failure.ts';
import type { TreeEntry } from '../../core/version/gitObjects.ts';
import { quote } from '../../core/version/text.ts';
import { failureOf, valueOf } from '../error.ts';
import type { Commit } from '../git/commit.ts';
import { readYaml } from '../yaml.ts';

/** A commit with all its entries by their paths. */
export interface Tree {
  readonly commit: Commit;
  readonly entries: ReadonlyMap<string, TreeEntry>;
}

/** What was read. Paths are those in the repository. */
export interface Project {
  /** Folder of the DVC project that a path is in: the one that holds `.dvc`. */
  readonly root: string;
  /** Folders in it that are projects of their own. */
  readonly others: readonly string[];
  readonly config: DvcConfig;
  readonly outs: readonly Out[];
  /** By the path of dvc.yaml. */
  readonly pipelines: ReadonlyMap<string, Pipeline>;
}

/** Files of DVC that are read at most, and bytes of one: a folder that a bucket keeps versions of is listed in its .dvc file. */
const MOST_FILES = 2000;
const MOST_BYTES = 16 * 1024 ** 2;
const MOST_CONFIG_BYTES = 1024 ** 2;

/** Lists a commit. */
export async function readTree(commit: Commit): Promise<Outcome<Tree>> {
  const list = await commit.list('');
  return list.ok ? success({ commit, entries: new Map(list.value.map((entry) => [entry.path, entry])) }) : list;
}

/** A text file of the commit; undefined when there is none. */
export async function readText({ commit, entries }: Tree, path: string, most: number): Promise<Outcome<string | undefined>> {
  const entry = entries.get(path);
  if (entry === undefined) return success(undefined);
  const tooLarge = finalFailure('TooLarge', `${quote(path)} has more than ${most} bytes.`);
  if (entry.kind !== 'file') return finalFailure('SourceRefused', `${quote(path)} is no plain file.`);
  if ((entry.bytes ?? 0) > most) return tooLarge;
  const opened = await commit.open(entry);
  if (!opened.ok) return opened;
  const { stream, length = 0 } = opened.value;
  try {
    return length > most ? tooLarge : success(Buffer.concat((await stream.toArray()) as Buffer[]).toString('utf8'));
  } catch (error) {
    return failureOf(error);
  } finally {
    stream.destroy();
  }
}

/** Reads what DVC says of a path; undefined where there is no project of DVC around it. */
export async function readProject(tree: Tree, path: string): Promise<Outcome<Project | undefined>> {
  const roots = [...new Set([...tree.entries.keys()].flatMap((entry) => rootOf(entry) ?? []))];
  const root = roots.filter((folder) => isWithin(path, folder)).toSorted((a, b) => b.length - a.length)[0];
  if (root === undefined) return success(undefined);
  const others = roots.filter((folder) => folder !== root && isWithin(folder, root));
  try {
    const config = valueOf(await readText(tree, inRoot(root, '.dvc/config'), MOST_CONFIG_BYTES)) ?? '';
    const files = [...tree.entries.keys()].filter((file) => isDvcFile(file) && isWithin(file, root) && !isHidden(file, others));
    const near = files.filter((file) => isNear(file, path));
    const project = { root, others, config: parseConfig(config), outs: [], pipelines: new Map<string, Pipeline>() };
    const first = valueOf(await readFiles(tree, near, project));
    if (first.outs.some((out) => isWithin(path, out.path))) return success(first);
    return await readFiles(tree, files.filter((file) => !isNear(file, path)), first);
  } catch (error) {
    return failureOf(error);
  }
}

/** What a dvc.yaml says, without the dvc.lock beside it; undefined where there is none. */
export async function readPipeline(tree: Tree, file: string): Promise<Outcome<Pipeline | undefined>> {
  if (!tree.entries.has(file)) return success(undefined);
  const document = await readDocument(tree, file);
  return document.ok ? pipelineOf(file, document.value, undefined) : document;
}

/** The folder of which `.dvc` is a part of the path. */
function rootOf(path: string): string | undefined {
  const at = path.startsWith('.dvc/') ? 0 : path.indexOf('/.dvc/');
  return at === -1 ? undefined : path.slice(0, at);
}

function inRoot(root: string, path: string): string {
  return root === '' ? path : `${root}/${path}`;
}

function isDvcFile(path: string): boolean {
  return /[^/]\.dvc$|(^|\/)dvc\.yaml$/.test(path);
}

/** Whether a file in a folder is DVC's own, and no part of what the folder is for. */
export function isOfDvc(path: string, project: Project | undefined): boolean {
  return project !== undefined && (isDvcFile(path) || isHidden(path, project.others) || /(^|\/)\.dvcignore$/.test(path));
}

/** In a project of its own, or among what DVC keeps for itself. */
function isHidden(path: string, others: readonly string[]): boolean {
  return rootOf(path) !== undefined || others.some((folder) => isWithin(path, folder));
}

/** Where DVC writes by itself what it says of a path: in the file beside it, or beside a folder that it is in. */
function isNear(file: string, path: string): boolean {
  return file.endsWith('.dvc') ? isWithin(path, file.slice(0, -'.dvc'.length)) : isWithin(path, folderOf(file));
}

/** The project with what more files say. */
async function readFiles(tree: Tree, files: readonly string[], project: Project): Promise<Outcome<Project>> {
  if (files.length > MOST_FILES) {
    const wayOut = 'Name a file or folder that has a .dvc file beside it, or a dvc.yaml in its folder or above.';
    const what = `The repository has ${files.length} files of DVC, more than the ${MOST_FILES} that are read.`;
    return finalFailure('TooLarge', `${what} ${wayOut}`);
  }
  const outs = [...project.outs];
  const pipelines = new Map(project.pipelines);
  for (const file of files) {
    const document = valueOf(await readDocument(tree, file));
    if (file.endsWith('.dvc')) {
      outs.push(...valueOf(outsOf(file, document)));
      continue;
    }
    const pipeline = valueOf(pipelineOf(file, document, valueOf(await readDocument(tree, file.replace(/yaml$/, 'lock')))));
    pipelines.set(file, pipeline);
    outs.push(...pipeline.outs);
  }
  return success({ ...project, outs, pipelines });
}

/** The document in a YAML or JSON file; undefined when there is none. */
async function readDocument(tree: Tree, file: string): Promise<Outcome<unknown>> {
  const text = await readText(tree, file, MOST_BYTES);
  return !text.ok || text.value === undefined ? text : success(readYaml(text.value));
}
