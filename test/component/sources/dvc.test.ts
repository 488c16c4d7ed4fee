import { createHash, randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { load } from 'js-yaml';

import type { Resolved } from '../../../src/core/version/termination.ts';
import { runFetch } from '../../../src/sources/fetch.ts';
import { parseFetchOptions, parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { removeTree } from '../../../src/sources/tree.ts';
import { makeRepositories, type DvcServers, type Wanted } from '../../support/dvc.ts';
import { DEPENDENCIES, REQUIREMENTS, tarOf, workplace, type Workplace } from './fixtures.ts';
import { makeWorkshop, serveGit, type Workshop } from './git/repositories.ts';

/** Each is got by DVC, too. */
const WANTED: readonly Wanted[] = [
  ...['model.pkl', 'models/eu/fraud.pkl', 'digits', 'digits/a b', 'data/sub', 'data/a.csv', 'plain.bin', 'metrics.json'].map(
    (path) => ['fraud', path, 0] as const,
  ),
  ...['mixed', 'work/made.bin', 'old/a.txt', 'old/all', 'team/t.bin', 'team'].map((path) => ['fraud', path, 0] as const),
  ['fraud', 'model.pkl', 1],
  ['fraud', 'models/eu/fraud.pkl', 1],
  ['fraud', 'models', 2],
  ...['sub/m.bin', 'sub/all', 'sub/all/x'].map((path) => ['versions', path, 0] as const),
  ['versions', 'sub', 1],
];

jest.setTimeout(60_000);

type Files = Readonly<Record<string, string>>;
type Member = Readonly<Record<string, unknown>>;

let folder: string;
let servers: DvcServers;
let place: Workplace;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-dvc-'));
  servers = await makeRepositories(folder, WANTED);
}, 900_000);

afterAll(async () => {
  await servers.stop();
  await removeTree(folder);
});

beforeEach(async () => {
  place = await workplace();
  servers.store.instead = undefined;
  servers.store.requests.length = 0;
});

afterEach(async () => {
  await servers.moto.mustSign(false);
  await removeTree(place.folder);
});

interface Options {
  readonly secret?: Readonly<Record<string, string>>;
  readonly more?: Member;
}

/** What the operator writes into a job: the source, and the folder where a Secret is mounted. */
function job(member: Member, { secret, more = {} }: Options): Member {
  const accessDir = secret && join(place.folder, `secret-${randomUUID()}`);
  for (const [key, value] of Object.entries(secret ?? {})) {
    mkdirSync(accessDir ?? '', { recursive: true });
    writeFileSync(join(accessDir ?? '', key), `${value}\n`);
  }
  const source = { dvc: { repository: `${servers.git.url}/fraud/.git`, ...member } };
  return { source, ...(accessDir && { accessDir }), timeouts: { retryMs: 1 }, ...more };
}

async function termination(member: Member, options: Options) {
  const code = await runResolve(parseResolveOptions(JSON.stringify(job(member, options))), place.io);
  const left = await place.termination();
  if (!left.ok) throw new Error(`the termination message ${left.problem}`);
  return { code, left: left.value };
}

async function resolve(member: Member, options: Options = {}) {
  const { left } = await termination(member, options);
  if (left.kind !== 'resolved') throw new Error(JSON.stringify(left.failure));
  return left;
}

async function failure(member: Member, options: Options = {}): Promise<string> {
  const { code, left } = await termination(member, options);
  if (left.kind !== 'failed') throw new Error(`resolved: ${JSON.stringify(left.resolved)}`);
  expect(code).toBe(1);
  return `${left.failure.reason}${left.failure.retryable ? ' (retryable)' : ''}: ${left.failure.message}`;
}

/** What a pod gets by what was resolved. */
async function fetched(member: Member, { digest, pins }: Resolved, options: Options = {}): Promise<Files> {
  const to = join(place.folder, `models-${randomUUID()}`);
  mkdirSync(to);
  const { timeouts, ...given } = job(member, options);
  const asked = { ...given, timeouts, pins, digest, model: 'fraud', version: '1.0.0', format: 'sklearn', preset: 'custom', to };
  const code = await runFetch(parseFetchOptions(JSON.stringify(asked)), place.io);
  if (code !== 0) throw new Error(place.lines.join('\n'));
  return filesIn(join(to, 'model'));
}

