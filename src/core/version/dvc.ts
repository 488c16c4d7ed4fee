// What DVC writes into a Git repository, read: which files and folders it keeps elsewhere, by which checksum, and how they were made.
// Formats: https://dvc.org/doc/user-guide/project-structure. Documents come as parsed YAML of which every scalar is a text, from somebody
// who may have written anything.

import type { StoredObject } from './dvcRemote.ts';
import { finalFailure, success, type Outcome } from './failure.ts';
import { checkPath } from './paths.ts';
import { quote } from './text.ts';

type Texts = Readonly<Record<string, string>>;
export type Fields = Readonly<Record<string, unknown>>;

/** A version that a bucket keeps of a file, in the remote of that name. */
export interface CloudVersion {
  readonly remote: string;
  readonly versionId: string;
}

/** A file of a folder; its path is that in the folder. */
export interface FolderFile {
  readonly path: string;
  readonly object: StoredObject;
  readonly cloud: CloudVersion | undefined;
}

/** A file or folder that DVC keeps. Its path is that in the repository, as are all others here. */
export interface Out {
  readonly path: string;
  /** Undefined where DVC has not stored it, or knows it by something else than an md5. */
  readonly object: StoredObject | undefined;
  readonly cloud: CloudVersion | undefined;
  /** The files of a folder that a bucket keeps versions of; other folders have an object that lists them. */
  readonly files: readonly FolderFile[] | undefined;
  /** Name of the remote that it is in, if that is not the default one. */
  readonly remote: string | undefined;
  /** The repository that it was imported from, which may be the only place that has it. */
  readonly importedFrom: string | undefined;
  readonly stage: Stage | undefined;
}

/** What made an out. */
export interface Stage {
  readonly name: string;
  readonly dependencies: readonly { readonly path: string; readonly md5: string | undefined }[];
  /** Its parameters by the file that they are in, as read. */
  readonly parameters: Fields;
  /** Files that hold its metrics. */
  readonly metrics: readonly string[];
}

/** What dvc.yaml and the dvc.lock beside it say together. */
export interface Pipeline {
  readonly outs: readonly Out[];
  readonly artifacts: ReadonlyMap<string, Artifact>;
  /** Files that hold metrics and parameters of no stage in particular. */
  readonly metrics: readonly string[];
  readonly parameters: readonly string[];
}

export interface Artifact {
  readonly path: string;
  readonly tags: Texts;
}

/** Reads a file `name.dvc`. */
export function outsOf(file: string, document: unknown): Outcome<readonly Out[]> {
  const fields = recordOf(document);
  if (fields === undefined) return refused(file, 'is no YAML of DVC');
  const folder = inFolder(folderOf(file), textOf(fields, 'wdir') ?? '');
  if (folder === undefined) return success([]);
  const dependencies = recordsIn(fields['deps']);
  const importedFrom = dependencies.map((entry) => textOf(recordOf(entry['repo']) ?? {}, 'url')).find((url) => url !== undefined);
  const own = { importedFrom, stage: importedFrom === undefined ? singleStage(file, folder, dependencies) : undefined };
  return outsIn(file, folder, fields['outs'], () => own);
}

function singleStage(file: string, folder: string, dependencies: readonly Fields[]): Stage | undefined {
  if (dependencies.length === 0) return undefined;
  return { name: file, dependencies: dependenciesIn(folder, dependencies), parameters: {}, metrics: [] };
}

