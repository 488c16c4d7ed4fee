// Firing alerts of all namespaces, in one question for each look.
import type { FiringAlert } from '../core/analysis/alert.ts';
import type { Clock } from './gate.ts';
import { gridBefore } from './looks.ts';
import type { Prometheus } from './prometheus.ts';
import type { Series } from './prometheusAnswer.ts';

/**
 * ALERTS_FOR_STATE holds the time (seconds since 1970) at which an alert's expression became true, for firing and pending ones alike;
 * ALERTS says which of them fire. Both carry the alert's labels, ALERTS in addition its state.
 */
export const ALERTS_QUERY = 'ALERTS_FOR_STATE{namespace!=""} and ignoring(alertstate) ALERTS{alertstate="firing",namespace!=""}';

export interface AlertsOptions {
  readonly prometheus: Prometheus;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly lagMs?: number;
  /** Called for a namespace whose alerts are others than at the look before. */
  readonly onChange?: (namespace: string) => void;
}

export interface Alerts {
  /** Alerts of the namespace that fired at `asOfMs`, the newest look that worked. */
  firing(namespace: string): readonly FiringAlert[];
  /** Undefined until a look worked. An old time means that nothing is known since, not that nothing fires. */
  asOfMs(): number | undefined;
  /** Why it is not known which alerts fire: no look of the last 15 s, or of the last three, has worked. Undefined while it is known. */
  problem(): string | undefined;
  start(signal: AbortSignal): void;
}

const SILENCE_MS = 15_000;

export function createAlerts(options: AlertsOptions): Alerts {
  const { prometheus, clock, intervalMs } = options;
  const lagMs = options.lagMs ?? 500;
  let byNamespace: ReadonlyMap<string, readonly FiringAlert[]> = new Map();
  let asOfMs: number | undefined;
  let failure: string | undefined;

  function problem(): string | undefined {
    const silenceMs = Math.max(SILENCE_MS, 3 * intervalMs);
    if (asOfMs !== undefined && clock.now() - asOfMs <= silenceMs) return undefined;
    return failure ?? 'No question about them has been answered yet.';
  }

  async function look(atMs: number): Promise<void> {
    const result = await prometheus.instant(ALERTS_QUERY, atMs);
    failure = result.ok ? undefined : result.sentence;
    if (!result.ok || atMs <= (asOfMs ?? -Infinity)) return;
    const before = byNamespace;
    byNamespace = readAlerts(result.series);
    asOfMs = atMs;
    for (const namespace of new Set([...before.keys(), ...byNamespace.keys()])) {
      if (fingerprint(before.get(namespace)) !== fingerprint(byNamespace.get(namespace))) options.onChange?.(namespace);
    }
  }

  function start(signal: AbortSignal): void {
    let cancel: (() => void) | undefined;
    const wait = (): void => {
      const nextMs = gridBefore(clock.now() - lagMs, intervalMs) + intervalMs + lagMs;
      cancel = clock.after(nextMs - clock.now(), () => {
        void look(gridBefore(clock.now() - lagMs, intervalMs));
        wait();
      });
    };
    if (signal.aborted) return;
    signal.addEventListener('abort', () => cancel?.());
    void look(gridBefore(clock.now() - lagMs, intervalMs));
    wait();
  }

  return { firing: (namespace) => byNamespace.get(namespace) ?? [], asOfMs: () => asOfMs, problem, start };
}

function readAlerts(series: readonly Series[]): ReadonlyMap<string, readonly FiringAlert[]> {
  const alerts = series.flatMap(({ labels, points }): FiringAlert[] => {
    const seconds = points[0]?.value;
    if (seconds === undefined || !Number.isFinite(seconds)) return [];
    return [{ labels: Object.fromEntries(Object.entries(labels).filter(([name]) => name !== '__name__')), activeAtMs: seconds * 1000 }];
  });
  return Map.groupBy(alerts, (alert) => alert.labels['namespace'] ?? '');
}

function fingerprint(alerts: readonly FiringAlert[] | undefined): string {
  const texts = (alerts ?? []).map((alert) => JSON.stringify([alert.activeAtMs, Object.entries(alert.labels).sort()]));
  return texts.sort().join('\n');
}
