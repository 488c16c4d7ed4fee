// The operator as its image runs it: the same bundle, on the same Node, with the same options, in a process of its own.
import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { readSamples, type Sample } from '../support/metricsText.ts';

export interface OperatorOptions {
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
  /** File that takes what it writes. */
  readonly log: string;
}

export interface OperatorProcess {
  /** `/readyz`: whether its caches are filled. */
  readonly isReady: () => Promise<boolean>;
  readonly scrape: () => Promise<readonly Sample[]>;
  /** Seconds of processor time that it has used. */
  readonly cpuSeconds: () => number;
  /** Resident memory now and at its highest, in MiB. */
  readonly memory: () => { readonly rssMiB: number; readonly peakMiB: number };
  /** Asks it to stop, as the kubelet does, and waits for its end; gives the seconds that it took. Rejects unless it ended well. */
  readonly stop: () => Promise<number>;
  readonly kill: () => void;
}

/** Starts it. It ends with this process, however that ends. */
export async function startOperator({ program, environment, log }: OperatorOptions): Promise<OperatorProcess> {
  const port = await freePort();
  const output = openSync(log, 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, program, 'operator'], {
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...environment, PLIMSOLL_HTTP_PORT: String(port) },
    stdio: ['ignore', output, output],
  });
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve));
  const ask = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(10_000) });
  const proc = (file: string): string => readFileSync(`/proc/${child.pid}/${file}`, 'utf8');
  return {
    isReady: () => ask('/readyz').then(({ status }) => status === 200, () => false),
    scrape: async () => readSamples(await (await ask('/metrics')).text()),
    cpuSeconds: () => cpuSeconds(proc('stat')),
    memory: () => ({ rssMiB: mebibytes(proc('status'), 'VmRSS'), peakMiB: mebibytes(proc('status'), 'VmHWM') }),
    stop: async () => {
      const started = performance.now();
      child.kill('SIGTERM');
      const code = await ended;
      if (code !== 0) throw new Error(`The operator ended with ${code ?? 'a signal'} when it was asked to stop; its log is ${log}`);
      return (performance.now() - started) / 1000;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Fields 14 and 15 of /proc/PID/stat, user and system time, in hundredths of a second on every Linux of today. */
function cpuSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function mebibytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
