import { lookup } from 'node:dns';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../../../../src/core/version/limits.ts';
import { NO_ACCESS, type Access } from '../../../../src/sources/access.ts';
import { openRepository, type Repository } from '../../../../src/sources/git/repository.ts';
import type { Outcome } from '../../../../src/core/version/failure.ts';
import type { SourceContext } from '../../../../src/sources/source.ts';
import { workplace, type TestServer, type Workplace } from '../fixtures.ts';
import { makeWorkshop, serveGit, type GitServerOptions, type Workshop } from './repositories.ts';

const FIELD = 'spec.source.git.repository';
const REVISION = 'spec.source.git.revision';

let place: Workplace;
let shop: Workshop;
let servers: TestServer[];
let context: SourceContext;

beforeEach(async () => {
  place = await workplace();
  shop = makeWorkshop(join(place.folder, 'repositories/fraud'));
  servers = [];
  const spool = join(place.folder, 'spool');
  await mkdir(spool);
  const { signal } = new AbortController();
  const timeouts = { ...DEFAULT_TIMEOUTS, idleMs: 5000 };
  context = { signal, limits: DEFAULT_LIMITS, timeouts, log: place.io.log, now: () => Date.now(), environment: {}, lookup, spool };
});

afterEach(async () => {
  for (const server of servers) await server.close();
  await place.remove();
});

async function server(options: GitServerOptions = {}) {
  const started = await serveGit(join(place.folder, 'repositories'), options);
  servers.push(started);
  return started;
}

