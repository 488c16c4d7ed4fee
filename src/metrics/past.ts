// The looks of a release, all at once and afterwards: asked for as the operator asks for those that it has missed.
import type { CheckSamples, MeasureRequest } from '../core/analysis/measurement.ts';
import { gridBefore } from './looks.ts';
import type { Prometheus } from './prometheus.ts';
import { inPrometheus } from './store.ts';
import { readPast, remember, subscribe, toSamples, type Stores } from './subscription.ts';

/** All looks up to `untilMs`, in the order of the requests. A check that could not be asked about has looks without data and says why. */
export async function readSamples(
  prometheus: Prometheus,
  requests: readonly MeasureRequest[],
  untilMs: number,
): Promise<readonly CheckSamples[]> {
  const series = inPrometheus(prometheus);
  // What servers showed at the time they show no more; whoever scraped them then knows it still.
  const stores: Stores = { prometheus, series, servers: series };
  return await Promise.all(
    requests.map(async (request) => {
      const sub = subscribe('', request, gridBefore(untilMs, request.intervalMs));
      const span = sub.looks.missing();
      sub.ready = true;
      if (span === undefined) return toSamples(sub);
      const reading = await readPast(stores, { ...span, stepMs: request.intervalMs }, sub);
      sub.problem = reading.problem;
      remember(sub, reading);
      return toSamples(sub);
    }),
  );
}
