// A real OCI registry, that of the CNCF distribution project, and two real clients that push to it: oras, and crane for images. Built once
// from their Go modules (test/support/registry) and kept in the cache.

import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import { cacheFolder, digestOf, digestOfFiles, makeOnce, type Say } from '../../deploy/local/images/cache.ts';
import { run } from '../../deploy/local/images/command.ts';

const SOURCES = join(import.meta.dirname, 'registry');
const BUILD = ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w'];

/** Folder with the programs registry, oras and crane. */
export async function registryPrograms(say: Say = () => undefined): Promise<string> {
  const go = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local' };
  const version = (await run('go', ['env', 'GOVERSION'], { env: go })).trim();
  const files = ['go.mod', 'go.sum', 'main.go'].map((name) => join(SOURCES, name));
  const key = digestOf(version, ...BUILD, await digestOfFiles(files));
  return await makeOnce(cacheFolder('test', `registry-${key}`), say, 'a registry, oras and crane (go)', async (out) => {
    await mkdir(out);
    await run('go', [...BUILD, '-o', `${out}/`, '.', 'tool'], { cwd: SOURCES, env: go });
  });
}

/** Who may read, for registries that ask. */
export const READER = { username: 'reader', password: 'sesame-4711' };
/** What htpasswd keeps of the password. */
const HTPASSWD = 'reader:$2b$05$abcdefghijklmnopqrstuud5AwG7MdD95xTsXYBhVaKDLADSFP1C6\n';

export interface Registry {
  /** Host and port. */
  readonly host: string;
  readonly stop: () => Promise<void>;
}

