import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { parseFetchOptions, parseResolveOptions } from '../../../src/sources/options.ts';
import { claimSource } from '../../../src/sources/pvc.ts';
import { runFetch } from '../../../src/sources/fetch.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { removeTree } from '../../../src/sources/tree.ts';
import { digestOf, tarGzOf, tarOf, workplace, zipOf } from './fixtures.ts';
import type { Workplace } from './fixtures.ts';

const FILES = { 'data/b.bin': 'two', 'model.joblib': 'one' };

let place: Workplace;
let claim: string;

beforeEach(async () => {
  place = await workplace();
  claim = join(place.folder, 'claim');
  await mkdir(claim);
});

afterEach(async () => {
  await removeTree(join(place.folder, 'models'));
  await place.remove();
});

async function put(path: string, content: string | Buffer): Promise<void> {
  await mkdir(join(claim, path, '..'), { recursive: true });
  await writeFile(join(claim, path), content);
}

/** Runs the program as the Job does; gives what it leaves for the operator. */
async function resolve(path?: string, more: object = {}) {
  const source = { pvc: { claim: 'models', ...(path === undefined ? {} : { path }) } };
  await runResolve(parseResolveOptions(JSON.stringify({ source, sourceDir: claim, ...more })), place.io);
  const termination = await place.termination();
  if (!termination.ok) throw new Error(termination.problem);
  return termination.value;
}

async function failure(path?: string, more: object = {}) {
  const value = await resolve(path, more);
  if (value.kind !== 'failed') throw new Error('it was resolved');
  return value.failure;
}

describe('a version in a claim', () => {
  test('that is a folder has the files below it, with a link to a file as that file', async () => {
    await put('fraud/1.4.0/model.joblib', 'one');
    await put('blobs/4f0c', 'two');
    await mkdir(join(claim, 'fraud/1.4.0/data'));
    await symlink('../../../blobs/4f0c', join(claim, 'fraud/1.4.0/data/b.bin'));
    expect(await resolve('fraud/1.4.0')).toMatchObject({
      kind: 'resolved',
      resolved: { digest: digestOf(FILES), files: 2, bytes: 6, uri: 'pvc://models/fraud/1.4.0' },
    });
    for (const path of ['./fraud/1.4.0/', 'fraud/1.4.0//']) expect((await resolve(path)).kind).toBe('resolved');
  });

  test('may be the whole claim, but for the folder that every ext4 volume has for root', async () => {
    await put('model.joblib', 'one');
    await put('data/b.bin', 'two');
    await put('lost+found/x', 'y');
    for (const path of [undefined, '.']) {
      expect(await resolve(path)).toMatchObject({ resolved: { digest: digestOf(FILES), files: 2, uri: 'pvc://models/' } });
    }
  });

  test('that is reached by a link inside the claim is what the link leads to', async () => {
    await put('v7/model.joblib', 'one');
    await symlink('v7', join(claim, 'latest'));
    expect(await resolve('latest')).toMatchObject({ resolved: { digest: digestOf({ 'model.joblib': 'one' }) } });
  });

  test('that is one file is that file', async () => {
    await put('out/model.joblib', 'one');
    expect(await resolve('out/model.joblib')).toMatchObject({ resolved: { digest: digestOf({ 'model.joblib': 'one' }), files: 1 } });
  });

  test('that is an archive is unpacked, whichever of the kinds it is', async () => {
    const entries = Object.entries(FILES).map(([name, content]) => ({ name, content }));
    await put('x.tar', await tarOf(entries));
    await put('x.tgz', await tarGzOf(entries));
    await put('x.zip', zipOf(entries));
    for (const path of ['x.tar', 'x.tgz', 'x.zip']) {
      expect(await resolve(path)).toMatchObject({ kind: 'resolved', resolved: { digest: digestOf(FILES), files: 2 } });
    }
    expect(await failure('x.rar')).toMatchObject({ reason: 'NotFound' });
    await put('x.rar', 'x');
    expect(await failure('x.rar')).toMatchObject({ reason: 'InvalidSource', message: expect.stringContaining('Pack the version as') });
  });

  test('of an archive inside a folder keeps it packed: only the path names what is unpacked', async () => {
    await put('v1/extra.zip', 'no zip at all');
    expect(await resolve('v1')).toMatchObject({ resolved: { digest: digestOf({ 'extra.zip': 'no zip at all' }) } });
  });

  test('of many files is read to its end, or to the limit', async () => {
    const names = Array.from({ length: 500 }, (_, i) => `f${String(i).padStart(3, '0')}`);
    for (const name of names) await put(`many/${name}`, name);
    const digest = digestOf(Object.fromEntries(names.map((name) => [name, name])));
    expect(await resolve('many')).toMatchObject({ resolved: { files: 500, digest } });
    expect(await failure('many', { limits: { files: 499 } })).toMatchObject({ reason: 'TooLarge' });
  });

  test('is copied and verified by the fetch container, and an open file does not stay open', async () => {
    await put('model.joblib', 'one');
    await put('data/b.bin', 'two');
    const to = join(place.folder, 'models');
    await mkdir(to);
    const source = { source: { pvc: { claim: 'models' } }, sourceDir: claim, digest: digestOf(FILES) };
    const job = { ...source, model: 'm', version: '1', preset: 'custom', to };
    const before = (await readdir('/proc/self/fd')).length;
    expect(await runFetch(parseFetchOptions(JSON.stringify(job)), place.io)).toBe(0);
    expect((await readdir(join(to, 'model'), { recursive: true })).sort()).toEqual(['data', 'data/b.bin', 'model.joblib']);
    expect((await readdir('/proc/self/fd')).length).toBe(before);
  });
});

