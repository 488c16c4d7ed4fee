import { lookup } from 'node:dns';
import { text } from 'node:stream/consumers';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../../../src/core/version/limits.ts';
import { NO_ACCESS, type Access } from '../../../src/sources/access.ts';
import { valueOf } from '../../../src/sources/error.ts';
import { s3Bucket, type Bucket } from '../../../src/sources/s3Client.ts';
import type { S3Version } from '../../../src/sources/s3Listing.ts';
import { startMoto, type Moto } from '../../support/moto.ts';

let moto: Moto;

beforeAll(async () => {
  moto = await startMoto();
}, 240_000);

afterEach(() => moto.mustSign(false));

afterAll(() => moto.stop());

function bucketAs(bucket: string, access: Access = NO_ACCESS): Bucket {
  const log = (): void => undefined;
  const { signal } = new AbortController();
  const context = { signal, limits: DEFAULT_LIMITS, timeouts: DEFAULT_TIMEOUTS, log, now: Date.now, lookup, environment: {}, spool: '' };
  return s3Bucket({ bucket, endpoint: moto.url, field: 'spec.source.s3' }, access, context);
}

/** Every kind of character that is escaped in one way in an address, in another in a signature, and in a third in a listing. */
const KEYS = ['m/a b+c.bin', 'm/%2e.bin', "m/!'()*~&=@:,;$.bin", 'm/ä€😀.bin', 'm/plain/deep.bin'];

describe('the S3 client, with signatures that the server checks', () => {
  test.each(KEYS)('lists, describes and reads the key %j', async (key) => {
    await moto.bucket('keys');
    await moto.put('keys', key, `content of ${key}`);
    const keys = await moto.user(`reader-${KEYS.indexOf(key)}`);
    await moto.mustSign(true);
    const aws = { keyId: keys.AWS_ACCESS_KEY_ID, secret: keys.AWS_SECRET_ACCESS_KEY, sessionToken: undefined };
    const bucket = bucketAs('keys', { ...NO_ACCESS, aws });
    const listed = valueOf(await bucket.list('m/')).find((object) => object.key === key)!;
    const described = valueOf(await bucket.head(key));
    expect(described).toEqual({ ...listed, versionId: undefined });
    expect(await text(valueOf(await bucket.open(listed)).stream)).toBe(`content of ${key}`);
    const wrong = { ...NO_ACCESS, aws: { ...aws, secret: 'another' } };
    expect(await bucketAs('keys', wrong).head(key)).toMatchObject({ ok: false, failure: { reason: 'AccessDenied' } });
  });

  test('brings the version that is asked for, and lists all of them', async () => {
    await moto.bucket('versions', 'versioned');
    const first = (await moto.put('versions', 'model.bin', 'first'))!;
    const second = (await moto.put('versions', 'model.bin', 'second'))!;
    await moto.remove('versions', 'model.bin');
    const bucket = bucketAs('versions');
    expect(await text(valueOf(await bucket.open({ key: 'model.bin', versionId: first })).stream)).toBe('first');
    expect(valueOf(await bucket.head('model.bin', second))).toMatchObject({ versionId: second, bytes: 6 });
    expect(await bucket.head('model.bin')).toMatchObject({ ok: false, failure: { reason: 'NotFound' } });
    const found: S3Version[] = [];
    valueOf(await bucket.eachVersion('', (versions) => (found.push(...versions), 'more')));
    expect(found.filter(({ isDeletion }) => !isDeletion).map(({ versionId }) => versionId)).toEqual([second, first]);
    expect(found.filter(({ isDeletion }) => isDeletion)).toMatchObject([{ key: 'model.bin', isLatest: true }]);
  });
});
