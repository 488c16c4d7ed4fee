// What only shows in a process of its own, against a real API server: an event loop that stands still, and what a long life leaves behind.

import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';

import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import { createLeaderElector } from '../../../src/controller/lease.ts';
import { realClock } from '../../support/clocks.ts';
import type { Line } from '../../support/line.ts';
import { layLine } from '../../support/line.ts';
import type { PrivateApiServer } from '../../support/privateApiServer.ts';
import { startPrivateApiServer } from '../../support/privateApiServer.ts';

/** How often the line is cut under the reflector. */
const CUTS = 200;
const WARM_UP = 50;
/** For each cut; a connection that is held on to takes many times as much. */
const MOST_BYTES = 10 * 1024;

let server: PrivateApiServer;
let namespace = '';
let child: ChildProcess | undefined;
let line: Line;

beforeAll(async () => {
  server = await startPrivateApiServer();
  line = await layLine(server.port);
  namespace = await server.createNamespace('processes');
}, 240_000);
afterEach(() => void child?.kill('SIGKILL'));
afterAll(async () => {
  await line.close();
  await server.stop();
});

/** A program beside this file, with its lines and how to send it one. */
function launch(program: string, ...words: readonly string[]) {
  const started = spawn(process.execPath, ['--expose-gc', join(import.meta.dirname, program), ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child = started;
  const lines: string[] = [];
  createInterface({ input: started.stdout }).on('line', (line) => lines.push(line));
  return { lines, send: (line: string) => void started.stdin.write(`${line}\n`) };
}

async function until(what: () => boolean, patienceMs = 30_000): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!what()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test('pitfall 17: a leader whose event loop stands still writes nothing once it goes on, and knows for how long it stood', async () => {
  const holder = launch('holdLease.ts', server.kubeconfig, namespace);
  await until(() => holder.lines.includes('leads'));
  const stop = new AbortController();
  const other = createLeaderElector({
    client: createKubeClient(server.kubeConfig(), { clock: realClock }),
    clock: realClock,
    random: Math.random,
    namespace,
    name: 'blocked',
    identity: 'other',
    onAcquired: () => undefined,
    onLost: () => undefined,
    durationMs: 6000,
    renewDeadlineMs: 4000,
    retryMs: 500,
  });
  const ended = other.run(stop.signal);
  holder.send('12000');
  await until(() => other.isLeader());
  expect(holder.lines).toEqual(['leads']);
  await until(() => holder.lines.length === 4);
  expect(holder.lines.slice(0, 3)).toEqual(['leads', 'writes nothing', 'lost']);
  expect(Number(holder.lines[3]?.replace('stood still ', ''))).toBeGreaterThan(10);
  expect(other.isLeader()).toBe(true);
  stop.abort();
  await ended;
}, 60_000);

interface Held {
  readonly descriptors: number;
  readonly heap: number;
  readonly known: number;
}

test('pitfall 11: hundreds of cut connections leave no file descriptor open and no memory behind', async () => {
  const follower = launch('followForever.ts', server.kubeconfig, String(line.port), namespace);
  const watches = (): number => follower.lines.filter((said) => said === 'watching').length;
  const held = async (): Promise<Held> => {
    const before = follower.lines.length;
    follower.send('');
    await until(() => follower.lines.slice(before).some((said) => said.startsWith('{')));
    return JSON.parse(follower.lines.findLast((said) => said.startsWith('{')) ?? '') as Held;
  };
  const cut = async (times: number): Promise<Held> => {
    for (let round = 0; round < times; round += 1) {
      const before = watches();
      line.cut();
      line.mend();
      await until(() => watches() > before);
    }
    return await held();
  };
  await until(() => watches() === 1);
  const first = await cut(WARM_UP);
  const last = await cut(CUTS);
  expect(last.descriptors - first.descriptors).toBeLessThan(5);
  expect((last.heap - first.heap) / CUTS).toBeLessThan(MOST_BYTES);
  await server.request('POST', `/api/v1/namespaces/${namespace}/configmaps`, { body: { metadata: { name: 'late' } } });
  for (let looks = 0; (await held()).known === 0; looks += 1) expect(looks).toBeLessThan(50);
}, 240_000);
