// A real MLflow server with its own users, and what a team has put into it by MLflow's own client.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { filesUnder } from '../../deploy/local/images/cache.ts';
import { run } from '../../deploy/local/images/command.ts';
import { pythonVenv } from './python.ts';

/** Who may do everything. */
export const ADMIN = { username: 'admin', password: 'hush-correct-horse' } as const;

/** What train.py made. */
export interface Trained {
  /** Name of the registered model, with versions 1 (alias champion) and 2. */
  readonly model: string;
  /** Run of version 1, which has the folder `export` besides, and its LoggedModel. */
  readonly run: string;
  readonly logged: string;
  /** Run of version 2. */
  readonly second: string;
  /** The files that MLflow's own client gets, by their paths: of versions 1 and 2, of `export`, and of version 1 of `in a bucket`. */
  readonly files: Readonly<Record<'first' | 'second' | 'export' | 'bucket', Readonly<Record<string, Buffer>>>>;
}

export interface Mlflow {
  readonly url: string;
  readonly trained: Trained;
  /** Runs a program of Python with MLflow's client, as the administrator of this server; returns what it prints. */
  readonly python: (args: readonly string[]) => Promise<string>;
  /** Asks the REST API as the administrator; `path` is below /api/. */
  readonly ask: (method: string, path: string, body?: object) => Promise<unknown>;
  /** Kills the server at once. */
  readonly kill: () => Promise<void>;
  /** Starts it again at the same address, and returns when it answers. */
  readonly start: () => Promise<void>;
  /** Ends it and removes all that it kept. */
  readonly stop: () => Promise<void>;
}

export interface MlflowOptions {
  /** Address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** Host names that the server answers to besides those of this machine. */
  readonly allowedHosts?: readonly string[];
  /** An S3-compatible store with a bucket `models`, for another model `in a bucket`. */
  readonly s3Endpoint?: string;
}

const SCRIPTS = join(import.meta.dirname, 'mlflow');
const START_MS = 300_000;

/** Starts a server on a free port, with one run of train.py in it. */
export async function startMlflow(options: MlflowOptions = {}): Promise<Mlflow> {
  const venv = await pythonVenv('mlflow', await readFile(join(SCRIPTS, 'requirements.lock'), 'utf8'));
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-mlflow-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = new ServerProcess(venv, folder, port, options);
  const env = clientEnvironment(url, options.s3Endpoint);
  const python: Mlflow['python'] = (args) => run(join(venv, 'bin/python'), args, { cwd: folder, env });
  try {
    await server.start();
    const kept = join(folder, 'kept');
    await mkdir(kept);
    const made = JSON.parse((await python([join(SCRIPTS, 'train.py'), kept])).trim().split('\n').at(-1) ?? '') as Omit<Trained, 'files'>;
    const folders = ['first', 'second', 'export/export', 'bucket'].map((name) => filesIn(join(kept, name)));
    const [first = {}, second = {}, exported = {}, bucket = {}] = await Promise.all(folders);
    return {
      url,
      trained: { ...made, files: { first, second, export: exported, bucket } },
      python,
      ask: (method, path, body) => ask(`${url}/api/${path}`, method, body),
      kill: () => server.kill(),
      start: () => server.start(),
      stop: async () => {
        await server.kill();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await server.kill();
    throw error;
  }
}

class ServerProcess {
  readonly #program: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #options: MlflowOptions;
  #child: ChildProcess | undefined;

  constructor(venv: string, folder: string, port: number, options: MlflowOptions) {
    this.#program = join(venv, 'bin/mlflow');
    this.#folder = folder;
    this.#port = port;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { host = '127.0.0.1', allowedHosts = [] } = this.#options;
    const users = join(this.#folder, 'auth.ini');
    await writeFile(users, authConfiguration(this.#folder));
    const names = allowedHosts.length === 0 ? [] : ['--allowed-hosts', ['localhost:*', '127.0.0.1:*', ...allowedHosts].join(',')];
    const address = ['--host', host, '--port', String(this.#port), '--workers', '1', ...names];
    const stores = [
      '--backend-store-uri',
      `sqlite:///${join(this.#folder, 'mlflow.db')}`,
      '--artifacts-destination',
      join(this.#folder, 'artifacts'),
    ];
    const child = spawn(this.#program, ['server', '--app-name', 'basic-auth', ...address, ...stores], {
      cwd: this.#folder,
      // A group of its own: the program is only the parent of the server itself.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...serverEnvironment(users) },
    });
    this.#child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-4000)));
    const deadline = performance.now() + START_MS;
    while (child.exitCode === null && performance.now() < deadline) {
      if (
        await fetch(`http://127.0.0.1:${this.#port}/health`).then(
          (answer) => answer.ok,
          () => false,
        )
      )
        return;
      await sleep(100);
    }
    await this.kill();
    throw new Error(`mlflow server does not answer:\n${said}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    process.kill(-child.pid, 'SIGKILL');
    await ended;
  }
}

/** Without the cache each request costs a slow hash. */
function authConfiguration(folder: string): string {
  return [
    '[mlflow]',
    'default_permission = READ',
    `database_uri = sqlite:///${join(folder, 'users.db')}`,
    `admin_username = ${ADMIN.username}`,
    'authorization_function = mlflow.server.auth:authenticate_request_basic_auth',
    'auth_cache_ttl_seconds = 600',
  ].join('\n');
}

/** The workers for jobs are seven processes more, which nothing here has work for. */
function serverEnvironment(users: string): Readonly<Record<string, string>> {
  return {
    MLFLOW_AUTH_CONFIG_PATH: users,
    MLFLOW_AUTH_ADMIN_PASSWORD: ADMIN.password,
    MLFLOW_FLASK_SERVER_SECRET_KEY: 'test',
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
    MLFLOW_DISABLE_TELEMETRY: 'true',
  };
}

function clientEnvironment(url: string, s3Endpoint: string | undefined): Readonly<Record<string, string>> {
  const bucket = { AWS_ACCESS_KEY_ID: 'anybody', AWS_SECRET_ACCESS_KEY: 'anything', AWS_DEFAULT_REGION: 'us-east-1' };
  return {
    ...(s3Endpoint === undefined ? {} : { ...bucket, MLFLOW_S3_ENDPOINT_URL: s3Endpoint }),
    MLFLOW_TRACKING_URI: url,
    MLFLOW_TRACKING_USERNAME: ADMIN.username,
    MLFLOW_TRACKING_PASSWORD: ADMIN.password,
    MLFLOW_DISABLE_TELEMETRY: 'true',
  };
}

/** The files below a folder; without the one that MLflow's client adds to a registered model when it downloads it. */
async function filesIn(folder: string): Promise<Readonly<Record<string, Buffer>>> {
  const paths = (existsSync(folder) ? await filesUnder(folder) : []).filter((path) => path !== 'registered_model_meta');
  return Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await readFile(join(folder, path))] as const)));
}

async function ask(url: string, method: string, body?: object): Promise<unknown> {
  const authorization = `Basic ${Buffer.from(`${ADMIN.username}:${ADMIN.password}`).toString('base64')}`;
  const headers = { authorization, 'content-type': 'application/json' };
  const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Error(`${method} ${url} was answered with ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
