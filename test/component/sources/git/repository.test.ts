import { lookup } from 'node:dns';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../../../../src/core/version/limits.ts';
import { NO_ACCESS, type Access } from '../../../../src/sources/access.ts';
import { openRepository, type Repository } from '../../../../src/sources/git/repository.ts';
import type { Outcome } from '../../../../src/core/version/failure.ts';
import type { SourceContext } from '../../../../src/sources/source.ts';
import { startSshd, type SshServer } from '../../../support/sshd.ts';
import { workplace, type TestServer, type Workplace } from '../fixtures.ts';
import { makeWorkshop, serveGit, type GitServerOptions, type Workshop } from './repositories.ts';

jest.setTimeout(120_000);

const FIELD = 'spec.source.git.repository';
const REVISION = 'spec.source.git.revision';

let sshd: SshServer;
let oldSshd: SshServer;

beforeAll(async () => {
  [sshd, oldSshd] = await Promise.all([startSshd(), startSshd({ isOld: true })]);
}, 240_000);

afterAll(async () => {
  await Promise.all([sshd.stop(), oldSshd.stop()]);
});

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

function accessBy({ key, knownHosts }: SshServer): Access {
  return { ...NO_ACCESS, ssh: { privateKey: key, knownHosts } };
}

function sshUrl({ port }: SshServer, path = join(place.folder, 'repositories/fraud')): string {
  return `ssh://git@127.0.0.1:${port}${path}`;
}

async function over(kind: string): Promise<Repository> {
  switch (kind) {
    case 'file':
      return open('file:///fraud');
    case 'http':
      return open(`${(await server()).url}/fraud/.git`);
    case 'http of old':
      return open(`${(await server({ version2: false })).url}/fraud/.git`);
    case 'ssh':
      return open(sshUrl(sshd), accessBy(sshd));
    case 'ssh of old':
      return open(sshUrl(oldSshd), accessBy(oldSshd));
    default:
      return open(`${(await server({ settings: [] })).url}/fraud/.git`);
  }
}

const WAYS = ['file', 'http', 'http of old', 'http without filters', 'ssh', 'ssh of old'];

