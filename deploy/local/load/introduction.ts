// Who is at the other end of a connection: MLServer says in the index of its repository which version of a model it has. That is no
// inference, so it is in no figure that versions are judged by.
import { request, type Agent } from 'node:http';

export interface Acquaintance {
  /** Its only connection is the one that is asked about. */
  readonly agent: Agent;
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly model: string;
  readonly timeoutMs: number;
}

/** The version of `model`; fails if the server does not say it. */
export async function askWho({ agent, address, port, host, model, timeoutMs }: Acquaintance): Promise<string> {
  const text = await new Promise<string>((resolve, reject) => {
    const headers = { host, 'content-type': 'application/json', 'content-length': 2 };
    const options = { agent, host: address, port, method: 'POST', path: '/v2/repository/index', headers, timeout: timeoutMs };
    const call = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve(body));
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(Object.assign(new Error('no byte in time'), { code: 'ETIMEDOUT' })));
    call.on('error', reject);
    call.end('{}');
  });
  const version = readIndex(text).find(({ name }) => name === model)?.version;
  if (version === undefined) throw new Error(`the server does not say which version of ${model} it has: ${text.slice(0, 100)}`);
  return version;
}

function readIndex(text: string): readonly { readonly name?: string; readonly version?: string }[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? (parsed as { readonly name?: string; readonly version?: string }[]) : [];
  } catch {
    return [];
  }
}
