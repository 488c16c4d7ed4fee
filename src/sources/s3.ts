// Source s3: a file, an archive or a folder in a bucket of any S3-compatible store. Where the bucket keeps versions, a file is pinned to
// its version, and a folder, whose versions are too many to write down, to the moment of its last change: from the versions that the
// bucket keeps, it is put together again as it was then. Elsewhere nothing can be pinned but the digest.

import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import type { Pins } from '../core/version/pins.ts';
import { endpointProblem, regionOf, snapshot } from '../core/version/s3.ts';
import { quote } from '../core/version/text.ts';
import { readAccess } from './access.ts';
import { optionalTextOf, Problem, textOf, type Fields, type Place } from './fields.ts';
import { NO_VERSION, s3Bucket, tooMany, type Bucket, type BucketPlace } from './s3Client.ts';
import type { S3Object, S3Version } from './s3Listing.ts';
import { namedPart } from './source.ts';
import type { Part, Pinned, Source, SourceContext } from './source.ts';

/** Keys of deleted objects that are remembered while a folder is put together, for each file that the limits allow. */
const DELETED_PER_FILE = 5;

interface Wanted extends BucketPlace {
  /** Key of a file, or a folder with or without a slash at its end; '' is the whole bucket. */
  readonly prefix: string;
  readonly versionId: string | undefined;
}

/** A source that reads from a bucket. */
export function s3Source(member: Fields, { accessDir, pins = {} }: Place): Source {
  const wanted = wantedOf(member);
  return {
    resolve: async (context) => {
      const problem = problemOf(wanted);
      if (problem !== undefined) return finalFailure('InvalidSource', `spec.source.s3.${problem}.`);
      const access = await readAccess(accessDir, ['aws', 'tls']);
      if (!access.ok) return access;
      return resolve(wanted, pins, s3Bucket(wanted, access.value, context), context);
    },
  };
}

function wantedOf(member: Fields): Wanted {
  const text = (name: string): string | undefined => optionalTextOf(member, name, `source.s3.${name}`);
  const { prefix } = member;
  if (typeof prefix !== 'string') throw new Problem('source.s3.prefix must be a text');
  const bucket = textOf(member, 'bucket', 'source.s3.bucket');
  return { bucket, endpoint: text('endpoint'), region: text('region'), prefix, versionId: text('versionId'), field: 'spec.source.s3' };
}

/** What the API server has refused already, unless somebody got around it. */
function problemOf({ endpoint, region, prefix, versionId }: Wanted): string | undefined {
  const problem = endpoint === undefined ? undefined : endpointProblem(endpoint);
  if (problem !== undefined) return `endpoint ${problem}`;
  if (region !== undefined && regionOf(region) === undefined) return 'region must be lower-case letters, digits and dashes';
  if (versionId !== undefined && isFolder(prefix))
    return 'versionId is for a single file: give the key of one as prefix, or leave versionId out';
  if (versionId === NO_VERSION) return "versionId 'null' is what a bucket without versioning writes over: leave versionId out";
  return undefined;
}

/** A prefix that can only be meant as a folder. */
function isFolder(prefix: string): boolean {
  return prefix === '' || prefix.endsWith('/');
}

async function resolve(wanted: Wanted, pins: Pins, bucket: Bucket, context: SourceContext): Promise<Outcome<Pinned>> {
  const { prefix } = wanted;
  const folder = isFolder(prefix) ? prefix : `${prefix}/`;
  const versionId = wanted.versionId ?? pins['versionId'];
  if (versionId !== undefined) return success(pinnedFile(bucket, { key: prefix, versionId }));
  if (pins['asOf'] !== undefined) return pinnedFolder(bucket, folder, await folderThen(bucket, folder, pins['asOf'], context));
  if (isFolder(prefix)) return pinnedFolder(bucket, folder, await folderNow(bucket, folder, context));
  const file = await bucket.head(prefix);
  if (file.ok) return fileNow(bucket, file.value, context);
  // Who may read nothing but what is in a folder is denied all else, whether it is there or not.
  const { reason } = file.failure;
  if (reason !== 'NotFound' && reason !== 'AccessDenied') return file;
  const content = await folderNow(bucket, folder, context);
  if (!content.ok) return content.failure.retryable ? content : file;
  if (content.value.objects.length > 0) return pinnedFolder(bucket, folder, content);
  const nothing = `There is neither a file ${bucket.uri(prefix)} nor one below ${bucket.uri(folder)}. Check spec.source.s3.`;
  return reason === 'NotFound' ? finalFailure('NotFound', nothing) : file;
}