describe.each(WAYS)('a repository over %s', (way) => {
  test('gives the files of a commit, large ones as well', async () => {
    const large = randomBytes(3 * 1024 ** 2);
    const commit = shop.commit({ 'model/large.bin': large, 'model/small.txt': 'one', 'other.txt': 'other' });
    shop.commit({ 'model/small.txt': 'two' });
    const repository = await over(way);
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
    const repository = await over(way);
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
    const fetched = valueOf(await (await over(way)).fetch(first));
    expect(valueOf(await fetched.readFile('a', 10))?.toString()).toBe('1');
  });

  test('says that it has not a commit', async () => {
    shop.commit({ a: '1' });
    const outcome = await (await over(way)).fetch('1'.repeat(40));
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
  expect(existsSync(join(fetched.folder, '..', own[0]!))).toBe(false);
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
  expect(await kinds('')).toEqual([
    ['a', 'file'],
    ['link', 'link'],
    ['sub', 'submodule'],
  ]);
  expect(await kinds('sub/model')).toEqual([['sub', 'submodule']]);
  expect(await kinds('link/x')).toEqual([['link', 'link']]);
  expect(await kinds('a/x')).toEqual([['a', 'file']]);
  expect(await kinds('b')).toEqual([]);
});

async function failureOf<T>(outcome: Promise<Outcome<T>>) {
  const { ok, ...rest } = await outcome;
  if (ok || !('failure' in rest)) throw new Error('it went well');
  return rest.failure;
}

const refsOf = async (repository: string, access: Access = NO_ACCESS) =>
  failureOf((await open(repository, access)).commitOf('main', REVISION));

describe('a server on the web', () => {
  test('is shown a token as the password of a user, and a user and password as they are', async () => {
    const commit = shop.commit({ a: '1' });
    for (const [words, access] of [
      ['x-access-token:s3cret', { ...NO_ACCESS, token: 's3cret', authorization: 'Bearer s3cret' }],
      ['ada:s3cret', { ...NO_ACCESS, authorization: `Basic ${btoa('ada:s3cret')}`, basic: { username: 'ada', password: 's3cret' } }],
    ] as const) {
      const { url } = await server({ authorization: `Basic ${btoa(words)}` });
      const repository = await open(`${url}/fraud/.git`, access);
      expect(valueOf(await repository.commitOf('main', REVISION)).commit).toBe(commit);
      valueOf(await repository.fetch(commit));
      const other = await refsOf(`${url}/fraud/.git`, { ...NO_ACCESS, token: 'wrong', authorization: 'Bearer wrong' });
      expect(other).toMatchObject({ reason: 'AccessDenied', retryable: false });
      expect(other.message).toContain('The credentials of spec.access.secretRef are not enough');
      expect((await refsOf(`${url}/fraud/.git`)).message).toContain('put them into a Secret');
    }
  });

  test.each([
    [403, 'AccessDenied', false],
    [404, 'NotFound', false],
    [429, 'SourceFailed', true],
    [500, 'SourceFailed', true],
    [418, 'SourceRefused', false],
  ])('that answers %i', async (status, reason, retryable) => {
    const { url } = await server({ instead: (_request, response) => Boolean(response.writeHead(status).end()) });
    const failure = await refsOf(`${url}/fraud.git`);
    expect(failure).toMatchObject({ reason, retryable });
    expect(failure.message).toContain(`${url}/fraud.git answered ${status}`);
  });

  test('that is no Git server is told apart', async () => {
    const { url } = await server({
      instead: (_request, response) => Boolean(response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')),
    });
    expect(await refsOf(`${url}/fraud.git`)).toMatchObject({ reason: 'SourceRefused', retryable: false });
  });

  test('that redirects is not followed: whoever wrote the address writes the new one', async () => {
    const target = await server();
    const headers = { location: `${target.url}/fraud/.git/info/refs?service=git-upload-pack` };
    const { url } = await server({ instead: (_request, response) => Boolean(response.writeHead(301, headers).end()) });
    const failure = await refsOf(`${url}/fraud`);
    expect(failure).toMatchObject({ reason: 'RedirectRefused', retryable: false });
    expect(failure.message).toContain(`${target.url}/fraud/.git`);
    expect(target.requests).toEqual([]);
    const withToken = await refsOf(`${url}/fraud`, { ...NO_ACCESS, token: 's3cret', authorization: 'Bearer s3cret' });
    expect(withToken.message).toContain('redirects elsewhere');
  });

  test('that breaks off in the middle, or says nothing any more, is tried again later', async () => {
    const commit = shop.commit({ 'large.bin': randomBytes(500_000) });
    for (const end of [(response: ServerResponse) => response.destroy(), () => undefined]) {
      const type = 'application/x-git-upload-pack-result';
      const { url } = await server({
        instead: (request, response) => {
          if (request.method !== 'POST') return false;
          response.writeHead(200, { 'content-type': type }).write('000dpackfile\n0005', () => end(response));
          return true;
        },
      });
      context = { ...context, timeouts: { ...context.timeouts, idleMs: 500 } };
      const failure = await failureOf((await open(`${url}/fraud/.git`)).fetch(commit));
      expect(failure).toMatchObject({ reason: 'SourceUnreachable', retryable: true });
    }
  });

  test('that sends without an end is stopped', async () => {
    const commit = shop.commit({ 'large.bin': randomBytes(900_000) });
    context = { ...context, limits: { ...context.limits, bytes: 200_000 } };
    const failure = await failureOf((await open(`${(await server()).url}/fraud/.git`)).fetch(commit));
    expect(failure).toMatchObject({ reason: 'TooLarge', retryable: false });
  });

  test('that answers with an error, or with nonsense, has its words not repeated: they could hold what it was shown', async () => {
    shop.commit({ a: '1' });
    context = { ...context, timeouts: { ...context.timeouts, idleMs: 500 } };
    for (const words of ['0019ERR you said s3cret!\n', '001fERR you said s3cret!\n', 'this is s3cret and no Git']) {
      const type = 'application/x-git-upload-pack-advertisement';
      const { url } = await server({
        instead: (_request, response) => Boolean(response.writeHead(200, { 'content-type': type }).end(words)),
      });
      const failure = await refsOf(`${url}/fraud/.git`, { ...NO_ACCESS, token: 's3cret', authorization: 'Bearer s3cret' });
      expect(['SourceFailed', 'SourceUnreachable']).toContain(failure.reason);
      expect(JSON.stringify([failure, place.lines])).not.toContain('s3cret');
    }
  });

  test('at a link-local address is not connected to, by whatever name', async () => {
    expect(await refsOf('http://169.254.169.254/fraud.git')).toMatchObject({ reason: 'AddressRefused', retryable: false });
    context = { ...context, lookup: (_name, _options, done) => done(null, [{ address: '169.254.169.254', family: 4 }]) };
    expect(await refsOf('http://git.example.com/fraud.git')).toMatchObject({ reason: 'AddressRefused' });
    expect(await refsOf('ssh://git@git.example.com/fraud.git', accessBy(sshd))).toMatchObject({ reason: 'AddressRefused' });
    expect(await refsOf('git@169.254.169.254:fraud.git', accessBy(sshd))).toMatchObject({ reason: 'AddressRefused' });
  });

  test('that is not there is told by what is wrong', async () => {
    const gone = await server();
    await gone.close();
    const failure = await refsOf(`${gone.url}/fraud.git`);
    expect(failure).toMatchObject({ reason: 'SourceUnreachable', retryable: true });
    expect(failure.message).toContain('nothing listens there');
  });
});

describe('a server reached by SSH', () => {
  test('is known by the name in its address, whatever its IP address is', async () => {
    const commit = shop.commit({ a: '1' });
    context = { ...context, lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]) };
    const named = { ...NO_ACCESS, ssh: { privateKey: sshd.key, knownHosts: sshd.knownHosts.replace('127.0.0.1', 'git.example.com') } };
    const repository = await open(sshUrl(sshd).replace('127.0.0.1', 'git.example.com'), named);
    expect(valueOf(await repository.commitOf('main', REVISION)).commit).toBe(commit);
    const failure = await refsOf(sshUrl(sshd).replace('127.0.0.1', 'git.example.com'), accessBy(sshd));
    expect(failure.message).toContain('host key');
  });

  test('must show the host key that the Secret holds', async () => {
    for (const knownHosts of ['', sshd.otherKnownHosts]) {
      const failure = await refsOf(sshUrl(sshd), { ...NO_ACCESS, ssh: { privateKey: sshd.key, knownHosts } });
      expect([failure.reason, failure.retryable, failure.message]).toEqual(['AccessDenied', false, expect.stringContaining('known_hosts')]);
    }
  });

  test('must know the key of the Secret', async () => {
    for (const privateKey of [sshd.otherKey, 'no key\n']) {
      const failure = await refsOf(sshUrl(sshd), { ...NO_ACCESS, ssh: { privateKey, knownHosts: sshd.knownHosts } });
      expect(failure).toMatchObject({ reason: 'AccessDenied', retryable: false });
      expect(failure.message).toContain('ssh-privatekey');
    }
    expect(await refsOf(sshUrl(sshd))).toMatchObject({ reason: 'AccessDenied', retryable: false });
  });

  test('must have the repository; a path is never taken for anything else', async () => {
    for (const path of ['/nowhere', "/x';touch${IFS}pwned;'", '/$(touch${IFS}pwned)', '/a%20b', "/a%20b';%20touch%20pwned;'"]) {
      expect(await refsOf(sshUrl(sshd, path), accessBy(sshd))).toMatchObject({ reason: 'NotFound', retryable: false });
    }
    expect((await readdir(join(sshd.bin, '..'))).filter((name) => name.startsWith('pwned'))).toEqual([]);
  });

  test('that is not there is tried again later', async () => {
    const failure = await refsOf('ssh://git@127.0.0.1:1/fraud.git', accessBy(sshd));
    expect(failure).toMatchObject({ reason: 'SourceUnreachable', retryable: true });
  });
});

test.each([
  'ext::sh -c id',
  'ext::id',
  'fd::3',
  '--upload-pack=id',
  'git://127.0.0.1/x',
  '/srv/git',
  'file://host/x',
  'ssh://-oProxyCommand=id/x',
  'a@-oX:y',
  'a@b:-x',
])('the repository %s is refused before anything is started', async (repository) => {
  const outcome = await openRepository({ repository, field: FIELD, access: NO_ACCESS, sourceDir: place.folder }, context);
  expect(outcome).toMatchObject({ failure: { reason: 'InvalidSource', retryable: false } });
});

test('what is told to stop ends, and leaves no program behind', async () => {
  const commit = shop.commit({ a: '1' });
  const stop = new AbortController();
  context = { ...context, signal: stop.signal };
  const { url } = await server({ instead: (request) => request.method === 'POST' && Boolean(setTimeout(() => stop.abort(), 100)) });
  const failure = await failureOf((await open(`${url}/fraud/.git`)).fetch(commit));
  expect(failure).toMatchObject({ reason: 'Interrupted', retryable: true });
  const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  for (const pid of children
    .trim()
    .split(' ')
    .filter((each) => each !== '')) {
    expect(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).not.toMatch(/^git\0/);
  }
});

test('a repository in a claim must not lead out of it, and must be one', async () => {
  shop.commit({ a: '1' });
  await symlink('/', join(place.folder, 'repositories/root'));
  await mkdir(join(place.folder, 'repositories/empty'));
  for (const [path, reason] of [
    ['root/tmp', 'SourceRefused'],
    ['nowhere', 'NotFound'],
    ['empty', 'NotFound'],
    ['../..', 'NotFound'],
  ] as const) {
    const opened = await openRepository(
      { repository: `file:///${path}`, field: FIELD, access: NO_ACCESS, sourceDir: join(place.folder, 'repositories') },
      context,
    );
    const failure = opened.ok ? await failureOf(opened.value.commitOf('main', REVISION)) : opened.failure;
    expect([path, failure.reason]).toEqual([path, reason]);
  }
});
