// Source dvc: a file or folder of a Git repository that DVC keeps elsewhere, by its path or as a version of an artifact that GTO has
// registered. A revision, version or stage is followed once, to a commit; that commit names every object by its md5.

import { folderOf, isWithin, type FolderFile, type Out, type Pipeline } from '../core/version/dvc.ts';
import { metadataOf, type Numbers } from '../core/version/dvcMetadata.ts';
import { finalFailure, success, type Outcome } from '../core/version/failure.ts';
import { addressUri } from '../core/version/gitAddress.ts';
import type { TreeEntry } from '../core/version/gitObjects.ts';
import { choose, registryOf, type Wanted as WantedVersion } from '../core/version/gto.ts';
import type { Metadata } from '../core/version/metadata.ts';
import type { Pins } from '../core/version/pins.ts';
import { quote } from '../core/version/text.ts';
import { readAccess } from './access.ts';
import { objectsOf, type Objects, type Wanted } from './dvc/objects.ts';
import { isOfDvc, readPipeline, readProject, readText, readTree, type Project, type Tree } from './dvc/project.ts';
import { errorOf, failureOf, valueOf } from './error.ts';
import { optionalTextOf, Problem, textOf, type Fields, type Place } from './fields.ts';
import { lfsStore, openFile, type LfsStore } from './git/lfs.ts';
import { openRepository, type Repository } from './git/repository.ts';
import { namedPart } from './source.ts';
import type { Body, Part, Pinned, Source, SourceContext } from './source.ts';
import { readYaml } from './yaml.ts';

const FIELD = 'spec.source.dvc';

/** What is wanted of a repository: what is at a path, or an artifact of the registry. */
type Pointer =
  | { readonly kind: 'path'; readonly path: string; readonly revision: string | undefined }
  | { readonly kind: 'artifact'; readonly folder: string; readonly name: string; readonly wanted: WantedVersion };

/** What was found, and by what it is got. There is no project where DVC is not used. */
interface Version {
  readonly tree: Tree;
  readonly path: string;
  readonly project: Project | undefined;
  readonly objects: Objects | undefined;
  /** For the files that Git LFS has. */
  readonly lfs: LfsStore;
}

/** A source that reads from a repository and its remotes. */
export function dvcSource(member: Fields, { accessDir, pins }: Place): Source {
  const repository = textOf(member, 'repository', 'source.dvc.repository');
  const remote = optionalTextOf(member, 'remote', 'source.dvc.remote');
  const pointer = pointerOf(member);
  const resolve = async (context: SourceContext): Promise<Pinned> => {
    const access = valueOf(await readAccess(accessDir, ['authorization', 'ssh', 'tls', 'aws', 'remote']));
    const place = { repository, field: `${FIELD}.repository`, access, sourceDir: undefined };
    const opened = valueOf(await openRepository(place, context));
    const found = pins ?? valueOf(await follow(opened, pointer));
    const tree = valueOf(await readTree(valueOf(await opened.fetch(found['commit'] ?? ''))));
    const { path, ...artifact } = valueOf(await pathOf(tree, pointer));
    const project = valueOf(await readProject(tree, path));
    const { address } = opened;
    const origin = address.kind === 'http' ? address.url.origin : undefined;
    const objects = project && objectsOf({ config: project.config, remote, access, origin }, context);
    const lfs = lfsStore({ repository: opened, commit: tree.commit, access, field: place.field }, context);
    const version = { tree, path, project, objects, lfs };
    const metadata = pins === undefined ? valueOf(await historyOf(version, artifact, address.shown)) : {};
    return { uri: `dvc+${addressUri(address)}@${tree.commit.id}#${path}`, pins: found, metadata, ...partsOf(version) };
  };
  return {
    resolve: async (context) => {
      try {
        return success(await resolve(context));
      } catch (error) {
        return failureOf(error);
      }
    },
  };
}

function pointerOf(member: Fields): Pointer {
  const [path, artifact] = [optionalTextOf(member, 'path', 'source.dvc.path'), optionalTextOf(member, 'artifact', 'source.dvc.artifact')];
  const [version, stage] = [optionalTextOf(member, 'version', 'source.dvc.version'), optionalTextOf(member, 'stage', 'source.dvc.stage')];
  const revision = optionalTextOf(member, 'revision', 'source.dvc.revision');
  if (path !== undefined && artifact === undefined && version === undefined && stage === undefined) {
    return { kind: 'path', path: path.replace(/^(\.\/+)+/, '').replace(/^\.$|\/+$/, ''), revision };
  }
  if (artifact === undefined || path !== undefined || revision !== undefined || (version === undefined) === (stage === undefined)) {
    throw new Problem('source.dvc must hold path and perhaps revision, or artifact and one of version and stage');
  }
  const [, folder = '', name = ''] = /^(?:(.*):)?(.*)$/s.exec(artifact) ?? [];
  const wanted = stage === undefined ? { version: version ?? '' } : { stage };
  return { kind: 'artifact', folder: folder.replace(/(^|\/)dvc\.yaml$/, ''), name, wanted };
}

