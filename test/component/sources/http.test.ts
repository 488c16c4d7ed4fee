import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { LookupFunction } from 'node:net';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { JobIo } from '../../../src/sources/job.ts';
import { parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { digestOf, serve, sha256, tarGzOf, workplace } from './fixtures.ts';
import type { TestServer, Workplace } from './fixtures.ts';

const MODEL = Buffer.from('digits, version one\n');
const NO_RETRY = { retryMs: 1 };

let place: Workplace;
const servers: TestServer[] = [];

beforeEach(async () => {
  place = await workplace();
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await place.remove();
});

async function start(...listener: Parameters<typeof serve>): Promise<string> {
  const server = await serve(...listener);
  servers.push(server);
  return server.url;
}

/** Resolves `url` and returns what the operator would read. */
async function resolve(url: string, more: Readonly<Record<string, unknown>> = {}, io: Partial<JobIo> = {}) {
  const options = parseResolveOptions(JSON.stringify({ source: { http: { url } }, ...more }));
  const code = await runResolve(options, { ...place.io, ...io });
  const termination = await place.termination();
  if (!termination.ok) throw new Error(`the termination message ${termination.problem}`);
  return { code, ...termination.value };
}

async function failure(...given: Parameters<typeof resolve>) {
  const outcome = await resolve(...given);
  if (outcome.kind !== 'failed') throw new Error(`resolved: ${JSON.stringify(outcome.resolved)}`);
  expect(outcome.code).toBe(1);
  return outcome.failure;
}

describe('a single file over http', () => {
  test('is resolved to its digest, size and place, and the log holds its sha256sum line', async () => {
    const url = await start((_request, response) => response.end(MODEL));
    const outcome = await resolve(`${url}/models/model.joblib`);
    expect(outcome).toMatchObject({
      code: 0,
      kind: 'resolved',
      resolved: { digest: digestOf({ 'model.joblib': MODEL }), files: 1, bytes: MODEL.length, uri: `${url}/models/model.joblib` },
    });
    expect(place.lines).toContain(`${sha256(MODEL)}  model.joblib`);
  });

  test('keeps an escaped name and drops the query from everything that is shown', async () => {
    const url = await start((_request, response) => response.end(MODEL));
    const outcome = await resolve(`${url}/my%20model.pkl?X-Signature=hush`);
    expect(outcome).toMatchObject({
      kind: 'resolved',
      resolved: { digest: digestOf({ 'my model.pkl': MODEL }), uri: `${url}/my%20model.pkl` },
    });
    expect(JSON.stringify([outcome, place.lines])).not.toContain('hush');
  });

  test('with a digest that is not the recorded one fails with both digests', async () => {
    const url = await start((_request, response) => response.end(MODEL));
    const expected = digestOf({ 'model.joblib': 'other bytes' });
    const { reason, message, retryable } = await failure(`${url}/model.joblib`, { digest: expected });
    expect({ reason, retryable }).toEqual({ reason: 'DigestMismatch', retryable: false });
    expect(message).toContain(expected);
    expect(message).toContain(digestOf({ 'model.joblib': MODEL }));
  });

  test.each([
    [404, 'NotFound', 'there is no such file'],
    [401, 'AccessDenied', 'put them into a Secret'],
    [418, 'SourceRefused', 'answered 418'],
    [204, 'SourceRefused', 'answered 204'],
  ])('that is answered with %i fails at once as %s', async (status, reason, words) => {
    let requests = 0;
    const url = await start((_request, response) => {
      requests += 1;
      response.writeHead(status).end();
    });
    const found = await failure(`${url}/model.joblib`);
    expect(found).toMatchObject({ reason, retryable: false });
    expect(found.message).toContain(words);
    expect(requests).toBe(1);
  });

  test('that is answered with 500 twice is tried again and resolved', async () => {
    let requests = 0;
    const url = await start((_request, response) => {
      requests += 1;
      if (requests < 3) response.writeHead(500).end();
      else response.end(MODEL);
    });
    expect((await resolve(`${url}/model.joblib`)).kind).toBe('resolved');
    expect(place.lines.filter((line) => line.includes('Trying again'))).toHaveLength(2);
  });

  test('that is answered with 500 for longer than the retry time fails as retryable', async () => {
    const url = await start((_request, response) => response.writeHead(503).end());
    const found = await failure(`${url}/model.joblib`, { timeouts: { retryMs: 600 } });
    expect(found).toMatchObject({ reason: 'SourceFailed', retryable: true });
    expect(found.message).toContain('answered 503');
    expect(found.message).toContain('Gave up after 2 tries');
  });

  test('that breaks off in the middle fails as truncated, and is resolved when the next try is whole', async () => {
    let requests = 0;
    const url = await start((_request, response) => {
      requests += 1;
      response.writeHead(200, { 'content-length': MODEL.length });
      if (requests > 1) response.end(MODEL);
      else response.write(MODEL.subarray(0, 5), () => setTimeout(() => response.destroy(), 20));
    });
    expect(await resolve(`${url}/model.joblib`)).toMatchObject({
      kind: 'resolved',
      resolved: { digest: digestOf({ 'model.joblib': MODEL }) },
    });
    expect(place.lines.join('\n')).toContain(`announced ${MODEL.length} bytes, but 5 came`);
  });

  test('of which a chunked answer breaks off is never taken for whole', async () => {
    const url = await start((_request, response) => {
      response.write(MODEL, () => setTimeout(() => response.destroy(), 20));
    });
    expect(await failure(`${url}/model.joblib`, { timeouts: NO_RETRY })).toMatchObject({ reason: 'SourceUnreachable', retryable: true });
  });

  test('that goes on after its announced length is refused', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n${MODEL.toString()}`));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const found = await failure(`http://127.0.0.1:${(server.address() as AddressInfo).port}/model.joblib`, { timeouts: NO_RETRY });
    server.close();
    expect(found.message).toContain('not valid HTTP, or longer than announced');
  });

  test('larger than the limit is refused by its announced length, and without one while it comes', async () => {
    const announced = await start((_request, response) => response.end(Buffer.alloc(2000)));
    expect((await failure(`${announced}/model.pkl`, { limits: { bytes: 1000 } })).message).toContain(
      'has 2000 bytes, but only 1000 are allowed',
    );
    const silent = await start((_request, response) => {
      response.write(Buffer.alloc(1500));
      response.end(Buffer.alloc(1500));
    });
    expect(await failure(`${silent}/model.pkl`, { limits: { bytes: 1000 } })).toMatchObject({ reason: 'TooLarge', retryable: false });
  });

  test('that is really a login page is refused', async () => {
    const url = await start((_request, response) => response.setHeader('content-type', 'text/html; charset=utf-8').end('<form>'));
    expect((await failure(`${url}/model.joblib`)).message).toContain('login page');
  });

  test('that comes compressed unasked is refused', async () => {
    const url = await start((_request, response) => response.setHeader('content-encoding', 'gzip').end(MODEL));
    expect((await failure(`${url}/model.joblib`)).message).toContain("Content-Encoding 'gzip'");
  });
});

