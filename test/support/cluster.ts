// The cluster that the end-to-end tests run on: the local one, or the one that PLIMSOLL_KUBECONFIG names.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';
import { kubeconfigPath, kubectl as localKubectl } from '../../deploy/local/cluster/index.ts';

/** What the API server said. `message` is that of a Status, empty for anything else. */
export type Answer = {
  readonly status: number;
  readonly message: string;
  readonly body: Record<string, unknown>;
};

export type RequestOptions = {
  readonly body?: unknown;
  /** application/json unless told. */
  readonly contentType?: string;
};

/** Path of the administrator's kubeconfig. */
export function kubeconfig(): string {
  return process.env['PLIMSOLL_KUBECONFIG'] ?? kubeconfigPath();
}

let loaded: KubeConfig | undefined;

function config(): KubeConfig {
  if (loaded === undefined) {
    loaded = new KubeConfig();
    loaded.loadFromFile(kubeconfig());
  }
  return loaded;
}

/** One request to the API server, as the administrator; it is answered whatever the status. `path` has its query. */
export async function request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  const { body, contentType = 'application/json' } = options;
  const url = new URL(path, config().getCurrentCluster()?.server);
  const settings = { method, headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': contentType }) } };
  await config().applyToHTTPSOptions(settings);
  return await new Promise((resolve, reject) => {
    const call = httpsRequest(url, settings, (response) => {
      text(response).then((answer) => resolve(read(response.statusCode ?? 0, answer)), reject);
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function read(status: number, answer: string): Answer {
  const body = JSON.parse(answer) as Record<string, unknown>;
  return { status, body, message: body['kind'] === 'Status' && typeof body['message'] === 'string' ? body['message'] : '' };
}

/** Runs kubectl as the administrator, with `input` as its standard input, and gives its standard output. Rejects if it fails. */
export async function kubectl(args: readonly string[], options: { readonly input?: string } = {}): Promise<string> {
  // An empty folder, since kubectl does not see a kind that is younger than what it keeps in the usual one.
  const cache = mkdtempSync(join(tmpdir(), 'plimsoll-kubectl-'));
  const words = ['--cache-dir', cache, ...args];
  try {
    return process.env['PLIMSOLL_KUBECONFIG'] === undefined
      ? await localKubectl(words, options.input)
      : await installedKubectl(['--kubeconfig', kubeconfig(), ...words], options.input ?? '');
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

async function installedKubectl(words: readonly string[], input: string): Promise<string> {
  const child = spawn('kubectl', words, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  child.stdin.end(input);
  const [output, complaint, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`kubectl ${words.join(' ')} failed: ${complaint}`);
  return output;
}

/** Makes a namespace of its own for a test, named `<prefix>-<random>`. */
export async function createNamespace(prefix: string, labels: Readonly<Record<string, string>> = {}): Promise<string> {
  const name = `${prefix}-${randomUUID().slice(0, 8)}`;
  const { status, message } = await request('POST', '/api/v1/namespaces', {
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
  });
  if (status !== 201) throw new Error(`Namespace ${name} cannot be made: ${message}`);
  return name;
}

/** Deletes a namespace with all that is in it, without waiting for the end of it. */
export async function deleteNamespace(name: string): Promise<void> {
  await request('DELETE', `/api/v1/namespaces/${name}`);
}
