// The program as a process of its own: how it begins, and how it ends. Its API server is a fake one.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { FakeApiServer } from '../support/apiServer.ts';
import { startApiServer } from '../support/apiServer.ts';

const main = resolve(import.meta.dirname, '../../src/main.ts');
let server: FakeApiServer;
let folder = '';
let child: ChildProcess | undefined;

beforeEach(async () => {
  server = await startApiServer();
  folder = mkdtempSync(join(tmpdir(), 'plimsoll-main-'));
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A module that runs in the process before the program does. */
const before = (code: string): readonly string[] => ['--import', `data:text/javascript,${encodeURIComponent(code)}`];

interface Run {
  readonly process: ChildProcess;
  /** Resolves at the end of the process. */
  readonly ended: Promise<{ readonly code: number | null; readonly lines: readonly Line[]; readonly complaints: string }>;
}

interface Line {
  readonly level: string;
  readonly message: string;
  readonly error?: { readonly message: string; readonly stack?: string };
}

async function start(program: readonly string[]): Promise<Run> {
  const kubeconfig = join(folder, 'kubeconfig');
  const cluster = { server: server.url, 'insecure-skip-tls-verify': true };
  const context = { cluster: 'fake', user: 'tester' };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'fake', cluster }],
    users: [{ name: 'tester', user: {} }],
    contexts: [{ name: 'fake', context }],
    'current-context': 'fake',
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const started = spawn(process.execPath, program, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      KUBECONFIG: kubeconfig,
      PLIMSOLL_IMAGE: 'plimsoll',
      PLIMSOLL_PROMETHEUS_URL: 'http://127.0.0.1:1',
      PLIMSOLL_HTTP_PORT: String(await freePort()),
    },
  });
  child = started;
  const [output, complaints, end] = [text(started.stdout), text(started.stderr), once(started, 'close')];
  const ended = (async () => {
    const [code] = (await end) as [number | null];
    const lines = (await output).split('\n').filter((line) => line.startsWith('{'));
    return { code, lines: lines.map((line) => JSON.parse(line) as Line), complaints: await complaints };
  })();
  return { process: started, ended };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

const lease = (): { readonly holderIdentity?: string } | undefined =>
  server.get('coordination.k8s.io/v1', 'leases', 'plimsoll-system', 'plimsoll')?.['spec'] as
    { readonly holderIdentity?: string } | undefined;

async function until(what: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!what()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what.toString()}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

test('pitfall 1: a Node that is too old for the client is told so in a sentence, before any of it is loaded', async () => {
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`;
  const { code, complaints } = await (await start([...before(old), main, 'operator'])).ended;
  expect([code, complaints]).toEqual([1, 'Plimsoll needs Node 22.19 or newer; this is 20.20.2. Use the Node of the locked packages.\n']);
  expect(server.requests).toEqual([]);
});

test('pitfall 25: SIGTERM ends every watch, gives the lease back, and the last line of the log is there', async () => {
  const run = await start([main, 'operator']);
  await until(() => (lease()?.holderIdentity ?? '') !== '' && server.openWatches() >= 8);
  run.process.kill('SIGTERM');
  const { code, lines } = await run.ended;
  expect([code, lines.at(-1)?.message]).toEqual([0, 'Plimsoll has stopped']);
  expect([lease()?.holderIdentity, server.openWatches()]).toEqual(['', 0]);
}, 40_000);

test('pitfall 25: a rejection that nobody awaits is logged with its stack, and the process ends with code 1', async () => {
  const careless = `process.on('SIGUSR2', () => { Promise.reject(new Error('nobody awaited this')); })`;
  const run = await start([...before(careless), main, 'operator']);
  await until(() => (lease()?.holderIdentity ?? '') !== '');
  run.process.kill('SIGUSR2');
  const { code, lines } = await run.ended;
  const last = lines.at(-1);
  expect([code, last?.level, last?.message, last?.error?.message]).toEqual([1, 'error', 'Unhandled rejection', 'nobody awaited this']);
  expect(last?.error?.stack).toContain('at ');
}, 40_000);