/** Content that several registries share, and the clients, which know no other credentials than those of the test. */
export interface RegistryBench {
  /** A registry that takes and gives everything to everybody. */
  readonly open: Registry;
  /** Another one over the same content, that asks for a password, or for a token of the realm. */
  readonly asking: (how: 'password' | TokenRealm) => Promise<Registry>;
  /** Pushes files of a folder, or what else the arguments say; returns the digest of the manifest. */
  readonly oras: (args: readonly string[], files?: Readonly<Record<string, string | Buffer>>) => Promise<string>;
  readonly crane: (args: readonly string[], files?: Readonly<Record<string, string | Buffer>>) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Starts a registry with nothing in it; at 127.0.0.1 unless another address of this machine is given. */
export async function registryBench(address = '127.0.0.1'): Promise<RegistryBench> {
  const bin = await registryPrograms();
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-registry-'));
  const storage = join(folder, 'storage');
  await mkdir(storage);
  const open = await startRegistry(bin, folder, storage, address);
  const started: Registry[] = [open];
  const client = async (
    program: string,
    args: readonly string[],
    files: Readonly<Record<string, string | Buffer>> = {},
  ): Promise<string> => {
    const cwd = join(folder, randomUUID());
    await mkdir(cwd);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(cwd, dirname(path)), { recursive: true });
      await writeFile(join(cwd, path), content);
    }
    return await run(join(bin, program), args, { cwd, env: { HOME: folder, DOCKER_CONFIG: folder } });
  };
  return {
    open,
    asking: async (how) => {
      const registry = await startRegistry(bin, folder, storage, address, how);
      started.push(registry);
      return registry;
    },
    oras: async (args, files) => {
      const printed = await client('oras', [...args, '--plain-http'], files);
      return /sha256:[0-9a-f]{64}/.exec(printed.slice(printed.lastIndexOf('Digest:')))?.[0] ?? '';
    },
    crane: async (args, files) => (await client('crane', [...args, '--insecure'], files)).trim(),
    stop: async () => {
      await Promise.all(started.map(({ stop }) => stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startRegistry(
  bin: string,
  folder: string,
  storage: string,
  address: string,
  how?: 'password' | TokenRealm,
): Promise<Registry> {
  const config = join(folder, `${randomUUID()}.json`);
  const htpasswd = join(folder, 'htpasswd');
  await writeFile(htpasswd, HTPASSWD);
  const auth = how === 'password' ? { htpasswd: { realm: 'test', path: htpasswd } } : how && { token: await how.settings(folder) };
  const settings = {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: `${address}:0`, secret: 'test' },
    ...(auth && { auth }),
  };
  // JSON is YAML.
  await writeFile(config, JSON.stringify(settings));
  const server = spawn(join(bin, 'registry'), ['serve', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { OTEL_TRACES_EXPORTER: 'none' },
  });
  const host = await new Promise<string>((resolve, reject) => {
    const said: string[] = [];
    createInterface(server.stderr).on('line', (line) => {
      said.push(line);
      const [, port] = /listening on \S+:(\d+)/.exec(line) ?? [];
      if (port !== undefined) resolve(`${address}:${port}`);
    });
    server.once('exit', () => reject(new Error(`the registry ended:\n${said.slice(-10).join('\n')}`)));
  });
  return {
    host,
    stop: async () => {
      if (server.exitCode !== null || server.signalCode !== null) return;
      const ended = once(server, 'exit');
      server.kill();
      await ended;
    },
  };
}

/** Who gives tokens for a registry: to everybody, or to the reader alone. */
export interface TokenRealm {
  readonly url: string;
  /** What it was asked, oldest first: the address, and the name of who asked. */
  readonly asked: { readonly url: URL; readonly method: string; readonly username: string | undefined; readonly body: string }[];
  readonly settings: (folder: string) => Promise<Readonly<Record<string, unknown>>>;
  readonly stop: () => Promise<void>;
}

export async function tokenRealm({
  isAnonymous = false,
  seconds = 60,
}: { isAnonymous?: boolean; seconds?: number } = {}): Promise<TokenRealm> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const asked: TokenRealm['asked'] = [];
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://realm');
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const [, encoded = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
      const [username, ...password] = Buffer.from(encoded, 'base64').toString().split(':');
      asked.push({ url, method: request.method ?? '', username: username === '' ? undefined : username, body });
      const form = new URLSearchParams(body);
      const isReader = username === READER.username && password.join(':') === READER.password;
      if (!isAnonymous && !isReader && form.get('refresh_token') !== 'refresh-4711') {
        response.writeHead(401).end('{"errors": [{"code": "UNAUTHORIZED"}]}');
        return;
      }
      const scope = form.get('scope') ?? url.searchParams.get('scope') ?? '';
      const token = jwt(privateKey, scope, seconds);
      response.end(JSON.stringify(form.has('refresh_token') ? { access_token: token } : { token, expires_in: seconds }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?account=test`;
  return {
    url,
    asked,
    settings: async (folder) => {
      const jwks = join(folder, `${randomUUID()}.jwks`);
      await writeFile(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'test', use: 'sig', alg: 'ES256' }] }));
      return { realm: url, service: 'test-registry', issuer: 'test-realm', jwks, signingalgorithms: ['ES256'] };
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The token that the registry's protocol describes: what it is for is said in `access`. */
function jwt(key: KeyObject, scope: string, seconds: number): string {
  const now = Math.floor(Date.now() / 1000);
  const [type, name, actions = ''] = scope.split(':');
  const access = scope === '' ? [] : [{ type, name, actions: actions.split(',') }];
  const claims = {
    iss: 'test-realm',
    sub: 'reader',
    aud: 'test-registry',
    exp: now + seconds,
    nbf: now - 60,
    iat: now,
    jti: randomUUID(),
    access,
  };
  const parts = [{ typ: 'JWT', alg: 'ES256', kid: 'test' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  const signed = parts.join('.');
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** Text of a docker config.json with the reader's credentials for a registry. */
export function dockerConfig(host: string, { username, password } = READER): string {
  return JSON.stringify({ auths: { [host]: { auth: Buffer.from(`${username}:${password}`).toString('base64') } } });
}
