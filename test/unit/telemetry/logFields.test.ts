import { describe, expect, test } from '@jest/globals';
import { ApiException } from '@kubernetes/client-node';
import fc from 'fast-check';
import { fieldsToJson, maskText } from '../../../src/telemetry/logFields.ts';

const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGltc29sbCJ9.c2lnbmF0dXJl';

describe('secrets', () => {
  test('pitfall 20: an error of the Kubernetes client is written without its headers', () => {
    const error = new ApiException(404, 'Not Found', '{"reason":"NotFound"}', { authorization: `Bearer ${TOKEN}`, 'audit-id': 'id-1' });
    const text = JSON.stringify(fieldsToJson({ error }));
    expect(text).toContain('HTTP-Code: 404');
    expect(text).toContain('logFields.test.ts');
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain('id-1');
  });

  test.each([
    ...['authorization', 'Proxy-Authorization', 'headers', 'rawHeaders', 'Cookie', 'set-cookie'],
    ...['token', 'accessToken', 'id_token', 'password', 'clientSecret', 'apiKey'],
  ])('a field named %s is masked at any depth', (name) => {
    expect(fieldsToJson({ a: { b: [{ [name]: { x: 'hidden' } }] } })).toEqual({ a: { b: [{ [name]: '[masked]' }] } });
  });

  test.each(['secretRef', 'retryToken', 'tokensPerSecond', 'header', 'keys'])('a field named %s is not a secret', (name) => {
    expect(fieldsToJson({ [name]: 'seen' })).toEqual({ [name]: 'seen' });
  });

  test.each([
    [`Authorization: Bearer ${TOKEN}`, 'Authorization: Bearer [masked]'],
    [`the token ${TOKEN} expired`, 'the token [masked] expired'],
    ['GET https://me:pass@example.com/model', 'GET https://[masked]@example.com/model'],
    ['https://s3/x?X-Amz-Signature=abc&part=1', 'https://s3/x?X-Amz-Signature=[masked]&part=1'],
    ['https://gs/x?a=1&X-Goog-Signature=abc', 'https://gs/x?a=1&X-Goog-Signature=[masked]'],
    ['mail me@example.com about http://a/b', 'mail me@example.com about http://a/b'],
  ])('%s is written as %s', (text, expected) => {
    expect(maskText(text)).toBe(expected);
  });
});

describe('values that JSON does not know', () => {
  test('are written as texts, and undefined fields are left out', () => {
    expect(fieldsToJson({ nan: Number.NaN, big: 1n, nil: null, none: undefined, call: () => 1 })).toEqual({
      nan: 'NaN',
      big: '1',
      nil: null,
    });
    expect(fieldsToJson({ at: new Date(0), bad: new Date(Number.NaN) })).toEqual({ at: '1970-01-01T00:00:00.000Z', bad: 'Invalid Date' });
    expect(fieldsToJson({ bytes: new Uint8Array(3), map: new Map([['a', 1]]), set: new Set([1]) })).toEqual({
      bytes: '[3 bytes]',
      map: { a: 1 },
      set: [1],
    });
  });

  test('a circle ends', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(JSON.stringify(fieldsToJson({ circle }))).toContain('[deeper than is logged]');
  });

  test('long texts, lists and objects are cut, and the rest is counted', () => {
    const { text, list, object } = fieldsToJson({
      text: 'x'.repeat(9000),
      list: Array.from({ length: 70 }, (_, index) => index),
      object: Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`k${index}`, index])),
    });
    expect(text).toMatch(/^x{8192}… \(808 more characters\)$/);
    expect((list as unknown[]).at(-1)).toBe('… 6 more');
    expect(object).toHaveProperty('…', '6 more');
  });

  test('a Map may have any keys, also such as cannot be made a string', () => {
    const map = new Map<unknown, unknown>([[{ toString: false, token: 'hidden' }, 1], [2, 'two'], [null, 3]]);
    expect(fieldsToJson({ map })).toEqual({ map: { '{"toString":false,"token":"[masked]"}': 1, 2: 'two', null: 3 } });
  });

  test('whatever is logged can be written as JSON', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true });
    fc.assert(
      fc.property(fc.dictionary(fc.string(), anything), (fields) => {
        expect(typeof JSON.stringify(fieldsToJson(fields))).toBe('string');
      }),
    );
  });
});
