// A real S3-compatible server: moto, which keeps buckets, versions, users and roles, and checks signatures with AWS's own Python library.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { pythonVenv } from './python.ts';

/** What a Secret holds. */
export interface MotoKeys {
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
}

export interface Moto {
  /** Base URL of the store, and of its STS and IAM. */
  readonly url: string;
  /** Whether all requests must be signed with known keys from now on. At the beginning, they need not be. */
  readonly mustSign: (must: boolean) => Promise<void>;
  /** Makes a user who may do what the policy says, and returns the user's keys. */
  readonly user: (name: string, allowed?: readonly string[]) => Promise<MotoKeys>;
  /** Makes a role that may do what the policy says, and returns its ARN. */
  readonly role: (name: string, allowed?: readonly string[]) => Promise<string>;
  readonly bucket: (name: string, versioned?: 'versioned') => Promise<void>;
  /** Stores an object, for everybody to read unless it is private; returns the id of its version in a versioned bucket. */
  readonly put: (bucket: string, key: string, content: string | Buffer, access?: 'private') => Promise<string | undefined>;
  readonly remove: (bucket: string, key: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

const READ = ['s3:GetObject', 's3:GetObjectVersion', 's3:ListBucket', 's3:ListBucketVersions'];

/** Starts a server of its own on a free port; at 127.0.0.1 alone unless another address is asked for. */
export async function startMoto(address = '127.0.0.1'): Promise<Moto> {
  const venv = await pythonVenv('moto', await readFile(join(import.meta.dirname, 'moto/requirements.lock'), 'utf8'));
  const port = await freePort();
  const server = spawn(join(venv, 'bin/moto_server'), ['-H', address, '-p', String(port)], { stdio: 'ignore' });
  const url = `http://${address}:${port}`;
  await answering(`${url}/moto-api/data.json`, server);
  return {
    url,
    mustSign: async (must) => {
      await ask(`${url}/moto-api/reset-auth`, 'POST', must ? '0' : 'inf');
    },
    user: async (name, allowed = READ) => {
      await iam(url, { Action: 'CreateUser', UserName: name });
      await iam(url, { Action: 'PutUserPolicy', UserName: name, PolicyName: 'reads', PolicyDocument: policy(allowed) });
      const made = await iam(url, { Action: 'CreateAccessKey', UserName: name });
      return { AWS_ACCESS_KEY_ID: between(made, 'AccessKeyId'), AWS_SECRET_ACCESS_KEY: between(made, 'SecretAccessKey') };
    },
    role: async (name, allowed = READ) => {
      const made = await iam(url, { Action: 'CreateRole', RoleName: name, AssumeRolePolicyDocument: '{}' });
      await iam(url, { Action: 'PutRolePolicy', RoleName: name, PolicyName: 'reads', PolicyDocument: policy(allowed) });
      return between(made, 'Arn');
    },
    bucket: async (name, versioned) => {
      await ask(`${url}/${name}`, 'PUT');
      const status = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
      if (versioned !== undefined) await ask(`${url}/${name}?versioning`, 'PUT', status);
    },
    put: async (bucket, key, content, access) => {
      const acl = { 'x-amz-acl': access ?? 'public-read' };
      const { headers } = await ask(`${url}/${bucket}/${escape(key)}`, 'PUT', content, { more: acl });
      return headers.get('x-amz-version-id') ?? undefined;
    },
    remove: async (bucket, key) => {
      await ask(`${url}/${bucket}/${escape(key)}`, 'DELETE');
    },
    stop: async () => {
      if (server.exitCode !== null || server.signalCode !== null) return;
      const ended = once(server, 'exit');
      server.kill();
      await ended;
    },
  };
}

async function answering(url: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (server.exitCode !== null) break;
    if (
      await fetch(url).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return;
    await sleep(100);
  }
  server.kill();
  throw new Error('moto_server does not answer');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** moto reads from the signature which service is meant; nobody checks it while signing is not asked for. */
async function ask(url: string, method: string, body?: string | Buffer, { service = 's3', more = {} } = {}): Promise<Response> {
  const authorization = `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=none`;
  const type = service === 's3' ? 'application/octet-stream' : 'application/x-www-form-urlencoded';
  const headers = { authorization, 'content-type': type, ...more };
  const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }) });
  if (!answer.ok) throw new Error(`${method} ${url} was answered with ${answer.status}: ${await answer.text()}`);
  return answer;
}

async function iam(url: string, form: Readonly<Record<string, string>>): Promise<string> {
  return (await ask(url, 'POST', new URLSearchParams({ Version: '2010-05-08', ...form }).toString(), { service: 'iam' })).text();
}

function policy(allowed: readonly string[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: allowed, Resource: '*' }] });
}

function between(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
}

function escape(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}
