import { describe, expect, test } from '@jest/globals';

import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../../../src/core/version/limits.ts';
import { parseFetchOptions, parseResolveOptions } from '../../../src/sources/options.ts';

const FETCH = {
  source: { http: { url: 'https://files.example/model.joblib' } },
  digest: `sha256:${'a'.repeat(64)}`,
  model: 'fraud',
  version: '1.4.0',
  format: 'sklearn',
  preset: 'mlserver',
  to: '/mnt/models',
};

const A_SOURCE: unknown = { resolve: expect.any(Function) };

describe('the options of a job', () => {
  test('for fetch are read with the default limits', () => {
    expect(parseFetchOptions(JSON.stringify(FETCH))).toEqual({
      ok: true,
      value: { ...FETCH, source: A_SOURCE, limits: DEFAULT_LIMITS, timeouts: DEFAULT_TIMEOUTS },
    });
  });

  test('for resolve need a source only, and take single limits and timeouts', () => {
    const json = JSON.stringify({
      source: FETCH.source,
      accessDir: '/var/run/plimsoll/access',
      limits: { files: 5 },
      timeouts: { idleMs: 7 },
    });
    expect(parseResolveOptions(json)).toEqual({
      ok: true,
      value: {
        source: A_SOURCE,
        digest: undefined,
        limits: { ...DEFAULT_LIMITS, files: 5 },
        timeouts: { ...DEFAULT_TIMEOUTS, idleMs: 7 },
      },
    });
  });

  test.each([
    ['a claim, and where it is mounted beside it', { source: { pvc: { claim: 'models' } }, sourceDir: '/source' }],
    ['what the pointer was resolved to', { source: FETCH.source, pins: { version: '3' } }],
  ])('may name %s', (_, options) => {
    expect(parseResolveOptions(JSON.stringify(options))).toMatchObject({ ok: true, value: { source: A_SOURCE } });
  });

  test('may limit what a claim holds', () => {
    const allowance = { bytes: 5000, gatheredAtMs: 1_764_000_000_000 };
    for (const more of [{}, { needed: [] }, { needed: [FETCH.digest] }]) {
      const storage = { claim: 'copies', mountedAt: '/copies', allowance: { ...allowance, ...more } };
      expect(parseResolveOptions(JSON.stringify({ source: FETCH.source, storage }))).toMatchObject({ ok: true, value: { storage } });
    }
  });

  test.each([
    [{ gatheredAtMs: 1 }, 'storage.allowance.bytes must be a positive whole number'],
    [{ bytes: 0, gatheredAtMs: 1 }, 'storage.allowance.bytes must be a positive whole number'],
    [{ bytes: 1 }, 'storage.allowance.gatheredAtMs must be a positive whole number'],
    [{ bytes: 1, gatheredAtMs: 1, needed: FETCH.digest }, 'storage.allowance.needed must be a list'],
    [{ bytes: 1, gatheredAtMs: 1, needed: ['..'] }, "storage.allowance.needed must hold digests, not '..'"],
    [{ bytes: 1, gatheredAtMs: 1, needed: Array(501).fill(FETCH.digest) }, 'storage.allowance.needed must hold at most 500 digests'],
  ])('refuse to limit it by %j', (allowance, words) => {
    const outcome = parseResolveOptions(JSON.stringify({ source: FETCH.source, storage: { claim: 'c', mountedAt: '/c', allowance } }));
    expect(outcome.ok ? '' : outcome.failure.message).toContain(words);
  });

  test.each([
    [undefined, 'they are missing'],
    ['{', 'they are not JSON'],
    ['[]', 'the document must be a JSON object'],
    [JSON.stringify({ ...FETCH, sorce: 1 }), "the field 'sorce' is not known"],
    [JSON.stringify({ ...FETCH, source: { ftp: {} } }), 'source must hold exactly one of '],
    [JSON.stringify({ ...FETCH, source: { constructor: {} } }), 'source must hold exactly one of '],
    [JSON.stringify({ ...FETCH, pins: { version: 3 } }), 'pins must be a small map of texts'],
    [JSON.stringify({ ...FETCH, source: { http: {}, pvc: {} } }), 'source must hold exactly one of '],
    [JSON.stringify({ ...FETCH, source: { pvc: { path: 'a' } } }), 'source.pvc.claim must be a text'],
    [JSON.stringify({ ...FETCH, source: { pvc: { claim: 'models' } } }), 'sourceDir must be a text'],
    [JSON.stringify({ ...FETCH, source: { pvc: { claim: 'models', path: 7 } }, sourceDir: '/s' }), 'source.pvc.path must be a text'],
    [JSON.stringify({ ...FETCH, source: { http: {} } }), 'source.http.url must be a text'],
    [JSON.stringify({ ...FETCH, storage: { claim: 'copies' } }), 'storage.mountedAt must be a text'],
    [JSON.stringify({ ...FETCH, storage: { claim: 'copies', mountedAt: 'x' } }), 'storage.mountedAt must be an absolute path'],
    [JSON.stringify({ ...FETCH, digest: 'md5:1' }), 'digest must be sha256:'],
    [JSON.stringify({ ...FETCH, digest: undefined }), 'digest is missing'],
    [JSON.stringify({ ...FETCH, preset: 'triton' }), 'preset must be mlserver or custom'],
    [JSON.stringify({ ...FETCH, format: undefined }), 'format is missing'],
    [JSON.stringify({ ...FETCH, to: 'models' }), 'to must be an absolute path'],
    [JSON.stringify({ ...FETCH, model: '' }), 'model must be a text that is not empty'],
    [JSON.stringify({ ...FETCH, limits: { bites: 1 } }), "limits has the unknown field 'bites'"],
    [JSON.stringify({ ...FETCH, limits: { bytes: 0.5 } }), 'limits.bytes must be a positive whole number'],
    [JSON.stringify({ ...FETCH, timeouts: { idleMs: 0 } }), 'timeouts.idleMs must be a positive whole number'],
  ])('%s are refused with a sentence', (json, words) => {
    const outcome = parseFetchOptions(json);
    expect(outcome).toMatchObject({ ok: false, failure: { reason: 'InvalidOptions', retryable: false } });
    expect(outcome.ok ? '' : outcome.failure.message).toContain(words);
  });
});
