// The running Prometheus: reading its configuration again, and when that has taken effect.
import { ClusterError } from './failure.ts';
import { waitUntil } from './health.ts';
import { PORTS } from './settings.ts';

const BASE = `http://127.0.0.1:${PORTS.prometheus}`;
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as Prometheus writes it ("1m30s", "500ms"); NaN for any other text. */
export function durationMs(text: string): number {
  if (!/^(\d+(ms|s|m|h))+$/.test(text)) return NaN;
  return [...text.matchAll(/(\d+)(ms|s|m|h)/g)].reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS_MS[unit!] ?? NaN), 0);
}

/** Makes Prometheus read its configuration and the rule files again; throws a ClusterError with its objection to them. */
export async function reloadPrometheus(): Promise<void> {
  const response = await fetch(`${BASE}/-/reload`, { method: 'POST' });
  if (!response.ok) throw new ClusterError(`Prometheus refuses its configuration or a rule file: ${(await response.text()).trim()}`);
}

/** Waits until Envoy is scraped at this interval: Prometheus builds its scrape loops anew up to 5 s after a reload. */
export async function awaitScrapeInterval(interval: string): Promise<void> {
  const check = async (): Promise<string> => {
    const response = await fetch(`${BASE}/api/v1/targets?state=active&scrapePool=envoy`);
    const { data } = (await response.json()) as {
      readonly data: { readonly activeTargets: readonly { readonly scrapeInterval: string }[] };
    };
    const seen = data.activeTargets[0]?.scrapeInterval ?? 'none';
    return durationMs(seen) === durationMs(interval) ? 'ok' : `its scrape interval for Envoy is ${seen}`;
  };
  await waitUntil(`Prometheus with a scrape interval of ${interval}`, 20, check, 'run the same command again');
}
