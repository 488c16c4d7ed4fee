import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { load } from 'js-yaml';

import { runFetch } from '../../../../src/sources/fetch.ts';
import { parseFetchOptions, parseResolveOptions } from '../../../../src/sources/options.ts';
import { runResolve } from '../../../../src/sources/resolve.ts';
import { removeTree } from '../../../../src/sources/tree.ts';
import { installed, unpacked } from '../../../support/debian.ts';
import { startSshd, type SshServer } from '../../../support/sshd.ts';
import { DEPENDENCIES, digestOf, REQUIREMENTS, serve, sha256, tarGzOf, workplace, type TestServer, type Workplace } from '../fixtures.ts';
import { makeWorkshop, serveGit, type GitServerOptions, type Workshop } from './repositories.ts';

jest.setTimeout(120_000);

const FILES = { 'data/b.bin': 'two', 'model.joblib': 'one' };
const IN_REPOSITORY = { 'README.md': 'read me', 'models/fraud/data/b.bin': 'two', 'models/fraud/model.joblib': 'one' };

let place: Workplace;
let shop: Workshop;
let root: string;
let servers: TestServer[];
let sshd: SshServer;
let lfsPath: string;

beforeAll(async () => {
  await installed(['git', 'openssh-client', 'gpg', 'gpgv']);
  sshd = await startSshd();
  lfsPath = `${(await unpacked(['git-lfs'])).path('usr/bin')}:${process.env['PATH'] ?? ''}`;
}, 240_000);

afterAll(() => sshd.stop());

beforeEach(async () => {
  place = await workplace();
  root = join(place.folder, 'repositories');
  shop = makeWorkshop(join(root, 'fraud'));
  servers = [];
});

afterEach(async () => {
  for (const server of servers) await server.close();
  await removeTree(join(place.folder, 'models'));
  await place.remove();
});

async function server(options: GitServerOptions = {}) {
  const started = await serveGit(root, options);
  servers.push(started);
  return started;
}

/** A folder like that of a mounted Secret. */
async function secret(keys: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(place.folder, `secret-${randomBytes(4).toString('hex')}`);
  await mkdir(folder);
  for (const [name, value] of Object.entries(keys)) writeFileSync(join(folder, name), value);
  return folder;
}

const QUICK = { timeouts: { retryMs: 1, idleMs: 5000 } };

/** Runs the program as the Job does; gives what it leaves for the operator. */
async function resolve(member: object = {}, more: object = {}) {
  const source = { git: { repository: 'file:///fraud', revision: 'main', path: 'models/fraud', ...member } };
  await runResolve(parseResolveOptions(JSON.stringify({ source, sourceDir: root, ...QUICK, ...more })), place.io);
  const termination = await place.termination();
  if (!termination.ok) throw new Error(termination.problem);
  return termination.value;
}

async function resolved(member: object = {}, more: object = {}) {
  const value = await resolve(member, more);
  if (value.kind !== 'resolved') throw new Error(JSON.stringify(value.failure));
  return value;
}

async function failure(member: object = {}, more: object = {}) {
  const value = await resolve(member, more);
  if (value.kind !== 'failed') throw new Error('it was resolved');
  return value.failure;
}