/** Asks a branch, a tag or the registry once, what it leads to. */
async function follow(repository: Repository, pointer: Pointer): Promise<Outcome<Pins>> {
  if (pointer.kind === 'path') {
    const found = await repository.commitOf(pointer.revision ?? 'HEAD', `${FIELD}.revision`);
    return found.ok ? success({ commit: found.value.commit }) : found;
  }
  const tags = await repository.tags();
  if (!tags.ok) return tags;
  const made = tags.value.flatMap(({ name, commit, tagger }) => (tagger === undefined ? [] : [{ name, commit, taggedAt: tagger.time }]));
  const { folder, name, wanted } = pointer;
  const chosen = choose(registryOf(made), folder === '' ? name : `${folder}:${name}`, wanted);
  if (!chosen.ok) return chosen;
  const { commit, version } = chosen.value;
  return success({ commit, ...(version !== undefined && { version }) });
}

/** Where the commit has what is wanted; of an artifact, the dvc.yaml that says so, and what else it says. */
async function pathOf(tree: Tree, pointer: Pointer): Promise<Outcome<{ readonly path: string } & Partial<Noted>>> {
  if (pointer.kind === 'path') return success({ path: pointer.path });
  const { folder, name } = pointer;
  const file = folder === '' ? 'dvc.yaml' : `${folder}/dvc.yaml`;
  const read = await readPipeline(tree, file);
  if (!read.ok) return read;
  const pipeline = read.value;
  const artifact = pipeline?.artifacts.get(name);
  const wayOut = `Give ${FIELD}.path instead, and the tag of the version as revision.`;
  if (pipeline === undefined || artifact === undefined) {
    const what = `${quote(file)} does not say where the artifact ${quote(name)} is in commit ${tree.commit.id}`;
    return finalFailure('NotFound', `${what}. ${wayOut}`);
  }
  const { path, tags } = artifact;
  if (!path.includes('${')) return success({ path, pipeline, tags });
  const what = `${quote(file)} has the artifact ${quote(name)} at ${quote(path)}, which is not filled in`;
  return finalFailure('SourceRefused', `${what}. ${wayOut}`);
}

/** What dvc.yaml says of an artifact. */
interface Noted {
  readonly pipeline: Pipeline;
  readonly tags: Readonly<Record<string, string>>;
}

/** Where a file of the version comes from. */
type Item = { readonly kind: 'git'; readonly entry: TreeEntry } | { readonly kind: 'object'; readonly wanted: Wanted };

function partsOf(version: Version): Pick<Pinned, 'list' | 'open'> {
  const { tree, objects } = version;
  const items = new Map<Part, Item>();
  return {
    list: async () => {
      try {
        const found = await itemsOf(version);
        items.clear();
        for (const [part, item] of valueOf(listed(found, version))) items.set(part, item);
        return success([...items.keys()]);
      } catch (error) {
        return failureOf(error);
      }
    },
    open: async (part): Promise<Outcome<Body>> => {
      const item = items.get(part);
      if (item === undefined) throw new Error('the part is not one of this version');
      if (item.kind === 'git') return openFile(item.entry, tree.commit, version.lfs);
      if (objects === undefined) throw new Error('there are no objects without a project');
      return objects.open(item.wanted);
    },
  };
}

/** A single file under its name, or the files of a folder with the paths that they have in it. */
function listed(found: ReadonlyMap<string, Item>, { tree, path, project }: Version): Outcome<readonly (readonly [Part, Item])[]> {
  const single = found.get(path);
  if (single !== undefined) {
    const part = namedPart(path.slice(path.lastIndexOf('/') + 1));
    return part.ok ? success([[part.value, single]]) : part;
  }
  const isEmptyFolder = project?.outs.some((out) => isWithin(out.path, path)) === true;
  if (found.size === 0 && !isEmptyFolder) {
    const what = `Neither Git nor DVC has ${quote(path)} in commit ${tree.commit.id}`;
    return finalFailure('NotFound', `${what}. Check ${FIELD}.path and revision.`);
  }
  const start = path === '' ? 0 : path.length + 1;
  return success(Array.from(found, ([file, item]) => [{ kind: 'file', path: file.slice(start) }, item]));
}

