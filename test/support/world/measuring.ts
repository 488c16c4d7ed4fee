// The real measurement service over HTTP in simulated time, and what a Prometheus has of the simulated gateway.
import type { CheckSamples, MeasureRequest, Slot } from '../../../src/core/analysis/measurement.ts';
import { clusterName, LATENCY, REQUESTS } from '../../../src/metrics/envoyGateway.ts';
import { createMeasurements } from '../../../src/metrics/measurements.ts';
import { createPrometheus, type Prometheus } from '../../../src/metrics/prometheus.ts';
import { inPrometheus } from '../../../src/metrics/store.ts';
import { createFakeClock } from '../clocks.ts';
import type { FakePrometheus, FakeSample } from '../prometheus.ts';
import type { Gateway } from './gateway.ts';
import { NAME, NAMESPACE } from './objects.ts';

/** What an operator's memory of looks is to a pass. */
export interface Measuring {
  /** Looks up to `now`, once everything that was asked for is answered. */
  samples(now: number): Promise<readonly CheckSamples[]>;
  want(requests: readonly MeasureRequest[]): Promise<void>;
  stop(): void;
}

/** `url`: of a Prometheus. Its answers are waited for before simulated time goes on, for `timeoutMs` of real time at most. */
export function createMeasuring(url: string, startMs: number, timeoutMs = 2_000): Measuring {
  const clock = createFakeClock(startMs);
  const life = new AbortController();
  let open = 0;
  const real = createPrometheus({ url, now: clock.now, timeoutMs });
  const counted = async <T>(answer: Promise<T>): Promise<T> => {
    open += 1;
    return await answer.finally(() => (open -= 1));
  };
  const prometheus: Prometheus = {
    instant: (query, atMs) => counted(real.instant(query, atMs)),
    range: (query, startMs_, endMs, stepMs) => counted(real.range(query, startMs_, endMs, stepMs)),
    close: () => real.close(),
  };
  const service = createMeasurements({ prometheus, servers: inPrometheus(prometheus), clock, onData: () => undefined });
  service.start(life.signal);

  async function settle(): Promise<void> {
    await clock.advance(0);
    while (open > 0) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      await clock.advance(0);
    }
  }

  return {
    async samples(now) {
      await clock.advance(now - clock.now());
      await settle();
      return service.samples(NAME);
    },
    async want(requests) {
      service.want(NAME, requests);
      await settle();
    },
    stop() {
      life.abort();
      prometheus.close();
    },
  };
}

/** What a Prometheus would have scraped of the gateway's counters, one series for each class or boundary. */
export interface Scraped {
  readonly errors: (atMs: number) => readonly FakeSample[];
  readonly latency: (atMs: number) => readonly FakeSample[];
}

export function scraped(gateway: Gateway, thresholdMs: number): Scraped {
  const arms = { namespace: NAMESPACE, route: NAME, stable: 'a', candidate: 'b' } as const;
  const request = { check: '', intervalMs: 1, fromMs: 0 };
  const series = (
    atMs: number,
    type: 'errors' | 'slowerThan',
    parts: (requests: number, bad: number) => readonly (readonly [Readonly<Record<string, string>>, number])[],
  ): readonly FakeSample[] => {
    const tick = gateway.tick({ ...request, measurand: { type, arms, thresholdMs } }, atMs, atMs);
    return (['a', 'b'] as const).flatMap((slot: Slot) =>
      Object.entries((slot === 'a' ? tick.stable : tick.candidate) ?? {}).flatMap(([instance, { requests, bad }]) =>
        parts(requests, bad).map(([labels, value]) => ({
          labels: { envoy_cluster_name: clusterName(NAMESPACE, NAME, slot), instance, ...labels },
          value,
        })),
      ),
    );
  };
  return {
    errors: (atMs) =>
      series(atMs, 'errors', (requests, bad) => [
        [{ envoy_response_code_class: '2' }, requests - bad],
        ...(bad > 0 ? [[{ envoy_response_code_class: '5' }, bad] as const] : []),
      ]),
    latency: (atMs) =>
      series(atMs, 'slowerThan', (requests, slow) => [
        [{ le: String(thresholdMs) }, requests - slow],
        [{ le: '+Inf' }, requests],
      ]),
  };
}

/** Answers from now on what there is. */
export function answerTruth(fake: FakePrometheus, { errors, latency }: Scraped): void {
  fake.answer(REQUESTS, { kind: 'samples', at: errors });
  fake.answer(LATENCY, { kind: 'samples', at: latency });
}
