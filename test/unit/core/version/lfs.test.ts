import { describe, expect, test } from '@jest/globals';

import { batchRequest, lfsEndpoint, parseAuthenticate, parseBatch, parsePointer } from '../../../../src/core/version/lfs.ts';

const OID = '4f'.repeat(32);
const POINTER = { oid: OID, bytes: 12 };
const HREF = 'https://store.example.com/4f?ticket=1';

describe('a pointer', () => {
  test.each(['git-lfs', 'hawser'])('of %s is read', (name) => {
    const text = `version https://${name}.github.com/spec/v1\noid sha256:${OID}\nsize 12\n`;
    expect(parsePointer(text, 'a')).toEqual({ ok: true, value: POINTER });
  });

  test.each([
    '',
    'a model',
    'Version https://git-lfs.github.com/spec/v1',
    `\nversion https://git-lfs.github.com/spec/v1\noid sha256:${OID}\nsize 1`,
  ])('is not %j', (text) => {
    expect(parsePointer(text, 'a')).toEqual({ ok: true, value: undefined });
  });

  test.each([
    [`version https://git-lfs.github.com/spec/v2\noid sha256:${OID}\nsize 12\n`, 'is of a version'],
    [`version https://git-lfs.github.com/spec/v1\next-0-x sha256:${OID}\noid sha256:${OID}\nsize 12\n`, 'needs an extension'],
    ['version https://git-lfs.github.com/spec/v1\noid md5:00\nsize 12\n', 'holds no sha256'],
    [`version https://git-lfs.github.com/spec/v1\noid sha256:${OID}\nsize -1\n`, 'holds no sha256'],
  ])('that cannot be followed is refused: %j', (text, words) => {
    const pointer = parsePointer(text, 'a');
    expect(pointer).toMatchObject({ failure: { reason: 'SourceRefused', message: expect.stringContaining(words) } });
  });
});

test.each([
  ['https://git.example.com/risk/fraud', 'https://git.example.com/risk/fraud.git/info/lfs'],
  ['https://git.example.com:1/fraud.git', 'https://git.example.com:1/fraud.git/info/lfs'],
])('the LFS server of %s', (repository, endpoint) => {
  expect(lfsEndpoint(new URL(repository)).href).toBe(endpoint);
});

describe('the answer to a batch request', () => {
  const parse = (object: unknown, more: object = {}) => parseBatch(JSON.stringify({ objects: [object], ...more }), POINTER, "the file 'a'");

  test('holds an address and headers', () => {
    expect(JSON.parse(batchRequest(POINTER))).toMatchObject({ operation: 'download', objects: [{ oid: OID, size: 12 }] });
    const link = parse(
      { oid: OID, actions: { download: { href: HREF, header: { Authorization: 'RemoteAuth x' } } } },
      { transfer: 'basic' },
    );
    expect(link).toEqual({ ok: true, value: { url: new URL(HREF), headers: { authorization: 'RemoteAuth x' } } });
    expect(parse({ oid: OID, actions: { download: { href: 'https://u:p@store.example.com/x' } } })).toEqual({
      ok: true,
      value: { url: new URL('https://store.example.com/x'), headers: {} },
    });
  });

  test.each([
    [{ oid: OID, error: { code: 404, message: 'no' } }, {}, 'NotFound', false],
    [{ oid: OID, error: { code: 500, message: 'no' } }, {}, 'SourceFailed', true],
    [{ oid: OID, error: 'no' }, {}, 'SourceRefused', false],
    [{ oid: OID }, {}, 'NotFound', false],
    [{ oid: '00'.repeat(32), actions: { download: { href: HREF } } }, {}, 'NotFound', false],
    [{ oid: OID, actions: { download: { href: HREF } } }, { transfer: 'multipart' }, 'SourceRefused', false],
    [{ oid: OID, actions: { download: { href: 'ftp://x/y' } } }, {}, 'SourceRefused', false],
    [{ oid: OID, actions: { download: { href: 7 } } }, {}, 'SourceRefused', false],
    [{ oid: OID, actions: { download: { href: HREF, header: { Host: 'x' } } } }, {}, 'SourceRefused', false],
    [{ oid: OID, actions: { download: { href: HREF, header: { 'Content-Length': '1' } } } }, {}, 'SourceRefused', false],
    [{ oid: OID, actions: { download: { href: HREF, header: { 'X-A': 'a\nb' } } } }, {}, 'SourceRefused', false],
    [{ oid: OID, actions: { download: { href: HREF, header: { 'X-A': 7 } } } }, {}, 'SourceRefused', false],
    [{ oid: OID, actions: { download: { href: HREF, header: { 'x a': 'b' } } } }, {}, 'SourceRefused', false],
    [undefined, {}, 'NotFound', false],
  ])('that is %j with %j is a failure', (object, more, reason, retryable) => {
    expect(parse(object, more)).toMatchObject({ failure: { reason, retryable } });
  });

  test('that is no JSON is a failure', () => {
    for (const text of ['', '[]', '{"objects": 7}', '{"objects": [null]}']) {
      expect(parseBatch(text, POINTER, 'x')).toMatchObject({ failure: { reason: 'NotFound' } });
    }
  });

  test('repeats no word of the server', () => {
    const failure = parse({ oid: OID, error: { code: 422, message: 's3cret' } });
    expect(JSON.stringify(failure)).not.toContain('s3cret');
  });
});

test('git-lfs-authenticate says where the server is', () => {
  expect(parseAuthenticate('{"href": "https://lfs.example.com/x", "header": {"Authorization": "RemoteAuth x"}, "expires_in": 60}')).toEqual(
    {
      ok: true,
      value: { url: new URL('https://lfs.example.com/x'), headers: { authorization: 'RemoteAuth x' } },
    },
  );
  expect(parseAuthenticate('Welcome!')).toBeUndefined();
});
