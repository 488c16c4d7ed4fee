// Probes against servers in process that answer as a test wants: what is asked, and what the answer means.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createProber } from '../../../src/apply/probe.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import type { ProbeRequest, ProbeResult } from '../../../src/core/observed.ts';

interface Asked {
  readonly line: string;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}
interface Reply {
  readonly status: number;
  readonly body: string;
}

let server: Server;
let asked: Asked[];
let reply: Reply | 'Silence';
let configMaps: Readonly<Record<string, object>>;

beforeAll(async () => {
  server = createServer((request: IncomingMessage, response) => {
    void buffer(request).then((body) => {
      asked.push({ line: `${request.method ?? ''} ${request.url ?? ''}`, contentType: request.headers['content-type'], body });
      if (reply === 'Silence') return;
      response.writeHead(reply.status, { location: '/elsewhere' }).end(reply.body);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  asked = [];
  reply = { status: 200, body: '{"predictions": [1]}' };
  configMaps = {};
});

/** What the revision is found to be when it is asked this. */
async function ask(request: ProbeRequest, port = (server.address() as AddressInfo).port): Promise<ProbeResult> {
  const client = { get: ({ name }: { readonly name: string }) => Promise.resolve(configMaps[name]) } as unknown as KubeClient;
  return await new Promise((resolve) => {
    const prober = createProber({
      client,
      now: () => 1000,
      timeoutMs: 300,
      baseUrl: () => `http://127.0.0.1:${port}`,
      onResult: (_, __, ___, result) => resolve(result),
    });
    prober.start({
      type: 'Probe',
      namespace: 'risk',
      deployment: 'fraud',
      release: 'fraud-r2',
      revision: 'r',
      service: 'fraud-r',
      request,
    });
  });
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const other = createServer();
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
  const { port } = other.address() as AddressInfo;
  await new Promise((done) => other.close(done));
  return port;
}

type OwnProbe = Extract<ProbeRequest, { protocol: 'Custom' }>['probe'];

const own = (probe: Partial<OwnProbe> = {}): ProbeRequest => ({ protocol: 'Custom', probe: { path: '/predict?full=1', ...probe } });

describe('a server of its own', () => {
  test('is asked by GET without a body', async () => {
    expect(await ask(own())).toEqual({ state: 'Passed', message: 'GET /predict?full=1 was answered as expected' });
    expect(asked).toEqual([{ line: 'GET /predict?full=1', contentType: undefined, body: Buffer.alloc(0) }]);
  });

  test('is asked by POST with the body of the spec, as JSON unless it says otherwise', async () => {
    await ask(own({ body: '{"x": 1}' }));
    await ask(own({ body: 'x,y', contentType: 'text/csv' }));
    expect(asked.map(({ line, contentType, body }) => [line, contentType, body.toString()])).toEqual([
      ['POST /predict?full=1', 'application/json', '{"x": 1}'],
      ['POST /predict?full=1', 'text/csv', 'x,y'],
    ]);
  });

  test('is asked with the bytes of a ConfigMap, text or binary', async () => {
    const binary = Buffer.from([0x89, 0x50, 0x00, 0xff]);
    configMaps = { probe: { data: { text: 'ä' }, binaryData: { image: binary.toString('base64') } } };
    for (const key of ['text', 'image']) await ask(own({ bodyFrom: { configMapKeyRef: { name: 'probe', key } } }));
    expect(asked.map(({ body }) => body)).toEqual([Buffer.from('ä'), binary]);
  });

  test.each([
    [500, 'Failed', "GET /predict?full=1 was answered with HTTP 500, not 200; the server's log says why"],
    [404, 'Failed', 'HTTP 404, not 200'],
    [302, 'Failed', 'HTTP 302, not 200'],
    [204, 'Failed', 'HTTP 204, not 200'],
    [503, 'Unreachable', 'GET /predict?full=1 was answered 503'],
    [502, 'Unreachable', 'was answered 502'],
  ])('that answers %i has %s', async (status, state, message) => {
    reply = { status, body: '' };
    expect(await ask(own())).toMatchObject({ state, message: expect.stringContaining(message) as unknown });
    expect(asked).toHaveLength(1);
  });

  test.each([204, 503])('passes with another status, if that is the one to expect (%i)', async (status) => {
    reply = { status, body: '' };
    expect(await ask(own({ expect: { status } }))).toMatchObject({ state: 'Passed' });
  });

  test('fails without the text that the answer must hold, and the answer is not repeated', async () => {
    expect(await ask(own({ expect: { contains: '"predictions"' } }))).toMatchObject({ state: 'Passed' });
    reply = { status: 200, body: 'Traceback (most recent call last)' };
    expect(await ask(own({ expect: { contains: '"predictions"' } }))).toEqual({
      state: 'Failed',
      message: 'GET /predict?full=1 was answered with HTTP 200, but without "\\"predictions\\""',
    });
  });

  test.each([
    ['ConfigMap probe of spec.runtime.custom.probe.bodyFrom does not exist', {}],
    ['ConfigMap probe of spec.runtime.custom.probe.bodyFrom has no key image', { probe: { data: { text: 'x' } } }],
  ])('is not asked while there is no body: %s', async (message, existing) => {
    configMaps = existing;
    expect(await ask(own({ bodyFrom: { configMapKeyRef: { name: 'probe', key: 'image' } } }))).toEqual({
      state: 'Unreachable',
      message,
      atMs: 1000,
    });
    expect(asked).toEqual([]);
  });

  test('that does not answer, or is not there, is no word about the model', async () => {
    reply = 'Silence';
    expect(await ask(own())).toEqual({ state: 'Unreachable', message: 'no answer in time', atMs: 1000 });
    expect(await ask(own(), await freePort())).toMatchObject({ state: 'Unreachable' });
  });
});

describe('a server of the V2 protocol', () => {
  const v2: ProbeRequest = { protocol: 'V2', model: 'fraud', requests: 'probe' };

  test('is asked each key of the ConfigMap', async () => {
    configMaps = { probe: { data: { 'a.json': '{"a": 1}', 'b.json': '{"b": 2}' } } };
    reply = { status: 200, body: '{"outputs": [{}]}' };
    expect(await ask(v2)).toEqual({ state: 'Passed', message: '2 inference requests answered' });
    expect(asked.map(({ line, body }) => `${line} ${body.toString()}`)).toEqual([
      'POST /v2/models/fraud/infer {"a": 1}',
      'POST /v2/models/fraud/infer {"b": 2}',
    ]);
  });

  test.each([
    [{ status: 200, body: '{"outputs": []}' }, 'Failed', 'request a.json was answered with HTTP 200, but without outputs'],
    [{ status: 500, body: 'Traceback' }, 'Failed', "request a.json was answered with HTTP 500; the server's log says why"],
    [{ status: 503, body: '' }, 'Unreachable', 'request a.json was answered 503'],
  ])('that answers %j has %s', async (answer, state, message) => {
    configMaps = { probe: { data: { 'a.json': '{}' } } };
    reply = answer;
    expect(await ask(v2)).toMatchObject({ state, message });
  });

  test('is not asked while the ConfigMap is missing or empty', async () => {
    expect(await ask(v2)).toMatchObject({ state: 'Unreachable', message: 'ConfigMap probe of spec.probe.requests does not exist' });
    configMaps = { probe: {} };
    expect(await ask(v2)).toMatchObject({ message: expect.stringContaining('has no data') as unknown });
  });
});
