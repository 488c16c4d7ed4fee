import { exec, spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { runFetch } from '../../../src/sources/fetch.ts';
import { parseFetchOptions } from '../../../src/sources/options.ts';
import { removeTree } from '../../../src/sources/tree.ts';
import { digestOf, serve, tarGzOf, workplace } from './fixtures.ts';
import type { TestServer, Workplace } from './fixtures.ts';

const MODEL = Buffer.from('digits, version one\n');
const DIGEST = digestOf({ 'model.joblib': MODEL });

let place: Workplace;
let server: TestServer;
let to: string;
let body: Buffer;
let requests: number;

beforeEach(async () => {
  place = await workplace();
  to = join(place.folder, 'models');
  await mkdir(to);
  body = MODEL;
  requests = 0;
  server = await serve((_request, response) => {
    requests += 1;
    response.end(body);
  });
});

afterEach(async () => {
  await server.close();
  await removeTree(to);
  await place.remove();
});

/** Runs the program as the operator renders it; returns its exit code. */
function fetch(more: Readonly<Record<string, unknown>> = {}, file = 'model.joblib'): Promise<number> {
  const options = {
    source: { http: { url: `${server.url}/${file}` } },
    digest: DIGEST,
    model: 'digits',
    version: '1.0.0',
    format: 'sklearn',
    preset: 'mlserver',
    to,
  };
  return runFetch(parseFetchOptions(JSON.stringify({ ...options, ...more })), place.io);
}

async function failure() {
  const termination = await place.termination();
  if (!termination.ok || termination.value.kind !== 'failed') throw new Error(`no failure: ${JSON.stringify(termination)}`);
  return termination.value.failure;
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

describe('fetch', () => {
  test('leaves the verified bytes, readable for all and writable for nobody, and settings for MLServer beside them', async () => {
    expect(await fetch()).toBe(0);
    expect((await readdir(to)).sort()).toEqual(['SHA256SUMS', 'model', 'model-settings.json']);
    expect(await readFile(join(to, 'model/model.joblib'))).toEqual(MODEL);
    expect(JSON.parse(await readFile(join(to, 'model-settings.json'), 'utf8'))).toEqual({
      name: 'digits',
      implementation: 'mlserver_sklearn.SKLearnModel',
      parameters: { uri: './model/model.joblib', version: '1.0.0' },
    });
    expect([
      await modeOf(join(to, 'model')),
      await modeOf(join(to, 'model/model.joblib')),
      await modeOf(join(to, 'model-settings.json')),
      await modeOf(join(to, 'SHA256SUMS')),
    ]).toEqual(['555', '444', '444', '444']);
    const { stdout } = await promisify(exec)('sha256sum --strict --check ../SHA256SUMS && sha256sum ../SHA256SUMS', { cwd: join(to, 'model') });
    expect(stdout).toBe(`model.joblib: OK\n${digestOf({ 'model.joblib': MODEL }).slice('sha256:'.length)}  ../SHA256SUMS\n`);
  });

  test('gives the same modes under a umask that hides files from others', async () => {
    const umask = process.umask(0o077);
    try {
      expect(await fetch()).toBe(0);
    } finally {
      process.umask(umask);
    }
    expect([
      await modeOf(join(to, 'model')),
      await modeOf(join(to, 'model/model.joblib')),
      await modeOf(join(to, 'model-settings.json')),
    ]).toEqual(['555', '444', '444']);
  });

  test('of one different byte leaves nothing to serve and says expected and got', async () => {
    body = Buffer.from(MODEL);
    body[3]! ^= 1;
    expect(await fetch()).toBe(1);
    expect(await readdir(to)).toEqual([]);
    const { reason, message, retryable } = await failure();
    expect({ reason, retryable }).toEqual({ reason: 'DigestMismatch', retryable: false });
    expect(message).toContain(`expected ${DIGEST}, got ${digestOf({ 'model.joblib': body })}`);
  });

  test('of the right bytes under another name leaves nothing to serve', async () => {
    expect(await fetch({}, 'model.pkl')).toBe(1);
    expect(await readdir(to)).toEqual([]);
  });

  test('of a version that brings its own model-settings.json writes none, and takes away an old one', async () => {
    await writeFile(join(to, 'model-settings.json'), 'from another version');
    const files = { 'model-settings.json': '{"name":"own"}', 'model.joblib': MODEL };
    body = await tarGzOf(Object.entries(files).map(([name, content]) => ({ name, content })));
    expect(await fetch({ digest: digestOf(files) }, 'digits.tar.gz')).toBe(0);
    expect((await readdir(to)).sort()).toEqual(['SHA256SUMS', 'model']);
  });

  test('for preset custom writes the bytes and their checksums', async () => {
    expect(await fetch({ preset: 'custom', format: undefined })).toBe(0);
    expect((await readdir(to)).sort()).toEqual(['SHA256SUMS', 'model']);
  });

  test('of a version whose model file cannot be told leaves nothing to serve', async () => {
    const files = { 'a.pkl': '1', 'b.pkl': '2' };
    body = await tarGzOf(Object.entries(files).map(([name, content]) => ({ name, content })));
    expect(await fetch({ digest: digestOf(files) }, 'digits.tar.gz')).toBe(1);
    expect(await readdir(to)).toEqual([]);
    expect((await failure()).message).toContain("2 files could be the model: 'a.pkl', 'b.pkl'");
  });

  test('of a hostile archive writes nothing outside and leaves nothing inside', async () => {
    body = await tarGzOf([
      { name: 'good.pkl', content: 'x' },
      { name: '../../escaped', content: 'x' },
    ]);
    expect(await fetch({}, 'digits.tar.gz')).toBe(1);
    expect((await readdir(place.folder)).sort()).toEqual(['models', 'termination-log']);
    expect(await readdir(to)).toEqual([]);
  });

  test('of an archive with the same file twice, or a file where a folder is, is refused', async () => {
    for (const second of ['a/b', 'a', 'a/b/c']) {
      body = await tarGzOf([
        { name: 'a/b', content: '1' },
        { name: second, content: '2' },
      ]);
      expect(await fetch({}, 'digits.tar.gz')).toBe(1);
      expect(await failure()).toMatchObject({ reason: 'ArchiveRefused', retryable: false });
      expect(await readdir(to)).toEqual([]);
    }
  });

  test('of more files or bytes than the limits is refused', async () => {
    body = await tarGzOf(['a', 'b', 'c'].map((name) => ({ name, content: 'xxxx' })));
    expect(await fetch({ limits: { files: 2 } }, 'digits.tar.gz')).toBe(1);
    expect((await failure()).message).toContain('more than 2 files');
    expect(await fetch({ limits: { bytes: 11, files: 3 } }, 'digits.tar.gz')).toBe(1);
    expect((await failure()).reason).toBe('TooLarge');
    expect(await readdir(to)).toEqual([]);
  });

  test('that breaks off while a file is written starts that part anew', async () => {
    const archive = await tarGzOf([
      { name: 'a/one.txt', content: '1' },
      { name: 'model.joblib', content: Buffer.alloc(100_000, 'ab3') },
    ]);
    await server.close();
    server = await serve((_request, response) => {
      requests += 1;
      response.end(requests === 1 ? archive.subarray(0, archive.length - 20) : archive);
    });
    const digest = digestOf({ 'a/one.txt': '1', 'model.joblib': Buffer.alloc(100_000, 'ab3') });
    expect(await fetch({ digest }, 'digits.tgz')).toBe(0);
    expect(requests).toBe(2);
  });

  test('without a digest does not start', async () => {
    expect(await fetch({ digest: undefined })).toBe(1);
    expect((await failure()).message).toContain('digest is missing: bytes that were not pinned are not served');
    expect(requests).toBe(0);
  });

  test('into a volume that cannot be written says so', async () => {
    await rm(to, { recursive: true });
    await writeFile(to, 'a file where the volume should be');
    expect(await fetch()).toBe(1);
    expect((await failure()).reason).toBe('StorageFailed');
    await rm(to);
    await mkdir(to);
  });
});

describe('a second start of fetch', () => {
  beforeEach(async () => {
    expect(await fetch()).toBe(0);
    requests = 0;
  });

  test('verifies the complete folder and downloads nothing', async () => {
    await server.close();
    expect(await fetch()).toBe(0);
    expect(place.lines.join('\n')).toContain('was verified again');
    server = await serve(() => undefined);
  });

  test('finds a changed byte, an added file or a link, and downloads again', async () => {
    const model = join(to, 'model');
    const spoil = [
      () => chmod(join(model, 'model.joblib'), 0o644).then(() => writeFile(join(model, 'model.joblib'), 'spoiled')),
      () => chmod(model, 0o755).then(() => writeFile(join(model, 'sitecustomize.py'), 'evil')),
      () => chmod(model, 0o755).then(() => symlink('/etc/passwd', join(model, 'link'))),
    ];
    for (const act of spoil) {
      requests = 0;
      await act();
      expect(await fetch()).toBe(0);
      expect(requests).toBe(1);
      expect(await readdir(model)).toEqual(['model.joblib']);
      expect(await readFile(join(model, 'model.joblib'))).toEqual(MODEL);
    }
  });

  test('for another digest takes the old bytes away before it fails', async () => {
    expect(await fetch({ digest: digestOf({ 'model.joblib': 'other' }) })).toBe(1);
    expect(await readdir(join(to))).not.toContain('model');
  });

  test('clears what a killed start left half done', async () => {
    await removeTree(join(to, 'model'));
    await mkdir(join(to, 'model.partial/a'), { recursive: true });
    await writeFile(join(to, 'model.partial/a/half'), 'half');
    await chmod(join(to, 'model.partial/a'), 0o555);
    expect(await fetch()).toBe(0);
    expect((await readdir(to)).sort()).toEqual(['SHA256SUMS', 'model', 'model-settings.json']);
  });
});

test('the digest is what coreutils say about the folder that was fetched', async () => {
  const files = {
    'b.txt': '2',
    'a/model.joblib': 'm',
    'a.b': '3',
    'a-b': '4',
    'größe/😀': '5',
    'größe/～': '6',
    ' space': '7',
    '-dash': '8',
  };
  body = await tarGzOf(Object.entries(files).map(([name, content]) => ({ name, content })));
  expect(await fetch({ digest: `sha256:${'0'.repeat(64)}` }, 'digits.tar.gz')).toBe(1);
  const got = /got (sha256:[0-9a-f]{64})/.exec((await failure()).message)?.[1];
  expect(await fetch({ digest: got }, 'digits.tar.gz')).toBe(0);
  const shell = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum -- | sha256sum";
  const { stdout } = spawnSync('sh', ['-c', shell], { cwd: join(to, 'model'), encoding: 'utf8' });
  expect(got).toBe(`sha256:${stdout.split(' ')[0]}`);
});
