// Whether a process is well, by its own word, and waiting for it.
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterError } from './failure.ts';
import { attempt } from './run.ts';
import { PORTS } from './settings.ts';

/** How to ask. `https` does not check the certificate: it is this machine's loopback, and some make their own. */
export type Health =
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'https'; readonly url: string }
  | { readonly kind: 'command'; readonly argv: readonly string[] };

const PATIENCE_MS = 2000;

/** Envoy's own word. */
export const ENVOY_HEALTH: Health = { kind: 'http', url: `http://127.0.0.1:${PORTS.envoyAdmin}/ready` };

/** Whether the Gateway's listener is there: any HTTP answer says so, such as 404 for a host without a route. */
export async function askListener(): Promise<string> {
  const answer = await statusOf(`http://127.0.0.1:${PORTS.gateway}/`);
  return typeof answer === 'number' ? 'ok' : answer;
}

/** Asks once; "ok", or what was answered instead. */
export async function askHealth(health: Health): Promise<string> {
  if (health.kind === 'command') {
    const result = await attempt(health.argv);
    return result.code === 0 ? 'ok' : `exit code ${result.code}`;
  }
  const answer = await statusOf(health.url);
  return answer === 200 ? 'ok' : `${health.url} ${typeof answer === 'number' ? `answers ${answer}` : answer}`;
}

/** HTTP status of a GET, or why there is none. */
export async function statusOf(url: string): Promise<number | string> {
  return await new Promise((resolve) => {
    const answer = { timeout: PATIENCE_MS, agent: false };
    const request = url.startsWith('https:')
      ? getHttps(
          url,
          { ...answer, rejectUnauthorized: false },
          (response) => void response.resume().on('end', () => resolve(response.statusCode ?? 0)),
        )
      : getHttp(url, answer, (response) => void response.resume().on('end', () => resolve(response.statusCode ?? 0)));
    request.on('timeout', () => request.destroy(new Error(`does not answer within ${PATIENCE_MS / 1000} s`)));
    request.on('error', (error) => resolve(`fails: ${error.message}`));
  });
}

/**
 * Repeats `check` until it gives "ok". Gives up after `seconds`, or at once when `ended` says so; the ClusterError holds
 * what `check` gave last and `advice`.
 */
export async function waitUntil(
  what: string,
  seconds: number,
  check: () => Promise<string>,
  advice: string,
  ended: () => boolean = () => false,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const gone = ended();
    const answer = await check();
    if (answer === 'ok') return;
    if (gone) throw new ClusterError(`${what} ended while it was starting: ${advice}`);
    if (performance.now() >= deadline) throw new ClusterError(`${what} is not ready after ${seconds} s (${answer}): ${advice}`);
    await sleep(100);
  }
}
