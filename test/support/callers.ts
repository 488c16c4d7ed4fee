// Callers inside the cluster: requests to a Service's own address at a constant rate, over a new connection each or over connections that stay.
import { Agent, request } from 'node:http';

/** One answer, or none. Times are milliseconds since 1970. */
export interface Call {
  readonly sentAt: number;
  readonly status: number;
  /** Version that answered; '' when none did, or when its answer was a failure. */
  readonly version: string;
  readonly error: string;
}

export interface Callers {
  readonly calls: readonly Call[];
  /** Sends nothing more and waits for what is under way. */
  readonly stop: () => Promise<void>;
}

/** Rows of four numbers whose first goes through 0 to 9. */
const BODIES = Array.from({ length: 10 }, (_, i) => {
  const data = Array.from({ length: 4 }, (__, j) => (i + j) % 10);
  return JSON.stringify({ inputs: [{ name: 'predict', shape: [1, 4], datatype: 'FP64', data }] });
});

export interface CallerOptions {
  /** How many connections stay open; absent when each request has one of its own. */
  readonly connections?: number;
  /** Sent one after the other, from the first again after the last. */
  readonly bodies?: readonly string[];
}

export function startCallers(address: string, model: string, rate: number, { connections, bodies = BODIES }: CallerOptions = {}): Callers {
  const agents =
    connections === undefined
      ? [new Agent({ keepAlive: false })]
      : Array.from({ length: connections }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const calls: Call[] = [];
  const running = new Set<Promise<void>>();
  let count = 0;
  const timer = setInterval(() => {
    const agent = agents[count % agents.length] as Agent;
    const body = bodies[count % bodies.length] ?? '';
    count += 1;
    const call = ask(agent, address, model, body).then((answer) => void calls.push(answer));
    running.add(call);
    void call.then(() => running.delete(call));
  }, 1000 / rate);
  return {
    calls,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(running);
      for (const agent of agents) agent.destroy();
    },
  };
}

async function ask(agent: Agent, host: string, model: string, body: string): Promise<Call> {
  const sentAt = Date.now();
  return await new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const path = `/v2/models/${model}/infer`;
    const call = request({ agent, host, port: 80, method: 'POST', path, headers, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        const version = status === 200 ? ((JSON.parse(text) as { model_version?: string }).model_version ?? '') : '';
        resolve({ sentAt, status, version, error: status === 200 ? '' : text.slice(0, 200) });
      });
    });
    call.on('timeout', () => call.destroy(new Error('no byte in time')));
    call.on('error', (error) => resolve({ sentAt, status: 0, version: '', error: error.message }));
    call.end(body);
  });
}

/** Share of the answers that a version gave, in per cent. */
export function shareOf(calls: readonly Call[], version: string): number {
  const answered = calls.filter(({ status }) => status === 200);
  return (100 * answered.filter((call) => call.version === version).length) / Math.max(1, answered.length);
}

/** Calls that no version answered: those that failed other than by a model that fails. */
export function lost(calls: readonly Call[]): readonly Call[] {
  return calls.filter(({ status }) => status !== 200 && status !== 500);
}