/** The files at and below the path, by their paths in the repository. What Git has it has, whatever DVC says of it. */
async function itemsOf({ tree, path, project, objects }: Version): Promise<ReadonlyMap<string, Item>> {
  const items = new Map<string, Item>();
  for (const out of project?.outs ?? []) {
    if (objects === undefined || (!isWithin(out.path, path) && !isWithin(path, out.path))) continue;
    for (const wanted of valueOf(await filesOf(out, project?.root ?? '', objects))) {
      if (isWithin(wanted.path, path)) items.set(wanted.path, { kind: 'object', wanted });
    }
  }
  for (const entry of tree.entries.values()) {
    if (!isWithin(entry.path, path) || (entry.path !== path && isOfDvc(entry.path, project))) continue;
    if (entry.kind !== 'file') {
      const kind = entry.kind === 'link' ? 'a symbolic link' : 'a submodule';
      throw errorOf(finalFailure('SourceRefused', `${quote(entry.path)} is ${kind} in Git; only files are fetched.`));
    }
    if (entry.path !== path) items.delete(path);
    items.set(entry.path, { kind: 'git', entry });
  }
  return items;
}

/** The files of an out. */
async function filesOf(out: Out, root: string, objects: Objects): Promise<Outcome<readonly Wanted[]>> {
  const { path, object, cloud, files, remote, importedFrom } = out;
  const wanted = (at: string, one: Pick<FolderFile, 'object' | 'cloud'>): Wanted => {
    const key = root === '' ? at : at.slice(root.length + 1);
    return { path: at, key, object: one.object, cloud: one.cloud, remote, importedFrom };
  };
  if (files !== undefined) return success(files.map((file) => wanted(`${path}/${file.path}`, file)));
  if (object === undefined) {
    const wayOut = 'Run `dvc commit` (or `dvc repro`) and `dvc push`, and commit what they change.';
    return finalFailure('NotFound', `DVC knows ${quote(path)}, but not by an md5, so that no remote can have it. ${wayOut}`);
  }
  const own = wanted(path, { object, cloud });
  if (!object.isFolder) return success([own]);
  const list = await objects.readFolder(own);
  return list.ok ? success(list.value.map((file) => wanted(`${path}/${file.path}`, file))) : list;
}

/** Documents that are looked at for metrics and for parameters, and bytes of one. */
const MOST_DOCUMENTS = 16;
const MOST_DOCUMENT_BYTES = 1024 ** 2;

/** What the repository tells about how the version was made. */
async function historyOf(version: Version, { pipeline, tags = {} }: Partial<Noted>, repository: string): Promise<Outcome<Metadata>> {
  const { tree, path, project } = version;
  const outs = project?.outs ?? [];
  const out = outs.find((one) => isWithin(path, one.path)) ?? outs.find((one) => one.stage !== undefined && isWithin(one.path, path));
  const around = [...(project?.pipelines ?? [])].filter(([file]) => isWithin(path, folderOf(file))).map(([, one]) => one);
  const pipelines = [...new Set(pipeline === undefined ? around : [pipeline, ...around])];
  const metrics = await documents(tree, [...(out?.stage?.metrics ?? []), ...pipelines.flatMap((one) => one.metrics)]);
  if (!metrics.ok) return metrics;
  const parameters = await documents(
    tree,
    pipelines.flatMap((one) => one.parameters),
  );
  if (!parameters.ok) return parameters;
  const isCode = (file: string): boolean =>
    tree.entries.has(file) ||
    [...tree.entries.keys()].some((one) => isWithin(one, file) && !isOfDvc(one, project) && !/(^|\/)\.gitignore$/.test(one));
  const told = { repository, commit: tree.commit.id, stage: out?.stage, tags, isCode };
  return success(metadataOf({ ...told, metrics: metrics.value, parameters: parameters.value }));
}

/** Those of the files that Git has. */
async function documents(tree: Tree, files: readonly string[]): Promise<Outcome<readonly Numbers[]>> {
  const read: Numbers[] = [];
  for (const path of [...new Set(files)].filter((file) => tree.entries.get(file)?.kind === 'file').slice(0, MOST_DOCUMENTS)) {
    const text = await readText(tree, path, MOST_DOCUMENT_BYTES);
    if (text.ok && text.value !== undefined) read.push({ path, document: readYaml(text.value) });
    else if (!text.ok && text.failure.reason !== 'TooLarge') return text;
  }
  return success(read);
}
