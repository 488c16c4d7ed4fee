import { describe, expect, test } from '@jest/globals';

import type { KubeErrorKind } from '../../../src/controller/errors.ts';
import {
  errorFromNetwork,
  errorFromResponse,
  errorFromStatusObject,
  isKubeError,
  KubeError,
  toError,
} from '../../../src/controller/errors.ts';

const now = Date.UTC(2026, 0, 1);
const status = (reason: string, more: object = {}): string => JSON.stringify({ kind: 'Status', reason, message: 'said so', ...more });

test.each<[number, string, KubeErrorKind, boolean]>([
  [400, 'BadRequest', 'Invalid', false],
  [401, 'Unauthorized', 'Unauthorized', true],
  [403, 'Forbidden', 'Forbidden', false],
  [404, 'NotFound', 'NotFound', false],
  [409, 'Conflict', 'Conflict', true],
  [409, 'AlreadyExists', 'AlreadyExists', true],
  [410, 'Expired', 'Gone', true],
  [415, 'UnsupportedMediaType', 'Invalid', false],
  [422, 'Invalid', 'Invalid', false],
  [429, 'TooManyRequests', 'TooManyRequests', true],
  [500, 'InternalError', 'Server', true],
  [503, 'ServiceUnavailable', 'Server', true],
  [504, 'Timeout', 'Timeout', true],
])('pitfall 20: %i %s is %s, retryable: %s', (code, reason, kind, retryable) => {
  const error = errorFromResponse('get pods a/b', code, status(reason), undefined, now);
  expect(error).toMatchObject({ kind, code, retryable });
  expect(error.message).toBe(`get pods a/b: ${code} ${reason}: said so`);
});

describe('the body', () => {
  test('that is no Status (a proxy answers in HTML) still gives a kind and a short message', () => {
    const error = errorFromResponse('list pods', 502, `<html>\n${'x'.repeat(1000)}`, undefined, now);
    expect(error.kind).toBe('Server');
    expect(error.message.length).toBeLessThan(350);
  });

  test('may be empty', () => {
    expect(errorFromResponse('list pods', 500, '', undefined, now).message).toBe('list pods: 500 Server');
  });

  test('may be the JSON text null', () => {
    expect(errorFromResponse('list pods', 500, 'null', undefined, now).kind).toBe('Server');
  });
});

describe('retry-after', () => {
  test.each<[string, string | undefined, string, number | undefined]>([
    ['seconds', '5', status('TooManyRequests'), 5000],
    ['a date', new Date(now + 9000).toUTCString(), status('TooManyRequests'), 9000],
    ['a date in the past', new Date(now - 9000).toUTCString(), status('TooManyRequests'), 0],
    ['nonsense', 'soon', status('TooManyRequests'), undefined],
    ['the Status instead of the header', undefined, status('TooManyRequests', { details: { retryAfterSeconds: 3 } }), 3000],
    ['nothing', undefined, status('TooManyRequests', { details: null }), undefined],
  ])('%s', (_name, header, body, expected) => {
    expect(errorFromResponse('get', 429, body, header, now).retryAfterMs).toBe(expected);
  });
});

describe('an ERROR event of a watch', () => {
  test('with code 410 is Gone', () => {
    expect(errorFromStatusObject('watch pods', { code: 410, reason: 'Expired', message: 'too old' })).toMatchObject({
      kind: 'Gone',
      code: 410,
    });
  });

  test('that holds nothing useful is a Server error', () => {
    expect(errorFromStatusObject('watch pods', undefined).kind).toBe('Server');
    expect(errorFromStatusObject('watch pods', null).kind).toBe('Server');
  });
});

describe('no answer', () => {
  test('the message names what lies behind "fetch failed"', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:443'), { code: 'ECONNREFUSED' });
    const error = errorFromNetwork('get pods a/b', new TypeError('fetch failed', { cause }));
    expect(error).toMatchObject({ kind: 'Network', retryable: true, code: undefined });
    expect(error.message).toContain('ECONNREFUSED connect ECONNREFUSED 10.0.0.1:443');
  });

  test('causes that point at each other do not loop', () => {
    const cause = new Error('round');
    cause.cause = cause;
    expect(errorFromNetwork('get', cause).message.length).toBeLessThan(100);
  });

  test('a thrown nothing has a message too', () => {
    expect(errorFromNetwork('get', undefined).message).toBe('get: the connection failed');
  });
});

test('isKubeError tells kinds apart', () => {
  const error = new KubeError('Gone', 'old');
  expect([
    isKubeError(error),
    isKubeError(error, 'Gone', 'Conflict'),
    isKubeError(error, 'Conflict'),
    isKubeError(new Error('old')),
  ]).toEqual([true, true, false, false]);
});

test('whatever is thrown becomes an Error', () => {
  const error = new Error('x');
  expect(toError(error)).toBe(error);
  expect(toError('text').message).toContain('text');
});
