// The part of the S3 protocol that reading needs, on any store that speaks it: list, look, open. Addresses, redirects, time limits and
// broken connections are looked after by request.ts and download.ts, as for every other source.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html

import type { IncomingMessage } from 'node:http';

import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { changed, keyProblem, objectUrl, refusalFailure, regionOf, type Asked, type StoreRefusal } from '../core/version/s3.ts';
import { quote } from '../core/version/text.ts';
import type { Access } from './access.ts';
import { awsIdentity, awsSigner } from './aws.ts';
import { bodyOf } from './download.ts';
import { readText, send, type Call } from './request.ts';
import { bareTag, readKeys, readObjects, readVersions, sizeOf, type Page, type Query, type S3Object, type S3Version } from './s3Listing.ts';
import type { Body, SourceContext } from './source.ts';
import { readXml, textIn } from './xml.ts';

/** Where a bucket is. */
export interface BucketPlace {
  readonly bucket: string;
  /** Base URL of a store that is not AWS's own. */
  readonly endpoint?: string | undefined;
  /** Default: what the cluster says for AWS, us-east-1 elsewhere; a store that knows better is listened to. */
  readonly region?: string | undefined;
  /** What says that it is there, for whoever has to look: `spec.source.s3`. */
  readonly field: string;
}

export interface Bucket {
  /** `s3://bucket/key`. */
  readonly uri: (key: string) => string;
  /** The objects whose key begins with `prefix`, by key; refused when there are more than limits.files. */
  readonly list: (prefix: string) => Promise<Outcome<readonly S3Object[]>>;
  /** What lies directly in a folder, '' or with a slash at its end; names of folders end in a slash. */
  readonly names: (folder: string) => Promise<Outcome<readonly string[]>>;
  /** Gives the versions of all objects whose key begins with `prefix` to `take`, page by page, until that says that it has enough. */
  readonly eachVersion: (prefix: string, take: (versions: readonly S3Version[]) => 'more' | 'enough') => Promise<Outcome<undefined>>;
  /** What is stored under a key now, or as that version. Its `versionId` is undefined where the bucket keeps no versions. */
  readonly head: (key: string, versionId?: string) => Promise<Outcome<S3Object>>;
  /** The bytes of an object. It is a failure when they are no longer those of its `etag`, `versionId` and `bytes`. */
  readonly open: (object: S3Object) => Promise<Outcome<Body>>;
}

/** The version id of what was written while the bucket kept no versions. */
export const NO_VERSION = 'null';

const VERSION = /^[\x21-\x7e]{1,1024}$/;

/** Objects on a page of a listing: of the thousand that a store gives at most, XML takes 10 MiB of memory. */
const PAGE = '250';
/** A store that gives a thousand all the same: each has a key of at most 1,024 bytes, of which each may be escaped. */
const MOST_PAGE_BYTES = 6 * 1024 ** 2;
const MOST_REFUSAL_BYTES = 64 * 1024;

/** A bucket as seen with the credentials that there are (see awsIdentity). */
export function s3Bucket(place: BucketPlace, access: Access, context: SourceContext): Bucket {
  const store = storeOf(place, access, context);
  return {
    uri: (key) => `s3://${place.bucket}/${key}`,
    list: (prefix) => listAll(store, { 'list-type': '2', prefix }, readObjects),
    names: (folder) => listNames(store, folder),
    eachVersion: (prefix, take) =>
      eachPage(store, { versions: '', prefix }, readVersions, ({ entries }) => success(take(entries) === 'more')),
    head: async (key, versionId) => {
      const answer = await store.ask({ key, method: 'HEAD', ...(versionId !== undefined && { query: { versionId } }) });
      if (!answer.ok) return answer;
      answer.value.response.destroy();
      return success(describedIn(key, answer.value.response));
    },
    open: (object) => openObject(store, object),
  };
}

interface Question {
  readonly key: string;
  readonly method?: 'GET' | 'HEAD';
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly call: Call;
  readonly response: IncomingMessage;
}

type ListQuery = Query & { readonly prefix: string };

interface Store {
  readonly context: SourceContext;
  /** A key in sentences. */
  readonly named: (key: string) => string;
  /** An answer with status 200, or why there is none. */
  readonly ask: (question: Question) => Promise<Outcome<Answer>>;
}

function storeOf(place: BucketPlace, access: Access, context: SourceContext): Store {
  const { bucket, endpoint, field } = place;
  const identity = awsIdentity(access, context);
  let region = firstRegion(place, context);
  const named = (key: string): string => `s3://${bucket}/${key}${endpoint === undefined ? '' : ` at ${endpoint}`}`;
  const asked = (key: string): Asked => ({ what: named(key), bucket, field, signer: identity.signer });
  const callOf = ({ key, method = 'GET', query, headers = {} }: Question): Call => ({
    url: objectUrl({ bucket, endpoint, region }, key, query),
    method,
    headers,
    access: { ...access, authorization: undefined },
    sign: awsSigner(identity, region, context.now),
    stay: true,
  });
  /** Asks once more when the store says that the bucket is in another region. */
  const ask = async (question: Question, mayMove: boolean): Promise<Outcome<Answer>> => {
    const problem = keyProblem(question.key);
    if (problem !== undefined) return finalFailure('InvalidSource', `The key ${quote(question.key)} ${problem} and cannot be asked for.`);
    const call = callOf(question);
    const answer = await send(call, context);
    if (!answer.ok) return answer;
    if (answer.value.statusCode === 200) return success({ call, response: answer.value });
    const refusal = await refusalOf(call, answer.value, context);
    if (!mayMove || refusal.region === undefined || refusal.region === region) {
      return { ok: false, failure: refusalFailure(refusal, asked(question.key)) };
    }
    region = refusal.region;
    return ask(question, false);
  };
  return { context, named, ask: (question) => ask(question, true) };
}

