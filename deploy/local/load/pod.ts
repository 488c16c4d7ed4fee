// The users inside a cluster: sends requests from a pod, and writes each answer as a line that `kubectl logs` brings home.
//
// Usage: pod.ts SETTINGS.json ROWS.json
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadRecord } from './figures.ts';
import { startLoad, type LoadOptions } from './generator.ts';

/** `[index, sentAt, receivedAt, latencyMs, status, revision, error]`, the last only where there is one. */
export type Line = readonly [number, number, number, number, number, string, string?];

const LOOK_MS = 500;

function lineOf({ index, sentAt, receivedAt, latencyMs, status, revision, error }: LoadRecord): Line {
  const times = [Math.round(sentAt), Math.round(receivedAt), Math.round(latencyMs * 10) / 10] as const;
  return error === undefined ? [index, ...times, status, revision] : [index, ...times, status, revision, error];
}

/** A route or a Service works a moment after the first version serves: what is sent before is nobody's answer. */
async function awaitAnswer(options: LoadOptions): Promise<void> {
  for (;;) {
    const load = startLoad({ ...options, rate: 1 });
    const { answered, revisions } = await load.stop();
    if (answered > 0 && Object.values(revisions).every(({ failed }) => failed === 0)) return;
    await sleep(LOOK_MS);
  }
}

const [settings = '', rows = ''] = process.argv.slice(2);
const options = {
  ...(JSON.parse(readFileSync(settings, 'utf8')) as LoadOptions),
  rows: JSON.parse(readFileSync(rows, 'utf8')) as LoadOptions['rows'],
};
await awaitAnswer(options);
const load = startLoad({ ...options, onRecord: (record) => void process.stdout.write(`${JSON.stringify(lineOf(record))}\n`) });
process.once('SIGTERM', () => void load.stop().then(() => process.exit(0)));