/** Reads dvc.yaml and, where there is one, dvc.lock. What the lock does not hold has not been made. */
export function pipelineOf(file: string, document: unknown, lock: unknown): Outcome<Pipeline> {
  const fields = recordOf(document);
  if (fields === undefined) return refused(file, 'is no YAML of DVC');
  const definitions = recordOf(fields['stages']) ?? {};
  const outs: Out[] = [];
  for (const [name, entry] of Object.entries(recordOf(recordOf(lock)?.['stages']) ?? {})) {
    const definition = definitionOf(definitions, name);
    const folder = definition && inFolder(folderOf(file), textOf(definition, 'wdir') ?? '');
    if (definition === undefined || folder === undefined) continue;
    const made = stageOuts(`${file}:${name}`, folder, definition, recordOf(entry) ?? {});
    if (!made.ok) return made;
    outs.push(...made.value);
  }
  const listed = (value: unknown): readonly string[] => textsIn(value).flatMap((path) => inFolder(folderOf(file), path) ?? []);
  return success({ outs, artifacts: artifactsIn(file, fields), metrics: listed(fields['metrics']), parameters: listed(fields['params']) });
}

/** The stage of dvc.yaml that an entry of dvc.lock is of: `train@fold1` is one of those that `train` stands for. */
function definitionOf(definitions: Fields, name: string): Fields | undefined {
  const [group = ''] = name.split('@', 1);
  const found = [name, group].map((one) => (Object.hasOwn(definitions, one) ? recordOf(definitions[one]) : undefined));
  const definition = found.find((one) => one !== undefined);
  return definition && (recordOf(definition['do']) ?? definition);
}

function stageOuts(name: string, folder: string, definition: Fields, entry: Fields): Outcome<readonly Out[]> {
  const remotes = new Map<string, string>();
  for (const list of ['outs', 'metrics', 'plots']) {
    for (const [path, flags] of recordsIn(definition[list]).flatMap((item) => Object.entries(item))) {
      const remote = textOf(recordOf(flags) ?? {}, 'remote');
      if (remote !== undefined) remotes.set(path, remote);
    }
  }
  const metrics = listOf(definition['metrics']).flatMap((item) => (typeof item === 'string' ? [item] : Object.keys(recordOf(item) ?? {})));
  const stage = {
    name,
    dependencies: dependenciesIn(folder, recordsIn(entry['deps'])),
    parameters: recordOf(entry['params']) ?? {},
    metrics: metrics.flatMap((path) => inFolder(folder, path) ?? []),
  };
  return outsIn(name, folder, entry['outs'], (path) => ({ importedFrom: undefined, stage, remote: remotes.get(path) }));
}

/** What an entry cannot say by itself. */
type Own = Pick<Out, 'importedFrom' | 'stage'> & { readonly remote?: string | undefined };

function outsIn(file: string, folder: string, list: unknown, ownOf: (path: string) => Own): Outcome<readonly Out[]> {
  const outs: Out[] = [];
  for (const entry of recordsIn(list)) {
    const written = textOf(entry, 'path');
    if (written === undefined) return refused(file, 'has an out without a path');
    const path = inFolder(folder, written);
    // Outs at URLs and absolute paths are of one machine, and are no part of the repository.
    if (path === undefined) continue;
    const files = filesIn(file, entry);
    if (!files.ok) return files;
    const { importedFrom, stage, remote = textOf(entry, 'remote') } = ownOf(written);
    outs.push({ path, object: objectOf(entry), cloud: cloudOf(entry), files: files.value, remote, importedFrom, stage });
  }
  return success(outs);
}

const MD5 = /^([0-9a-f]{32})(\.dir)?$/;

/** An entry without the name of its hash is of DVC 2, whose md5 is another one. */
function objectOf(entry: Fields, hash = textOf(entry, 'hash')): StoredObject | undefined {
  const [, md5, folder] = MD5.exec(textOf(entry, 'md5') ?? '') ?? [];
  if (md5 === undefined || (hash !== undefined && hash !== 'md5')) return undefined;
  return { md5, isFolder: folder !== undefined, isLegacy: hash === undefined };
}

function cloudOf(entry: Fields): CloudVersion | undefined {
  const [remote, version] = Object.entries(recordOf(entry['cloud']) ?? {})[0] ?? [];
  const versionId = textOf(recordOf(version) ?? {}, 'version_id');
  return remote === undefined || versionId === undefined ? undefined : { remote: remote.toLowerCase(), versionId };
}