/** Where the bucket is looked for first. Other stores than AWS mostly call the only region that they have us-east-1. */
function firstRegion({ region, endpoint }: BucketPlace, { environment }: SourceContext): string {
  const around = endpoint === undefined ? regionOf(environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION']) : undefined;
  return region ?? around ?? 'us-east-1';
}

interface Refusal extends StoreRefusal {
  /** Where the bucket is instead. */
  readonly region: string | undefined;
}

/** Why a store does not give what was asked for. An answer to HEAD has no body that says so: then the same is asked for with GET. */
async function refusalOf(call: Call, response: IncomingMessage, context: SourceContext): Promise<Refusal> {
  const { statusCode: status = 0, headers } = response;
  const region = regionOf(headerText(headers['x-amz-bucket-region']));
  if (call.method === 'HEAD') {
    response.destroy();
    const answer = await send({ ...call, method: 'GET' }, context);
    if (answer.ok && answer.value.statusCode !== 200) return refusalOf({ ...call, method: 'GET' }, answer.value, context);
    if (answer.ok) answer.value.destroy();
    return { status, code: undefined, region };
  }
  const text = await readText(call.url, response, MOST_REFUSAL_BYTES);
  const error = text.ok ? readXml(text.value) : undefined;
  return { status, code: textIn(error, 'Code'), region: region ?? regionOf(textIn(error, 'Region')) };
}

/** All entries of a listing, within limits.files. */
async function listAll<T>(
  store: Store,
  query: ListQuery,
  read: (xml: string, what: string) => Outcome<Page<T>>,
): Promise<Outcome<readonly T[]>> {
  const most = store.context.limits.files;
  const all: T[] = [];
  let pages = 0;
  const listed = await eachPage(store, query, read, ({ entries }) => {
    all.push(...entries);
    pages += 1; // of which none need hold an entry
    return Math.max(all.length, pages) <= most ? success(true) : tooMany(store.named(query.prefix), most);
  });
  return listed.ok ? success(all) : listed;
}

async function listNames(store: Store, folder: string): Promise<Outcome<readonly string[]>> {
  const keys = await listAll(store, { 'list-type': '2', prefix: folder, delimiter: '/' }, readKeys);
  return keys.ok ? success(keys.value.map((key) => key.slice(folder.length)).filter((name) => name !== '')) : keys;
}

export function tooMany(what: string, most: number): ReturnType<typeof finalFailure> {
  return finalFailure('TooLarge', `${what} holds more than ${most} files. If it is meant, raise limits.files.`);
}

/** Gives page after page to `take` until there are no more, or it fails or says that it wants no more. */
async function eachPage<T>(
  store: Store,
  query: ListQuery,
  read: (xml: string, what: string) => Outcome<Page<T>>,
  take: (page: Page<T>) => Outcome<boolean>,
): Promise<Outcome<undefined>> {
  for (let next: Query | undefined = {}; next !== undefined;) {
    const answer = await store.ask({ key: '', query: { ...query, 'encoding-type': 'url', 'max-keys': PAGE, ...next } });
    if (!answer.ok) return answer;
    const text = await readText(answer.value.call.url, answer.value.response, MOST_PAGE_BYTES);
    if (!text.ok) return text;
    const page = read(text.value, store.named(query.prefix));
    if (!page.ok) return page;
    const wantsMore = take(page.value);
    if (!wantsMore.ok) return wantsMore;
    next = wantsMore.value ? page.value.next : undefined;
  }
  return success(undefined);
}

async function openObject(store: Store, object: S3Object): Promise<Outcome<Body>> {
  const { key, versionId, etag } = object;
  const query = versionId === undefined ? {} : { versionId };
  const answer = await store.ask({ key, query, headers: etag === undefined ? {} : { 'if-match': `"${etag}"` } });
  if (!answer.ok) return answer;
  const { call, response } = answer.value;
  if (!isAnother(describedIn(key, response), object)) return success(bodyOf(call, response, store.context));
  response.destroy();
  return { ok: false, failure: changed(store.named(key)) };
}

/** What the head of an answer says about the object. */
function describedIn(key: string, { headers }: IncomingMessage): S3Object {
  const versionId = headerText(headers['x-amz-version-id']) ?? NO_VERSION;
  const isVersion = versionId !== NO_VERSION && VERSION.test(versionId);
  const bytes = sizeOf(headers['content-length']);
  return { key, versionId: isVersion ? versionId : undefined, etag: bareTag(headers.etag), bytes };
}

/** Whether what is there contradicts what is wanted; stores differ in how much they say. */
function isAnother(found: S3Object, wanted: S3Object): boolean {
  const differs = <T>(one: T | undefined, other: T | undefined): boolean => one !== undefined && other !== undefined && one !== other;
  return differs(found.etag, wanted.etag) || differs(found.bytes, wanted.bytes);
}

function headerText(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
