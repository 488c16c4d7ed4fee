// How quick a fetch is: the program `fetch` as its container runs it, beside curl reading the same files from the same server with the same
// parallelism. Turn by turn, so that both meet the same machine.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram } from '../../deploy/local/images/bundle.ts';
import { run } from '../../deploy/local/images/command.ts';
import { SMALL_HEAP } from '../../src/core/resources/template.ts';
import { modelDigest } from '../../src/core/version/digest.ts';
import { removeTree } from '../../src/sources/tree.ts';

export interface FetchReport {
  readonly mebibytes: number;
  readonly turns: number;
  /** Medians of all turns, each from the start of the process to its end. */
  readonly curlSeconds: number;
  readonly fetchSeconds: number;
  /** Throughput of fetch, verification included, over that of curl, which verifies nothing. */
  readonly ratio: number;
  /** Resident memory of fetch at its highest, in MiB. */
  readonly peakRssMiB: number;
  readonly cores: number;
  readonly node: string;
  readonly date: string;
}

/** Runs the comparison over loopback; takes about a minute and twice the model's size on disk. */
export async function benchFetch(mebibytes: number, turns: number, say: (line: string) => void): Promise<FetchReport> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-bench-fetch-'));
  try {
    say('bundling the program and the file server');
    await bundleProgram(join(folder, 'program'));
    const program = join(folder, 'program/dist/main.js');
    const server = join(folder, 'fileserver');
    await run('go', ['build', '-trimpath', '-buildvcs=false', '-o', server, '.'], { cwd: join(import.meta.dirname, 'fileserver') });
    await mkdir(join(folder, 'files'));
    const sha256 = await makeFile(join(folder, 'files/model.bin'), mebibytes);
    const serving = await serve(server, join(folder, 'files'));
    try {
      const url = `http://127.0.0.1:${serving.port}/model.bin`;
      const digest = modelDigest([{ path: 'model.bin', sha256 }]);
      const job = { source: { http: { url } }, digest, model: 'bench', version: '1', preset: 'custom', to: join(folder, 'to') };
      const curl: number[] = [];
      const fetched: Turn[] = [];
      for (let turn = 0; turn < turns; turn += 1) {
        curl.push(await timeCurl(url, join(folder, 'curl.bin')));
        fetched.push(await timeFetch(program, job));
        say(`turn ${turn + 1} of ${turns}: curl ${curl.at(-1)?.toFixed(2)} s, fetch ${fetched.at(-1)?.seconds.toFixed(2)} s`);
      }
      return {
        mebibytes,
        turns,
        ...figures(curl, fetched),
        cores: navigator.hardwareConcurrency,
        node: process.versions.node,
        date: new Date().toISOString().slice(0, 10),
      };
    } finally {
      serving.stop();
    }
  } finally {
    await removeTree(folder);
  }
}

interface Turn {
  readonly seconds: number;
  readonly peakRssMiB: number;
}

function figures(
  curl: readonly number[],
  fetched: readonly Turn[],
): Pick<FetchReport, 'curlSeconds' | 'fetchSeconds' | 'ratio' | 'peakRssMiB'> {
  const [curlSeconds, fetchSeconds] = [median(curl), median(fetched.map(({ seconds }) => seconds))];
  const peakRssMiB = Math.max(...fetched.map((turn) => turn.peakRssMiB));
  return { curlSeconds, fetchSeconds, ratio: Number((curlSeconds / fetchSeconds).toFixed(3)), peakRssMiB };
}

function median(values: readonly number[]): number {
  return Number((values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN).toFixed(3));
}

/** A file of bytes that nothing can compress; gives its sha256. */
async function makeFile(path: string, mebibytes: number): Promise<string> {
  const chunk = randomBytes(1024 ** 2);
  const hash = createHash('sha256');
  const file = await open(path, 'wx');
  try {
    for (let index = 0; index < mebibytes; index += 1) {
      chunk.writeUInt32LE(index);
      hash.update(chunk);
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

async function serve(program: string, folder: string): Promise<{ readonly port: number; readonly stop: () => void }> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((found, reject) => {
    child.once('error', reject).once('exit', () => reject(new Error('the file server ended before it was ready')));
    child.stdout.once('data', (text: Buffer) => found(Number(text.toString())));
  });
  return { port, stop: () => void child.kill('SIGKILL') };
}

async function timeCurl(url: string, to: string): Promise<number> {
  const started = performance.now();
  await run('curl', ['--silent', '--show-error', '--fail', '--output', to, url]);
  const seconds = (performance.now() - started) / 1000;
  await rm(to);
  return seconds;
}

/** From the start of the process to its end, as with curl. */
async function timeFetch(program: string, job: { readonly to: string }): Promise<Turn> {
  await mkdir(job.to);
  const started = performance.now();
  const child = spawn(process.execPath, [program, 'fetch'], {
    env: { NODE_ENV: 'production', [SMALL_HEAP.name]: SMALL_HEAP.value, PLIMSOLL_JOB: JSON.stringify(job) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  let peakRssMiB = 0;
  const watching = setInterval(() => (peakRssMiB = peakOf(child.pid) ?? peakRssMiB), 20);
  const code = await new Promise<number | null>((ended, reject) => child.on('error', reject).on('exit', ended));
  const seconds = (performance.now() - started) / 1000;
  clearInterval(watching);
  if (code !== 0) throw new Error(`fetch ended with ${code ?? 'a signal'}:\n${output}`);
  await removeTree(job.to);
  return { seconds, peakRssMiB };
}

/** The highest resident memory of a process so far; undefined once it has ended. */
function peakOf(pid: number | undefined): number | undefined {
  try {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? undefined : Math.round(Number(kibibytes) / 1024);
  } catch {
    return undefined;
  }
}
