// How quick a fetch is: the program `fetch` as its container runs it, beside curl reading the same files from the same server with the same
// parallelism. Turn by turn, so that all meet the same machine.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram } from '../../deploy/local/images/bundle.ts';
import { run } from '../../deploy/local/images/command.ts';
import { SMALL_HEAP } from '../../src/core/resources/template.ts';
import { modelDigest, type FileDigest } from '../../src/core/version/digest.ts';
import { removeTree } from '../../src/sources/tree.ts';

/** Files that come at the same time; see transfer.ts. */
const LANES = 4;

/** Seconds are medians of all turns, each from the start of the first process to the end of the last. */
export interface FetchFigures {
  readonly files: number;
  readonly mebibytes: number;
  /** curl alone, which verifies nothing. */
  readonly curlSeconds: number;
  /** curl with its output written by tee and hashed by openssl on its way. */
  readonly verifiedSeconds: number;
  readonly fetchSeconds: number;
  /** Throughput of fetch, verification included, over that of curl, and over that of curl with verification. */
  readonly ratio: number;
  readonly ratioVerified: number;
  /** Resident memory of fetch at its highest, in MiB. */
  readonly peakRssMiB: number;
}

export interface FetchReport {
  readonly one: FetchFigures;
  readonly several: FetchFigures;
  readonly turns: number;
  readonly cores: number;
  readonly node: string;
  readonly date: string;
}

/** Runs the comparison over loopback, for one file and for eight that are as large together; takes two minutes and thrice that size on disk. */
export async function benchFetch(mebibytes: number, turns: number, say: (line: string) => void): Promise<FetchReport> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-bench-fetch-'));
  try {
    say('bundling the program and the file server');
    await bundleProgram(join(folder, 'program'));
    const program = join(folder, 'program/dist/main.js');
    const server = join(folder, 'fileserver');
    await run('go', ['build', '-trimpath', '-buildvcs=false', '-o', server, '.'], { cwd: join(import.meta.dirname, 'fileserver') });
    const one = await makeFiles(join(folder, 'files/one'), 1, mebibytes);
    const several = await makeFiles(join(folder, 'files/several'), 8, mebibytes / 8);
    const serving = await serve(server, join(folder, 'files'));
    const place = { program, url: serving.url, to: join(folder, 'to'), turns, say };
    try {
      return {
        one: await compare({ http: { url: `${serving.url}/one/${one[0]?.path ?? ''}` } }, 'one', one, place),
        several: await compare({ s3: { endpoint: serving.url, bucket: 'several', prefix: '' } }, 'several', several, place),
        turns,
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

interface Place {
  readonly program: string;
  readonly url: string;
  /** A folder that each turn makes and removes. */
  readonly to: string;
  readonly turns: number;
  readonly say: (line: string) => void;
}

interface MadeFile extends FileDigest {
  readonly mebibytes: number;
}

async function compare(source: object, folder: string, files: readonly MadeFile[], place: Place): Promise<FetchFigures> {
  const { program, url, to, turns, say } = place;
  const job = { source, digest: modelDigest(files), model: 'bench', version: '1', preset: 'custom', to };
  const urls = files.map(({ path }) => `${url}/${folder}/${path}`);
  const curl: number[] = [];
  const verified: number[] = [];
  const fetched: Turn[] = [];
  for (let turn = 1; turn <= turns; turn += 1) {
    curl.push(await timed(to, () => curlAll(urls, to)));
    verified.push(await timed(to, () => curlVerified(urls, to)));
    let peakRssMiB = 0;
    const seconds = await timed(to, async () => (peakRssMiB = await fetchAll(program, job)));
    fetched.push({ seconds, peakRssMiB });
    const shown = [curl, verified].map((all) => all.at(-1)?.toFixed(2));
    say(`${folder}, turn ${turn} of ${turns}: curl ${shown[0]} s, verified ${shown[1]} s, fetch ${seconds.toFixed(2)} s`);
  }
  const mebibytes = files.reduce((sum, file) => sum + file.mebibytes, 0);
  return { files: files.length, mebibytes, ...figures(curl, verified, fetched) };
}

interface Turn {
  readonly seconds: number;
  readonly peakRssMiB: number;
}

function figures(
  curl: readonly number[],
  verified: readonly number[],
  fetched: readonly Turn[],
): Omit<FetchFigures, 'files' | 'mebibytes'> {
  const [curlSeconds, verifiedSeconds, fetchSeconds] = [median(curl), median(verified), median(fetched.map(({ seconds }) => seconds))];
  const [ratio, ratioVerified] = [rounded(curlSeconds / fetchSeconds), rounded(verifiedSeconds / fetchSeconds)];
  const peakRssMiB = Math.max(...fetched.map((turn) => turn.peakRssMiB));
  return { curlSeconds, verifiedSeconds, fetchSeconds, ratio, ratioVerified, peakRssMiB };
}

function median(values: readonly number[]): number {
  return rounded(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN);
}

function rounded(value: number): number {
  return Number(value.toFixed(3));
}

async function makeFiles(folder: string, count: number, mebibytes: number): Promise<readonly MadeFile[]> {
  await mkdir(folder, { recursive: true });
  const files: MadeFile[] = [];
  for (let index = 0; index < count; index += 1) {
    const path = `model-${index}.bin`;
    files.push({ path, sha256: await makeFile(join(folder, path), mebibytes), mebibytes });
  }
  return files;
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

async function serve(program: string, folder: string): Promise<{ readonly url: string; readonly stop: () => void }> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((found, reject) => {
    child.once('error', reject).once('exit', () => reject(new Error('the file server ended before it was ready')));
    child.stdout.once('data', (text: Buffer) => found(Number(text.toString())));
  });
  return { url: `http://127.0.0.1:${port}`, stop: () => void child.kill('SIGKILL') };
}

/** Seconds of some work with the folder `to`, which is there for it alone. */
async function timed(to: string, work: () => Promise<unknown>): Promise<number> {
  await mkdir(to);
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  await removeTree(to);
  return seconds;
}

async function curlAll(urls: readonly string[], to: string): Promise<void> {
  const parallel = ['--parallel', '--parallel-immediate', '--parallel-max', String(LANES), '--no-progress-meter'];
  await run('curl', ['--silent', '--show-error', '--fail', ...(urls.length > 1 ? parallel : []), '--remote-name-all', ...urls], { cwd: to });
}

/** The shell's `set` makes a failure of curl one of the whole. */
async function curlVerified(urls: readonly string[], to: string): Promise<void> {
  const script = 'set -o pipefail; curl --silent --show-error --fail "$1" | tee "${1##*/}" | openssl dgst -sha256 -r';
  const next = urls.values();
  const lane = async (): Promise<void> => {
    for (const url of next) await run('bash', ['-c', script, 'bash', url], { cwd: to });
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Gives the most memory that it had. */
async function fetchAll(program: string, job: object): Promise<number> {
  const child = spawn(process.execPath, [program, 'fetch'], {
    env: { NODE_ENV: 'production', [SMALL_HEAP.name]: SMALL_HEAP.value, PLIMSOLL_JOB: JSON.stringify(job) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  let peakRssMiB = 0;
  const watching = setInterval(() => (peakRssMiB = peakOf(child.pid) ?? peakRssMiB), 20);
  const code = await new Promise<number | null>((ended, reject) => child.on('error', reject).on('exit', ended));
  clearInterval(watching);
  if (code !== 0) throw new Error(`fetch ended with ${code ?? 'a signal'}:\n${output}`);
  return peakRssMiB;
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
