import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { crc32, createGzip } from 'node:zlib';

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pack } from 'tar-stream';

import { SMALL_HEAP } from '../../../src/core/resources/template.ts';
import { removeTree } from '../../../src/sources/tree.ts';
import { serve, sha256, workplace, zipOf } from './fixtures.ts';
import { makeWorkshop, serveGit } from './git/repositories.ts';
import type { TestServer, Workplace } from './fixtures.ts';

const CHUNK = randomBytes(1024 ** 2);
const CHUNKS = 300;
const OBJECTS = 4000;
/** Growth with the small heap that the containers have; without it V8 lets more of a stream's buffers gather before it frees them. */
const MOST_MIB = 60;

let place: Workplace;
let server: TestServer;

beforeEach(async () => {
  place = await workplace();
  server = await serve((request, response) => {
    if (request.method === 'HEAD') response.end();
    else if (request.url?.startsWith('/bucket/') === true) response.end(crowded(new URL(request.url, server.url).searchParams));
    else void pipeline(bodies[request.url ?? '']!(), response).catch(() => undefined);
  });
});

afterEach(async () => {
  await server.close();
  await removeTree(join(place.folder, 'models'));
  await place.remove();
});

function* content(): Generator<Buffer> {
  for (let i = 0; i < CHUNKS; i += 1) yield CHUNK;
}

/** Stored, not deflated: the time goes into the code under test. */
const bodies: Readonly<Record<string, () => Readable>> = {
  '/model.bin': () => Readable.from(content()),
  '/models/model.bin': () => Readable.from(content()),
  '/model.tar': () => archive(),
  '/crowd.tar': () => crowd(),
  '/model.tar.gz': () => archive().pipe(createGzip({ level: 0 })),
  '/model.zip': () => Readable.from(zip()),
};

/** Three thousand small files. */
function crowd(): Readable {
  const tar = pack();
  for (let i = 0; i < 3000; i += 1) tar.entry({ name: `part-${i}.bin` }, 'small');
  tar.finalize();
  return tar as unknown as Readable;
}

/** An object of a bucket that keeps no versions, or a page of the list of them. */
function crowded(asked: URLSearchParams): string {
  if (!asked.has('versions')) return 'small';
  const start = Number(asked.get('key-marker') ?? -1) + 1;
  const end = Math.min(OBJECTS, start + Number(asked.get('max-keys')));
  const more = end < OBJECTS ? `<IsTruncated>true</IsTruncated><NextKeyMarker>${end - 1}</NextKeyMarker>` : '';
  const about = '<VersionId>null</VersionId><IsLatest>true</IsLatest><LastModified>2026-01-01T00:00:00Z</LastModified><Size>5</Size>';
  const versions = Array.from({ length: end - start }, (_, index) => `<Version><Key>${start + index}</Key>${about}</Version>`);
  return `<ListVersionsResult>${more}${versions.join('')}</ListVersionsResult>`;
}

function archive(): Readable {
  const tar = pack();
  const entry = tar.entry({ name: 'model.joblib', size: CHUNKS * CHUNK.length });
  void pipeline(Readable.from(content()), entry as unknown as NodeJS.WritableStream).then(() => tar.finalize());
  return tar as unknown as Readable;
}

/** A zip of the same file: what stands before and behind its content is taken from a small one. */
function* zip(): Generator<Buffer> {
  const name = 'model.joblib';
  let sum = 0;
  for (const chunk of content()) sum = crc32(chunk, sum);
  const size = CHUNKS * CHUNK.length;
  const small = zipOf([{ name, stored: true, crc32: sum, bytes: size, packedBytes: size }]);
  const head = 30 + name.length;
  const end = Buffer.from(small.subarray(head));
  end.writeUInt32LE(head + size, end.length - 6); // where the directory begins
  yield small.subarray(0, head);
  yield* content();
  yield end;
}

interface Used {
  readonly code: number;
  readonly mebibytes: number;
  /** Of one of the programs that were started. */
  readonly program: number;
}

async function run(name: string, options: object): Promise<Used> {
  const script = join(import.meta.dirname, 'runJob.ts');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [script, name, JSON.stringify(options), join(place.folder, 'termination-log')],
    {
      env: { ...process.env, [SMALL_HEAP.name]: SMALL_HEAP.value },
    },
  );
  const [code, mebibytes, program] = stdout.split(' ').map(Number);
  return { code: code!, mebibytes: mebibytes!, program: program! };
}

