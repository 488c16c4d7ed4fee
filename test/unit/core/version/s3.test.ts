import fc from 'fast-check';
import { describe, expect, test } from '@jest/globals';

import { endpointProblem, keyProblem, objectUrl, refusalFailure, regionOf, snapshot, type Kept } from '../../../../src/core/version/s3.ts';

describe('the address of an object', () => {
  test.each([
    ['models', undefined, 'eu-central-1', 'fraud/model.bin', 'https://models.s3.eu-central-1.amazonaws.com/fraud/model.bin'],
    ['models', undefined, 'cn-north-1', 'm', 'https://models.s3.cn-north-1.amazonaws.com.cn/m'],
    // No certificate covers a host name with more dots, and none a capital letter's.
    ['my.models', undefined, 'us-east-1', 'm', 'https://s3.us-east-1.amazonaws.com/my.models/m'],
    ['Models', undefined, 'us-east-1', 'm', 'https://s3.us-east-1.amazonaws.com/Models/m'],
    ['models', 'http://minio:9000', 'us-east-1', 'm', 'http://minio:9000/models/m'],
    ['models', 'https://example.com/storage/v1/s3/', 'us-east-1', '', 'https://example.com/storage/v1/s3/models/'],
    [
      'models',
      'http://minio:9000',
      'us-east-1',
      "a b/+%2e!'()*~?#&=ä",
      'http://minio:9000/models/a%20b/%2B%252e%21%27%28%29%2A~%3F%23%26%3D%C3%A4',
    ],
  ])('in bucket %s at %s in %s for the key %j is %s', (bucket, endpoint, region, key, address) => {
    expect(objectUrl({ bucket, endpoint, region }, key).href).toBe(address);
  });

  test('has its query escaped as signatures ask for', () => {
    const address = { bucket: 'models', endpoint: 'http://minio:9000', region: 'us-east-1' };
    expect(objectUrl(address, '', { prefix: 'a b/+*', versions: '' }).search).toBe('?prefix=a%20b%2F%2B%2A&versions=');
  });

  test('leads to the key, whatever it is, unless the key is said to be a problem', () => {
    const address = { bucket: 'models', endpoint: 'http://minio:9000', region: 'us-east-1' };
    const segment = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('.', '..', '', '%2e%2e', '...'));
    fc.assert(
      fc.property(fc.array(segment), (segments) => {
        const key = segments.join('/');
        fc.pre(keyProblem(key) === undefined);
        expect(decodeURIComponent(objectUrl(address, key).pathname)).toBe(`/models/${key}`);
      }),
    );
  });

  test.each(['../x', 'a/../b', 'a/.', './a', '..', 'a\ud800'])('cannot be made for the key %j', (key) => {
    expect(keyProblem(key)).toBeDefined();
  });
});

test.each([
  ['https://store.example.com', undefined],
  ['http://minio:9000/base/', undefined],
  ['minio:9000', 'must be a URL'],
  ['file:///etc/passwd', 'must be a URL'],
  ['https://key:secret@store.example.com', 'holds credentials'],
  ['https://store.example.com/?x=1', 'neither ? nor #'],
])('as an endpoint, %s %s', (endpoint, problem) => {
  if (problem === undefined) expect(endpointProblem(endpoint)).toBeUndefined();
  else expect(endpointProblem(endpoint)).toContain(problem);
});

test.each(['evil.example.com/', 'EU', '', 'a'.repeat(41), 'us-east-1.evil.example', '-a'])('%j is no region', (text) => {
  expect(regionOf(text)).toBeUndefined();
});

