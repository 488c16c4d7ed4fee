// The probe of a server that is the user's own: one request as spec.runtime.custom.probe has it.
import type { ModelDeploymentRuntimeCustomProbe } from '../api/generated/modeldeployment.ts';
import { RESOURCE } from '../api/resources.ts';
import type { ProbeResult } from '../core/observed.ts';
import type { Target } from './inferenceProbe.ts';
import { isNotTheModel, send, type Call } from './probeCall.ts';

type Probe = ModelDeploymentRuntimeCustomProbe;

/** Sends the request. Throws when nobody answers for the model, or when there is no body to send yet. */
export async function probeCustom(target: Target, probe: Probe): Promise<ProbeResult> {
  const { path, contentType, expect } = probe;
  const body = probe.body ?? (await readBody(target, probe));
  const answer = await send({ url: `${target.base}${path}`, body, contentType, timeoutMs: target.timeoutMs });
  const wanted = expect?.status ?? 200;
  const request = `${body === undefined ? 'GET' : 'POST'} ${path}`;
  if (answer.status !== wanted) {
    if (isNotTheModel(answer)) throw new Error(`${request} was answered ${answer.status}`);
    // Bodies of failed requests are stack traces with paths of the server: they do not belong into a status.
    return { state: 'Failed', message: `${request} was answered with HTTP ${answer.status}, not ${wanted}; the server's log says why` };
  }
  if (expect?.contains !== undefined && !answer.body.includes(expect.contains))
    return { state: 'Failed', message: `${request} was answered with HTTP ${wanted}, but without ${JSON.stringify(expect.contains)}` };
  return { state: 'Passed', message: `${request} was answered as expected` };
}

async function readBody({ client, namespace }: Target, { bodyFrom }: Probe): Promise<Call['body']> {
  if (!bodyFrom) return undefined;
  const { name, key } = bodyFrom.configMapKeyRef;
  const place = 'spec.runtime.custom.probe.bodyFrom';
  const configMap = await client.get({ resource: RESOURCE.configMap, namespace, name });
  if (!configMap) throw new Error(`ConfigMap ${name} of ${place} does not exist`);
  const { data, binaryData } = configMap as { readonly data?: Texts; readonly binaryData?: Texts };
  const text = data?.[key];
  if (text !== undefined) return text;
  const binary = binaryData?.[key];
  if (binary === undefined) throw new Error(`ConfigMap ${name} of ${place} has no key ${key}`);
  return Uint8Array.from(Buffer.from(binary, 'base64'));
}

type Texts = Readonly<Record<string, string>>;