function digestOfContent(name: string): string {
  const hash = createHash('sha256');
  for (const chunk of content()) hash.update(chunk);
  return `sha256:${sha256(`${hash.digest('hex')}  ${name}\n`)}`;
}

test('resolving a file of 300 MiB takes less than 60 MiB of memory', async () => {
  const { code, mebibytes } = await run('resolve', {
    source: { http: { url: `${server.url}/model.bin` } },
    digest: digestOfContent('model.bin'),
  });
  expect(code).toBe(0);
  expect(mebibytes).toBeGreaterThan(0);
  expect(mebibytes).toBeLessThan(MOST_MIB);
}, 60_000);

test('resolving an object of 300 MiB in a bucket takes less than 60 MiB of memory', async () => {
  const source = { s3: { endpoint: server.url, bucket: 'models', prefix: 'model.bin' } };
  const { code, mebibytes } = await run('resolve', { source, digest: digestOfContent('model.bin') });
  expect(code).toBe(0);
  expect(mebibytes).toBeGreaterThan(0);
  expect(mebibytes).toBeLessThan(MOST_MIB);
}, 60_000);

test('resolving 4,000 objects in a bucket takes less than 40 MiB of memory', async () => {
  const { code, mebibytes } = await run('resolve', { source: { s3: { endpoint: server.url, bucket: 'bucket', prefix: '' } } });
  expect(code).toBe(0);
  expect(mebibytes).toBeGreaterThan(0);
  expect(mebibytes).toBeLessThan(40);
}, 180_000);

test.each([true, false])(
  'resolving a file of 300 MiB in Git takes less than 60 MiB of memory; server leaves out files: %j',
  async (filters) => {
    const shop = makeWorkshop(join(place.folder, 'repositories/fraud'));
    shop.git(['config', 'core.compression', '0']);
    await pipeline(Readable.from(content()), createWriteStream(join(shop.folder, 'model.bin')));
    shop.git(['add', 'model.bin']);
    shop.git(['commit', '-q', '-m', 'large']);
    const git = await serveGit(join(place.folder, 'repositories'), { settings: filters ? ['uploadpack.allowFilter=true'] : [] });
    try {
      const source = { git: { repository: `${git.url}/fraud/.git`, revision: 'main' } };
      const { code, mebibytes, program } = await run('resolve', { source, digest: digestOfContent('model.bin') });
      expect(code).toBe(0);
      for (const used of [mebibytes, program]) {
        expect(used).toBeGreaterThan(0);
        expect(used).toBeLessThan(MOST_MIB);
      }
    } finally {
      await git.close();
    }
  },
  120_000,
);

test('resolving 3,000 small files takes less than 60 MiB of memory', async () => {
  const { code, mebibytes } = await run('resolve', { source: { http: { url: `${server.url}/crowd.tar` } } });
  expect(code).toBe(0);
  expect(mebibytes).toBeGreaterThan(0);
  expect(mebibytes).toBeLessThan(MOST_MIB);
}, 60_000);

test('keeping a copy of 300 MiB in a claim takes less than 60 MiB of memory', async () => {
  const claim = await mkdtemp('/dev/shm/plimsoll-claim-');
  try {
    const storage = { claim: 'copies', mountedAt: claim };
    const { code, mebibytes } = await run('resolve', { source: { http: { url: `${server.url}/model.bin` } }, storage });
    expect(code).toBe(0);
    expect(mebibytes).toBeGreaterThan(0);
    expect(mebibytes).toBeLessThan(MOST_MIB);
  } finally {
    await removeTree(claim);
  }
}, 60_000);

test.each(['tar', 'tar.gz', 'zip'])('fetching a .%s of 300 MiB takes less than 60 MiB of memory', async (kind) => {
  const to = join(place.folder, 'models');
  await mkdir(to);
  const job = { model: 'digits', version: '1', format: 'sklearn', preset: 'mlserver', to, digest: digestOfContent('model.joblib') };
  const { code, mebibytes } = await run('fetch', { source: { http: { url: `${server.url}/model.${kind}` } }, ...job });
  expect(code).toBe(0);
  expect(mebibytes).toBeGreaterThan(0);
  expect(mebibytes).toBeLessThan(MOST_MIB);
  expect((await stat(join(to, 'model/model.joblib'))).size).toBe(CHUNKS * CHUNK.length);
}, 60_000);
