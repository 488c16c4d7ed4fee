// Bodies whose chunks are lent: whoever takes his time with each must find in it what belongs there, to its end, over every kind of connection.
import { createHash, randomBytes } from 'node:crypto';
import { lookup } from 'node:dns';
import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../../../src/core/version/limits.ts';
import { NO_ACCESS } from '../../../src/sources/access.ts';
import { download } from '../../../src/sources/download.ts';
import { valueOf } from '../../../src/sources/error.ts';
import type { Body, SourceContext } from '../../../src/sources/source.ts';
import { makeCertificates } from '../../support/certificates.ts';
import { sha256, workplace } from './fixtures.ts';
import type { Workplace } from './fixtures.ts';

const MIB = 1024 ** 2;
const CONTENT = randomBytes(9 * MIB + 17);

let place: Workplace;
let ca: string;
const servers: Server[] = [];
const urls: Record<string, string> = {};

beforeAll(async () => {
  place = await workplace();
  const certificates = await makeCertificates(place.folder);
  ca = certificates.ca;
  const { certificate: cert, key } = certificates.server;
  urls['http'] = `http://127.0.0.1:${await listen(http.createServer(answer))}`;
  urls['https'] = `https://127.0.0.1:${await listen(https.createServer({ cert, key }, answer))}`;
});

afterAll(async () => {
  for (const server of servers) server.close();
  await place.remove();
});

/** As many bytes as the path says; in chunks of HTTP, of which the length is not announced, if it says so. */
const answer: RequestListener = (request, response) => {
  const [, bytes, kind] = (request.url ?? '').split('/');
  const content = CONTENT.subarray(0, Number(bytes));
  if (kind !== 'chunked') response.setHeader('content-length', content.length);
  response.end(content);
};

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

async function opened(url: string): Promise<Body> {
  const context: SourceContext = {
    signal: new AbortController().signal,
    limits: DEFAULT_LIMITS,
    timeouts: DEFAULT_TIMEOUTS,
    log: () => undefined,
    now: Date.now,
    environment: {},
    lookup,
    spool: '/nonexistent',
  };
  return valueOf(await download({ url: new URL(url), access: { ...NO_ACCESS, tls: { ca, client: undefined } }, field: 'spec' }, context));
}

/** Looks at a chunk only after a moment, in which others come. */
async function slowly(body: Body): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body.lend!()) {
    await sleep(3);
    hash.update(chunk);
  }
  return hash.digest('hex');
}

describe.each(['http', 'https'])('over %s', (scheme) => {
  test.each([0, 1, 256 * 1024 - 1, 256 * 1024, MIB - 1, MIB, MIB + 1, CONTENT.length])('%i bytes are lent as they are', async (bytes) => {
    expect(await slowly(await opened(`${urls[scheme]}/${bytes}`))).toBe(sha256(CONTENT.subarray(0, bytes)));
  });

  test('bodies that come at the same time do not mix, nor those of which the length is not announced', async () => {
    const paths = ['/9000000', '/8000000', '/7000000/chunked', '/9437201'];
    const came = await Promise.all(paths.map(async (path) => slowly(await opened(`${urls[scheme]}${path}`))));
    expect(came).toEqual(paths.map((path) => sha256(CONTENT.subarray(0, Number(path.split('/')[1])))));
  });

  test('a stream keeps its bytes', async () => {
    const { stream } = await opened(`${urls[scheme]}/${CONTENT.length}`);
    expect(sha256(await buffer(stream))).toBe(sha256(CONTENT));
  });
});

test('more bytes than were announced are refused however many they are', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${2 * MIB}\r\n\r\n`), CONTENT])));
  });
  const body = await opened(`http://127.0.0.1:${await listen(server)}/model.bin`);
  await expect(slowly(body)).rejects.toThrow('not valid HTTP, or longer than announced');
});

test('whoever goes away in the middle closes the connection', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${CONTENT.length}\r\n\r\n`), CONTENT])));
  });
  const closed = new Promise((resolve) => server.once('connection', (socket) => socket.once('close', resolve)));
  const body = await opened(`http://127.0.0.1:${await listen(server)}/model.bin`);
  for await (const chunk of body.lend!()) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  await closed;
});