describe('an archive is refused as a whole', () => {
  test.each([
    [['a', 'a'], "its file 'a' is there twice"],
    [['model.pkl', 'Model.pkl'], "its file 'Model.pkl' differs from 'model.pkl' only in case"],
    [['data/a', 'DATA/b'], "its file 'DATA/b' lies in a folder that differs from 'data' only in case"],
    [['a', 'a/b'], "its file 'a/b' lies below a path that is a file"],
  ])('whose names are %j', async (names, words) => {
    const entries = names.map((name) => ({ name, content: name }));
    await put('x.tar', await tarOf(entries));
    await put('x.tgz', await tarGzOf(entries));
    await put('x.zip', zipOf(entries));
    for (const path of ['x.tar', 'x.tgz', 'x.zip']) {
      expect(await failure(path)).toMatchObject({ reason: 'ArchiveRefused', retryable: false, message: expect.stringContaining(words) });
    }
  });
});

describe('a path that cannot be read is refused with a sentence that names it and the claim:', () => {
  test('one that is not there', async () => {
    expect(await failure('fraud/9.9.9')).toMatchObject({ reason: 'NotFound', retryable: false });
    expect((await failure('fraud/9.9.9')).message).toContain("Claim models holds no 'fraud/9.9.9'. Check spec.source.pvc.path.");
    await put('file', 'x');
    expect((await failure('file/below')).message).toContain("Claim models holds no 'file/below'");
  });

  test('one that climbs out', async () => {
    for (const path of ['../secret', 'a/../../secret', 'a/..']) {
      const message: unknown = expect.stringContaining("leads out of the claim by '..'");
      expect(await failure(path)).toMatchObject({ reason: 'InvalidSource', message });
    }
    expect(await failure('/etc/passwd')).toMatchObject({ reason: 'InvalidSource', message: expect.stringContaining('is absolute') });
  });

  test.each([
    ['a file', '/etc/hostname'],
    ['a folder', '/etc'],
    ['a file beside the claim', '../claim-of-others/model'],
    ['the environment of this process', '/proc/self/environ'],
  ])('a link to %s outside', async (_what, target) => {
    await mkdir(join(place.folder, 'claim-of-others'));
    await writeFile(join(place.folder, 'claim-of-others/model'), 'not yours');
    await symlink(target, join(claim, 'link'));
    const words = "'link' in claim models leads out of the claim by a symbolic link";
    expect(await failure('link')).toMatchObject({ reason: 'SourceRefused', retryable: false, message: expect.stringContaining(words) });
  });

  test('a link to a file outside, in a folder', async () => {
    await put('v1/model.joblib', 'one');
    await symlink('/etc/hostname', join(claim, 'v1/notes'));
    const words = "'v1/notes' in claim models leads out of the claim by a symbolic link";
    expect(await failure('v1')).toMatchObject({ reason: 'SourceRefused', message: expect.stringContaining(words) });
  });

  test('a link to a folder, which could lead in circles', async () => {
    await put('v1/model.joblib', 'one');
    await symlink('.', join(claim, 'v1/again'));
    expect((await failure('v1')).message).toContain("'v1/again' in claim models is a symbolic link to a folder");
    await symlink('circle', join(claim, 'circle'));
    expect((await failure('circle')).message).toContain("'circle' in claim models is a symbolic link in circles");
  });

  test('a named pipe, without waiting for somebody to write', async () => {
    await mkdir(join(claim, 'v1'));
    spawnSync('mkfifo', [join(claim, 'v1/pipe')]);
    expect((await failure('v1')).message).toContain("'v1/pipe' in claim models is a named pipe");
    expect((await failure('v1/pipe')).message).toContain("'v1/pipe' in claim models is no plain file");
  });

  test('a name that no version may hold', async () => {
    await put('v1/a\nb', 'x');
    expect((await failure('v1')).message).toContain("its file 'a\\u{a}b' holds a control character");
    await put('v2/a\\b/c', 'x');
    expect((await failure('v2')).message).toContain('holds a backslash');
  });

  test('an empty folder', async () => {
    await mkdir(join(claim, 'v1'));
    expect(await failure('v1')).toMatchObject({ reason: 'EmptyModel', message: 'pvc://models/v1 holds not one file.' });
  });
});

test('a file that grows while it is read is not taken for the one that was opened', async () => {
  await put('model.joblib', Buffer.alloc(1024 ** 2));
  const source = claimSource({ claim: 'models', path: 'model.joblib', mountedAt: claim });
  const pinned = await source.resolve({ limits: { files: 10 } } as Parameters<typeof source.resolve>[0]);
  if (!pinned.ok) throw new Error(pinned.failure.message);
  const opened = await pinned.value.open({ kind: 'file', path: 'model.joblib' });
  if (!opened.ok) throw new Error(opened.failure.message);
  await appendFile(join(claim, 'model.joblib'), 'more');
  const reading = (async () => {
    for await (const _chunk of opened.value.stream);
  })();
  await expect(reading).rejects.toMatchObject({ failure: { reason: 'Truncated', retryable: true } });
});
