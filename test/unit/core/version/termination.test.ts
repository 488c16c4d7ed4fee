import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { Failure } from '../../../../src/core/version/failure.ts';
import { decodeTermination, encodeFailure, encodeResolved, MAX_TERMINATION_BYTES } from '../../../../src/core/version/termination.ts';
import type { Resolved } from '../../../../src/core/version/termination.ts';

const RESOLVED: Resolved = {
  digest: `sha256:${'a'.repeat(64)}`,
  omsDigest: `sha256:${'0'.repeat(64)}`,
  files: 3,
  bytes: 430_000,
  uri: 'https://files.example/fraud.tar.gz',
  resolvedAt: '2026-11-24T10:00:00Z',
};

function size(text: string): number {
  return Buffer.byteLength(text);
}

describe('a termination message', () => {
  test('of a resolved version is read back as it was written', () => {
    expect(decodeTermination(encodeResolved(RESOLVED))).toEqual({ ok: true, value: { kind: 'resolved', resolved: RESOLVED } });
  });

  test('carries what a pointer was resolved to and what is known beside the bytes', () => {
    const pinned = { ...RESOLVED, pins: { version: '3', artifacts: 'mlflow-artifacts:/1/m-7/artifacts' } };
    const metadata = { metrics: { auc: '0.947' } };
    expect(decodeTermination(encodeResolved(pinned, metadata))).toEqual({ ok: true, value: { kind: 'resolved', resolved: pinned, metadata } });
  });

  test('gives up what is known beside the bytes before it gets too long', () => {
    const tags = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`tag-${index}`, createHash('sha512').update(`${index}`).digest('hex')]));
    const message = encodeResolved({ ...RESOLVED, uri: `https://files.example/${'a'.repeat(2000)}` }, { tags, training: { run: 'r1' } });
    expect(size(message)).toBeLessThanOrEqual(MAX_TERMINATION_BYTES);
    expect(decodeTermination(message)).toMatchObject({ value: { metadata: { training: { run: 'r1' }, truncated: true } } });
  });

  test.each([[[]], ['x'], [{}], [{ a: 7 }], [{ 'a b': 'c' }], [{ a: 'two words' }], [{ a: 'x'.repeat(1025) }], [{ a: '' }]])(
    'with pins of another form (%j) is none',
    (pins) => {
      expect(decodeTermination(JSON.stringify({ resolved: { ...RESOLVED, pins } }))).toEqual({
        ok: false,
        problem: 'has no map of short texts in resolved.pins',
      });
    },
  );

  test('of a failure is read back as it was written', () => {
    const failure: Failure = { reason: 'DigestMismatch', message: 'expected sha256:…, got "sha256:…"', retryable: false };
    expect(decodeTermination(encodeFailure(failure))).toEqual({ ok: true, value: { kind: 'failed', failure } });
  });

  test('never exceeds what kubelet keeps and can always be read back, however long and strange its text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 5000 }),
      fc.constantFrom('"', '\\', '\n', '\ud800', '😀').map((unit) => unit.repeat(5000)),
    );
    fc.assert(
      fc.property(text, fc.boolean(), (message, retryable) => {
        const encoded = encodeFailure({ reason: 'SourceFailed', message, retryable });
        expect(size(encoded)).toBeLessThanOrEqual(MAX_TERMINATION_BYTES);
        expect(decodeTermination(encoded)).toMatchObject({
          ok: true,
          value: { kind: 'failed', failure: { reason: 'SourceFailed', retryable } },
        });
        const resolved = encodeResolved({ ...RESOLVED, uri: `https://files.example/${message}` });
        expect(size(resolved)).toBeLessThanOrEqual(MAX_TERMINATION_BYTES);
        expect(decodeTermination(resolved).ok).toBe(true);
      }),
    );
  });

  test('that is anything at all is read without throwing, and what passes is well-formed', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc
        .record({
          resolved: fc.record(
            Object.fromEntries(Object.entries(RESOLVED).map(([key, value]) => [key, fc.oneof(fc.constant(value), fc.jsonValue())])),
          ),
        })
        .map((value) => JSON.stringify(value)),
      fc
        .record({
          failure: fc.record({
            reason: fc.oneof(fc.constant('NotFound'), fc.string()),
            message: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
            retryable: fc.boolean(),
          }),
        })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(hostile, (text) => {
        const decoded = decodeTermination(text);
        if (!decoded.ok) expect(decoded.problem).toMatch(/^(is|has|holds) /);
        else if (decoded.value.kind === 'resolved') {
          const { digest, omsDigest, files, bytes, uri } = decoded.value.resolved;
          expect([digest, omsDigest].every((value) => /^sha256:[0-9a-f]{64}$/.test(value))).toBe(true);
          expect(Number.isSafeInteger(files) && files > 0 && Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
          expect(uri.length).toBeLessThanOrEqual(2048);
        } else expect(decoded.value.failure.message).not.toMatch(/[\p{Cc}\u202e]/u);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    [undefined, 'is empty'],
    ['  \n', 'is empty'],
    ['x'.repeat(4097), 'is longer than 4096 bytes'],
    ['[]', 'is not a JSON object'],
    ['{"resolved":{}', 'is not a JSON object'],
    ['{}', 'holds neither resolved nor failure'],
    [JSON.stringify({ resolved: { ...RESOLVED, digest: RESOLVED.digest.toUpperCase() } }), 'resolved.digest'],
    [JSON.stringify({ resolved: { ...RESOLVED, omsDigest: 1 } }), 'resolved.omsDigest'],
    [JSON.stringify({ resolved: { ...RESOLVED, files: 0 } }), 'resolved.files'],
    [JSON.stringify({ resolved: { ...RESOLVED, bytes: -1 } }), 'resolved.bytes'],
    [JSON.stringify({ resolved: { ...RESOLVED, bytes: 1e300 } }), 'resolved.bytes'],
    [JSON.stringify({ resolved: { ...RESOLVED, uri: 'no uri' } }), 'resolved.uri'],
    [JSON.stringify({ resolved: { ...RESOLVED, resolvedAt: '2026-13-24T10:00:00Z' } }), 'resolved.resolvedAt'],
    [JSON.stringify({ failure: { reason: 'bad reason', message: '', retryable: true } }), 'failure.reason'],
    [JSON.stringify({ failure: { reason: 'NotFound', message: 1, retryable: true } }), 'failure.message'],
    [JSON.stringify({ failure: { reason: 'NotFound', message: '', retryable: 'yes' } }), 'failure.retryable'],
  ])('%j is refused', (text, words) => {
    const decoded = decodeTermination(text);
    expect(decoded.ok ? decoded : decoded.problem).toContain(words);
  });

  test('passes on nothing but the fields that are known', () => {
    const text = JSON.stringify({ resolved: { ...RESOLVED, extra: 1, __proto__: { evil: true } }, other: 2 });
    expect(decodeTermination(text)).toEqual({ ok: true, value: { kind: 'resolved', resolved: RESOLVED } });
  });
});