describe('a folder at a moment', () => {
  const version = (key: string, modified: number, more: Partial<Kept> = {}): Kept => ({
    key,
    modified,
    isLatest: false,
    isDeletion: false,
    ...more,
  });
  const at = (moment: number, ...versions: Kept[]) => {
    const found = snapshot(moment);
    found.add(versions);
    return found.objects().map(({ key, modified }) => `${key}@${modified}`);
  };
  const history = [
    version('a', 30, { isLatest: true }),
    version('a', 10),
    version('b', 25, { isLatest: true, isDeletion: true }),
    version('b', 20),
    version('c', 40, { isLatest: true }),
  ];

  test.each([
    [9, []],
    [10, ['a@10']],
    [20, ['a@10', 'b@20']],
    [25, ['a@10']],
    [30, ['a@30']],
    [Infinity, ['a@30', 'c@40']],
  ])('%d holds what was written last before and not deleted', (moment, expected) => {
    expect(at(moment, ...history)).toEqual(expected);
  });

  test('is the same at its last change, whatever comes later', () => {
    const now = snapshot<Kept>(Infinity);
    now.add(history.slice(0, 4));
    expect(now.lastChange()).toBe(30);
    expect(at(30, ...history)).toEqual(['a@30']);
  });

  test('takes an upload in parts for newer than what was written while it went on', () => {
    expect(at(20, version('a', 5, { isLatest: true }), version('a', 10))).toEqual(['a@5']);
    expect(at(20, version('a', 30, { isLatest: true }), version('a', 5), version('a', 10))).toEqual(['a@5']);
  });

  test('remembers the keys of what was deleted', () => {
    const found = snapshot<Kept>(25);
    found.add(history);
    expect(found.keys()).toBe(2);
  });
});

describe('a refusal', () => {
  const asked = { what: 's3://models/fraud at http://minio:9000', bucket: 'models', field: 'spec.source.s3', signer: 'secret' } as const;

  test.each([
    [404, 'NoSuchBucket', 'NotFound', false, "no bucket 'models'"],
    [404, 'NoSuchKey', 'NotFound', false, 'There is no s3://models/fraud at http://minio:9000. Check spec.source.s3.'],
    [404, undefined, 'NotFound', false, 'There is no s3://models/fraud'],
    [404, 'NoSuchVersion', 'NotFound', false, 'no such version'],
    [405, 'MethodNotAllowed', 'NotFound', false, 'is a deletion'],
    [403, 'AccessDenied', 'AccessDenied', false, 's3:GetObject and s3:ListBucket'],
    [403, undefined, 'AccessDenied', false, 'The keys of spec.access.secretRef may not read it'],
    [403, 'InvalidAccessKeyId', 'AccessDenied', false, 'AWS_ACCESS_KEY_ID that the store does not know'],
    [403, 'SignatureDoesNotMatch', 'AccessDenied', false, 'AWS_SECRET_ACCESS_KEY that does not belong'],
    [400, 'ExpiredToken', 'AccessDenied', false, 'have expired'],
    [403, 'RequestTimeTooSkewed', 'SourceFailed', true, 'clock'],
    [403, 'InvalidObjectState', 'SourceRefused', false, 'restored first'],
    [503, 'SlowDown', 'SourceFailed', true, 'come back later'],
    [500, 'InternalError', 'SourceFailed', true, '500 (InternalError): the store is in trouble'],
    [501, 'NotImplemented', 'SourceRefused', false, 'does not know this kind of request'],
    [412, 'PreconditionFailed', 'SourceFailed', true, 'changed between listing and fetch'],
    [301, 'PermanentRedirect', 'SourceRefused', false, 'another region'],
    [400, 'Strange', 'SourceRefused', false, '400 (Strange)'],
    [400, '<img src=x>', 'SourceRefused', false, 'answered with 400, which'],
  ])('with %d and code %s is %s', (status, code, reason, retryable, words) => {
    const failure = refusalFailure({ status, code }, asked);
    expect(failure).toMatchObject({ reason, retryable });
    expect(failure.message).toContain(words);
  });

  test('of somebody without keys says how to give some', () => {
    const { message } = refusalFailure({ status: 403, code: 'AccessDenied' }, { ...asked, signer: 'nobody' });
    expect(message).toContain('put AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY into a Secret and name it in spec.access.secretRef');
  });
});
