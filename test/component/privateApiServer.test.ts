// The API server for tests leaves nothing behind: neither when it is stopped, nor when the test's process is killed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { findProcesses } from '../../deploy/local/cluster/processes.ts';
import { startPrivateApiServer } from '../support/privateApiServer.ts';

const support = join(import.meta.dirname, '../support/privateApiServer.ts');

/** How many processes were started for this folder. */
const running = (folder: string): number => findProcesses((_, argv) => argv.some((word) => word.includes(folder))).length;

test('a killed test takes its two processes with it, and its folder goes with the next start', async () => {
  const script = `import { startPrivateApiServer } from ${JSON.stringify(support)};
    process.stdout.write((await startPrivateApiServer()).kubeconfig);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [kubeconfig] = (await once(child.stdout, 'data')) as [Buffer];
  const left = dirname(kubeconfig.toString());
  expect(running(left)).toBe(2);
  child.kill('SIGKILL');
  await once(child, 'exit');
  for (let looks = 0; running(left) > 0 && looks < 100; looks += 1) await sleep(50);
  expect([existsSync(left), running(left)]).toEqual([true, 0]);
  const server = await startPrivateApiServer();
  expect(existsSync(left)).toBe(false);
  const own = dirname(server.kubeconfig);
  expect([existsSync(own), running(own)]).toEqual([true, 2]);
  expect((await server.request('GET', '/version')).status).toBe(200);
  await server.stop();
  expect([existsSync(own), running(own)]).toEqual([false, 0]);
}, 120_000);
