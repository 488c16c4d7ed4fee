import { lookup } from 'node:dns';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { load } from 'js-yaml';

import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../../../src/core/version/limits.ts';
import type { Pins } from '../../../src/core/version/pins.ts';
import { quote } from '../../../src/core/version/text.ts';
import { NO_ACCESS } from '../../../src/sources/access.ts';
import { valueOf } from '../../../src/sources/error.ts';
import { runFetch } from '../../../src/sources/fetch.ts';
import type { JobIo } from '../../../src/sources/job.ts';
import { parseFetchOptions, parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { s3Bucket } from '../../../src/sources/s3Client.ts';
import { removeTree } from '../../../src/sources/tree.ts';
import { startMoto, type Moto } from '../../support/moto.ts';
import { DEPENDENCIES, digestOf, REQUIREMENTS, serve, tarGzOf, workplace } from './fixtures.ts';
import type { TestServer, Workplace } from './fixtures.ts';

const NO_RETRY = { timeouts: { retryMs: 1 } };

let moto: Moto;
let place: Workplace;
let buckets = 0;
const servers: TestServer[] = [];
/** What must never be read in a log or a termination message. */
const secrets = new Set<string>();

beforeAll(async () => {
  moto = await startMoto();
}, 240_000);

afterAll(() => moto.stop());

beforeEach(async () => {
  place = await workplace();
});

afterEach(async () => {
  await moto.mustSign(false);
  await Promise.all(servers.splice(0).map((server) => server.close()));
  const told = [...place.lines, await readFile(place.io.terminationLog, 'utf8')].join('\n');
  for (const secret of secrets) expect(told).not.toContain(secret);
  secrets.clear();
  await removeTree(join(place.folder, 'models'));
  await place.remove();
});

/** A bucket of its own with these objects. */
async function bucketOf(objects: Readonly<Record<string, string | Buffer>>, versioned?: 'versioned'): Promise<string> {
  buckets += 1;
  const bucket = `models-${buckets}`;
  await moto.bucket(bucket, versioned);
  for (const [key, content] of Object.entries(objects)) await moto.put(bucket, key, content);
  return bucket;
}

/** Resolves spec.source.s3 and returns what the operator would read. */
async function resolve(s3: object, more: Readonly<Record<string, unknown>> = {}, io: Partial<JobIo> = {}) {
  const options = parseResolveOptions(JSON.stringify({ source: { s3: { endpoint: moto.url, ...s3 } }, ...more }));
  const code = await runResolve(options, { ...place.io, ...io });
  const termination = await place.termination();
  if (!termination.ok) throw new Error(`the termination message ${termination.problem}`);
  return { code, ...termination.value };
}

async function resolved(...given: Parameters<typeof resolve>) {
  const outcome = await resolve(...given);
  if (outcome.kind !== 'resolved') throw new Error(`failed: ${outcome.failure.message}`);
  return outcome.resolved;
}

async function failure(...given: Parameters<typeof resolve>) {
  const outcome = await resolve(...given);
  if (outcome.kind !== 'failed') throw new Error(`resolved: ${JSON.stringify(outcome.resolved)}`);
  expect(outcome.code).toBe(1);
  return outcome.failure;
}

/** Fetches what was resolved, as a pod does later, and returns the folder of the model. */
async function fetched(s3: object, found: { readonly digest: string; readonly pins?: Pins }): Promise<string> {
  const to = join(place.folder, 'models');
  await mkdir(to);
  const job = { source: { s3: { endpoint: moto.url, ...s3 } }, ...found, model: 'digits', version: '1', preset: 'custom', to };
  const { digest, pins, source, model, version, preset } = job;
  const code = await runFetch(parseFetchOptions(JSON.stringify({ source, pins, digest, model, version, preset, to })), place.io);
  expect([code, place.lines.at(-1)]).toEqual([0, `verified ${digest}`]);
  return join(to, 'model');
}

/** A mounted Secret. */
async function secretOf(keys: Readonly<Record<string, string>>): Promise<{ readonly accessDir: string }> {
  const accessDir = join(place.folder, 'access');
  await mkdir(accessDir, { recursive: true });
  for (const [name, value] of Object.entries(keys)) {
    await writeFile(join(accessDir, name), value);
    if (name !== 'AWS_ACCESS_KEY_ID') secrets.add(value);
  }
  return { accessDir };
}

interface DocumentedVersion {
  readonly spec: { readonly source: { readonly s3: object } };
  readonly stringData?: object;
}

type Edit = (body: string) => string | Promise<string>;
type Intercept = (request: IncomingMessage, response: ServerResponse, pass: (edit?: Edit) => void) => void;

/** An endpoint that lets everything through to the real store, but what a test does with it. */
async function between(intercept: Intercept): Promise<{ readonly endpoint: string }> {
  const server = await serve((request, response) => {
    const pass = (edit?: Edit): void => {
      const asked = http.request(`${moto.url}${request.url}`, { method: request.method, headers: request.headers }, (answer) => {
        if (edit === undefined) {
          response.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(response);
          return;
        }
        const { 'content-length': _length, ...headers } = answer.headers;
        void text(answer)
          .then(edit)
          .then((edited) => response.writeHead(answer.statusCode ?? 0, headers).end(edited));
      });
      request.pipe(asked);
    };
    intercept(request, response, pass);
  });
  servers.push(server);
  return { endpoint: server.url };
}

function afterMoment(what: () => void): void {
  void setTimeout(20).then(what);
}

/** The object itself, and no listing of it. */
function isGetOf(request: IncomingMessage, key: string): boolean {
  return request.method === 'GET' && new URL(request.url ?? '', 'http://host').pathname.endsWith(`/${key}`);
}

describe('a file in a bucket', () => {
  test('is resolved to its digest, size and place, and asked for no longer than needed', async () => {
    const bucket = await bucketOf({ 'fraud/1/model.joblib': 'digits' });
    const asked: string[] = [];
    const through = await between((request, _response, pass) => {
      asked.push(`${request.method} ${request.url}`);
      pass();
    });
    const found = await resolved({ ...through, bucket, prefix: 'fraud/1/model.joblib' });
    expect(found).toMatchObject({
      digest: digestOf({ 'model.joblib': 'digits' }),
      files: 1,
      bytes: 6,
      uri: `s3://${bucket}/fraud/1/model.joblib`,
    });
    expect(found.pins).toBeUndefined();
    expect(asked).toEqual([`HEAD /${bucket}/fraud/1/model.joblib`, `GET /${bucket}/fraud/1/model.joblib`]);
  });

  test('that is an archive is unpacked', async () => {
    const bucket = await bucketOf({
      'fraud/1.tar.gz': await tarGzOf([
        { name: 'data/a.bin', content: 'one' },
        { name: 'b.bin', content: 'two' },
      ]),
    });
    expect(await resolved({ bucket, prefix: 'fraud/1.tar.gz' })).toMatchObject({
      digest: digestOf({ 'b.bin': 'two', 'data/a.bin': 'one' }),
      files: 2,
    });
  });

  test('that the store calls a web page is a file like any other', async () => {
    const bucket = await bucketOf({ 'fraud/card.html': '<html>' });
    const through = await between((request, response, pass) => {
      response.setHeader('content-type', 'text/html');
      if (isGetOf(request, 'card.html')) response.writeHead(200, { 'content-length': 6 }).end('<html>');
      else pass();
    });
    expect(await resolved({ ...through, bucket, prefix: 'fraud/card.html' })).toMatchObject({
      digest: digestOf({ 'card.html': '<html>' }),
    });
  });

  test('in a bucket that keeps versions is pinned to its version, and brought as that when it has been written over and deleted', async () => {
    const bucket = await bucketOf({}, 'versioned');
    const versionId = await moto.put(bucket, 'fraud/model.joblib', 'old bytes');
    const s3 = { bucket, prefix: 'fraud/model.joblib' };
    const found = await resolved(s3);
    expect(found.pins).toEqual({ versionId });
    await moto.put(bucket, 'fraud/model.joblib', 'new bytes');
    await moto.remove(bucket, 'fraud/model.joblib');
    const folder = await fetched(s3, found);
    expect(await readFile(join(folder, 'model.joblib'), 'utf8')).toBe('old bytes');
  });

  test('is brought as the version that spec names', async () => {
    const bucket = await bucketOf({}, 'versioned');
    const versionId = await moto.put(bucket, 'model.joblib', 'old bytes');
    await moto.put(bucket, 'model.joblib', 'new bytes');
    const found = await resolved({ bucket, prefix: 'model.joblib', versionId });
    expect(found).toMatchObject({ digest: digestOf({ 'model.joblib': 'old bytes' }), pins: { versionId } });
    expect(await failure({ bucket, prefix: 'model.joblib', versionId: 'e2c0d3f2-0000-4000-8000-000000000000' })).toMatchObject({
      reason: 'NotFound',
    });
  });

  test('whose versions may not be read is pinned by its digest alone, and the log says so', async () => {
    const bucket = await bucketOf({ 'model.joblib': 'digits' }, 'versioned');
    const through = await between((request, response, pass) => {
      if (!request.url!.includes('versionId=')) pass();
      else response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
    });
    const found = await resolved({ ...through, bucket, prefix: 'model.joblib' });
    expect(found.pins).toBeUndefined();
    expect(place.lines.join('\n')).toContain('Without s3:GetObjectVersion, the file is pinned by its digest alone.');
  });
});

describe('a folder in a bucket', () => {
  const FILES = { 'config.json': '{}', 'data/a.bin': 'one', 'data/deep/er/b.bin': 'two' };
  const below = (folder: string) => Object.fromEntries(Object.entries(FILES).map(([path, content]) => [`${folder}${path}`, content]));

  test.each(['fraud/1', 'fraud/1/'])('given as %s is all that is below it, without markers of folders', async (prefix) => {
    const bucket = await bucketOf({
      ...below('fraud/1/'),
      'fraud/1/data/': '',
      'fraud/1/': '',
      'fraud/10/other.bin': 'other',
      'fraud/1.txt': 'other',
    });
    const found = await resolved({ bucket, prefix });
    expect(found).toMatchObject({ digest: digestOf(FILES), files: 3, uri: `s3://${bucket}/fraud/1/` });
    expect(found.pins).toBeUndefined();
  });

  test('says in its files what it needs', async () => {
    const bucket = await bucketOf({ 'fraud/1/model.joblib': 'one', 'fraud/1/requirements.txt': REQUIREMENTS });
    const outcome = await resolve({ bucket, prefix: 'fraud/1/' });
    expect(outcome.kind === 'resolved' && outcome.metadata?.dependencies).toEqual(DEPENDENCIES);
  });

  test('may be the whole bucket', async () => {
    const bucket = await bucketOf(FILES);
    expect(await resolved({ bucket, prefix: '' })).toMatchObject({ digest: digestOf(FILES), uri: `s3://${bucket}/` });
  });

  test('beside a file of the same name is meant when it is written with a slash', async () => {
    const bucket = await bucketOf({ 'fraud/1': 'a file', ...below('fraud/1/') });
    expect(await resolved({ bucket, prefix: 'fraud/1' })).toMatchObject({ digest: digestOf({ '1': 'a file' }) });
    expect(await resolved({ bucket, prefix: 'fraud/1/' })).toMatchObject({ digest: digestOf(FILES) });
  });

  test('in a bucket that keeps versions is pinned to its last change, and put together again as it was', async () => {
    const bucket = await bucketOf({ ...below('fraud/1/'), 'fraud/1/gone.bin': 'deleted before' }, 'versioned');
    await moto.remove(bucket, 'fraud/1/gone.bin');
    const s3 = { bucket, prefix: 'fraud/1' };
    const found = await resolved(s3);
    expect(found).toMatchObject({ digest: digestOf(FILES), pins: { asOf: expect.stringMatching(/^20\d\d-.*Z$/) as unknown } });
    // A store tells times in seconds.
    await setTimeout(1000 - (Date.now() % 1000) + 10);
    await moto.put(bucket, 'fraud/1/config.json', '{"changed": true}');
    await moto.put(bucket, 'fraud/1/new.bin', 'new');
    await moto.remove(bucket, 'fraud/1/data/a.bin');
    expect((await resolved(s3)).digest).not.toBe(found.digest);
    const folder = await fetched(s3, found);
    expect(await readFile(join(folder, 'data/a.bin'), 'utf8')).toBe('one');
  });

  test('of which versions may not be listed is pinned by its digest alone, and the log says so', async () => {
    const bucket = await bucketOf(below('fraud/1/'), 'versioned');
    const access = await secretOf({ ...(await moto.user('lists-no-versions', ['s3:GetObject', 's3:ListBucket'])) });
    await moto.mustSign(true);
    const found = await resolved({ bucket, prefix: 'fraud/1/' }, access);
    expect(found.digest).toBe(digestOf(FILES));
    expect(found.pins).toBeUndefined();
    expect(place.lines.join('\n')).toContain(`Without its versions, s3://${bucket}/fraud/1/ is pinned by its digest alone.`);
  });

  test('of 1,500 files is read to its end, page by page', async () => {
    const names = Array.from({ length: 1500 }, (_, i) => `${String(i).padStart(4, '0')}.bin`);
    const bucket = await bucketOf({});
    for (let i = 0; i < names.length; i += 20)
      await Promise.all(names.slice(i, i + 20).map((name) => moto.put(bucket, `many/${name}`, name)));
    const digest = digestOf(Object.fromEntries(names.map((name) => [name, name])));
    expect(await resolved({ bucket, prefix: 'many/' })).toMatchObject({ digest, files: 1500 });
    expect(await failure({ bucket, prefix: 'many/' }, { limits: { files: 1000 } })).toMatchObject({ reason: 'TooLarge' });
    // The other way to list, for stores that keep no versions.
    const { signal } = new AbortController();
    const { log } = place.io;
    const context = {
      signal,
      limits: DEFAULT_LIMITS,
      timeouts: DEFAULT_TIMEOUTS,
      log,
      now: Date.now,
      lookup,
      environment: {},
      spool: place.folder,
    };
    const listed = valueOf(await s3Bucket({ bucket, endpoint: moto.url, field: 'spec.source.s3' }, NO_ACCESS, context).list('many/'));
    expect(listed.map(({ key }) => key)).toEqual(names.map((name) => `many/${name}`));
  }, 180_000);

  test('without a file is an empty model; without any object there is nothing', async () => {
    const bucket = await bucketOf({ 'empty/': '', 'empty/deeper/': '' });
    expect(await failure({ bucket, prefix: 'empty/' })).toMatchObject({ reason: 'EmptyModel', retryable: false });
    const { reason, message } = await failure({ bucket, prefix: 'nothing' });
    expect({ reason, message }).toEqual({
      reason: 'NotFound',
      message: `There is neither a file s3://${bucket}/nothing nor one below s3://${bucket}/nothing/. Check spec.source.s3.`,
    });
  });

  test.each(['../../etc/passwd', '/etc/passwd', 'new\nline', 'a\\b', '..', 'a//b'])(
    'with the hostile name %j is refused before a file is fetched',
    async (name) => {
      const bucket = await bucketOf({ 'fraud/model.bin': 'digits' });
      let gets = 0;
      const through = await between((request, _response, pass) => {
        if (request.url?.includes('prefix=') !== true) gets += 1;
        pass((body) =>
          body.replaceAll('model.bin', encodeURIComponent(name)).replace('<IsTruncated>', '<EncodingType>url</EncodingType>$&'),
        );
      });
      const { reason, message } = await failure({ ...through, bucket, prefix: 'fraud/' });
      expect(reason).toBe('ArchiveRefused');
      expect(message).toContain(quote(name));
      expect(gets).toBe(0);
    },
  );
});

test('the lines in docs/sources/s3.md do what they say', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/sources/s3.md'), 'utf8');
  const blocks = [...page.matchAll(/```yaml\n([^`]*)```/g)].map(([, block = '']) => load(block) as DocumentedVersion);
  const [versioned, secret, elsewhere] = blocks;
  await moto.bucket('models', 'versioned');
  for (const name of ['model.joblib', 'conda.yaml']) await moto.put('models', `fraud/1.4.0/${name}`, name);
  const found = await resolved(versioned!.spec.source.s3);
  expect(found).toMatchObject({ digest: digestOf({ 'conda.yaml': 'conda.yaml', 'model.joblib': 'model.joblib' }), files: 2 });
  expect(Object.keys(found.pins ?? {})).toEqual(['asOf']);
  expect(Object.keys(secret!.stringData!)).toEqual(Object.keys(await moto.user('documented')));
  const access = await secretOf({ ...(await moto.user('pipeline')) });
  await moto.mustSign(true);
  const file = await resolved({ ...elsewhere!.spec.source.s3, endpoint: moto.url }, access);
  expect(file).toMatchObject({ digest: digestOf({ 'model.joblib': 'model.joblib' }) });
  expect(Object.keys(file.pins ?? {})).toEqual(['versionId']);
});

describe('credentials', () => {
  test('of the Secret sign what a store asks to be signed', async () => {
    const bucket = await bucketOf({ 'fraud/a b.bin': 'digits' });
    const access = await secretOf({ ...(await moto.user('reader')) });
    await moto.mustSign(true);
    expect(await resolved({ bucket, prefix: 'fraud/a b.bin' }, access)).toMatchObject({ digest: digestOf({ 'a b.bin': 'digits' }) });
    expect(await resolved({ bucket, prefix: 'fraud' }, access)).toMatchObject({ digest: digestOf({ 'a b.bin': 'digits' }) });
  });

  test('that are missing, wrong or not enough are told apart', async () => {
    const bucket = await bucketOf({});
    await moto.put(bucket, 'model.bin', 'digits', 'private');
    const { AWS_ACCESS_KEY_ID } = await moto.user('someone');
    const barred = await moto.user('barred', ['s3:PutObject']);
    const s3 = { bucket, prefix: 'model.bin' };
    const told = async (keys?: Readonly<Record<string, string>>): Promise<string> => {
      const { reason, retryable, message } = await failure(s3, keys && (await secretOf(keys)));
      expect({ reason, retryable }).toEqual({ reason: 'AccessDenied', retryable: false });
      return message;
    };
    expect(await told()).toContain('put AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY into a Secret');
    await moto.mustSign(true);
    const wrong = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
    expect(await told({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: wrong })).toContain('AWS_SECRET_ACCESS_KEY that does not belong');
    expect(await told({ AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: wrong })).toContain(
      'AWS_ACCESS_KEY_ID that the store',
    );
    expect(await told({ ...barred })).toContain('Wanted: s3:GetObject and s3:ListBucket.');
  });

  test('in a Secret of another kind are asked for by name', async () => {
    const { reason, message } = await failure({ bucket: 'models', prefix: 'model.bin' }, await secretOf({ token: 'hush-hush' }));
    expect(reason).toBe('AccessInvalid');
    expect(message).toContain('must hold AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  });

  test('are given for the token of the ServiceAccount, and again when they are about to end', async () => {
    const files = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [`${name}.bin`, name]));
    const bucket = await bucketOf(Object.fromEntries(Object.entries(files).map(([name, content]) => [`fraud/${name}`, content])));
    const AWS_ROLE_ARN = await moto.role('model-reader');
    const tokenFile = join(place.folder, 'token');
    await writeFile(tokenFile, 'eyJhbGciOi.the-token.of-the-pod');
    secrets.add('eyJhbGciOi.the-token.of-the-pod');
    let clock = Date.now();
    let assumed = 0;
    const sts = await between((_request, _response, pass) => {
      assumed += 1;
      // moto, too, asks nobody to sign this, unless it asks so for everything.
      const answer = async (body: string): Promise<string> => {
        await moto.mustSign(true);
        for (const name of ['SecretAccessKey', 'SessionToken']) secrets.add(new RegExp(`<${name}>([^<]+)</${name}>`).exec(body)![1]!);
        // The one hour that they last passes before the last files are fetched.
        return assumed > 1 ? body : body.replace(/<Expiration>[^<]+/, `<Expiration>${new Date(clock + 3_600_000).toISOString()}`);
      };
      void moto.mustSign(false).then(() => pass(answer));
    });
    const through = await between((request, _response, pass) => {
      if (isGetOf(request, 'a.bin')) clock += 3_400_000;
      pass();
    });
    const environment = { AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile, AWS_ENDPOINT_URL_STS: sts.endpoint };
    await moto.mustSign(true);
    const found = await resolved({ ...through, bucket, prefix: 'fraud/' }, {}, { environment, now: () => clock });
    expect(found.digest).toBe(digestOf(files));
    expect(assumed).toBe(2);
    expect(secrets.size).toBe(5);
  });

  test.each([
    [400, 'InvalidIdentityToken', 'AccessDenied', "trust policy has to name the cluster's issuer"],
    [403, 'AccessDenied', 'AccessDenied', "'arn:aws:iam::123456789012:role/model-reader'"],
    [503, 'ServiceUnavailable', 'SourceFailed', '503 (ServiceUnavailable)'],
  ])('that STS refuses with %i %s are said to be', async (status, code, reason, words) => {
    const sts = await serve((_request, response) => {
      response.writeHead(status).end(`<ErrorResponse><Error><Code>${code}</Code><Message>of-the-pod</Message></Error></ErrorResponse>`);
    });
    servers.push(sts);
    const tokenFile = join(place.folder, 'token');
    await writeFile(tokenFile, 'of-the-pod');
    secrets.add('of-the-pod');
    const role = 'arn:aws:iam::123456789012:role/model-reader';
    const environment = { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile, AWS_ENDPOINT_URL_STS: sts.url };
    const found = await failure({ bucket: 'models', prefix: 'a.bin' }, NO_RETRY, { environment });
    expect(found.reason).toBe(reason);
    expect(found.message).toContain(words);
  });

  test('in an endpoint are refused before anything is asked, and not repeated', async () => {
    secrets.add('hunter2');
    const { reason, message } = await failure({ endpoint: 'http://ada:hunter2@127.0.0.1:1', bucket: 'models', prefix: 'a.bin' });
    expect(reason).toBe('InvalidSource');
    expect(message).toContain('spec.source.s3.endpoint holds credentials');
  });
});

describe('a store in trouble', () => {
  test('without the bucket is final', async () => {
    const { reason, retryable, message } = await failure({ bucket: 'no-such-bucket', prefix: 'fraud' });
    expect({ reason, retryable }).toEqual({ reason: 'NotFound', retryable: false });
    expect(message).toContain("There is no bucket 'no-such-bucket'");
  });

  test.each(['HEAD', 'GET'])('that answers %s with 500 twice is asked again', async (method) => {
    const bucket = await bucketOf({ 'model.bin': 'digits' });
    let bad = 2;
    const through = await between((request, response, pass) => {
      if (request.method !== method || bad === 0) pass();
      else {
        bad -= 1;
        response.writeHead(500).end();
      }
    });
    expect(await resolved({ ...through, bucket, prefix: 'model.bin' })).toMatchObject({ digest: digestOf({ 'model.bin': 'digits' }) });
  });

  test('that asks to slow down is asked again, and at last given up as retryable', async () => {
    const through = await between((_request, response) => {
      response.writeHead(503).end('<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>');
    });
    const found = await failure({ ...through, bucket: 'models', prefix: 'model.bin' }, { timeouts: { retryMs: 600 } });
    expect(found).toMatchObject({ reason: 'SourceFailed', retryable: true });
    expect(found.message).toContain('Gave up after 2 tries');
  });

  test('that breaks off in the middle is asked for the rest, signed anew', async () => {
    const content = Buffer.alloc(300_000, 'digits ');
    const bucket = await bucketOf({ 'model.bin': content });
    const access = await secretOf({ ...(await moto.user('resumer')) });
    await moto.mustSign(true);
    const signatures = new Set<string | undefined>();
    const ranges: (string | undefined)[] = [];
    const through = await between((request, response, pass) => {
      if (!isGetOf(request, 'model.bin')) {
        pass();
        return;
      }
      signatures.add(request.headers.authorization);
      ranges.push(request.headers.range);
      if (ranges.length > 1) {
        pass();
        return;
      }
      http.get(`${moto.url}${request.url}`, { headers: request.headers }, (answer) => {
        response.writeHead(200, answer.headers);
        answer.once('data', (chunk: Buffer) => response.write(chunk.subarray(0, 1000), () => afterMoment(() => response.destroy())));
      });
    });
    const found = await resolved({ ...through, bucket, prefix: 'model.bin' }, access);
    expect(found.digest).toBe(digestOf({ 'model.bin': content }));
    expect(ranges).toEqual([undefined, 'bytes=1000-']);
    expect(signatures.size).toBe(2);
  });

  test('that announces another length than it sends is found out', async () => {
    const bucket = await bucketOf({ 'model.bin': 'digits' });
    const through = await between((request, response, pass) => {
      if (isGetOf(request, 'model.bin'))
        response.writeHead(200, { 'content-length': 6 }).write('dig', () => afterMoment(() => response.destroy()));
      else pass();
    });
    const found = await failure({ ...through, bucket, prefix: 'model.bin' }, NO_RETRY);
    expect(found).toMatchObject({ reason: 'Truncated', retryable: true });
  });

  test.each([
    ['model.bin', 'a file'],
    ['', 'a folder'],
  ])('whose object is written over between listing and fetch is said to have changed (%j, %s)', async (prefix) => {
    const bucket = await bucketOf({ 'model.bin': 'digits' });
    const through = await between((request, _response, pass) => {
      if (isGetOf(request, 'model.bin')) void moto.put(bucket, 'model.bin', 'others').then(() => pass());
      else pass();
    });
    const found = await failure({ ...through, bucket, prefix }, NO_RETRY);
    expect(found).toMatchObject({ reason: 'SourceFailed', retryable: true });
    expect(found.message).toContain(`s3://${bucket}/model.bin at ${through.endpoint} changed between listing and fetch.`);
  });

  test.each([{ etag: '"other"' }, { 'content-length': '7' }])(
    'that brings another object than was asked for is found out by %j',
    async (headers) => {
      const bucket = await bucketOf({ 'model.bin': 'digits' });
      const through = await between((request, response, pass) => {
        if (isGetOf(request, 'model.bin'))
          response.writeHead(200, { 'content-length': '6', ...headers }).end('digits!'.slice(0, Number(headers['content-length'] ?? 6)));
        else pass();
      });
      expect((await failure({ ...through, bucket, prefix: '' }, NO_RETRY)).message).toContain('changed between listing and fetch');
    },
  );

  test('that says in which region the bucket is gets requests signed for it', async () => {
    const regions: (string | undefined)[] = [];
    const through = await between((request, response) => {
      const region = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1];
      regions.push(region);
      if (region === 'eu-central-1')
        response.writeHead(200, { 'content-length': 6, etag: '"e"' }).end(request.method === 'GET' ? 'digits' : '');
      else if (request.method === 'HEAD') response.writeHead(301, { 'x-amz-bucket-region': 'eu-central-1' }).end();
      else response.writeHead(400).end('<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>');
    });
    const access = await secretOf({ AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG' });
    expect(await resolved({ ...through, bucket: 'models', prefix: 'model.bin' }, access)).toMatchObject({
      digest: digestOf({ 'model.bin': 'digits' }),
    });
    expect(regions.at(0)).toBe('us-east-1');
    expect(regions.slice(-2)).toEqual(['eu-central-1', 'eu-central-1']);
  });

  test.each([
    ['301 without a region', 301, '', 'another region'],
    [
      'a region that leads elsewhere',
      301,
      '<Error><Code>PermanentRedirect</Code><Region>evil.example.com/</Region></Error>',
      'another region',
    ],
    ['regions in turn', 400, '<Error><Code>AuthorizationHeaderMalformed</Code><Region>IN-TURN</Region></Error>', 'another region'],
  ])('that redirects in circles is given up (%s)', async (_title, status, body, words) => {
    let requests = 0;
    const through = await between((_request, response) => {
      requests += 1;
      response
        .writeHead(status, { location: 'http://169.254.169.254/latest/meta-data/' })
        .end(body.replace('IN-TURN', `region-${requests}`));
    });
    expect((await failure({ ...through, bucket: 'models', prefix: 'model.bin' }, NO_RETRY)).message).toContain(words);
    expect(requests).toBeLessThan(8);
  });

  test.each([
    ['no XML', 'hello', 'is no listing'],
    ['another document', '<html></html>', 'is no listing'],
    ['an entity', '<!DOCTYPE x [<!ENTITY a "b">]><ListVersionsResult>&a;</ListVersionsResult>', 'is no listing'],
    ['elements in elements', '<a>'.repeat(1_000_000), 'is no listing'],
    ['more than a page can hold', `<ListVersionsResult>${'<a/>'.repeat(2_000_000)}`, 'more than 6291456 bytes'],
    ['a page without an end', '<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>', 'is no listing'],
  ])('that lists with %s is refused', async (_title, body, words) => {
    const through = await between((_request, response) => response.end(body));
    const found = await failure({ ...through, bucket: 'models', prefix: 'fraud/' }, NO_RETRY);
    expect(found).toMatchObject({ reason: 'SourceRefused', retryable: false });
    expect(found.message).toContain(words);
  });

  test('whose address belongs to the metadata of a cloud is not asked', async () => {
    const found = await failure({ endpoint: 'http://169.254.169.254', bucket: 'models', prefix: 'fraud' }, NO_RETRY);
    expect(found.reason).toBe('AddressRefused');
  });
});
