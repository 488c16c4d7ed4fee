// The probe of servers that speak the Open Inference Protocol.
import { RESOURCE } from '../api/resources.ts';
import type { KubeClient } from '../controller/client.ts';
import type { ProbeRequest, ProbeResult } from '../core/observed.ts';
import { isNotTheModel, send } from './probeCall.ts';

/** Where and how long a revision is asked. */
export interface Target {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Base URL of the revision's Service. */
  readonly base: string;
  readonly timeoutMs: number;
}

/** Asks for inferences, one after the other. Throws when nobody answers for the model. */
export async function probeInference(
  { client, namespace, base, timeoutMs }: Target,
  request: Extract<ProbeRequest, { protocol: 'V2' }>,
): Promise<ProbeResult> {
  const model = `${base}/v2/models/${encodeURIComponent(request.model)}`;
  const bodies =
    request.requests === undefined ? await makeRequest(model, timeoutMs) : await readRequests(client, namespace, request.requests);
  if (bodies.length === 0)
    return {
      state: 'Passed',
      message: 'the server is ready; it does not describe its inputs and spec.probe gives no request, so no inference was tried',
    };
  for (const [name, body] of bodies) {
    const failure = await infer(`${model}/infer`, name, body, timeoutMs);
    if (failure) return failure;
  }
  return { state: 'Passed', message: `${bodies.length} inference request${bodies.length === 1 ? '' : 's'} answered` };
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
  const answer = await send({ url: model, timeoutMs });
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
  const answer = await send({ url, body, timeoutMs });
  if (isNotTheModel(answer)) throw new Error(`request ${name} was answered ${answer.status}`);
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
