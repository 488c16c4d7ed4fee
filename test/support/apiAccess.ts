// What tests ask of an API server beside the operator's own client: plain requests, kubectl, namespaces. All as the administrator,
// unless told.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';

/** On every namespace that a test makes, so that what a test that was cut off left behind can be found. */
export const TEST_NAMESPACE = { 'plimsoll.dev/test': 'true' };

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
  /** User whom the administrator impersonates; its groups are system:authenticated, and those of a service account. */
  readonly as?: string;
};

export type ApiAccess = {
  /** One request; it is answered whatever the status. `path` has its query. */
  readonly request: (method: string, path: string, options?: RequestOptions) => Promise<Answer>;
  /** Runs kubectl, with `input` as its standard input, and gives its standard output. Rejects if it fails. */
  readonly kubectl: (args: readonly string[], options?: { readonly input?: string }) => Promise<string>;
  /** Makes a namespace of its own for a test, named `<prefix>-<random>`. */
  readonly createNamespace: (prefix: string, labels?: Readonly<Record<string, string>>) => Promise<string>;
  /** Deletes a namespace with all that is in it, without waiting for the end of it. */
  readonly deleteNamespace: (name: string) => Promise<void>;
};

/** Runs a kubectl that knows its kubeconfig already. */
export type RunKubectl = (words: readonly string[], input?: string) => Promise<string>;

/** Access to the current cluster of a kubeconfig file, which is read at the first request. */
export function accessTo(kubeconfig: string, runKubectl: RunKubectl): ApiAccess {
  let loaded: KubeConfig | undefined;
  const config = (): KubeConfig => {
    if (loaded === undefined) {
      loaded = new KubeConfig();
      loaded.loadFromFile(kubeconfig);
    }
    return loaded;
  };
  const request: ApiAccess['request'] = (method, path, options) => send(config(), method, path, options);
  return {
    request,
    kubectl: async (args, options = {}) => {
      // An empty folder, since kubectl does not see a kind that is younger than what it keeps in the usual one.
      const cache = mkdtempSync(join(tmpdir(), 'plimsoll-kubectl-'));
      try {
        return await runKubectl(['--cache-dir', cache, ...args], options.input);
      } finally {
        rmSync(cache, { recursive: true, force: true });
      }
    },
    createNamespace: async (prefix, labels = {}) => {
      const name = `${prefix}-${randomUUID().slice(0, 8)}`;
      const { status, message } = await request('POST', '/api/v1/namespaces', {
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { ...labels, ...TEST_NAMESPACE } } },
      });
      if (status !== 201) throw new Error(`Namespace ${name} cannot be made: ${message}`);
      return name;
    },
    deleteNamespace: async (name) => {
      await request('DELETE', `/api/v1/namespaces/${name}`);
    },
  };
}

/** `argv` is kubectl and its first arguments, such as `['kubectl', '--kubeconfig', path]`. */
export function kubectlProgram(argv: readonly string[]): RunKubectl {
  return async (words, input = '') => {
    const [program = '', ...first] = argv;
    const child = spawn(program, [...first, ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    child.stdin.end(input);
    const [output, complaint, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    if (code !== 0) throw new Error(`kubectl ${words.join(' ')} failed: ${complaint}`);
    return output;
  };
}

async function send(config: KubeConfig, method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  const { body, contentType = 'application/json', as } = options;
  const url = new URL(path, config.getCurrentCluster()?.server);
  const headers = {
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': contentType }),
    ...(as === undefined ? {} : { 'impersonate-user': as }),
  };
  const settings = { method, headers };
  await config.applyToHTTPSOptions(settings);
  return await new Promise((resolve, reject) => {
    const call = httpsRequest(url, settings, (response) => {
      text(response).then((answer) => read(response.statusCode ?? 0, answer)).then(resolve, reject);
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function read(status: number, answer: string): Answer {
  const body = JSON.parse(answer) as Record<string, unknown>;
  return { status, body, message: body['kind'] === 'Status' && typeof body['message'] === 'string' ? body['message'] : '' };
}
