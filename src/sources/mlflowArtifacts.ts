// Where MLflow has artifacts: behind its proxy, /api/2.0/mlflow-artifacts/artifacts, which lists folder by folder, or in a bucket.

import { finalFailure } from '../core/version/failure.ts';
import { PROXY_ROUTE, type Artifacts } from '../core/version/mlflow.ts';
import { readArtifacts, type Artifact } from '../core/version/mlflowAnswers.ts';
import { checkPath, compareBytes } from '../core/version/paths.ts';
import { quote } from '../core/version/text.ts';
import { download, statusFailure } from './download.ts';
import { caught, errorOf, valueOf, type SourceError } from './error.ts';
import { ask, needed, readAnswer, type Server } from './mlflowApi.ts';
import { s3Bucket, type Bucket } from './s3Client.ts';
import type { S3Object } from './s3Listing.ts';
import { namedPart, type Part, type Pinned } from './source.ts';

const FIELD = 'spec.source.mlflow';

/** A place of artifacts: a folder, or one file. */
export interface ArtifactStore extends Pick<Pinned, 'uri' | 'list' | 'open'> {
  /** The text of a small file in the folder; undefined when it is not there. Throws a SourceError. */
  readonly text: (name: string) => Promise<string | undefined>;
}

/** Of a text file that is read for metadata. */
const MAX_TEXT_BYTES = 256 * 1024;

/** Artifacts in a bucket, read without the server. */
export function bucketArtifacts(server: Server, { bucket, prefix }: Artifacts & { readonly kind: 's3' }): ArtifactStore {
  const store = s3Bucket({ bucket, endpoint: server.s3Endpoint, field: FIELD }, server.access, server.context);
  const uri = store.uri(prefix);
  const found = new Map<string, S3Object>();
  const list = async (): Promise<readonly Part[]> => {
    const below = `${prefix}/`;
    // Some tools make empty objects for folders.
    const objects = valueOf(await store.list(below)).filter(({ key }) => !key.endsWith('/'));
    found.clear();
    if (objects.length > 0) {
      for (const object of objects) found.set(object.key.slice(below.length), object);
      return [...found.keys()].map((path) => ({ kind: 'file', path }));
    }
    const file = await store.head(prefix);
    if (!file.ok && file.failure.reason === 'NotFound') throw nothing(uri);
    const part = valueOf(namedPart(lastSegment(prefix)));
    found.set(part.kind === 'file' ? part.path : '', valueOf(file));
    return [part];
  };
  return {
    uri,
    list: () => caught(list),
    open: (part) => store.open(found.get(part.kind === 'file' ? part.path : '') ?? { key: prefix }),
    text: (name) => smallText(store, `${prefix}/${name}`),
  };
}

async function smallText(store: Bucket, key: string): Promise<string | undefined> {
  const opened = await store.open({ key });
  if (!opened.ok && opened.failure.reason === 'NotFound') return undefined;
  const { stream } = valueOf(opened);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_TEXT_BYTES) throw errorOf(finalFailure('SourceRefused', `${store.uri(key)} has more than ${MAX_TEXT_BYTES} bytes.`));
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Artifacts at a path of a server's store. */
export function proxiedArtifacts(server: Server, path: string): ArtifactStore {
  const urlOf = (...paths: readonly string[]): URL => new URL(`${server.address}${PROXY_ROUTE}/${escaped(paths.join('/'))}`);
  const uri = urlOf(path).href;
  // What was found where, to compare it with what comes. One file is a folder with nothing in it, to MLflow.
  const sizes = new Map<string, number | undefined>();
  let isFile = false;
  const list = async (): Promise<readonly Part[]> => {
    const found = await listFolder(server, path);
    sizes.clear();
    for (const { name, bytes } of found) sizes.set(name, bytes);
    if (found.length > 0) return found.map(({ name }) => ({ kind: 'file', path: name }));
    const file = await findFile(server, path);
    if (file === undefined) throw nothing(uri);
    isFile = true;
    sizes.set(file.name, file.bytes);
    return [valueOf(namedPart(file.name))];
  };
  return {
    uri,
    list: () => caught(list),
    open: (part) => {
      const below = part.kind === 'file' && !isFile ? [part.path] : [];
      const bytes = sizes.get(isFile ? lastSegment(path) : (below[0] ?? ''));
      return download({ url: urlOf(path, ...below), access: server.access, field: FIELD, bytes }, server.context);
    },
    text: async (name) => {
      const url = urlOf(path, name);
      const { status, text } = await readAnswer({ url, access: server.access }, MAX_TEXT_BYTES, server.context);
      const failure = statusFailure({ url, access: server.access, field: FIELD }, status);
      if (failure?.reason === 'NotFound') return undefined;
      if (failure !== undefined) throw errorOf({ failure });
      return text;
    },
  };
}

/** The files below a folder, by their paths in it. */
async function listFolder(server: Server, path: string): Promise<readonly Artifact[]> {
  const most = server.context.limits.files;
  const files: Artifact[] = [];
  let folders = 0;
  const walk = async (below: string): Promise<void> => {
    for (const entry of await entriesOf(server, below === '' ? path : `${path}/${below}`)) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      const problem = entry.name.includes('/') ? 'has a slash in its name' : checkPath(name);
      if (problem !== undefined)
        throw errorOf(finalFailure('SourceRefused', `MLflow lists ${quote(name)} at ${quote(path)}, which ${problem}.`));
      if (!entry.isFolder) files.push({ ...entry, name });
      else folders += 1;
      if (files.length > most || folders > most) throw tooMany(path, most);
      if (entry.isFolder) await walk(name);
    }
  };
  await walk('');
  return files;
}

async function findFile(server: Server, path: string): Promise<Artifact | undefined> {
  const folder = path.slice(0, -lastSegment(path).length - 1);
  const entries = await entriesOf(server, folder);
  return entries.find(({ name, isFolder }) => !isFolder && name === lastSegment(path));
}

/** What is directly in a folder; nothing when it is not there. */
async function entriesOf(server: Server, path: string): Promise<readonly Artifact[]> {
  const absent = `The artifact store of ${server.address} has no ${quote(path)}.`;
  const question = { path: PROXY_ROUTE.slice('/api/2.0/'.length), query: { path }, absent };
  const entries = needed(readArtifacts(await ask(server, question)), server, question);
  return entries.toSorted((a, b) => compareBytes(a.name, b.name));
}

/** Neither MLflow nor a bucket tells a folder that is empty from one that is not there. */
function nothing(uri: string): SourceError {
  return errorOf(finalFailure('EmptyModel', `Nothing is listed at ${uri}: the folder is empty, or not there.`));
}

function tooMany(path: string, most: number): SourceError {
  return errorOf(finalFailure('TooLarge', `${quote(path)} has more than ${most} files or folders. If it is meant, raise limits.files.`));
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function escaped(path: string): string {
  return path.toWellFormed().split('/').map(encodeURIComponent).join('/');
}
