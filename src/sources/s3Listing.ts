// What a store lists: pages of XML, read into objects and versions.

import type { Outcome } from '../core/version/failure.ts';
import { finalFailure, success } from '../core/version/failure.ts';
import type { Kept } from '../core/version/s3.ts';
import { childrenOf, readXml, textIn, type XmlElement } from './xml.ts';

/** What says which bytes are meant. `etag` is without quotes. */
export interface S3Object {
  readonly key: string;
  readonly versionId?: string | undefined;
  readonly etag?: string | undefined;
  readonly bytes?: number | undefined;
}

/** A version, or the mark of a deletion. */
export interface S3Version extends S3Object, Kept {
  readonly versionId: string;
}

/** Parameters of a request, or what is to be added to them for the next page. */
export type Query = Readonly<Record<string, string>>;

/** `next` is undefined on the last page. */
export interface Page<T> {
  readonly entries: readonly T[];
  readonly next: Query | undefined;
}

/** A page of ListObjectsV2. `what` is what was asked for, for sentences. */
export function readObjects(xml: string, what: string): Outcome<Page<S3Object>> {
  return readListing(xml, what, (page) => childrenOf(page, 'Contents').flatMap((entry) => objectOf(entry, page) ?? []));
}

/** The same where a delimiter was given: keys, and their beginnings up to the delimiter. */
export function readKeys(xml: string, what: string): Outcome<Page<string>> {
  return readListing(xml, what, (page) =>
    childrenOf(page, 'Contents', 'CommonPrefixes').flatMap((entry) => keyText(textIn(entry, 'Key') ?? textIn(entry, 'Prefix'), page) ?? []),
  );
}

function readListing<T>(xml: string, what: string, entriesOf: (page: XmlElement) => readonly T[]): Outcome<Page<T>> {
  const page = readXml(xml);
  if (page?.name !== 'ListBucketResult') return unreadable(what);
  const token = textIn(page, 'NextContinuationToken');
  if (isCut(page) && token === undefined) return unreadable(what);
  return success({ entries: entriesOf(page), next: isCut(page) && token !== undefined ? { 'continuation-token': token } : undefined });
}

/** A page of ListObjectVersions. */
export function readVersions(xml: string, what: string): Outcome<Page<S3Version>> {
  const page = readXml(xml);
  if (page?.name !== 'ListVersionsResult') return unreadable(what);
  const [key, version] = [keyText(textIn(page, 'NextKeyMarker'), page), textIn(page, 'NextVersionIdMarker')];
  if (isCut(page) && key === undefined) return unreadable(what);
  const entries = childrenOf(page, 'Version', 'DeleteMarker').flatMap((entry) => versionOf(entry, page) ?? []);
  const next = key === undefined ? undefined : { 'key-marker': key, ...(version && { 'version-id-marker': version }) };
  return success({ entries, next: isCut(page) ? next : undefined });
}

/** An entity tag without quotes; undefined for a weak one, which does not stand for bytes. */
export function bareTag(tag: string | undefined): string | undefined {
  const bare = tag?.replace(/^"(.*)"$/, '$1') ?? '';
  return /^[\x21\x23-\x7e]+$/.test(bare) && !bare.startsWith('W/') ? bare : undefined;
}

/** A number of bytes as written in XML and headers. */
export function sizeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function objectOf(entry: XmlElement, page: XmlElement): S3Object | undefined {
  const key = keyText(textIn(entry, 'Key'), page);
  return key === undefined ? undefined : { key, etag: bareTag(textIn(entry, 'ETag')), bytes: sizeOf(textIn(entry, 'Size')) };
}

function versionOf(entry: XmlElement, page: XmlElement): S3Version | undefined {
  const object = objectOf(entry, page);
  const versionId = textIn(entry, 'VersionId');
  const modified = Date.parse(textIn(entry, 'LastModified') ?? '');
  if (object === undefined || versionId === undefined || Number.isNaN(modified)) return undefined;
  return { ...object, versionId, modified, isLatest: textIn(entry, 'IsLatest') === 'true', isDeletion: entry.name === 'DeleteMarker' };
}

/** A key as listed: escaped where the store says so, since XML cannot hold every character. */
function keyText(text: string | undefined, page: XmlElement): string | undefined {
  if (text === undefined || textIn(page, 'EncodingType') !== 'url') return text;
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '));
  } catch {
    return text; // no UTF-8: it cannot be asked for, and the store will say that there is no such key
  }
}

function isCut(page: XmlElement): boolean {
  return textIn(page, 'IsTruncated') === 'true';
}

function unreadable(what: string): ReturnType<typeof finalFailure> {
  return finalFailure('SourceRefused', `${what}: the answer is no listing of an S3-compatible store. Check the endpoint.`);
}
