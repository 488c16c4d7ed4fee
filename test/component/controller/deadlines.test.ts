// Every call ends in time, wherever the server falls silent: before its first byte, after the headers, or in the middle of the body.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { RESOURCE } from '../../../src/api/resources.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import { realClock } from '../../support/clocks.ts';

const DEADLINE_MS = 300;
const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a', namespace: 'risk' } };
const ref = { resource: RESOURCE.deployment, namespace: 'risk', name: 'a' };

type Silence = (request: IncomingMessage, response: ServerResponse) => void;
const headers = { 'content-type': 'application/json', 'content-length': '1000' };
const SILENCES: readonly (readonly [string, Silence])[] = [
  ['before it answers', () => undefined],
  [
    'after the headers',
    (_, response) => {
      response.writeHead(200, headers);
      response.flushHeaders();
    },
  ],
  ['within the body', (_, response) => response.writeHead(200, headers).write('{"items": [')],
];

const CALLS: readonly (readonly [string, (client: KubeClient) => Promise<unknown>])[] = [
  ['get', (client) => client.get(ref)],
  ['list', (client) => client.list(RESOURCE.deployment)],
  ['apply', (client) => client.apply(object, { fieldManager: 'tester' })],
  ['apply of a status', (client) => client.apply(object, { fieldManager: 'tester', subresource: 'status' })],
  ['create', (client) => client.create(object)],
  ['replace', (client) => client.replace(object)],
  ['remove', (client) => client.remove(ref)],
];

let server: Server;
let silence: Silence;
let client: KubeClient;

beforeEach(async () => {
  server = createServer((request, response) => silence(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const config = new KubeConfig();
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  config.loadFromClusterAndUser({ name: 'silent', server: url, skipTLSVerify: true }, { name: 'tester' });
  client = createKubeClient(config, { clock: realClock, deadlineMs: DEADLINE_MS });
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const connections = async (): Promise<number> => await new Promise((told) => server.getConnections((_, count) => told(count)));

describe.each(SILENCES)('a server that falls silent %s', (_, fallSilent) => {
  beforeEach(() => {
    silence = fallSilent;
  });

  test.each(CALLS)('pitfall 21: ends a %s with Timeout at its deadline, and its connection is closed', async (_name, call) => {
    const started = performance.now();
    await expect(call(client)).rejects.toMatchObject({ kind: 'Timeout', retryable: true });
    const took = performance.now() - started;
    expect(took).toBeGreaterThanOrEqual(DEADLINE_MS - 20);
    expect(took).toBeLessThan(DEADLINE_MS + 2000);
    for (let looks = 0; (await connections()) > 0; looks += 1) {
      expect(looks).toBeLessThan(100);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});

test('pitfall 21: a watch that is not opened in time ends with Timeout', async () => {
  silence = () => undefined;
  const watch = client.watch(
    RESOURCE.deployment,
    { resourceVersion: '1', timeoutSeconds: 300, silenceMs: 60_000 },
    new AbortController().signal,
  );
  await expect(watch.next()).rejects.toMatchObject({ kind: 'Timeout' });
});

test('pitfall 3: a watch that is open is not ended by anything but its own time of silence, however long it is quiet', async () => {
  let end: (() => void) | undefined;
  silence = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    end = () =>
      response.end(`${JSON.stringify({ type: 'ADDED', object: { ...object, metadata: { ...object.metadata, resourceVersion: '2' } } })}\n`);
  };
  // longer than the 30 s that the library's own watch allows
  setTimeout(() => end?.(), 33_000);
  const watch = client.watch(
    RESOURCE.deployment,
    { resourceVersion: '1', timeoutSeconds: 300, silenceMs: 60_000 },
    new AbortController().signal,
  );
  const started = performance.now();
  expect((await watch.next()).value).toMatchObject({ type: 'ADDED' });
  expect(performance.now() - started).toBeGreaterThan(32_000);
  await watch.return();
}, 60_000);