describe('a version in a repository', () => {
  test('is a folder of a commit, with what the repository knows of it', async () => {
    const commit = shop.commit(IN_REPOSITORY);
    shop.git(['tag', '-m', 'the first', 'v1.4.0'], { env: { GIT_COMMITTER_DATE: '1700000000 +0100' } });
    const repository = `${(await server()).url}/fraud/.git`;
    const value = await resolved({ repository, revision: 'v1.4.0' });
    expect(value.resolved).toMatchObject({
      digest: digestOf(FILES),
      files: 2,
      bytes: 6,
      uri: `git+${repository}@${commit}#models/fraud`,
      pins: { commit },
    });
    expect(value.metadata).toEqual({
      code: { repository, commit },
      tags: { tag: 'v1.4.0', tagger: 'Ada <ada@example.com>', taggedAt: '2023-11-14T22:13:20.000Z' },
    });
    expect((await resolved({ repository, revision: 'main' })).metadata?.tags).toEqual({ branch: 'main' });
  });

  test('says in its files what it needs', async () => {
    shop.commit({ ...IN_REPOSITORY, 'models/fraud/requirements.txt': REQUIREMENTS, 'requirements.txt': 'flask==3.0.0' });
    expect((await resolved()).metadata?.dependencies).toEqual(DEPENDENCIES);
  });

  test('may be the whole repository, one file, or an archive', async () => {
    shop.commit({ ...FILES, 'packed.tar.gz': await tarGzOf([{ name: 'model.joblib', content: 'packed' }]) });
    for (const path of ['.', undefined, './']) expect((await resolved({ path })).resolved.files).toBe(3);
    expect((await resolved({ path: 'model.joblib' })).resolved.digest).toBe(digestOf({ 'model.joblib': 'one' }));
    expect((await resolved({ path: 'packed.tar.gz' })).resolved.digest).toBe(digestOf({ 'model.joblib': 'packed' }));
    for (const path of ['./data', 'data/']) expect((await resolved({ path })).resolved.digest).toBe(digestOf({ 'b.bin': 'two' }));
  });

  test('stays what it was when its branch moves on: pods fetch the commit', async () => {
    const commit = shop.commit(IN_REPOSITORY);
    const { digest, pins } = (await resolved()).resolved;
    shop.commit({ 'models/fraud/model.joblib': 'another' });
    const repository = `${(await server()).url}/fraud/.git`;
    const to = join(place.folder, 'models');
    await mkdir(to);
    const source = { git: { repository, revision: 'main', path: 'models/fraud' } };
    const job = { source, pins, digest, model: 'fraud', version: '1', format: 'sklearn', preset: 'mlserver', to, ...QUICK };
    expect(await runFetch(parseFetchOptions(JSON.stringify(job)), place.io)).toBe(0);
    expect(readFileSync(join(to, 'model/model.joblib'), 'utf8')).toBe('one');
    expect(existsSync(join(to, '.spool'))).toBe(false);
    expect((await resolved({ repository: 'file:///fraud' }, { pins })).resolved.pins).toEqual({ commit });
    expect((await resolved()).resolved.digest).not.toBe(digest);
  });

  test('that was pushed away by force is gone, and a sentence says so', async () => {
    const commit = shop.commit(IN_REPOSITORY);
    shop.git(['commit', '-q', '--amend', '-m', 'another message']);
    shop.git(['reflog', 'expire', '--expire=now', '--all']);
    shop.git(['gc', '-q', '--prune=now']);
    const value = await failure({ repository: `${(await server()).url}/fraud/.git` }, { pins: { commit } });
    expect(value).toMatchObject({ reason: 'NotFound', retryable: false });
    expect(value.message).toContain(`does not have commit ${commit} (any more)`);
  });

  test('is not there, or holds what is no file: each by a sentence', async () => {
    mkdirSync(join(shop.folder, 'models/linked'), { recursive: true });
    symlinkSync('../../README.md', join(shop.folder, 'models/linked/link'));
    symlinkSync('models', join(shop.folder, 'latest'));
    mkdirSync(join(shop.folder, 'models/sub'));
    shop.git(['update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},models/sub`]);
    shop.commit(IN_REPOSITORY);
    const said = async (path: string) => {
      const { reason, message, retryable } = await failure({ path });
      return [reason, retryable, message.replace(/ in commit .*\/fraud/, ' in it')];
    };
    expect(await said('models/other')).toEqual(['NotFound', false, "There is no 'models/other' in it. Check spec.source.git.path."]);
    expect(await said('README.md/x')).toEqual([
      'NotFound',
      false,
      "There is no 'README.md/x' in it: 'README.md' is a file. Check spec.source.git.path.",
    ]);
    for (const [path, at] of [
      ['models/linked', 'models/linked/link'],
      ['latest/fraud', 'latest'],
      ['latest', 'latest'],
    ]) {
      expect(await said(path!)).toEqual(['SourceRefused', false, expect.stringContaining(`'${at!}' in it is a symbolic link`)]);
    }
    for (const path of ['models', 'models/sub', 'models/sub/x']) {
      const expected =
        path === 'models'
          ? "'models/linked/link' in it is a symbolic link"
          : "'models/sub' in it is a submodule, that is, another repository.";
      expect(await said(path)).toEqual(['SourceRefused', false, expect.stringContaining(expected)]);
    }
    expect((await resolved({ path: 'models/fraud' })).resolved.digest).toBe(digestOf(FILES));
    for (const revision of ['nope', 'v9', '0123456'])
      expect(await failure({ revision })).toMatchObject({ reason: 'NotFound', retryable: false });
    for (const path of ['../x', 'a//b', 'a\u0001b'])
      expect(await failure({ path })).toMatchObject({ reason: 'InvalidSource', retryable: false });
  });

  test('with names that no version may hold is refused', async () => {
    const blob = shop.git(['hash-object', '-w', '--stdin'], { input: 'x' });
    const treeOf = (names: readonly (string | Buffer)[]): string =>
      shop.git(['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], {
        input: Buffer.concat(
          names.map((name) => Buffer.concat([Buffer.from('100644 '), Buffer.from(name), Buffer.from([0]), Buffer.from(blob, 'hex')])),
        ),
      });
    for (const names of [['..'], ['a\nb'], ['a\\b'], [Buffer.from([0xff, 0xfe])], ['a', 'A'], ['a', 'a'], ['x/../../y'], ['.']]) {
      const commit = shop.git(['commit-tree', '-m', 'hostile', treeOf(names)]);
      shop.git(['update-ref', 'refs/heads/hostile', commit]);
      const value = await failure({ revision: 'hostile', path: undefined });
      expect([names, value.retryable, value.reason]).toEqual([names, false, expect.stringMatching(/^(ArchiveRefused|SourceRefused)$/)]);
    }
  });

  test('whose tree unfolds without end is refused in time', async () => {
    const blob = shop.git(['hash-object', '-w', '--stdin'], { input: 'x' });
    let tree = shop.git(['mktree'], { input: Array.from({ length: 20 }, (_, i) => `100644 blob ${blob}\tf${i}\n`).join('') });
    for (let level = 0; level < 6; level += 1) {
      tree = shop.git(['mktree'], { input: Array.from({ length: 20 }, (_, i) => `040000 tree ${tree}\td${i}\n`).join('') });
    }
    shop.git(['update-ref', 'refs/heads/bomb', shop.git(['commit-tree', '-m', 'bomb', tree])]);
    expect(await failure({ revision: 'bomb', path: undefined }, { limits: { files: 100 } })).toMatchObject({
      reason: 'TooLarge',
      retryable: false,
    });
  });
});

test('the lines in docs/sources/git.md do what they say', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/sources/git.md'), 'utf8');
  const block = (language: string): string => new RegExp(`\`\`\`${language}\n([^\`]*)`).exec(page)?.[1] ?? '';
  const { spec } = load(block('yaml')) as { readonly spec: { readonly source: { readonly git: { readonly path: string } } } };
  makeWorkshop(join(root, 'fraud.git'), '--bare');
  mkdirSync(join(shop.folder, 'models/fraud'), { recursive: true });
  writeFileSync(join(shop.folder, 'models/fraud/model.joblib'), 'one');
  const env = { PATH: lfsPath };
  shop.git(['lfs', 'install', '--local'], { env });
  shop.git(['remote', 'add', 'origin', `file://${root}/fraud.git`]);
  for (const line of block('sh').trim().split('\n')) {
    const [program, ...args] = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    expect(program).toBe('git');
    shop.git(args, { env });
  }
  const { resolved: found, metadata } = await resolved({ ...spec.source.git, repository: 'file:///fraud.git' });
  expect(found).toMatchObject({ digest: digestOf({ 'model.joblib': 'one' }), pins: { commit: shop.git(['rev-parse', 'v1.4.0^{}']) } });
  expect(metadata?.tags).toMatchObject({ tag: 'v1.4.0', tagger: 'Ada <ada@example.com>' });
});

describe('credentials', () => {
  test('of the Secret are used and never told', async () => {
    shop.commit(IN_REPOSITORY);
    const authorization = `Basic ${btoa('x-access-token:s3cret-token')}`;
    const { url } = await server({ authorization });
    const accessDir = await secret({ token: 's3cret-token\n' });
    const good = await resolved({ repository: `${url}/fraud/.git` }, { accessDir });
    expect(good.resolved.digest).toBe(digestOf(FILES));
    const bad = await failure({ repository: `${url}/nowhere.git` }, { accessDir });
    const wrong = await failure({ repository: `${url}/fraud/.git` }, { accessDir: await secret({ username: 'ada', password: 'wr0ng' }) });
    expect([bad.reason, wrong.reason]).toEqual(['NotFound', 'AccessDenied']);
    const told = JSON.stringify([good, bad, wrong, place.lines]);
    for (const word of ['s3cret', 'wr0ng', btoa('x-access-token:s3cret-token'), btoa('ada:wr0ng')]) expect(told).not.toContain(word);
  });

  test('for SSH are a key and the host keys that are known', async () => {
    shop.commit(IN_REPOSITORY);
    const repository = `ssh://git@127.0.0.1:${sshd.port}${root}/fraud`;
    const accessDir = await secret({ 'ssh-privatekey': sshd.key.trimEnd(), known_hosts: sshd.knownHosts });
    expect((await resolved({ repository }, { accessDir })).resolved.digest).toBe(digestOf(FILES));
    const none = await failure({ repository }, { accessDir: await secret({ token: 'x' }) });
    expect(none).toMatchObject({ reason: 'AccessInvalid', retryable: false });
    expect(none.message).toContain('ssh-privatekey and known_hosts');
    const unknown = await failure({ repository }, { accessDir: await secret({ 'ssh-privatekey': sshd.key }) });
    expect(unknown).toMatchObject({ reason: 'AccessDenied', retryable: false });
    expect(JSON.stringify(place.lines)).not.toContain(sshd.key.split('\n')[1]!);
  });
});

/** A repository with files in Git LFS, by the real `git-lfs`. */
function commitLfs(files: Readonly<Record<string, string | Buffer>>): string {
  const env = { PATH: lfsPath };
  shop.git(['lfs', 'install', '--local', '--skip-smudge'], { env });
  for (const [path, content] of Object.entries({ '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n', ...files })) {
    mkdirSync(join(shop.folder, path, '..'), { recursive: true });
    writeFileSync(join(shop.folder, path), content);
  }
  shop.git(['add', '--all'], { env });
  shop.git(['commit', '-q', '-m', 'large files', '--no-verify'], { env });
  return shop.git(['rev-parse', 'HEAD']);
}

function objectPath(oid: string): string {
  return join(shop.folder, '.git/lfs/objects', oid.slice(0, 2), oid.slice(2, 4), oid);
}

interface Batch {
  readonly objects: readonly { readonly oid: string; readonly size: number }[];
}

/** An LFS server for the objects of the repository: the batch API, and the objects where `linkOf` says. */
function lfsServer(linkOf: (oid: string, request: IncomingMessage) => object) {
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const [, oid] = /^\/objects\/([0-9a-f]{64})$/.exec(request.url ?? '') ?? [];
    if (oid !== undefined) {
      if (existsSync(objectPath(oid))) response.end(readFileSync(objectPath(oid)));
      else response.writeHead(404).end();
      return true;
    }
    if (request.url?.endsWith('/objects/batch') !== true) return false;
    void text(request).then((body) => {
      const { objects } = JSON.parse(body) as Batch;
      response.setHeader('content-type', 'application/vnd.git-lfs+json');
      response.end(
        JSON.stringify({
          transfer: 'basic',
          objects: objects.map(({ oid: name, size }) => ({ oid: name, size, ...linkOf(name, request) })),
        }),
      );
    });
    return true;
  };
}