async function brought(member: Member, options: Options = {}): Promise<Files> {
  const { resolved } = await resolve(member, options);
  return fetched(member, resolved, options);
}

/** The files below a folder as hexadecimal sha256, so that a difference prints. */
function filesIn(root: string, skip = ''): Files {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(root, name)).isFile());
  return Object.fromEntries(names.sort().map((name) => [name.slice(skip.length), sha256(readFileSync(join(root, name)))]));
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function md5(bytes: string | Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** Keys that the store takes from anybody while nothing has to be signed. */
function bucketKeys(): Readonly<Record<string, string>> {
  return { AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any', AWS_ENDPOINT_URL: servers.moto.url };
}

/** A repository by hand, for what DVC would not write. */
function workshop(git = servers.git.url) {
  const name = randomUUID();
  const shop: Workshop = makeWorkshop(join(folder, 'repositories', name));
  shop.commit({ '.dvc/config': remoteAt(servers.store.url) });
  const member = (path: string): Member => ({ repository: `${git}/${name}/.git`, path, revision: 'main' });
  return { ...shop, member };
}

function remoteAt(url: string): string {
  return `[core]\nremote = r\n['remote "r"']\nurl = ${url}\n`;
}

/** What DVC writes of a file. */
function tracked(path: string, content: string, more = ''): Record<string, string> {
  return { [`${path}.dvc`]: `${more}outs:\n- md5: ${md5(content)}\n  hash: md5\n  path: ${basename(path)}\n` };
}

/** What DVC writes of a folder, whose list of files is put into the remote. */
function trackedFolder(path: string, list: string): Record<string, string> {
  store(list, '.dir');
  return { [`${path}.dvc`]: `outs:\n- md5: ${md5(list)}.dir\n  hash: md5\n  path: ${basename(path)}\n` };
}

/** Puts an object into the remote. */
function store(content: string, ending = '', hash = md5(content)): void {
  const file = join(servers.storeFolder, 'files/md5', hash.slice(0, 2), `${hash.slice(2)}${ending}`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

describe('the files of a version', () => {
  const each = WANTED.map((wanted, index) => [...wanted, index] as const);

  test.each(each)('are those that dvc get brings: %s %s %i', async (name, path, number, index) => {
    const { commits, got } = servers.made;
    const { folder: root, url } = got[index]!;
    const revision = commits[name]![number]!;
    const member = { repository: `${servers.git.url}/${name}/.git`, path, revision };
    const options = name === 'versions' ? { secret: bucketKeys() } : {};
    const isFolder = statSync(join(root, basename(path))).isDirectory();
    const files = await brought(member, options);
    expect(files).toEqual(isFolder ? filesIn(join(root, basename(path))) : filesIn(root));
    expect(Object.keys(files).length).toBeGreaterThan(0);
    // Where `dvc get --show-url` says that it is.
    const asked = servers.store.requests.map((request) => servers.store.url + (request.url ?? ''));
    if (url?.startsWith(servers.store.url) === true) expect(asked).toContain(url);
  });

  test('are the same from another remote', async () => {
    const revision = servers.made.commits['fraud']![0]!;
    const here = await resolve({ path: 'digits', revision });
    const there = await resolve({ path: 'digits', revision, remote: 'bucket' }, { secret: bucketKeys() });
    expect(there.resolved.digest).toBe(here.resolved.digest);
  });
});

describe('an artifact', () => {
  const artifact = 'models/eu:fraud';
  const commitOf = async (member: Member): Promise<Member> => (await resolve(member)).resolved.pins ?? {};

  test('is found as DVC finds it', async () => {
    const [fraud, digits] = servers.made.shown;
    const found = [await resolve({ artifact, version: 'v1.0.0' }), await resolve({ artifact: 'digits', version: 'v0.1.0' })];
    expect(found.map(({ resolved }) => resolved.pins)).toEqual([
      { commit: fraud?.rev, version: 'v1.0.0' },
      { commit: digits?.rev, version: 'v0.1.0' },
    ]);
    const repository = `${servers.git.url}/fraud/.git`;
    expect(found.map(({ resolved }) => resolved.uri)).toEqual([
      `dvc+${repository}@${fraud?.rev ?? ''}#${fraud?.path ?? ''}`,
      `dvc+${repository}@${digits?.rev ?? ''}#digits`,
    ]);
    expect(await brought({ artifact: 'models/eu/dvc.yaml:fraud', version: 'v1.0.0' })).toEqual({ 'fraud.pkl': sha256('fraud one\r\n') });
  });

  test('is in a stage as GTO says: prod has fallen back', async () => {
    const [one, two] = servers.made.commits['fraud'] ?? [];
    expect(await commitOf({ artifact, stage: 'prod' })).toEqual({ commit: one, version: 'v1.0.0' });
    expect(await commitOf({ artifact, stage: 'staging' })).toEqual({ commit: two, version: 'v1.1.0' });
    expect(await commitOf({ artifact, version: 'latest' })).toMatchObject({ version: 'v1.2.0-rc.1' });
    expect(await brought({ artifact, stage: 'prod' })).toEqual({ 'fraud.pkl': sha256('fraud one\r\n') });
  });

  test('that was resolved stays what it was when its stage moves', async () => {
    const moving = join(folder, 'repositories/moving');
    cpSync(join(folder, 'repositories/fraud'), moving, { recursive: true });
    const member = { repository: `${servers.git.url}/moving/.git`, artifact, stage: 'prod' };
    const { resolved } = await resolve(member);
    const { git } = makeWorkshop(moving);
    git(['tag', '-a', '-m', 'x', 'models/eu=fraud#prod#9', servers.made.commits['fraud']![1]!]);
    expect((await resolve(member)).resolved.pins).toMatchObject({ version: 'v1.1.0' });
    git(['tag', '-d', 'models/eu=fraud@v1.0.0']);
    expect(await fetched(member, resolved)).toEqual({ 'fraud.pkl': sha256('fraud one\r\n') });
  });

  test.each([
    [{ artifact, stage: 'shadow' }, "No version of 'models/eu:fraud' is in stage 'shadow'; there are the stages 'prod', 'staging'."],
    [{ artifact, version: 'v9.0.0' }, "NotFound: 'models/eu:fraud' has no version 'v9.0.0'; it has 'v1.0.0', 'v1.1.0', 'v1.2.0-rc.1'."],
    [{ artifact: 'fraud', version: 'v1.0.0' }, "NotFound: The tags of the repository speak of no artifact 'fraud'; they know"],
    [{ artifact: 'nowhere', version: 'v0.1.0' }, "NotFound: 'dvc.yaml' does not say where the artifact 'nowhere' is in commit"],
    [{ artifact: 'pipe:filled', version: 'v0.1.0' }, "has the artifact 'filled' at 'pipe/${x}.pkl', which is not filled in."],
  ])('that is not to be had says why: %j', async (member, message) => {
    expect(await failure(member)).toContain(message);
  });
});

describe('what is told of a version', () => {
  test('is its code, its data, its parameters and its metrics', async () => {
    const [one] = servers.made.commits['fraud'] ?? [];
    const { metadata } = await resolve({ path: 'model.pkl', revision: one });
    expect(metadata).toEqual({
      code: { repository: `${servers.git.url}/fraud/.git`, commit: one },
      data: [{ name: 'data', digest: expect.stringMatching(/^md5:[0-9a-f]{32}\.dir$/) as unknown }],
      training: { pipeline: 'dvc.yaml:train', parameters: { lr: '0.1', 'model.depth': '3' } },
      metrics: { auc: '0.947', 'by.eu': '0.9' },
    });
  });

  test('is what dvc.yaml says of an artifact', async () => {
    const { metadata } = await resolve({ artifact: 'models/eu:fraud', version: 'v1.1.0' });
    expect(metadata?.tags).toEqual({ type: 'model', description: 'finds fraud', labels: 'risk, eu' });
  });
});

describe('credentials', () => {
  const SECRETS = ['hush-token', 'hush-remote', 'hush-password'];
  const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const revision = (): string => servers.made.commits['fraud']![0]!;
  const asked = (): readonly (string | undefined)[] => servers.store.requests.map(({ headers }) => headers.authorization);
  /** A remote that wants to be shown something. */
  const wants = (authorization: string): void => {
    servers.store.instead = (request, response) => {
      if (request.headers.authorization === authorization) return false;
      response.writeHead(401).end();
      return true;
    };
  };

  afterEach(async () => {
    const left = JSON.stringify([place.lines, await place.termination()]);
    for (const secret of SECRETS) {
      for (const form of [secret, Buffer.from(`ada:${secret}`).toString('base64')]) expect(left).not.toContain(form);
    }
  });

  test('of the repository are not shown to a remote on another server', async () => {
    wants('Bearer hush-token');
    const message = await failure({ path: 'model.pkl', revision: revision() }, { secret: { token: 'hush-token' } });
    expect(message).toContain(`put remote-url: ${servers.store.url} into the Secret of spec.access.secretRef, and remote-token, or`);
    expect(asked()).toEqual([undefined]);
    await failure({ path: 'model.pkl', revision: revision() }, { secret: { username: 'ada', password: 'hush-password' } });
    expect(asked()).toEqual([undefined, undefined]);
  });

  test('for the remote are shown to it, and to no other', async () => {
    wants(basic('ada', 'hush-remote'));
    const remote = { 'remote-username': 'ada', 'remote-password': 'hush-remote' };
    const member = { path: 'model.pkl', revision: revision() };
    const secret = { token: 'hush-token', 'remote-url': `${servers.store.url}/`, ...remote };
    expect(Object.keys(await brought(member, { secret }))).toEqual(['model.pkl']);
    expect(await failure(member, { secret: { ...secret, 'remote-url': `${servers.store.url}/elsewhere` } })).toContain('AccessDenied: ');
    expect(await failure(member, { secret: { ...secret, 'remote-url': 'https://example.com' } })).toContain('AccessDenied: ');
    expect(asked().slice(-2)).toEqual([undefined, undefined]);
  });

  test('of the repository are shown to a remote on the same server', async () => {
    const seen: (string | undefined)[] = [];
    const server = await serveGit(join(folder, 'repositories'), {
      instead: (request, response) => {
        if (request.url?.startsWith('/store/') !== true) return false;
        seen.push(request.headers.authorization);
        response.end('of the same server');
        return true;
      },
    });
    const { member, commit } = workshop(server.url);
    commit({ ...tracked('m.bin', 'of the same server'), '.dvc/config': remoteAt(`${server.url}/store`) });
    expect(await brought(member('m.bin'), { secret: { token: 'hush-token' } })).toEqual({ 'm.bin': sha256('of the same server') });
    expect(new Set(seen)).toEqual(new Set(['Bearer hush-token']));
    await server.close();
  });

  test('for a bucket are shown to the store that they are meant for', async () => {
    const { moto } = servers;
    const keys = { ...(await moto.user('ada')) };
    await moto.mustSign(true);
    const member = { path: 'digits', revision: revision(), remote: 'bucket' };
    expect(Object.keys(await brought(member, { secret: { ...keys, AWS_ENDPOINT_URL: moto.url } }))).toHaveLength(3);
    expect(await failure(member, { secret: keys })).toBe(
      'AccessInvalid: The Secret of spec.access.secretRef does not say that its AWS_* keys are meant for ' +
        `${moto.url}, where the repository has its remote 'bucket'. If they are, put AWS_ENDPOINT_URL: ${moto.url} into the Secret.`,
    );
    expect(await failure(member, { secret: { ...keys, AWS_ENDPOINT_URL: 'https://s3.example.com' } })).toContain('AccessInvalid: ');
    expect(await failure(member)).toContain('AccessDenied: ');
    const wrong = { ...keys, AWS_SECRET_ACCESS_KEY: 'hush-password', AWS_ENDPOINT_URL: moto.url };
    expect(await failure(member, { secret: wrong })).toContain('AccessDenied: ');
  });

  test.each([
    [{ 'remote-token': 'hush-token' }, 'must hold remote-url, and remote-token or remote-username and remote-password'],
    [{ 'remote-url': 'https://example.com' }, 'must hold remote-url, and remote-token or remote-username and remote-password'],
    [{ 'remote-url': 'ftp://example.com', 'remote-token': 'hush-token' }, 'must hold remote-url, and'],
    [{ 'remote-url': 'https://example.com', 'remote-username': 'ada' }, 'must hold both remote-username and remote-password'],
    [{ other: 'x' }, 'must hold token, or username and password; or ssh-privatekey'],
  ])('that make no sense are refused: %j', async (secret, message) => {
    const left = await failure({ path: 'model.pkl' }, { secret });
    expect(left).toContain('AccessInvalid: The Secret of spec.access.secretRef ');
    expect(left).toContain(message);
  });
});

describe('a remote', () => {
  const member = (): Member => ({ path: 'model.pkl', revision: servers.made.commits['fraud']![0] });

  test('that has lost the object says where it was looked for', async () => {
    const { commit, member: of } = workshop();
    const imported = 'deps:\n- path: x\n  repo:\n    url: https://example.com/other\n';
    commit({ ...tracked('m.bin', 'never pushed'), ...tracked('n.bin', 'imported', imported) });
    const hash = md5('never pushed');
    const where = `${servers.store.url}/files/md5/${hash.slice(0, 2)}/${hash.slice(2)}`;
    expect(await failure(of('m.bin'))).toBe(
      `NotFound: The remote 'r' has no 'm.bin' (md5 ${hash}; looked for at ${where}). Run \`dvc push -r r\` in a clone that has it.`,
    );
    expect(await failure(of('n.bin'))).toContain("It was imported from 'https://example.com/other', which may be the only one to have it.");
    const elsewhere = { ...member(), remote: 'bucket', path: 'team/t.bin' };
    expect(await failure(elsewhere)).toContain(".dvc/config knows no remote 'bucket' with a url.");
  });

  test('that has other bytes is refused', async () => {
    const { commit, member: of } = workshop();
    commit(tracked('m.bin', 'right'));
    store('wrong', '', md5('right'));
    expect(await failure(of('m.bin'))).toBe(
      `DigestMismatch: The remote 'r' has other bytes for 'm.bin' than those of md5 ${md5('right')}. Nothing of them is served. ` +
        'Run `dvc push -r r` in a clone that has the right ones, after removing the object there.',
    );
  });

  test('that has lost an object of a bucket says so too', async () => {
    const { commit, member: of } = workshop();
    const config = `[core]\nremote = r\n['remote "r"']\nurl = s3://models/x\nendpointurl = ${servers.moto.url}\n`;
    commit({ ...tracked('m.bin', 'never pushed'), '.dvc/config': config });
    const options = { secret: bucketKeys() };
    const where = `(md5 ${md5('never pushed')}; looked for at s3://models/x/files/md5/`;
    expect(await failure(of('m.bin'), options)).toContain(`NotFound: The remote 'r' has no 'm.bin' ${where}`);
    commit({ '.dvc/config': `${config}version_aware = true\n` });
    expect(await failure(of('m.bin'), options)).toContain("NotFound: DVC has not written down which version of 'm.bin' is the one in");
  });

  test.each([
    [(response: ServerResponse) => response.writeHead(500).end(), 'SourceFailed (retryable): '],
    [(response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/html' }).end('<form>'), 'SourceRefused: '],
    [(response: ServerResponse) => response.writeHead(200, { 'content-length': '99' }).end('cut'), 'Truncated (retryable): '],
    [(response: ServerResponse) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(), 'RedirectRefused: '],
    [(response: ServerResponse) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(), 'AddressRefused: '],
  ])('in trouble is told: %#', async (answer, reason) => {
    servers.store.instead = (_request, response) => {
      answer(response);
      return true;
    };
    expect(await failure(member())).toContain(reason);
  });

  test('in trouble for a moment is asked again', async () => {
    let times = 0;
    servers.store.instead = (_request, response) => {
      times += 1;
      if (times > 1) return false;
      response.writeHead(503).end();
      return true;
    };
    expect(Object.keys(await brought(member(), { more: { timeouts: { retryMs: 10_000 } } }))).toEqual(['model.pkl']);
  });

  test.each([
    ['url = /mnt/store', 'is a folder on somebody\'s machine, which no pod can reach'],
    ['url = ../../store', 'is a folder on somebody\'s machine, which no pod can reach'],
    ['url = gs://bucket', "is of the kind 'gs', which is not read"],
    ['url = http://169.254.169.254/latest', 'is refused: it belongs to the link-local and cloud metadata addresses'],
    ['url = s3://bucket\nendpointurl = file:///etc', 'must be a URL that begins with http:// or https://'],
  ])('of another kind is refused: %s', async (setting, message) => {
    const { commit, member: of } = workshop();
    commit({ ...tracked('m.bin', 'x'), '.dvc/config': `[core]\nremote = r\n['remote "r"']\n${setting}\n` });
    expect(await failure(of('m.bin'))).toContain(message);
  });

  test('that is not configured is refused', async () => {
    const { commit, member: of } = workshop();
    commit({ ...tracked('m.bin', 'x'), '.dvc/config': '' });
    expect(await failure(of('m.bin'))).toContain('SourceRefused: .dvc/config names no default remote');
    expect(await failure({ ...of('m.bin'), remote: 'other' })).toContain("SourceRefused: .dvc/config knows no remote 'other'");
  });
});

test('a version says in its files what it needs', async () => {
  const { commit, member: of } = workshop();
  commit({ 'model/requirements.txt': REQUIREMENTS, 'model/model.pkl': 'one' });
  expect((await resolve(of('model'))).metadata?.dependencies).toEqual(DEPENDENCIES);
});

describe('a repository', () => {
  test.each([
    ['a file outside', '[{"md5": "MD5", "relpath": "../x"}]', "which leads out of the model by '..'"],
    ['an absolute path', '[{"md5": "MD5", "relpath": "/etc/passwd"}]', 'which is absolute'],
    ['one that is no list', '{"md5": "MD5"}', 'is no list of files'],
    ['one that is no JSON', '[', 'is no JSON'],
    ['a folder in it', '[{"md5": "MD5.dir", "relpath": "x"}]', 'without an md5'],
    ['names that differ in case', '[{"md5": "MD5", "relpath": "x"}, {"md5": "MD5", "relpath": "X"}]', 'only in case'],
  ])('whose list of a folder has %s is refused', async (_what, list, message) => {
    const { commit, member } = workshop();
    store('x');
    commit(trackedFolder('all', list.replaceAll('MD5', md5('x'))));
    expect(await failure(member('all'))).toContain(message);
  });

  test('whose folder has too many files is refused before one comes', async () => {
    const { commit, member } = workshop();
    commit(trackedFolder('all', JSON.stringify(Array.from({ length: 11 }, (_, i) => ({ md5: md5('x'), relpath: String(i) })))));
    expect(await failure(member('all'), { more: { limits: { files: 10 } } })).toContain('TooLarge: The version has more than 10 files.');
    expect(servers.store.requests).toHaveLength(1);
  });

  test('whose folder is empty has no model', async () => {
    const { commit, member } = workshop();
    commit(trackedFolder('all', '[]'));
    expect(await failure(member('all'))).toContain('EmptyModel: ');
  });

  test('with a symbolic link in the folder is refused', async () => {
    const { commit, git, member, folder: at } = workshop();
    commit({ 'm/a': 'a' });
    git(['update-index', '--add', '--cacheinfo', `120000,${git(['hash-object', '-w', '--stdin'], { input: '/etc/passwd' })},m/link`]);
    git(['commit', '-q', '-m', 'link']);
    expect(await failure(member('m'))).toContain("SourceRefused: 'm/link' is a symbolic link in Git; only files are fetched.");
    expect(at).toContain('repositories');
  });

  test('with a pointer of Git LFS does not serve the pointer', async () => {
    const { commit, member } = workshop();
    commit({ 'm/a': 'a', 'm/b': `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256('x')}\nsize 1\n`, 'm/empty': '' });
    expect(await failure(member('m'))).toContain('NotFound: There is no LFS server at ');
    expect(await brought(member('m/empty'))).toEqual({ empty: sha256('') });
  });

  test.each([
    ['a path that nobody has', { path: 'nowhere' }, "NotFound: Neither Git nor DVC has 'nowhere' in commit"],
    ['a path in a file', { path: 'model.pkl/x' }, "NotFound: Neither Git nor DVC has 'model.pkl/x' in commit"],
    ['a revision that is none', { path: 'model.pkl', revision: 'v9' }, "NotFound: "],
    ['an address that runs a program', { repository: 'ext::sh -c id', path: 'x' }, 'InvalidSource: spec.source.dvc.repository '],
    ['an address on the pod\'s own disk', { repository: 'file:///etc', path: 'x' }, 'InvalidSource: spec.source.dvc.repository '],
    ['a path and an artifact', { path: 'x', artifact: 'y', version: 'v1.0.0' }, 'InvalidOptions: '],
    ['an artifact without a version', { artifact: 'y' }, 'InvalidOptions: '],
    ['an artifact with a revision', { artifact: 'y', version: 'v1.0.0', revision: 'main' }, 'InvalidOptions: '],
    ['nothing', {}, 'InvalidOptions: '],
  ])('is not read for %s', async (_what, member, message) => {
    expect(await failure(member)).toContain(message);
  });

  test('with files of DVC that are none is refused', async () => {
    const { commit, member } = workshop();
    commit({ 'm.bin.dvc': 'a: &a [*a]\n{{{' });
    expect(await failure(member('m.bin'))).toContain("SourceRefused: 'm.bin.dvc' is no YAML of DVC.");
    commit({ 'm.bin.dvc': `outs:\n- path: m.bin\n  hash: md5\n` });
    expect(await failure(member('m.bin'))).toContain("NotFound: DVC knows 'm.bin', but not by an md5");
    commit({ 'm.bin.dvc': `# ${'x'.repeat(17 * 1024 ** 2)}` });
    expect(await failure(member('m.bin'))).toContain("TooLarge: 'm.bin.dvc' has more than");
  });

  test('without DVC gives what is in Git, and an archive unpacked', async () => {
    const { commit, git, member } = workshop();
    git(['rm', '-q', '-r', '.dvc']);
    commit({ 'm/a.txt': 'a', 'm/b/c.txt': 'c', 'm.tar': await tarOf([{ name: 'x/y', content: 'z' }]) });
    expect(await brought(member('./m/'))).toEqual({ 'a.txt': sha256('a'), 'b/c.txt': sha256('c') });
    expect(await brought(member('m.tar'))).toEqual({ 'x/y': sha256('z') });
    const { revision: _, ...whole } = member('.');
    expect(Object.keys(await brought(whole))).toEqual(['m.tar', 'm/a.txt', 'm/b/c.txt']);
  });
});

test('the lines in docs/sources/dvc.md do what they say', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/sources/dvc.md'), 'utf8');
  const { spec } = load(/```yaml\n([^`]*)/.exec(page)?.[1] ?? '') as { readonly spec: { readonly source: { readonly dvc: Member } } };
  expect(await brought({ ...spec.source.dvc, repository: `${servers.git.url}/fraud/.git` })).toEqual({
    'fraud.pkl': sha256('fraud one\r\n'),
  });
});