describe('a URL that cannot be used', () => {
  test.each([
    ['ftp://files.example/model.joblib', 'must be a URL that begins with http:// or https://'],
    ['not a url', 'must be a URL'],
    ['http://files.example/', 'ends in no file name'],
    ['http://files.example/model.tar.xz', 'archive of a kind that is not unpacked'],
    ['http://files.example/a%2Fb.pkl', 'holds an escaped slash'],
    ['http://files.example/%0amodel.pkl', 'holds a control character'],
    ['http://files.example/%ff', 'ends in no file name'],
  ])('%s is refused without a connection', async (url, words) => {
    const found = await failure(
      url,
      {},
      {
        lookup: () => {
          throw new Error('the name was looked up');
        },
      },
    );
    expect(found).toMatchObject({ reason: 'InvalidSource', retryable: false });
    expect(found.message).toContain(words);
  });

  test('with credentials in it is refused in words that do not hold them', async () => {
    const found = await failure('https://anna:hush@files.example/model.joblib?key=k1');
    expect(found.message).toContain('write https://files.example/model.joblib');
    expect(JSON.stringify([found, place.lines])).not.toMatch(/hush|key=/);
  });
});

describe('redirects', () => {
  test('are followed five times and not six', async () => {
    const url = await start((request, response) => {
      const left = Number(request.url?.split('/')[1]);
      if (left === 0) response.end(MODEL);
      else response.writeHead(302, { location: `/${left - 1}/model.joblib` }).end();
    });
    expect(await resolve(`${url}/5/model.joblib`)).toMatchObject({ kind: 'resolved', resolved: { uri: `${url}/5/model.joblib` } });
    expect((await failure(`${url}/6/model.joblib`)).message).toContain('redirects more than 5 times');
  });

  test('in a circle end with a sentence', async () => {
    const url = await start((_request, response) => response.writeHead(301, { location: '/model.joblib' }).end());
    expect(await failure(`${url}/model.joblib`)).toMatchObject({ reason: 'RedirectRefused', retryable: false });
  });

  test.each([
    ['ftp://files.example/model.joblib', 'RedirectRefused', 'redirects to a ftp: URL'],
    ['file:///etc/passwd', 'RedirectRefused', 'redirects to a file: URL'],
    ['http://', 'RedirectRefused', 'names no valid URL'],
    ['http://169.254.169.254/latest/meta-data/', 'AddressRefused', '169.254.169.254'],
    ['http://0xA9FEA9FE/latest/', 'AddressRefused', '169.254.169.254'],
    ['http://[::ffff:169.254.169.254]/', 'AddressRefused', 'a9fe:a9fe'],
    ['http://[fe80::1]/', 'AddressRefused', 'fe80::1'],
    ['http://[fd00:ec2::254]/', 'AddressRefused', 'fd00:ec2::254'],
  ])('to %s are refused', async (location, reason, words) => {
    const url = await start((_request, response) => response.writeHead(307, { location }).end());
    const found = await failure(`${url}/model.joblib`);
    expect(found).toMatchObject({ reason, retryable: false });
    expect(found.message).toContain(words);
  });
});