function filesIn(file: string, entry: Fields): Outcome<readonly FolderFile[] | undefined> {
  return entry['files'] === undefined ? success(undefined) : folderFiles(file, entry['files'], textOf(entry, 'hash'));
}

/** Reads the object of a folder, `[{"md5": "…", "relpath": "a.bin"}, …]`, whose text was checked against its md5. */
export function parseFolder(text: string, what: string, { isLegacy }: StoredObject): Outcome<readonly FolderFile[]> {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return refused(what, 'is no JSON');
  }
  return Array.isArray(list) ? folderFiles(what, list, isLegacy ? undefined : 'md5') : refused(what, 'is no list of files');
}

function folderFiles(what: string, list: unknown, hash: string | undefined): Outcome<readonly FolderFile[]> {
  const files: FolderFile[] = [];
  for (const entry of listOf(list)) {
    const fields = recordOf(entry) ?? {};
    const path = textOf(fields, 'relpath');
    if (path === undefined) return refused(what, 'lists a file without a name');
    const problem = checkPath(path);
    if (problem !== undefined) return refused(what, `lists the file ${quote(path)}, which ${problem}`);
    const object = objectOf(fields, hash);
    if (object === undefined || object.isFolder) return refused(what, `lists the file ${quote(path)} without an md5`);
    files.push({ path, object, cloud: cloudOf(fields) });
  }
  return success(files);
}

function dependenciesIn(folder: string, list: readonly Fields[]): Stage['dependencies'] {
  return list.flatMap((entry) => {
    const written = textOf(entry, 'path');
    if (written === undefined) return [];
    const md5 = textOf(entry, 'md5');
    return [{ path: inFolder(folder, written) ?? written, md5: md5 !== undefined && MD5.test(md5) ? md5 : undefined }];
  });
}

function artifactsIn(file: string, fields: Fields): Pipeline['artifacts'] {
  return new Map(
    Object.entries(recordOf(fields['artifacts']) ?? {}).flatMap(([name, value]) => {
      const entry = recordOf(value) ?? {};
      const path = inFolder(folderOf(file), textOf(entry, 'path') ?? '/');
      if (path === undefined) return [];
      const labels = textsIn(entry['labels']).join(', ');
      const said = { type: textOf(entry, 'type'), description: textOf(entry, 'desc'), labels: labels === '' ? undefined : labels };
      return [[name, { path, tags: definedOf(said) }]];
    }),
  );
}

/** `path` as seen from `folder`, both in the repository; undefined when it leads out of the repository. */
export function inFolder(folder: string, path: string): string | undefined {
  if (path.startsWith('/') || /^\w+:\/\//.test(path)) return undefined;
  const segments: string[] = [];
  for (const segment of `${folder}/${path}`.split('/')) {
    if (segment === '..' && segments.pop() === undefined) return undefined;
    if (segment !== '' && segment !== '.' && segment !== '..') segments.push(segment);
  }
  return segments.join('/');
}

/** The folder of a file; '' is the repository itself. */
export function folderOf(file: string): string {
  return file.slice(0, Math.max(file.lastIndexOf('/'), 0));
}

/** Whether a path is that of a folder, or of something in it. */
export function isWithin(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}

/** A value that has named fields. */
export function recordOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function recordsIn(value: unknown): readonly Fields[] {
  return listOf(value)
    .map(recordOf)
    .filter((item) => item !== undefined);
}

function textsIn(value: unknown): readonly string[] {
  return listOf(value).filter((item) => typeof item === 'string');
}

function textOf(fields: Fields, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function definedOf(fields: Readonly<Record<string, string | undefined>>): Texts {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function refused(file: string, problem: string): ReturnType<typeof finalFailure> {
  return finalFailure('SourceRefused', `${quote(file)} ${problem}.`);
}
