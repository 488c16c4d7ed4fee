// Several files of a version at a time, from a source of the test that does what is asked of it.
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { lookup } from 'node:dns';
import { describe, expect, test } from '@jest/globals';
import { finalFailure, passingFailure, success, type Outcome } from '../../../src/core/version/failure.ts';
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS, type Limits } from '../../../src/core/version/limits.ts';
import { errorOf } from '../../../src/sources/error.ts';
import type { Sink } from '../../../src/sources/sink.ts';
import type { Body, Source } from '../../../src/sources/source.ts';
import { transfer, type TransferContext } from '../../../src/sources/transfer.ts';
import { digestOf } from './fixtures.ts';
import { modelDigest } from '../../../src/core/version/digest.ts';

type Open = () => Outcome<Body>;

function body(text: string): Outcome<Body> {
  return success({ stream: Readable.from([Buffer.from(text)]), length: text.length });
}

function sourceOf(files: Readonly<Record<string, Open>>): Source {
  const parts = Object.keys(files).map((path) => ({ kind: 'file', path }) as const);
  return {
    resolve: () =>
      Promise.resolve(
        success({
          uri: 'test://files',
          list: () => Promise.resolve(success(parts)),
          open: (part) => Promise.resolve(part.kind === 'file' ? (files[part.path]?.() ?? finalFailure('NotFound', part.path)) : finalFailure('NotFound', '')),
        }),
      ),
  };
}

/** Keeps what is written, and how many files were being written at most at the same time. */
function memorySink(): Sink & { readonly kept: Map<string, string>; readonly most: () => number } {
  const kept = new Map<string, string>();
  let [now, most] = [0, 0];
  return {
    kept,
    most: () => most,
    create: (path) => {
      now += 1;
      most = Math.max(most, now);
      kept.set(path, '');
      return Promise.resolve({
        write: async (chunk) => {
          await sleep(5);
          kept.set(path, `${kept.get(path) ?? ''}${Buffer.from(chunk).toString()}`);
        },
        finish: () => Promise.resolve(),
        close: () => {
          now -= 1;
          return Promise.resolve();
        },
      });
    },
    remove: (path) => {
      kept.delete(path);
      return Promise.resolve();
    },
  };
}

function context(limits: Partial<Limits> = {}, signal = new AbortController().signal): TransferContext {
  return {
    signal,
    limits: { ...DEFAULT_LIMITS, ...limits },
    timeouts: { ...DEFAULT_TIMEOUTS, retryMs: 5000 },
    log: () => undefined,
    now: Date.now,
    random: () => 0.999,
    environment: {},
    lookup,
    spool: '/nonexistent',
  };
}

const MANY = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`file-${String.fromCharCode(97 + index)}`, `content ${index}`]));

describe('the files of a version', () => {
  test('come four at a time, and are one version in whatever order they end', async () => {
    const sink = memorySink();
    const came = await transfer(sourceOf(Object.fromEntries(Object.entries(MANY).map(([path, text]) => [path, () => body(text)]))), sink, context());
    expect(came.ok && [modelDigest(came.value.files), came.value.bytes]).toEqual([digestOf(MANY), Object.values(MANY).join('').length]);
    expect(Object.fromEntries(sink.kept)).toEqual(MANY);
    expect(sink.most()).toBe(4);
  });

  test('one of which breaks off are tried again, that one alone, and count once', async () => {
    const opened: string[] = [];
    const cut = (): Outcome<Body> => {
      const isFirst = !opened.includes('b');
      opened.push('b');
      async function* half(): AsyncGenerator<Buffer> {
        yield Buffer.from('be');
        await Promise.resolve();
        throw errorOf(passingFailure('Truncated', 'b was cut.'));
      }
      return isFirst ? success({ stream: Readable.from(half()), length: 3 }) : body('bee');
    };
    const ay = (): Outcome<Body> => {
      opened.push('a');
      return body('ay');
    };
    const sink = memorySink();
    // Five bytes are allowed: those of the attempt that was cut must not count.
    const came = await transfer(sourceOf({ a: ay, b: cut }), sink, context({ bytes: 5 }));
    expect(came.ok && came.value.bytes).toBe(5);
    expect(opened.sort()).toEqual(['a', 'b', 'b']);
    expect(Object.fromEntries(sink.kept)).toEqual({ a: 'ay', b: 'bee' });
  });

  test('end at once when one of them cannot be had, though another one hangs, and no other one is begun', async () => {
    let isDestroyed = false;
    const hanging = new Readable({
      read: () => undefined,
      destroy: (error, done) => {
        isDestroyed = true;
        done(error);
      },
    });
    let later = 0;
    const others = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [
        `z${index}`,
        (): Outcome<Body> => {
          later += 1;
          return body('z');
        },
      ]),
    );
    const files = { a: () => success({ stream: hanging, length: 7 }), b: () => finalFailure('NotFound', 'There is no b.'), ...others };
    const came = await transfer(sourceOf(files), memorySink(), context());
    expect(came).toEqual(finalFailure('NotFound', 'There is no b.'));
    expect(isDestroyed).toBe(true);
    expect(later).toBeLessThan(8);
  }, 5000);

  test.each<[title: string, files: Readonly<Record<string, Open>>, limits: Partial<Limits>, reason: string]>([
    ['more bytes than are allowed, of all together', { a: () => body('aaa'), b: () => body('bbb') }, { bytes: 5 }, 'TooLarge'],
    ['more files than are allowed', { a: () => body('a'), b: () => body('b') }, { files: 1 }, 'TooLarge'],
    ['names of which two differ only in case', { model: () => body('a'), MODEL: () => body('b') }, {}, 'ArchiveRefused'],
    ['a name that leads out', { 'a/../../b': () => body('a') }, {}, 'ArchiveRefused'],
    ['no file at all', {}, {}, 'EmptyModel'],
  ])('are refused with %s', async (_, files, limits, reason) => {
    expect(await transfer(sourceOf(files), memorySink(), context(limits))).toMatchObject({ ok: false, failure: { reason, retryable: false } });
  });
});
