import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { startLoad, type LoadOptions } from '../../../deploy/local/load/generator.ts';
import type { LoadRecord } from '../../../deploy/local/load/figures.ts';

let server: Server | undefined;

async function serve(listener: RequestListener): Promise<number> {
  server = createServer(listener);
  await new Promise<void>((resolve) => {
    server?.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => {
    server?.close(resolve);
  });
});

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const options = (port: number, more: Partial<LoadOptions> = {}): LoadOptions => ({
  port,
  host: 'digits.example.com',
  model: 'digits',
  rate: 100,
  rows: [
    [1, 2],
    [3, 4],
    [5, 6],
  ],
  ...more,
});

const answer = (value: number): string =>
  JSON.stringify({ outputs: [{ name: 'predict', shape: [1, 1], datatype: 'INT64', data: [value] }] });

describe('the load generator', () => {
  test('keeps its rate within 10 % and sends the rows in order, as V2 requests for the host', async () => {
    const seen: string[] = [];
    const port = await serve((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        seen.push(`${request.method ?? ''} ${request.headers.host ?? ''} ${request.url ?? ''} ${body}`);
        response.setHeader('plimsoll-revision', 'aaa').end(answer(0));
      });
    });
    const load = startLoad(options(port));
    await sleep(2000);
    const figures = await load.stop();
    expect(figures.sent).toBeGreaterThan(180);
    expect(figures.sent).toBeLessThan(220);
    expect(figures).toMatchObject({
      answered: figures.sent,
      connectionErrors: 0,
      revisions: { aaa: { requests: figures.sent, failed: 0, firstBadAt: undefined } },
    });
    const body = (row: string): string => `{"inputs":[{"name":"predict","shape":[1,2],"datatype":"FP64","data":[${row}]}]}`;
    expect(seen.slice(0, 4)).toEqual(
      ['1,2', '3,4', '5,6', '1,2'].map((row) => `POST digits.example.com /v2/models/digits/infer ${body(row)}`),
    );
  });

  test('a slow server does not slow the sending down, and waiting counts as latency', async () => {
    const port = await serve((request, response) => {
      request.resume();
      setTimeout(() => response.setHeader('plimsoll-revision', 'slow').end('{}'), 400);
    });
    const load = startLoad(options(port, { maxConnections: 10, slowerThanMs: 300 }));
    await sleep(1000);
    const sent = load.figures().sent;
    const { revisions, answered } = await load.stop();
    expect(sent).toBeGreaterThan(90);
    expect(answered).toBeGreaterThanOrEqual(sent);
    // 10 connections at 400 ms answer 25 a second of the 100 sent: the last ones wait for about 3 s.
    expect(revisions['slow']!.latencyMs.max).toBeGreaterThan(1500);
    expect(revisions['slow']).toMatchObject({ slow: answered, failed: 0 });
  });

  test('adds up failures by revision and status, with the first bad answer and the last request', async () => {
    let count = 0;
    const port = await serve((request, response) => {
      request.resume();
      count += 1;
      const candidate = count % 4 === 0;
      response.statusCode = candidate && count > 40 ? 500 : 200;
      response.setHeader('plimsoll-revision', candidate ? 'new' : 'old').end('Traceback ...');
    });
    const records: LoadRecord[] = [];
    const load = startLoad(options(port, { onRecord: (record) => records.push(record) }));
    await sleep(1000);
    const { revisions, samples } = await load.stop();
    const failed = records.filter(({ status }) => status === 500);
    expect(failed.length).toBeGreaterThan(5);
    expect(revisions['old']).toMatchObject({ failed: 0, failures: {}, firstBadAt: undefined, secondsFirstBadToLast: undefined });
    expect(revisions['new']).toMatchObject({ failed: failed.length, failures: { 500: failed.length }, firstBadAt: failed[0]!.receivedAt });
    const last = Math.max(...records.filter(({ revision }) => revision === 'new').map(({ sentAt }) => sentAt));
    expect(revisions['new']!.secondsFirstBadToLast).toBeCloseTo((last - failed[0]!.receivedAt) / 1000, 6);
    expect(samples[0]).toMatchObject({ status: 500, revision: 'new', error: 'Traceback ...' });
  });

  test('a connection that the server breaks is an error, not a retry', async () => {
    let count = 0;
    const port = await serve((request, response) => {
      count += 1;
      request.resume();
      if (count % 10 === 0) request.socket.destroy();
      else response.setHeader('plimsoll-revision', 'a').end('{}');
    });
    const load = startLoad(options(port));
    await sleep(500);
    const figures = await load.stop();
    expect(figures.sent).toBe(count);
    expect(figures.connectionErrors).toBe(Math.floor(count / 10));
    expect(figures.revisions['']).toMatchObject({ failed: figures.connectionErrors, failures: { ECONNRESET: figures.connectionErrors } });
  });

  test('a request without an answer is given up and stop() ends', async () => {
    const port = await serve((request) => void request.resume());
    const load = startLoad(options(port, { timeoutMs: 200, rate: 20 }));
    await sleep(300);
    const figures = await load.stop();
    expect(figures.revisions['']!.failures).toEqual({ ETIMEDOUT: figures.sent });
    expect(await load.stop()).toEqual(figures);
  });

  test('compares predictions with the labels', async () => {
    const port = await serve((request, response) => {
      request.resume();
      response.setHeader('plimsoll-revision', 'a').end(answer(7));
    });
    const load = startLoad(options(port, { labels: [7, 8, 7] }));
    await sleep(400);
    const { revisions, sent } = await load.stop();
    expect(revisions['a']!.wrong).toBe(Math.floor((sent + 1) / 3));
  });
});

describe('behind a Service, which names no version', () => {
  const index = (version: string): string =>
    JSON.stringify([
      { name: 'other', version: 'v0' },
      { name: 'digits', version, state: 'READY' },
    ]);
  const asked = async (listener: RequestListener): Promise<LoadRecord[]> => {
    const records: LoadRecord[] = [];
    const load = startLoad(options(await serve(listener), { asksVersion: true, rate: 50, onRecord: (record) => records.push(record) }));
    await sleep(300);
    await load.stop();
    return records;
  };

  test('each request has a connection of its own, whose server has said its version; its failures are its own too', async () => {
    const ports: (number | undefined)[] = [];
    const records = await asked((request, response) => {
      if (request.url === '/v2/repository/index') return void response.end(index('v7'));
      ports.push(request.socket.remotePort);
      // As MLServer does: a traceback, and the connection is closed.
      if (ports.length % 2 === 0) return void response.writeHead(500, { connection: 'close' }).end('Traceback');
      response.end(answer(0));
    });
    expect(records.length).toBeGreaterThan(5);
    expect(new Set(ports).size).toBe(records.length);
    expect(new Set(records.map(({ revision }) => revision))).toEqual(new Set(['v7']));
    expect(records.filter(({ status }) => status === 500).length).toBe(Math.floor(records.length / 2));
  });

  test("an answer over another connection than the one that was asked is nobody's", async () => {
    const records = await asked((request, response) => {
      response.writeHead(200, { connection: 'close' }).end(request.url === '/v2/repository/index' ? index('v7') : answer(0));
    });
    expect(new Set(records.map(({ revision, status }) => `${status} ${revision}`))).toEqual(new Set(['200 ']));
  });

  test('a server that does not say its version has failed', async () => {
    const records = await asked((_, response) => void response.end('{}'));
    expect(records[0]).toMatchObject({
      status: 0,
      revision: '',
      error: expect.stringContaining('does not say which version of digits') as unknown,
    });
  });
});