describe('addresses', () => {
  test('that a name resolves to are checked when the connection is made', async () => {
    let asked = 0;
    const lookup: LookupFunction = (_hostname, options, callback) => {
      asked += 1;
      if (options.all === true)
        callback(null, [
          { address: '127.0.0.1', family: 4 },
          { address: '169.254.169.254', family: 4 },
        ]);
      else callback(null, '169.254.169.254', 4);
    };
    const found = await failure('http://files.example/model.joblib', {}, { lookup });
    expect(found).toMatchObject({ reason: 'AddressRefused', retryable: false });
    expect(found.message).toContain('files.example, which resolves to 169.254.169.254');
    expect(asked).toBe(1);
  });

  test('are connected to as they were checked: one lookup serves check and connection', async () => {
    const url = await start((_request, response) => response.end(MODEL));
    let asked = 0;
    const lookup: LookupFunction = (_hostname, options, callback) => {
      asked += 1;
      const address = asked === 1 ? '127.0.0.1' : '169.254.169.254';
      if (options.all === true) callback(null, [{ address, family: 4 }]);
      else callback(null, address, 4);
    };
    expect((await resolve(`${url.replace('127.0.0.1', 'files.example')}/model.joblib`, {}, { lookup })).kind).toBe('resolved');
    expect(asked).toBe(1);
  });

  test('where nothing listens are named as such, and worth another try', async () => {
    const url = await start(() => undefined);
    await servers.pop()?.close();
    const found = await failure(`${url}/model.joblib`, { timeouts: NO_RETRY });
    expect(found).toMatchObject({ reason: 'SourceUnreachable', retryable: true });
    expect(found.message).toContain('connection refused');
  });
});

