// What DVC has stored outside of Git, fetched from its remotes. Which remote that is, and where, a repository says, which may be anybody's:
// credentials go to no server that the Secret, or the address of the repository, does not speak of.

import { parseFolder, type CloudVersion, type FolderFile } from '../../core/version/dvc.ts';
import { objectPath, remoteOf, type DvcConfig, type Remote, type StoredObject } from '../../core/version/dvcRemote.ts';
import { finalFailure, success, type Outcome } from '../../core/version/failure.ts';
import { legacyChecksum, plainChecksum } from '../../core/version/md5.ts';
import { endpointProblem } from '../../core/version/s3.ts';
import { quote } from '../../core/version/text.ts';
import { NO_ACCESS, type Access } from '../access.ts';
import { checkedBody, type Check } from '../body.ts';
import { download } from '../download.ts';
import { errorOf, failureOf } from '../error.ts';
import { s3Bucket, type Bucket } from '../s3Client.ts';
import type { Body, SourceContext } from '../source.ts';

/** A file that is to be had from a remote. */
export interface Wanted {
  /** Its path in the repository, for people. */
  readonly path: string;
  /** Its path from where the repository's .dvc folder is, under which a bucket that keeps versions has it. */
  readonly key: string;
  readonly object: StoredObject;
  readonly cloud: CloudVersion | undefined;
  /** Name of the remote, if it is not the default one. */
  readonly remote: string | undefined;
  readonly importedFrom: string | undefined;
}

export interface Objects {
  /** Opens a file; its stream fails at its end when the bytes are not those of the md5. */
  readonly open: (wanted: Wanted) => Promise<Outcome<Body>>;
  /** Reads what a folder's object lists. */
  readonly readFolder: (wanted: Wanted) => Promise<Outcome<readonly FolderFile[]>>;
}

/** Where the objects of a repository may be, and with what they are asked for. */
export interface ObjectsPlace {
  readonly config: DvcConfig;
  /** Name of the remote that is taken for the default one. */
  readonly remote: string | undefined;
  readonly access: Access;
  /** Origin of the repository; undefined where it is not reached by http(s). */
  readonly origin: string | undefined;
}

/** A folder of 10,000 files is listed in about 1 MB. */
const MOST_FOLDER_BYTES = 16 * 1024 ** 2;
const FIELD = 'the url of the remote in .dvc/config';

/** The remotes of a repository. Nothing is connected to before something is asked for. */
export function objectsOf(place: ObjectsPlace, context: SourceContext): Objects {
  const buckets = new Map<string, Outcome<Bucket>>();
  const openAt = (remote: Remote, wanted: Wanted): Promise<Outcome<Body>> => {
    if (remote.kind === 'http') return openHttp(remote, wanted, place, context);
    const bucket = buckets.get(remote.name) ?? bucketOf(remote, place.access, context);
    buckets.set(remote.name, bucket);
    return openS3(remote, bucket, wanted);
  };
  const open = async (wanted: Wanted): Promise<Outcome<Body>> => {
    const remote = remoteOf(place.config, wanted.remote ?? place.remote);
    if (!remote.ok) return remote;
    const opened = await openAt(remote.value, wanted);
    if (!opened.ok) return opened;
    return success(checkedBody(opened.value, opened.value.length, md5Check(wanted, remote.value)));
  };
  return {
    open,
    readFolder: async (wanted) => {
      const opened = await open(wanted);
      if (!opened.ok) return opened;
      const text = await readWhole(opened.value, wanted);
      return text.ok ? parseFolder(text.value, `the list of files of ${quote(wanted.path)}`, wanted.object) : text;
    },
  };
}

type HttpRemote = Extract<Remote, { kind: 'http' }>;
type S3Remote = Extract<Remote, { kind: 's3' }>;

async function openHttp(remote: HttpRemote, wanted: Wanted, place: ObjectsPlace, context: SourceContext): Promise<Outcome<Body>> {
  const url = new URL(`${remote.url}/${objectPath(wanted.object)}`);
  const access = httpAccess(url, place);
  const opened = await download({ url, access, field: FIELD }, context);
  if (opened.ok) return opened;
  const { reason, message } = opened.failure;
  if (reason === 'NotFound') return notPushed(wanted, remote, url.href);
  if (reason !== 'AccessDenied' || access.authorization !== undefined) return opened;
  const wayOut =
    `If the remote needs credentials, put remote-url: ${remote.url} into the Secret of spec.access.secretRef, and remote-token, or ` +
    'remote-username and remote-password.';
  return finalFailure(reason, `${message.split('. ', 1)[0] ?? ''}. ${wayOut}`);
}

