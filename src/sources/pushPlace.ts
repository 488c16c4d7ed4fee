// Where a pipeline pushes, and keeps what it knows: a mounted claim, or a bucket.

import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { endpointProblem, regionOf } from '../core/version/s3.ts';
import { readAccess } from './access.ts';
import { fieldsOf, optionalTextOf, Problem, textOf, type Fields, type Place } from './fields.ts';
import { claimNames, claimSource } from './pvc.ts';
import { s3Bucket, type Bucket } from './s3Client.ts';
import type { Body, Part, Pinned, SourceContext } from './source.ts';

/** Paths are relative to the root of the claim or bucket, '' is the root; `field` says which field of the source a path is from. */
export interface PushPlace {
  /** For status and sentences. */
  readonly uri: (path: string) => string;
  /** What lies directly in a folder; names of folders end in a slash. A bucket has no folders: one that is not there is empty. */
  readonly names: (path: string, field: string) => Promise<Outcome<readonly string[]>>;
  /** All files below a folder, as a version. */
  readonly folder: (path: string, field: string) => Promise<Outcome<Pinned>>;
  readonly file: (path: string, field: string) => Promise<Outcome<Body>>;
}

/** Comes to the place that a member `name` of the union names by its claim or its s3; throws a Problem when it names none. */
export function pushPlace(
  name: string,
  member: Fields,
  { sourceDir, accessDir }: Place,
): (context: SourceContext) => Promise<Outcome<PushPlace>> {
  if (member['s3'] === undefined) {
    const claim = textOf(member, 'claim', `source.${name}.claim`);
    if (sourceDir === undefined) throw new Problem('sourceDir must be a text that is not empty');
    return (context) => Promise.resolve(success(claimPlace(`spec.source.${name}`, claim, sourceDir, context)));
  }
  const s3 = fieldsOf(member['s3'], `source.${name}.s3`);
  const bucket = textOf(s3, 'bucket', `source.${name}.s3.bucket`);
  const [endpoint, region] = ['endpoint', 'region'].map((field) => optionalTextOf(s3, field, `source.${name}.s3.${field}`));
  return async (context) => {
    const field = `spec.source.${name}.s3`;
    const problem = endpoint === undefined ? undefined : endpointProblem(endpoint);
    if (problem !== undefined) return finalFailure('InvalidSource', `${field}.endpoint ${problem}.`);
    if (region !== undefined && regionOf(region) === undefined)
      return finalFailure('InvalidSource', `${field}.region is no name of a region.`);
    const access = await readAccess(accessDir, ['aws', 'tls']);
    return access.ok ? success(bucketPlace(s3Bucket({ bucket, endpoint, region, field }, access.value, context))) : access;
  };
}

function claimPlace(source: string, claim: string, mountedAt: string, context: SourceContext): PushPlace {
  const at = (path: string, field: string) => ({ claim, path, mountedAt, field: `${source}.${field}` });
  const folder = (path: string, field: string) => claimSource(at(path, field)).resolve(context);
  return {
    uri: (path) => `pvc://${claim}/${path}`,
    names: (path, field) => claimNames(at(path, field)),
    folder,
    file: async (path, field) => {
      const found = await folder(path, field);
      return found.ok ? found.value.open({ kind: 'file', path: '' }) : found;
    },
  };
}

function bucketPlace(bucket: Bucket): PushPlace {
  const prefix = (path: string): string => (path === '' ? '' : `${path}/`);
  return {
    uri: bucket.uri,
    names: (path) => bucket.names(prefix(path)),
    folder: async (path) => {
      const listed = await bucket.list(prefix(path));
      if (!listed.ok) return listed;
      // Keys that end in a slash stand for folders, and hold nothing.
      const objects = listed.value.filter(({ key }) => !key.endsWith('/'));
      const files = new Map(objects.map((object) => [object.key.slice(prefix(path).length), object]));
      return success({
        uri: bucket.uri(path),
        list: () => Promise.resolve(success([...files.keys()].map((file): Part => ({ kind: 'file', path: file })))),
        open: (part) => {
          const object = part.kind === 'file' ? files.get(part.path) : undefined;
          if (object === undefined) throw new Error('the part is not one of this folder');
          return bucket.open(object);
        },
      });
    },
    file: async (path) => {
      const found = await bucket.head(path);
      return found.ok ? bucket.open(found.value) : found;
    },
  };
}