describe('time', () => {
  test('without a byte is limited, before the answer and in the middle of it', async () => {
    const mute = await start(() => undefined);
    expect((await failure(`${mute}/model.pkl`, { timeouts: { idleMs: 150, retryMs: 1 } })).message).toContain(
      'has sent nothing for 0.15 s',
    );
    const stalled = await start((_request, response) => response.write(MODEL));
    const found = await failure(`${stalled}/model.pkl`, { timeouts: { idleMs: 150, retryMs: 1 } });
    expect(found).toMatchObject({ reason: 'SourceUnreachable', retryable: true });
    expect(found.message).toContain('has sent nothing for 0.15 s');
  });

  test('as a whole is limited, however steadily the bytes drip', async () => {
    const url = await start((_request, response) => {
      const dripping = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(dripping));
    });
    const found = await failure(`${url}/model.pkl`, { timeouts: { totalMs: 300 } });
    expect(found).toMatchObject({ reason: 'Interrupted', retryable: true });
    expect(found.message).toContain('timeouts.totalMs');
  });

  test('ends at once when the job is told to stop', async () => {
    const url = await start((_request, response) => response.write(MODEL));
    const found = await failure(`${url}/model.pkl`, {}, { signal: AbortSignal.abort(new Error('SIGTERM')) });
    expect(found.message).toContain('told to stop');
  });
});

describe('credentials', () => {
  async function secret(keys: Readonly<Record<string, string>>): Promise<string> {
    const accessDir = join(place.folder, 'access');
    await mkdir(accessDir);
    for (const [key, value] of Object.entries(keys)) await writeFile(join(accessDir, key), value);
    return accessDir;
  }

  test.each([
    [{ token: 'hush-hush\n' }, 'Bearer hush-hush'],
    [{ username: 'anna', password: 'hush:hush' }, `Basic ${Buffer.from('anna:hush:hush').toString('base64')}`],
  ])('%j are sent to the origin, not to where it redirects, and never shown', async (keys, header) => {
    const seen: (string | undefined)[] = [];
    const other = await start((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(403).end();
    });
    const url = await start((request, response) => {
      seen.push(request.headers.authorization);
      if (request.url === '/model.pkl') response.writeHead(302, { location: '/moved/model.pkl' }).end();
      else response.writeHead(302, { location: `${other}/model.pkl` }).end();
    });
    const found = await failure(`${url}/model.pkl`, { accessDir: await secret(keys) });
    expect(seen).toEqual([header, header, undefined]);
    expect(found.reason).toBe('AccessDenied');
    expect(JSON.stringify([found, place.lines])).not.toMatch(/hush/);
  });

  test.each([
    [{}, 'must hold token, or username and password; or ca.crt, or tls.crt and tls.key.'],
    [{ username: 'anna' }, 'must hold both username and password, or neither'],
    [{ 'tls.crt': 'x' }, 'must hold both tls.crt and tls.key, or neither'],
    [{ '.dockerconfigjson': '{}' }, 'must hold token, or username and password'],
    [{ token: 'a', password: 'b' }, 'holds token as well as'],
    [{ token: 'two\nlines' }, 'has a token that is empty or holds spaces, line breaks'],
    [{ username: 'a:b', password: 'c' }, 'username with a colon'],
  ])('%j are refused before anything is sent', async (keys, words) => {
    const found = await failure('http://files.example/model.pkl', { accessDir: await secret(keys) });
    expect(found).toMatchObject({ reason: 'AccessInvalid', retryable: false });
    expect(found.message).toContain(words);
  });
});