/** What is shown to the server of a remote: what the Secret has for it, or for the repository when that is on the same server. */
function httpAccess(url: URL, { access, origin }: ObjectsPlace): Access {
  const { remote, tls } = access;
  const isMeant = remote !== undefined && url.origin === remote.url.origin && url.pathname.startsWith(withSlash(remote.url.pathname));
  if (isMeant) return { ...NO_ACCESS, tls, authorization: remote.authorization };
  if (url.origin === origin) return { ...NO_ACCESS, tls, authorization: access.authorization };
  return { ...NO_ACCESS, tls: tls && { ca: tls.ca, client: undefined } };
}

async function openS3(remote: S3Remote, bucket: Outcome<Bucket>, wanted: Wanted): Promise<Outcome<Body>> {
  if (!bucket.ok) return bucket;
  const at = remote.isVersionAware ? versionIn(remote, wanted) : success({ path: objectPath(wanted.object), versionId: undefined });
  if (!at.ok) return at;
  const key = remote.prefix === '' ? at.value.path : `${remote.prefix}/${at.value.path}`;
  const opened = await bucket.value.open({ key, versionId: at.value.versionId });
  return !opened.ok && opened.failure.reason === 'NotFound' ? notPushed(wanted, remote, bucket.value.uri(key)) : opened;
}

/** Where a bucket that keeps the versions has a file: under its own name. */
function versionIn({ name }: S3Remote, { path, key, cloud }: Wanted): Outcome<{ readonly path: string; readonly versionId: string }> {
  if (cloud?.remote === name) return success({ path: key, versionId: cloud.versionId });
  return finalFailure(
    'NotFound',
    `DVC has not written down which version of ${quote(path)} is the one in the remote ${quote(name)}, which keeps versions. ` +
      `Run \`dvc push -r ${name}\` and commit what that changes.`,
  );
}

/** Keys are meant for AWS, or for the store that stands beside them; no other hears of them. */
function bucketOf(remote: S3Remote, access: Access, context: SourceContext): Outcome<Bucket> {
  const { bucket, region } = remote;
  const endpoint = remote.endpoint ?? access.awsEndpoint;
  const problem = endpoint === undefined ? undefined : endpointProblem(endpoint);
  if (problem !== undefined) return finalFailure('SourceRefused', `The endpointurl of the remote ${quote(remote.name)} ${problem}.`);
  const tls = access.tls && { ca: access.tls.ca, client: undefined };
  const place = { bucket, endpoint, region, field: FIELD };
  if (endpoint === undefined || isSameStore(endpoint, access.awsEndpoint)) {
    return success(s3Bucket(place, { ...NO_ACCESS, tls, aws: access.aws }, context));
  }
  if (access.aws === undefined) return success(s3Bucket(place, { ...NO_ACCESS, tls }, { ...context, environment: {} }));
  return finalFailure(
    'AccessInvalid',
    `The Secret of spec.access.secretRef does not say that its AWS_* keys are meant for ${endpoint}, where the repository has its remote ` +
      `${quote(remote.name)}. If they are, put AWS_ENDPOINT_URL: ${endpoint} into the Secret.`,
  );
}

function isSameStore(endpoint: string, other: string | undefined): boolean {
  const [one, two] = [URL.parse(endpoint), URL.parse(other ?? '')];
  return one !== null && two !== null && one.origin === two.origin;
}

/** Fails at the end when the bytes are not those of the md5. */
function md5Check({ path, object }: Wanted, { name }: Remote): Check {
  const checksum = object.isLegacy && !object.isFolder ? legacyChecksum() : plainChecksum();
  return {
    update: (chunk) => checksum.update(chunk),
    end: () => {
      if (!checksum.matches(object.md5)) throw errorOf(otherBytes());
    },
  };

  function otherBytes(): ReturnType<typeof finalFailure> {
    const wayOut = `Run \`dvc push -r ${name}\` in a clone that has the right ones, after removing the object there.`;
    return finalFailure(
      'DigestMismatch',
      `The remote ${quote(name)} has other bytes for ${quote(path)} than those of md5 ${object.md5}. Nothing of them is served. ${wayOut}`,
    );
  }
}

function notPushed({ path, object, importedFrom }: Wanted, { name }: Remote, where: string): ReturnType<typeof finalFailure> {
  const what = `The remote ${quote(name)} has no ${quote(path)} (md5 ${object.md5}; looked for at ${where})`;
  const wayOut = `Run \`dvc push -r ${name}\` in a clone that has it.`;
  const imported = importedFrom === undefined ? '' : ` It was imported from ${quote(importedFrom)}, which may be the only one to have it.`;
  return finalFailure('NotFound', `${what}. ${wayOut}${imported}`);
}

async function readWhole({ stream }: Body, { path }: Wanted): Promise<Outcome<string>> {
  const tooLarge = finalFailure('TooLarge', `The list of files of ${quote(path)} has more than ${MOST_FOLDER_BYTES} bytes.`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MOST_FOLDER_BYTES) return tooLarge;
      chunks.push(chunk);
    }
    return success(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    return failureOf(error);
  } finally {
    stream.destroy();
  }
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}
