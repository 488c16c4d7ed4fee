// ModelVersions over HTTP: what is pinned, what is refused, what is tried again, and that nothing else than the pinned bytes is ever served.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { nodeAddress } from '../../deploy/local/models/server.ts';
import { kubectl } from '../support/cluster.ts';
import { conditionOf, versionBecomes } from '../support/expectations.ts';
import { operatorLog, operatorPod } from '../support/operator.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const run = promisify(execFile);
const TOKEN = `token-${randomUUID()}`;

let scene: Scenario;
let folder = '';
let guarded: Server;
const seenTokens: (string | undefined)[] = [];

/** The bytes of a model of the test server. */
function modelBytes(salt: string): Buffer {
  return Buffer.from(JSON.stringify({ features: 4, salt }));
}

/** The listing's digest and the digests of the files in it, by the tools that people check it with. */
async function digestWithCoreutils(path: string): Promise<{ readonly digest: string; readonly hex: readonly string[] }> {
  const listing = `cd ${path} && find . -type f -printf '%P\\n' | LC_ALL=C sort | tr '\\n' '\\0' | xargs -0 sha256sum`;
  const { stdout } = await run('sh', ['-c', listing]);
  const { stdout: digest } = await run('sh', ['-c', `(${listing}) | sha256sum`]);
  return {
    digest: `sha256:${digest.slice(0, 64)}`,
    hex: stdout
      .trim()
      .split('\n')
      .map((line) => line.slice(0, 64)),
  };
}

/** A file server that wants a bearer token. */
async function startGuardedServer(bytes: Buffer): Promise<Server> {
  const server = createServer((request, response) => {
    seenTokens.push(request.headers.authorization);
    if (request.headers.authorization === `Bearer ${TOKEN}`) response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    else response.writeHead(401).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  return server;
}

function http(url: string): { readonly source: { readonly http: { readonly url: string } } } {
  return { source: { http: { url } } };
}

/** Archives beside `folder/tree`: an honest one, and one with an entry that climbs out. */
async function makeArchives(): Promise<void> {
  const tree = join(folder, 'tree');
  await mkdir(join(tree, 'sub dir'), { recursive: true });
  await writeFile(join(tree, 'model.json'), modelBytes('archive'));
  await writeFile(join(tree, 'sub dir', 'notes.txt'), 'kept beside the model\n');
  await writeFile(join(tree, 'Z-first.txt'), '');
  await run('tar', ['-C', tree, '-czf', join(folder, 'good.tar.gz'), '.']);
  await cp(join(tree, 'model.json'), join(folder, 'outside.json'));
  await run('tar', ['-C', tree, '-czPf', join(folder, 'hostile.tar.gz'), 'model.json', '../outside.json']);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-versions-'));
  await makeArchives();
  scene = await Scenario.open('versions');
  guarded = await startGuardedServer(modelBytes('guarded'));
  const { files } = scene;
  for (const name of ['good', 'hostile']) files.put(`/${name}.tar.gz`, await readFile(join(folder, `${name}.tar.gz`)));
  files.setFault('/passing/model.json', { kind: 'status', status: 500 });
  files.setFault('/cut/model.json', { kind: 'truncated' });
  await scene.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'reader', namespace: scene.namespace },
    stringData: { token: TOKEN },
  });
  const guardedUrl = `http://${nodeAddress()}:${(guarded.address() as AddressInfo).port}/model.json`;
  await Promise.all([
    scene.version('file'),
    scene.version('archive', {}, http(files.url('/good.tar.gz'))),
    scene.version('hostile', {}, http(files.url('/hostile.tar.gz'))),
    scene.version('wrong', {}, { digest: `sha256:${'0'.repeat(64)}` }),
    scene.version('missing', {}, http(files.url('/later/model.json'))),
    scene.version('passing'),
    scene.version('cut'),
    scene.version('guarded', {}, { ...http(guardedUrl), access: { secretRef: { name: 'reader' } } }),
    scene.version('unguarded', {}, http(guardedUrl)),
  ]);
}, 60_000);