describe('a download that is cut', () => {
  const BIG = Buffer.alloc(900_000, 'plimsoll ');
  interface Cut {
    readonly etag?: string;
    readonly ranges?: boolean;
    /** What the server does with a request for a rest. */
    readonly rest?: (from: number, response: ServerResponse) => void;
  }

  /** A server whose first two answers break off after a third of what they were to bring. Returns the headers of all requests. */
  async function cutting({ etag = '"v1"', ranges = true, rest }: Cut = {}): Promise<{ url: string; seen: readonly IncomingHttpHeaders[] }> {
    const seen: IncomingHttpHeaders[] = [];
    const url = await start((request, response) => {
      seen.push(request.headers);
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (request.headers.range !== undefined && rest) {
        rest(from, response);
        return;
      }
      const left = BIG.subarray(from);
      if (from > 0) response.writeHead(206, { 'content-range': `bytes ${from}-${BIG.length - 1}/${BIG.length}`, 'content-length': left.length });
      else response.writeHead(200, { 'content-length': left.length, etag, ...(ranges ? { 'accept-ranges': 'bytes' } : {}) });
      if (seen.length > 2) response.end(left);
      else response.write(left.subarray(0, 300_000), () => setTimeout(() => response.destroy(), 50));
    });
    return { url, seen };
  }

  test('goes on where it was cut, as often as it takes, and the bytes are the same', async () => {
    const { url, seen } = await cutting();
    expect(await resolve(`${url}/model.bin`, { timeouts: NO_RETRY })).toMatchObject({
      kind: 'resolved',
      resolved: { digest: digestOf({ 'model.bin': BIG }), bytes: BIG.length },
    });
    expect(seen.map(({ range }) => range)).toEqual([undefined, 'bytes=300000-', 'bytes=600000-']);
    expect(seen[1]?.['if-range']).toBe('"v1"');
    expect(place.lines.join('\n')).toContain('Going on from byte 300000.');
  });

  test.each<[title: string, cut: Cut]>([
    ['the server knows no ranges', { ranges: false }],
    ['the file has only a weak mark', { etag: 'W/"v1"' }],
    ['the file has become another one', { rest: (_from, response) => response.writeHead(200, { 'content-length': 3 }).end('new') }],
    ['the server sends another rest', { rest: (_from, response) => response.writeHead(206, { 'content-range': 'bytes 0-2/3' }).end('new') }],
    ['the server has no rest', { rest: (_from, response) => response.writeHead(416).end() }],
  ])('begins anew where %s', async (_, cut) => {
    const { url, seen } = await cutting(cut);
    expect((await failure(`${url}/model.bin`, { timeouts: NO_RETRY })).reason).toBe('Truncated');
    expect((await resolve(`${url}/model.bin`, { timeouts: { retryMs: 20_000 } })).kind).toBe('resolved');
    expect(seen.at(-1)?.range).toBeUndefined();
  }, 30_000);

  test('is given up when it is cut again and again without a byte in between', async () => {
    let requests = 0;
    const url = await start((_request, response) => {
      requests += 1;
      if (requests === 1) {
        response.writeHead(200, { 'content-length': BIG.length, etag: '"v1"', 'accept-ranges': 'bytes' });
        response.write(BIG.subarray(0, 1000), () => setTimeout(() => response.destroy(), 50));
      } else {
        response.writeHead(206, { 'content-range': `bytes 1000-${BIG.length - 1}/${BIG.length}`, 'content-length': BIG.length - 1000 });
        response.flushHeaders();
        setTimeout(() => response.destroy(), 20);
      }
    });
    expect(await failure(`${url}/model.bin`, { timeouts: NO_RETRY })).toMatchObject({ reason: 'Truncated', retryable: true });
    expect(requests).toBe(6);
  }, 30_000);
});

describe('a .tar.gz over http', () => {
  test('is unpacked, and its digest is that of its files', async () => {
    const archive = await tarGzOf([
      { name: './', type: 'directory' },
      { name: './b.txt', content: 'bee' },
      { name: 'a/', type: 'directory' },
      { name: 'a/model.pkl', content: MODEL },
    ]);
    const url = await start((_request, response) => response.setHeader('content-encoding', 'gzip').end(archive));
    expect(await resolve(`${url}/fraud.tar.gz`)).toMatchObject({
      kind: 'resolved',
      resolved: { digest: digestOf({ 'a/model.pkl': MODEL, 'b.txt': 'bee' }), files: 2, bytes: MODEL.length + 3 },
    });
  });

  test('that breaks off without an announced length is found truncated and worth another try', async () => {
    const archive = await tarGzOf([{ name: 'model.pkl', content: Buffer.alloc(100_000, 'ab3') }]);
    const url = await start((_request, response) => {
      response.write(archive.subarray(0, archive.length / 2));
      response.end();
    });
    expect(await failure(`${url}/fraud.tgz`, { timeouts: NO_RETRY })).toMatchObject({ reason: 'Truncated', retryable: true });
  });

  test('with nothing but folders in it is refused as empty', async () => {
    const archive = await tarGzOf([{ name: 'a/', type: 'directory' }]);
    const url = await start((_request, response) => response.end(archive));
    expect(await failure(`${url}/fraud.tgz`)).toMatchObject({ reason: 'EmptyModel', retryable: false });
  });
});