function valueOf<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.failure.reason}: ${outcome.failure.message}`);
  return outcome.value;
}

async function open(repository: string, access: Access = NO_ACCESS): Promise<Repository> {
  return valueOf(await openRepository({ repository, field: FIELD, access, sourceDir: join(place.folder, 'repositories') }, context));
}

async function over(kind: string): Promise<string> {
  switch (kind) {
    case 'file':
      return 'file:///fraud';
    case 'http':
      return `${(await server()).url}/fraud/.git`;
    case 'http of old':
      return `${(await server({ version2: false })).url}/fraud/.git`;
    default:
      return `${(await server({ settings: [] })).url}/fraud/.git`;
  }
}

const WAYS = ['file', 'http', 'http of old', 'http without filters'];

describe.each(WAYS)('a repository over %s', (way) => {
  test('gives the files of a commit, large ones as well', async () => {
    const large = randomBytes(3 * 1024 ** 2);
    const commit = shop.commit({ 'model/large.bin': large, 'model/small.txt': 'one', 'other.txt': 'other' });
    shop.commit({ 'model/small.txt': 'two' });
    const repository = await open(await over(way));
    const fetched = valueOf(await repository.fetch(commit));
    const entries = valueOf(await fetched.list('model'));
    expect(entries.map(({ path, kind }) => [path, kind])).toEqual([
      ['model/large.bin', 'file'],
      ['model/small.txt', 'file'],
    ]);
    const bodies = await Promise.all(entries.map(async (entry) => valueOf(await fetched.open(entry))));
    expect(bodies.map(({ length }) => length)).toEqual([large.length, 3]);
    const contents = await Promise.all(bodies.map(async ({ stream }) => Buffer.concat((await stream.toArray()) as Buffer[])));
    expect(contents[0]!.equals(large)).toBe(true);
    expect(contents[1]!.toString()).toBe('one');
    expect(valueOf(await fetched.readFile('other.txt', 100))?.toString()).toBe('other');
    expect(valueOf(await fetched.readFile('missing', 100))).toBeUndefined();
  });

  test('knows branches, tags with their taggers, and short names of commits', async () => {
    const first = shop.commit({ a: '1' });
    shop.git(['tag', '-m', 'the first', 'v1'], { env: { GIT_COMMITTER_DATE: '1700000000 +0100', GIT_COMMITTER_NAME: 'Grace' } });
    shop.git(['tag', '-m', 'a tag of a tag', 'again', 'v1'], { env: { GIT_COMMITTER_DATE: '1700000001 +0000' } });
    shop.commit({ a: '2' });
    const last = shop.commit({ a: '3' });
    shop.git(['tag', 'light']);
    const repository = await open(await over(way));
    const commitOf = async (revision: string): Promise<string> => valueOf(await repository.commitOf(revision, REVISION)).commit;
    expect(await commitOf('main')).toBe(last);
    expect(await commitOf('refs/heads/main')).toBe(last);
    expect(await commitOf('v1')).toBe(first);
    expect(await commitOf('again')).toBe(first);
    expect(await commitOf('light')).toBe(last);
    expect(await commitOf(first.slice(0, 8))).toBe(first);
    const tags = valueOf(await repository.tags());
    expect(tags.map(({ name, commit, isAnnotated, tagger }) => [name, commit, isAnnotated, tagger?.name, tagger?.time])).toEqual([
      ['again', first, true, 'Ada', 1_700_000_001],
      ['light', last, false, undefined, undefined],
      ['v1', first, true, 'Grace', 1_700_000_000],
    ]);
    for (const revision of ['nope', '1234567', 'refs/heads/nope']) {
      expect(await repository.commitOf(revision, REVISION)).toMatchObject({ failure: { reason: 'NotFound', retryable: false } });
    }
  });

  test('gives a commit that no branch points to any more, as long as the branches still lead to it', async () => {
    const first = shop.commit({ a: '1' });
    shop.commit({ a: '2' });
    const fetched = valueOf(await (await open(await over(way))).fetch(first));
    expect(valueOf(await fetched.readFile('a', 10))?.toString()).toBe('1');
  });

  test('says that it has not a commit', async () => {
    shop.commit({ a: '1' });
    const outcome = await (await open(await over(way))).fetch('1'.repeat(40));
    expect(outcome).toMatchObject({ failure: { reason: 'NotFound', retryable: false } });
  });
});

test('little is fetched: no history, and no large file that is not read', async () => {
  shop.commit({ 'old.bin': randomBytes(3 * 1024 ** 2) });
  shop.git(['rm', '-q', 'old.bin']);
  const commit = shop.commit({ 'large.bin': randomBytes(3 * 1024 ** 2), small: 'x' });
  const fetched = valueOf(await (await open('file:///fraud')).fetch(commit));
  const sizes = await readdir(join(fetched.folder, 'objects/pack'));
  expect(sizes.filter((name) => name.endsWith('.pack'))).toHaveLength(1);
  expect(valueOf(await fetched.list('')).map(({ path, bytes }) => [path, bytes])).toEqual([
    ['large.bin', undefined],
    ['small', 1],
  ]);
  const { stream } = valueOf(await fetched.open(valueOf(await fetched.list('large.bin'))[0]!));
  const own = (await readdir(join(fetched.folder, '..'))).filter((name) => name.startsWith('file-'));
  expect(own).toHaveLength(1);
  await stream.toArray();
  await new Promise((resolve) => setImmediate(resolve));
  while (existsSync(join(fetched.folder, '..', own[0]!))) await new Promise((resolve) => setTimeout(resolve, 10));
});

test('a repository with SHA-256 names is read as well', async () => {
  shop = makeWorkshop(join(place.folder, 'repositories/sha256'), '--object-format=sha256');
  const commit = shop.commit({ a: '1', 'large.bin': randomBytes(2 * 1024 ** 2) });
  expect(commit).toHaveLength(64);
  const repository = await open('file:///sha256');
  expect(valueOf(await repository.commitOf('main', REVISION)).commit).toBe(commit);
  expect(valueOf(await repository.commitOf(commit.slice(0, 10), REVISION)).commit).toBe(commit);
  const fetched = valueOf(await repository.fetch(commit));
  const [entry] = valueOf(await fetched.list('large.bin'));
  expect(Buffer.concat((await valueOf(await fetched.open(entry!)).stream.toArray()) as Buffer[])).toHaveLength(2 * 1024 ** 2);
});

test('links, submodules, and what a path leads through, are told apart', async () => {
  await symlink('a', join(shop.folder, 'link'));
  shop.git(['update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},sub`]);
  await mkdir(join(shop.folder, 'sub'));
  const commit = shop.commit({ a: '1' });
  const fetched = valueOf(await (await open('file:///fraud')).fetch(commit));
  const kinds = async (path: string) => valueOf(await fetched.list(path)).map((entry) => [entry.path, entry.kind]);
  expect(await kinds('')).toEqual([['a', 'file'], ['link', 'link'], ['sub', 'submodule']]);
  expect(await kinds('sub/model')).toEqual([['sub', 'submodule']]);
  expect(await kinds('link/x')).toEqual([['link', 'link']]);
  expect(await kinds('a/x')).toEqual([['a', 'file']]);
  expect(await kinds('b')).toEqual([]);
});

describe('a server', () => {
  test('is shown the credentials of the Secret', async () => {
    const commit = shop.commit({ a: '1' });
    const basic = `Basic ${Buffer.from('x-access-token:s3cret').toString('base64')}`;
    const { url } = await server({ authorization: basic });
    const access = { ...NO_ACCESS, token: 's3cret', authorization: 'Bearer s3cret' };
    const repository = await open(`${url}/fraud/.git`, access);
    expect(valueOf(await repository.commitOf('main', REVISION)).commit).toBe(commit);
    valueOf(await repository.fetch(commit));
    const refused = await (await open(`${url}/fraud/.git`)).commitOf('main', REVISION);
    expect(refused).toMatchObject({ failure: { reason: 'AccessDenied', retryable: false } });
  });
});