afterAll(async () => {
  await scene.close();
  guarded.closeAllConnections();
  guarded.close();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

describe('a version is pinned to the digest that coreutils give', () => {
  test('for a single file', async () => {
    await versionBecomes(scene, 'file', 'Ready', 'True/Ready');
    const single = join(folder, 'single');
    await mkdir(single);
    const bytes = Buffer.from(JSON.stringify({ features: 4, salt: 'file' }));
    await writeFile(join(single, 'model.json'), bytes);
    const { digest, hex } = await digestWithCoreutils(single);
    const { status } = await scene.modelVersion('file');
    expect(status?.resolved).toMatchObject({ digest, files: 1, bytes: bytes.length, uri: scene.files.url('/file/model.json') });
    expect(status?.resolved?.omsDigest).toBe(await digestOfDigests(hex));
  }, 60_000);

  test('for every file of a .tar.gz, by name and bytes', async () => {
    await versionBecomes(scene, 'archive', 'Ready', 'True/Ready');
    const { digest, hex } = await digestWithCoreutils(join(folder, 'tree'));
    expect(hex).toHaveLength(3);
    const { status } = await scene.modelVersion('archive');
    expect(status?.resolved).toMatchObject({ digest, files: 3 });
    expect(status?.resolved?.omsDigest).toBe(await digestOfDigests(hex));
    expect(conditionOf(await scene.modelVersion('archive'), 'Verified')?.message).toContain(digest);
  }, 60_000);
});

/** sha256 of the raw digests one after the other, by coreutils. */
async function digestOfDigests(hex: readonly string[]): Promise<string> {
  const path = join(folder, `raw-${randomUUID()}`);
  await writeFile(path, Buffer.from(hex.join(''), 'hex'));
  const { stdout } = await run('sha256sum', [path]);
  return `sha256:${stdout.slice(0, 64)}`;
}

describe('what cannot be had is said, and tried again', () => {
  test('other bytes than spec.digest are refused with both digests, and never served', async () => {
    const message = await versionBecomes(scene, 'wrong', 'Ready', 'False/DigestMismatch');
    const wrong = join(folder, 'wrong');
    await mkdir(wrong);
    await writeFile(join(wrong, 'model.json'), JSON.stringify({ features: 4, salt: 'wrong' }));
    expect(message).toContain(`sha256:${'0'.repeat(64)}`);
    expect(message).toContain((await digestWithCoreutils(wrong)).digest);
    expect((await scene.modelVersion('wrong')).status?.resolved).toBeUndefined();
  }, 60_000);

  test('an archive with an entry that climbs out is refused by name', async () => {
    const message = await versionBecomes(scene, 'hostile', 'Ready', 'False/ArchiveRefused');
    expect(message).toContain('../outside.json');
    expect(conditionOf(await scene.modelVersion('hostile'), 'Stalled')?.is).toBe('True/ArchiveRefused');
  }, 60_000);

  test('an answer of 500 and a connection that breaks are tried again within the same Job', async () => {
    await scene.until(
      'both were asked for twice',
      () => {
        const asked = ['/passing/model.json', '/cut/model.json'].map((path) => scene.files.requests(path));
        return Promise.resolve(asked.every((count) => count >= 2) ? true : undefined);
      },
      60_000,
    );
    for (const path of ['/passing/model.json', '/cut/model.json']) scene.files.setFault(path, { kind: 'none' });
    await Promise.all(['passing', 'cut'].map((version) => versionBecomes(scene, version, 'Ready', 'True/Ready', 90_000)));
    const jobs = await kubectl([
      '-n',
      scene.namespace,
      'get',
      'jobs',
      '-l',
      'plimsoll.dev/model-version in (toy-passing,toy-cut)',
      '-o',
      'name',
    ]);
    expect(jobs.trim().split('\n')).toHaveLength(2);
  }, 120_000);

  test('a file that is not there is named, and taken within about a minute once it is', async () => {
    const message = await versionBecomes(scene, 'missing', 'Ready', 'False/NotFound');
    expect(message).toContain('/later/model.json');
    scene.files.put('/later/model.json', modelBytes('later'));
    await versionBecomes(scene, 'missing', 'Ready', 'True/Ready', 90_000);
  }, 150_000);

  test('a source that wants credentials says so, and a Secret named in the spec is enough to go on at once', async () => {
    const message = await versionBecomes(scene, 'unguarded', 'Ready', 'False/AccessDenied');
    expect(message).toContain('spec.access.secretRef');
    const { spec } = await scene.modelVersion('unguarded');
    await scene.version('unguarded', {}, { source: spec.source, access: { secretRef: { name: 'reader' } } });
    await versionBecomes(scene, 'unguarded', 'Ready', 'True/Ready', 30_000);
  }, 120_000);
});

describe('served versions', () => {
  beforeAll(async () => {
    await scene.deploy('guarded', { rollout: { ...QUICK_ROLLOUT, progressDeadline: '15s' } });
    await scene.ready(90_000);
  }, 120_000);

  test('one with a Secret is fetched by the pods too, and its token stands nowhere', async () => {
    const { namespace } = scene;
    expect(seenTokens.filter((token) => token === `Bearer ${TOKEN}`).length).toBeGreaterThanOrEqual(3);
    const kinds = 'mver,mdep,mrel,jobs,pods,deployments,controllerrevisions,services,configmaps,httproutes,events';
    const objects = await kubectl(['-n', namespace, 'get', kinds, '-o', 'yaml']);
    expect(objects).toContain('toy-guarded');
    const pods = (await kubectl(['-n', namespace, 'get', 'pods', '-o', 'name'])).trim().split('\n');
    const logs = await Promise.all(pods.map((pod) => kubectl(['-n', namespace, 'logs', pod, '--all-containers'])));
    expect(logs.join('')).toContain('verified sha256:');
    // Another test may have put a new operator in the place of the one that pinned the version: its log may tell nothing of it.
    const operator = (await operatorLog(await operatorPod(), 600)).join('\n');
    for (const text of [objects, ...logs, operator]) {
      expect(text.includes(TOKEN)).toBe(false);
      expect(text.includes(Buffer.from(TOKEN).toString('base64'))).toBe(false);
    }
  }, 60_000);

  test('one other byte at the source and the new pods refuse it, say why, and go on when the right bytes are back', async () => {
    const load = scene.load(20);
    const path = '/file/model.json';
    scene.files.setFault(path, { kind: 'corrupt' });
    await scene.release('file');
    const digest = (await scene.modelVersion('file')).status?.resolved?.digest ?? 'none';
    const said = await scene.until(
      'the ModelDeployment says what its pods found',
      async () => {
        const message = conditionOf(await scene.deployment(), 'Ready')?.message ?? '';
        return message.includes(digest) ? message : undefined;
      },
      30_000,
    );
    expect(said.match(/sha256:[0-9a-f]{64}/g)).toHaveLength(2);
    const failed = await scene.finished(2, 60_000);
    expect(failed.status).toMatchObject({ outcome: 'RolledBack', class: 'Infrastructure', reason: 'DigestMismatch' });
    // Events are written after the record.
    const told = await scene.until('the roll-back is told', async () => (await scene.events()).find(({ reason }) => reason === 'RolledBack'), 10_000);
    expect(told.message).toContain(digest);
    scene.files.setFault(path, { kind: 'none' });
    const next = await scene.finished(3, 150_000);
    expect(next.status?.outcome).toBe('Promoted');
    const { revisions } = await load.stop();
    const [guardedRevision, fileRevision] = [next.spec.from?.revision ?? '', next.spec.to.revision];
    expect(Object.keys(revisions).sort()).toEqual([guardedRevision, fileRevision].sort());
    expect(Object.values(revisions).map(({ failed: failures }) => failures)).toEqual([0, 0]);
    expect(revisions[fileRevision]?.firstSentAt).toBeGreaterThan(Date.parse(failed.status?.finishedAt ?? ''));
  }, 300_000);
});
