import { RESOURCE } from '../api/resources.ts';
import type { KubeClient } from '../controller/client.ts';
import { isKubeError } from '../controller/errors.ts';
import type { Action, ProbeResult } from '../core/observed.ts';

type ProbeAction = Extract<Action, { type: 'Probe' }>;

/** Asks revisions one real inference before they get traffic, and remembers what they said. Asking again does no harm, so nothing is stored. */
export interface Prober {
  /** Begins to ask, unless this revision is being asked already. */
  readonly start: (action: ProbeAction) => void;
  /** What the revisions of a deployment said, by revision. */
  readonly results: (namespace: string, deployment: string) => ReadonlyMap<string, ProbeResult>;
  readonly forget: (namespace: string, deployment: string) => void;
}

export interface ProberOptions {
  readonly client: KubeClient;
  /** Called when a result is in. */
  readonly onResult: (namespace: string, deployment: string, revision: string, result: ProbeResult) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds for one request. */
  readonly timeoutMs: number;
  /** Base URL of a Service; by its DNS name in the cluster. */
  readonly baseUrl?: (namespace: string, service: string) => string;
}

const NO_RESULTS: ReadonlyMap<string, ProbeResult> = new Map();

export function createProber(options: ProberOptions): Prober {
  const results = new Map<string, Map<string, ProbeResult>>();
  const running = new Set<string>();
  return {
    start: (action) => {
      const key = `${action.namespace}/${action.deployment}`;
      const one = `${key}/${action.revision}`;
      if (running.has(one)) return;
      running.add(one);
      void probe(options, action).then((result) => {
        running.delete(one);
        const known = results.get(key) ?? new Map<string, ProbeResult>();
        results.set(key, known.set(action.revision, result));
        options.onResult(action.namespace, action.deployment, action.revision, result);
      });
    },
    results: (namespace, deployment) => results.get(`${namespace}/${deployment}`) ?? NO_RESULTS,
    forget: (namespace, deployment) => results.delete(`${namespace}/${deployment}`),
  };
}

/** Never rejects: whatever goes wrong before the model answers is no word about the model. */
async function probe(options: ProberOptions, action: ProbeAction): Promise<ProbeResult> {
  try {
    const base = options.baseUrl?.(action.namespace, action.service) ?? `http://${action.service}.${action.namespace}.svc`;
    const model = `${base}/v2/models/${encodeURIComponent(action.model)}`;
    const bodies =
      action.requests === undefined
        ? await makeRequest(model, options.timeoutMs)
        : await readRequests(options.client, action.namespace, action.requests);
    if (bodies.length === 0)
      return {
        state: 'Passed',
        message: 'the server is ready; it does not describe its inputs and spec.probe gives no request, so no inference was tried',
      };
    for (const [name, body] of bodies) {
      const failure = await infer(`${model}/infer`, name, body, options.timeoutMs);
      if (failure) return failure;
    }
    return { state: 'Passed', message: `${bodies.length} inference request${bodies.length === 1 ? '' : 's'} answered` };
  } catch (error) {
    return { state: 'Unreachable', message: sayError(error), atMs: options.now() };
  }
}

type Requests = readonly (readonly [name: string, body: string])[];

/** Each key of the user's ConfigMap is one request of the Open Inference Protocol. */
async function readRequests(client: KubeClient, namespace: string, name: string): Promise<Requests> {
  const configMap = await client.get({ resource: RESOURCE.configMap, namespace, name });
  if (!configMap) throw new Error(`ConfigMap ${name} of spec.probe.requests does not exist`);
  const data = (configMap['data'] ?? {}) as Readonly<Record<string, string>>;
  if (Object.keys(data).length === 0)
    throw new Error(`ConfigMap ${name} of spec.probe.requests has no data: give one inference request in each key`);
  return Object.entries(data);
}

interface Tensor {
  readonly name?: unknown;
  readonly datatype?: unknown;
  readonly shape?: unknown;
}

/** Without a request from the user: zeros in the shape that the model describes. Servers that describe no inputs are not asked. */
async function makeRequest(model: string, timeoutMs: number): Promise<Requests> {
  const answer = await send(model, undefined, timeoutMs);
  if (answer.status !== 200) throw new Error(`the model's metadata answered ${answer.status}`);
  const { inputs } = JSON.parse(answer.body) as { readonly inputs?: readonly Tensor[] };
  if (!Array.isArray(inputs) || inputs.length === 0) return [];
  const tensors = (inputs as readonly Tensor[]).map(({ name, datatype, shape }) => {
    const dimensions = (Array.isArray(shape) ? shape : [1]).map((size) => (typeof size === 'number' && size > 0 ? size : 1));
    const count = Math.min(
      1_000_000,
      dimensions.reduce((product, size) => product * size, 1),
    );
    const zero = datatype === 'BYTES' ? '' : datatype === 'BOOL' ? false : 0;
    return { name, datatype, shape: dimensions, data: Array.from({ length: count }, () => zero) };
  });
  return [['made from the metadata of the model', JSON.stringify({ inputs: tensors })]];
}

/** Undefined when the answer is one. */
async function infer(url: string, name: string, body: string, timeoutMs: number): Promise<ProbeResult | undefined> {
  const answer = await send(url, body, timeoutMs);
  // A gateway's or a starting server's words, not the model's.
  if (answer.status === 502 || answer.status === 503 || answer.status === 504)
    throw new Error(`request ${name} was answered ${answer.status}`);
  // Bodies of failed requests are stack traces with paths of the server: they do not belong into a status.
  if (answer.status !== 200)
    return { state: 'Failed', message: `request ${name} was answered with HTTP ${answer.status}; the server's log says why` };
  return hasOutputs(answer.body)
    ? undefined
    : { state: 'Failed', message: `request ${name} was answered with HTTP 200, but without outputs` };
}

function hasOutputs(body: string): boolean {
  try {
    const { outputs } = JSON.parse(body) as { readonly outputs?: unknown };
    return Array.isArray(outputs) && outputs.length > 0;
  } catch {
    return false; // not JSON: no answer of the protocol
  }
}

const MOST_BYTES = 4 * 1024 * 1024;

/** The pods are the tenant's: no redirect is followed, and no endless answer read. */
async function send(url: string, body: string | undefined, timeoutMs: number): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body }),
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error(`the answer is longer than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { status: response.status, body: Buffer.concat(chunks).toString('utf8') };
}

function sayError(error: unknown): string {
  if (isKubeError(error)) return error.message;
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return cause ?? error.message;
}
