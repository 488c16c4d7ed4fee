// The looks of a release, all at once and afterwards: asked for as the operator asks for those that it has missed.
import type { CheckSamples, MeasureRequest } from '../core/analysis/measurement.ts';
import { gridBefore } from './looks.ts';
import type { Prometheus } from './prometheus.ts';
import { readPast, remember, subscribe, toSamples } from './subscription.ts';

/** All looks up to `untilMs`, in the order of the requests. A check that could not be asked about has looks without data and says why. */
export async function readSamples(
  prometheus: Prometheus,
  requests: readonly MeasureRequest[],
  untilMs: number,
): Promise<readonly CheckSamples[]> {
  return await Promise.all(
    requests.map(async (request) => {
      const sub = subscribe('', request, gridBefore(untilMs, request.intervalMs));
      const span = sub.looks.missing();
      sub.ready = true;
      if (span === undefined) return toSamples(sub);
      const reading = await readPast(prometheus, { ...span, stepMs: request.intervalMs }, sub);
      sub.problem = reading.problem;
      remember(sub, reading);
      return toSamples(sub);
    }),
  );
}