/** A file as it is now: a version of it where the bucket keeps versions and lets them be read, else what its entity tag stands for. */
async function fileNow(bucket: Bucket, found: S3Object, context: SourceContext): Promise<Outcome<Pinned>> {
  const { key, versionId } = found;
  if (versionId === undefined) return success(pinnedFile(bucket, found));
  const version = await bucket.head(key, versionId);
  if (version.ok) return success(pinnedFile(bucket, found));
  if (version.failure.reason !== 'AccessDenied') return version;
  context.log(`${version.failure.message} Without s3:GetObjectVersion, the file is pinned by its digest alone.`);
  return success(pinnedFile(bucket, { ...found, versionId: undefined }));
}

function pinnedFile(bucket: Bucket, object: S3Object): Pinned {
  const { key, versionId } = object;
  return {
    uri: bucket.uri(key),
    ...(versionId !== undefined && { pins: { versionId } }),
    list: () => {
      const part = namedPart(key.slice(key.lastIndexOf('/') + 1));
      return Promise.resolve(part.ok ? success([part.value]) : part);
    },
    open: () => bucket.open(object),
  };
}

/** What is in a folder; `asOf` is the moment of its last change, where it can be put together again as it was then. */
interface Folder {
  readonly objects: readonly S3Object[];
  readonly asOf?: string;
}

/** A folder as it is now. */
async function folderNow(bucket: Bucket, folder: string, context: SourceContext): Promise<Outcome<Folder>> {
  const kept = await versionsAt(bucket, folder, Infinity, context);
  if (kept.ok) return kept;
  const { reason, retryable, message } = kept.failure;
  if (retryable || reason === 'NotFound') return kept;
  const objects = await bucket.list(folder);
  if (objects.ok) context.log(`${message} Without its versions, ${bucket.uri(folder)} is pinned by its digest alone.`);
  return objects.ok ? success({ objects: objects.value }) : objects;
}

/** A folder as it was at a moment that an earlier run wrote down. */
async function folderThen(bucket: Bucket, folder: string, asOf: string, context: SourceContext): Promise<Outcome<Folder>> {
  const moment = Date.parse(asOf);
  if (Number.isNaN(moment)) return finalFailure('InvalidOptions', `The pin asOf is no time: ${quote(asOf)}.`);
  return versionsAt(bucket, folder, moment, context);
}

async function versionsAt(bucket: Bucket, folder: string, moment: number, context: SourceContext): Promise<Outcome<Folder>> {
  const most = context.limits.files * (1 + DELETED_PER_FILE);
  const content = snapshot<S3Version>(moment);
  const listed = await bucket.eachVersion(folder, (versions) => {
    content.add(versions);
    return content.keys() > most ? 'enough' : 'more';
  });
  if (!listed.ok) return listed;
  if (content.keys() > most) {
    return tooMany(`${bucket.uri(folder)}, deleted files counted,`, most);
  }
  const objects = content.objects();
  const keepsVersions = objects.some(({ versionId }) => versionId !== NO_VERSION);
  if (keepsVersions) return success({ objects, asOf: new Date(content.lastChange()).toISOString() });
  return success({ objects: objects.map((object) => ({ ...object, versionId: undefined })) });
}

/** A folder whose files have the rest of their key as name. Keys that end in a slash stand for folders, and hold nothing. */
function pinnedFolder(bucket: Bucket, folder: string, content: Outcome<Folder>): Outcome<Pinned> {
  if (!content.ok) return content;
  const { asOf, objects } = content.value;
  const isFile = ({ key }: S3Object): boolean => key.startsWith(folder) && !key.endsWith('/');
  const files = new Map(objects.filter(isFile).map((object) => [object.key.slice(folder.length), object]));
  return success({
    uri: bucket.uri(folder),
    ...(asOf !== undefined && { pins: { asOf } }),
    list: () => Promise.resolve(success([...files.keys()].map((path): Part => ({ kind: 'file', path })))),
    open: (part) => {
      const object = part.kind === 'file' ? files.get(part.path) : undefined;
      return object === undefined
        ? Promise.resolve(finalFailure('NotFound', `There is no such file in ${bucket.uri(folder)}.`))
        : bucket.open(object);
    },
  });
}
