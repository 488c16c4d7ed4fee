// Repositories for tests, made by the real `git`, and real servers for them.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';

import { serve, type TestServer } from '../fixtures.ts';

const ENVIRONMENT = {
  PATH: process.env['PATH'] ?? '',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
};

/** A repository in a folder, with files in it. */
export interface Workshop {
  readonly folder: string;
  /** Runs `git` there and gives what it printed. `env` is added to its surroundings. */
  readonly git: (
    args: readonly string[],
    options?: { readonly env?: Readonly<Record<string, string>>; readonly input?: string | Buffer },
  ) => string;
  /** Writes files and commits them; gives the commit. */
  readonly commit: (files: Readonly<Record<string, string | Buffer>>, message?: string) => string;
}

/** Makes a repository, bare as a server has it unless a worktree is asked for. */
export function makeWorkshop(folder: string, ...flags: readonly string[]): Workshop {
  mkdirSync(folder, { recursive: true });
  const git: Workshop['git'] = (args, { env = {}, input = '' } = {}) =>
    execFileSync('git', args, { cwd: folder, env: { ...ENVIRONMENT, HOME: folder, ...env }, input, stdio: ['pipe', 'pipe', 'pipe'] })
      .toString('utf8')
      .trim();
  git(['init', '-q', '-b', 'main', ...flags]);
  const commit: Workshop['commit'] = (files, message = 'a commit') => {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    git(['add', '--all']);
    git(['commit', '-q', '--allow-empty', '-m', message]);
    return git(['rev-parse', 'HEAD']);
  };
  return { folder, git, commit };
}

export interface GitServerOptions {
  /** What the Authorization header has to be. */
  readonly authorization?: string;
  /** Whether the server knows protocol version 2. */
  readonly version2?: boolean;
  /** Settings of the server, as `uploadpack.allowFilter=true`. */
  readonly settings?: readonly string[];
  /** Address to listen on; 127.0.0.1 by default. */
  readonly address?: string;
  /** Answers instead of the server, when it returns true. */
  readonly instead?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** `git http-backend` for the repositories below a folder, and what it was asked. */
export async function serveGit(
  root: string,
  { authorization, version2 = true, settings = ['uploadpack.allowFilter=true'], address, instead }: GitServerOptions = {},
): Promise<TestServer & { readonly requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const answer: RequestListener = (request, response) => {
    requests.push(request);
    if (instead?.(request, response) === true) return;
    if (authorization !== undefined && request.headers.authorization !== authorization) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    backend(root, request, response, version2, settings);
  };
  return { ...(await serve(answer, address)), requests };
}

function backend(root: string, request: IncomingMessage, response: ServerResponse, version2: boolean, settings: readonly string[]): void {
  const url = new URL(request.url ?? '', 'http://server');
  const protocol = request.headers['git-protocol'];
  const pairs = settings.map((setting) => setting.split('='));
  const child = spawn('git', ['http-backend'], {
    env: {
      ...ENVIRONMENT,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? '',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      CONTENT_LENGTH: request.headers['content-length'] ?? '',
      ...(version2 && typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}),
      GIT_CONFIG_COUNT: String(pairs.length),
      ...Object.fromEntries(
        pairs.flatMap(([key, value], i) => [
          [`GIT_CONFIG_KEY_${i}`, key],
          [`GIT_CONFIG_VALUE_${i}`, value],
        ]),
      ),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  let head = Buffer.alloc(0);
  let isBody = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (isBody) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) return;
    isBody = true;
    let status = 200;
    for (const line of head.toString('latin1', 0, end).split('\r\n')) {
      const [name = '', ...value] = line.split(': ');
      if (name === 'Status') status = Number(value.join(': ').split(' ')[0]);
      else response.setHeader(name, value.join(': '));
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
  });
  child.on('close', () => response.end());
  response.on('close', () => child.kill());
}