const here = (request: IncomingMessage, oid: string): string => `http://${request.headers.host ?? ''}/objects/${oid}`;

describe('files in Git LFS', () => {
  const LARGE = randomBytes(2 * 1024 ** 2);
  const MODEL = { 'models/fraud/model.joblib': 'one', 'models/fraud/weights.bin': LARGE };
  const DIGEST = digestOf({ 'model.joblib': 'one', 'weights.bin': LARGE });
  const OID = sha256(LARGE);

  test('are fetched by the batch API, with the credentials of the repository', async () => {
    commitLfs(MODEL);
    const authorization = `Basic ${btoa('ada:pw')}`;
    const requests: IncomingMessage[] = [];
    const lfs = lfsServer((oid, request) => ({ actions: { download: { href: here(request, oid), header: { 'X-Ticket': 'admit one' } } } }));
    const { url } = await server({
      authorization,
      instead: (request, response) => {
        const isLfs = request.url?.includes('/objects/') === true;
        if (isLfs) requests.push(request);
        return isLfs && lfs(request, response);
      },
    });
    const accessDir = await secret({ username: 'ada', password: 'pw' });
    expect((await resolved({ repository: `${url}/fraud/.git` }, { accessDir })).resolved).toMatchObject({ digest: DIGEST, files: 2 });
    expect(requests.map(({ method, url: path }) => `${method ?? ''} ${path ?? ''}`)).toEqual([
      'POST /fraud/.git/info/lfs/objects/batch',
      `GET /objects/${OID}`,
    ]);
    expect(requests.map(({ headers }) => headers.authorization)).toEqual([authorization, authorization]);
    expect(requests[1]!.headers['x-ticket']).toBe('admit one');
  });

  test('may lie on another server, which gets no credentials', async () => {
    commitLfs(MODEL);
    const seen: IncomingMessage[] = [];
    const store = await serve((request, response) => {
      seen.push(request);
      response.end(LARGE);
    });
    servers.push(store);
    const lfs = lfsServer((oid) => ({ actions: { download: { href: `${store.url}/${oid}?signature=x` } } }));
    const { url } = await server({ instead: (request, response) => lfs(request, response) });
    const accessDir = await secret({ username: 'ada', password: 'pw' });
    expect((await resolved({ repository: `${url}/fraud/.git` }, { accessDir })).resolved.digest).toBe(DIGEST);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test('may have a server of their own, named in .lfsconfig, which gets no credentials', async () => {
    const lfs = lfsServer((oid, request) => ({ actions: { download: { href: here(request, oid) } } }));
    const seen: IncomingMessage[] = [];
    const own = await serve((request, response) => {
      seen.push(request);
      if (!lfs(request, response)) response.writeHead(404).end();
    });
    servers.push(own);
    commitLfs({ ...MODEL, '.lfsconfig': `[lfs]\n\turl = ${own.url}/lfs/\n` });
    const accessDir = await secret({ username: 'ada', password: 'pw' });
    const { url } = await server();
    expect((await resolved({ repository: `${url}/fraud/.git` }, { accessDir })).resolved.digest).toBe(DIGEST);
    expect(seen.map(({ url: path }) => path)).toEqual(['/lfs/objects/batch', `/objects/${OID}`]);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    for (const bad of ['ssh://git@a/b', 'http://u:p@127.0.0.1/x', 'http://169.254.169.254/x', 'nonsense']) {
      commitLfs({ '.lfsconfig': `[lfs]\n\turl = ${bad}\n` });
      expect((await failure({ repository: `${url}/fraud/.git` })).reason).toMatch(/^(SourceRefused|AddressRefused)$/);
    }
  });

  test('are found by git-lfs-authenticate where the repository is reached by SSH', async () => {
    commitLfs(MODEL);
    const lfs = lfsServer((oid, request) =>
      request.headers.authorization === 'RemoteAuth ticket'
        ? { actions: { download: { href: here(request, oid) } } }
        : { error: { code: 403 } },
    );
    const { url } = await server({ instead: lfs });
    const said = JSON.stringify({ href: `${url}/lfs`, header: { Authorization: 'RemoteAuth ticket' } });
    const script = `#!/bin/sh\n[ "$1 $2" = "${root}/fraud download" ] && echo '${said}'\n`;
    writeFileSync(join(sshd.bin, 'git-lfs-authenticate'), script);
    chmodSync(join(sshd.bin, 'git-lfs-authenticate'), 0o755);
    const repository = `ssh://git@127.0.0.1:${sshd.port}${root}/fraud`;
    const accessDir = await secret({ 'ssh-privatekey': sshd.key, known_hosts: sshd.knownHosts });
    expect((await resolved({ repository }, { accessDir })).resolved.digest).toBe(DIGEST);
    await rm(join(sshd.bin, 'git-lfs-authenticate'));
    expect(await failure({ repository }, { accessDir })).toMatchObject({ reason: 'NotFound' });
  });

  test('lie beside a repository in a claim', async () => {
    commitLfs(MODEL);
    expect((await resolved()).resolved.digest).toBe(DIGEST);
    chmodSync(objectPath(OID), 0o644);
    writeFileSync(objectPath(OID), Buffer.alloc(LARGE.length));
    expect(await failure()).toMatchObject({ reason: 'DigestMismatch', retryable: false });
    await rm(objectPath(OID));
    const gone = await failure();
    expect(gone).toMatchObject({ reason: 'NotFound', retryable: false });
    expect(gone.message).toContain("does not have the file 'models/fraud/weights.bin'");
    symlinkSync('/etc/passwd', objectPath(OID));
    expect(await failure()).toMatchObject({ reason: 'SourceRefused', retryable: false });
  });

  test.each([
    ['an object that is not there', () => ({ error: { code: 404, message: 'gone' } }), 'NotFound'],
    ['an error', () => ({ error: { code: 422, message: 'no' } }), 'SourceRefused'],
    ['no address', () => ({}), 'NotFound'],
    ['an address that cannot be', () => ({ actions: { download: { href: 'file:///etc/passwd' } } }), 'SourceRefused'],
    ['a link-local address', () => ({ actions: { download: { href: 'http://169.254.169.254/x' } } }), 'AddressRefused'],
    [
      'headers that break a request',
      (href: string) => ({ actions: { download: { href, header: { 'X-A': 'b\r\nHost: c' } } } }),
      'SourceRefused',
    ],
    ['another host', (href: string) => ({ actions: { download: { href, header: { Host: 'c' } } } }), 'SourceRefused'],
    ['a page that is not there', (href: string) => ({ actions: { download: { href: href.replace(OID, '0'.repeat(64)) } } }), 'NotFound'],
  ] as const)('with %s in the answer of the server are a failure, never their pointers', async (_what, linkOf, reason) => {
    commitLfs(MODEL);
    const { url } = await server({ instead: lfsServer((oid, request) => linkOf(here(request, oid))) });
    expect(await failure({ repository: `${url}/fraud/.git` })).toMatchObject({ reason });
  });

  test.each([
    ['shorter', LARGE.subarray(1), 'DigestMismatch'],
    ['longer', Buffer.concat([LARGE, LARGE]), 'DigestMismatch'],
    ['other', Buffer.alloc(LARGE.length), 'DigestMismatch'],
  ])('that come %s are refused', async (_what, bytes, reason) => {
    commitLfs(MODEL);
    for (const isAnnounced of [true, false]) {
      const store = await serve((_request, response) => {
        if (isAnnounced) response.setHeader('content-length', bytes.length);
        response.write(bytes);
        response.end();
      });
      servers.push(store);
      const { url } = await server({ instead: lfsServer(() => ({ actions: { download: { href: store.url } } })) });
      const { reason: found } = await failure({ repository: `${url}/fraud/.git` });
      expect([isAnnounced, found]).toEqual([isAnnounced, !isAnnounced && bytes.length < LARGE.length ? 'Truncated' : reason]);
    }
  });

  test('are not served as pointers where there is no server, or the pointer is not good', async () => {
    commitLfs(MODEL);
    const { url } = await server();
    expect(await failure({ repository: `${url}/fraud/.git` })).toMatchObject({
      reason: 'NotFound',
      message: expect.stringContaining('There is no LFS server'),
    });
    for (const pointer of [
      'version https://git-lfs.github.com/spec/v2\noid sha256:00\nsize 1\n',
      'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n',
      `version https://git-lfs.github.com/spec/v1\next-0-foo sha256:${OID}\noid sha256:${OID}\nsize 1\n`,
    ]) {
      commitLfs({ 'models/fraud/pointer.txt': pointer });
      expect(await failure({ path: 'models/fraud/pointer.txt' })).toMatchObject({ reason: 'SourceRefused', retryable: false });
    }
  });
});

describe('signatures', () => {
  function keyOf(name: string): { readonly path: string; readonly line: string } {
    const path = join(place.folder, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path]);
    return { path, line: `${name}@example.com namespaces="git" ${readFileSync(`${path}.pub`, 'utf8')}` };
  }

  const bySsh = (path: string): readonly string[] => ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${path}`];
  const COMMIT = { verify: { signature: 'Commit' } };
  const TAG = { verify: { signature: 'Tag' }, revision: 'v1' };

  test('of commits and tags by SSH keys', async () => {
    const ada = keyOf('ada');
    const eve = keyOf('eve');
    shop.commit(IN_REPOSITORY);
    const accessDir = await secret({ allowed_signers: ada.line });
    const unsigned = await failure(COMMIT, { accessDir });
    expect(unsigned).toMatchObject({ reason: 'SignatureRefused', retryable: false });
    expect(unsigned.message).toContain('is not signed');
    shop.git([...bySsh(ada.path), 'commit', '-q', '--allow-empty', '-S', '-m', 'signed']);
    shop.git([...bySsh(ada.path), 'tag', '-s', '-m', 'signed', 'v1']);
    expect((await resolved(COMMIT, { accessDir })).metadata?.tags?.['signedBy']).toMatch(/^ada@example\.com \(ED25519 key SHA256:/);
    const repository = `${(await server()).url}/fraud/.git`;
    expect((await resolved({ ...TAG, repository }, { accessDir })).metadata?.tags).toMatchObject({
      tag: 'v1',
      signedBy: expect.stringContaining('ada@example.com'),
    });
    for (const member of [COMMIT, TAG]) {
      const value = await failure(member, { accessDir: await secret({ allowed_signers: eve.line }) });
      expect(value).toMatchObject({ reason: 'SignatureRefused', retryable: false });
      expect(value.message).toContain('that allowed_signers in the Secret of spec.access.secretRef does not hold');
      const other = await secret({ allowed_signers: ada.line.replace('namespaces="git"', 'namespaces="file"') });
      expect(await failure(member, { accessDir: other })).toMatchObject({ reason: 'SignatureRefused' });
      expect(await failure(member)).toMatchObject({ reason: 'SignatureRefused' });
      expect(await failure(member, { accessDir: await secret({ token: 'x' }) })).toMatchObject({ reason: 'AccessInvalid' });
    }
    expect(await failure({ ...TAG, revision: 'main' }, { accessDir })).toMatchObject({ reason: 'SignatureRefused' });
  });

  test('of other bytes, or under another name, do not count', async () => {
    const ada = keyOf('ada');
    shop.commit(IN_REPOSITORY);
    shop.git([...bySsh(ada.path), 'commit', '-q', '--allow-empty', '-S', '-m', 'signed']);
    shop.git([...bySsh(ada.path), 'tag', '-s', '-m', 'signed', 'v1']);
    const accessDir = await secret({ allowed_signers: ada.line });
    const forged = shop.git(['cat-file', 'commit', 'HEAD']).replace(/signed$/, 'forged');
    shop.git(['update-ref', 'refs/heads/forged', shop.git(['hash-object', '-t', 'commit', '-w', '--stdin'], { input: `${forged}\n` })]);
    const value = await failure({ ...COMMIT, revision: 'forged' }, { accessDir });
    expect(value.message).toContain('has a signature that is not good');
    shop.git(['update-ref', 'refs/tags/v2', shop.git(['rev-parse', 'refs/tags/v1'])]);
    const renamed = await failure({ ...TAG, revision: 'v2' }, { accessDir });
    expect(renamed.message).toContain("is a tag that was made as 'v1'");
    shop.git(['tag', '-m', 'around it', 'v3', 'v1']);
    expect(await failure({ ...TAG, revision: 'v3' }, { accessDir })).toMatchObject({ reason: 'SignatureRefused' });
  });

  test('by OpenPGP keys', async () => {
    const home = join(place.folder, 'gnupg');
    mkdirSync(home, { mode: 0o700 });
    const env = { GNUPGHOME: home };
    const gpg = (args: readonly string[]): string =>
      execFileSync('gpg', ['--batch', '--passphrase', '', ...args], { env: { ...process.env, ...env }, stdio: 'pipe' }).toString();
    try {
      for (const [name, expires] of [
        ['ada', 'never'],
        ['eve', 'never'],
        ['old', '20200101T000000'],
      ]) {
        gpg([
          ...(name === 'old' ? ['--faked-system-time', '20190101T000000!'] : []),
          '--quick-generate-key',
          `${name!}@example.com`,
          'ed25519',
          'sign',
          expires!,
        ]);
      }
      const publicKeys = (name: string): string => gpg(['--armor', '--export', `${name}@example.com`]);
      shop.commit(IN_REPOSITORY);
      shop.git(['commit', '-q', '--allow-empty', '-Sada@example.com', '-m', 'signed'], { env });
      shop.git(['tag', '-u', 'ada@example.com', '-m', 'signed', 'v1'], { env });
      const accessDir = await secret({ 'allowed_signers.asc': `${publicKeys('eve')}\n${publicKeys('ada')}` });
      for (const member of [COMMIT, TAG]) {
        expect((await resolved(member, { accessDir })).metadata?.tags?.['signedBy']).toMatch(
          /^ada@example\.com \(OpenPGP key [0-9A-F]{40}\)$/,
        );
        const unknown = await failure(member, { accessDir: await secret({ 'allowed_signers.asc': publicKeys('eve') }) });
        expect(unknown.message).toContain('that allowed_signers.asc in the Secret of spec.access.secretRef does not hold');
        const ssh = await failure(member, { accessDir: await secret({ allowed_signers: 'ada ssh-ed25519 AAAA' }) });
        expect(ssh.message).toContain('has no allowed_signers.asc');
        expect(await failure(member, { accessDir: await secret({ 'allowed_signers.asc': 'nonsense' }) })).toMatchObject({
          reason: 'AccessInvalid',
        });
      }
      writeFileSync(join(place.folder, 'old-gpg'), '#!/bin/sh\nexec gpg --faked-system-time 20190601T000000! "$@"\n', { mode: 0o755 });
      shop.git(['-c', `gpg.program=${join(place.folder, 'old-gpg')}`, 'commit', '-q', '--allow-empty', '-Sold@example.com', '-m', 'old'], {
        env,
      });
      const expired = await failure(COMMIT, { accessDir: await secret({ 'allowed_signers.asc': publicKeys('old') }) });
      expect(expired.message).toContain('a key that has expired');
    } finally {
      execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
    }
  });
});
