import { COUNTING_SERVERS, type CountingServer, type CountingSource } from '../../analysis/servers.ts';
import type { CheckSpec, Settings } from './kind.ts';

/** Whom a check that compares requests has count them for it alone; undefined: whoever counts for the whole release. */
export function sourceOf({ errorRate, latency, rate }: CheckSpec): 'Gateway' | 'Runtime' | undefined {
  return (errorRate ?? latency ?? rate)?.source;
}

/** What a release keeps of it: whose series they are, so that a change of the runtime changes nothing for it. */
export function sourceSettings(spec: CheckSpec, server: CountingServer | undefined): Settings {
  const wish = sourceOf(spec);
  const source = wish === 'Runtime' ? server : wish;
  return source === undefined ? {} : { source };
}

/** `sourceSettings` of a check, read back. Throws for one that is not known: other series would say something else. */
export function readSource(check: string, { source }: Settings): CountingSource | undefined {
  const known = (['Gateway', ...COUNTING_SERVERS] as const).find((one) => one === source);
  if (source === undefined || known !== undefined) return known;
  throw new Error(`check ${check} of a release has ${JSON.stringify(source)} count requests, which this operator does not know: it was written by a newer one`);
}

/** Before the sentence of a check that has a source of its own. */
export function saySource(source: CountingSource): string {
  return source === 'Gateway' ? 'counted by the gateway: ' : `counted by the model servers (${source}): `;
}
