import { forecast, type Forecast, type Late } from '../analysis/forecast.ts';
import type { CheckSamples } from '../analysis/measurement.ts';
import { requestRate } from '../analysis/rows.ts';
import { sayDuration } from '../time.ts';
import type { CheckResult } from './evaluation.ts';
import { TRAFFIC } from './measures.ts';
import type { Parameters } from './parameters.ts';

/** What a release may expect, from what was measured before `beforeMs`; undefined where it waits for no evidence or nothing is known. */
export function forecastRelease(
  parameters: Parameters,
  results: readonly CheckResult[],
  samples: readonly CheckSamples[],
  beforeMs: number,
): Forecast | undefined {
  const ticks = samples.find(({ check }) => check === TRAFFIC)?.ticks ?? [];
  const requestsPerSecond = requestRate(ticks, beforeMs);
  if (requestsPerSecond === undefined || parameters.checks.length === 0) return undefined;
  const { steps, intervalMs, minRequests, evidenceDeadlineMs, promoteWhen } = parameters;
  const certifiers = results.flatMap(({ certifier }) => certifier ?? []);
  const isCertifying = promoteWhen === 'Certified';
  return forecast(requestsPerSecond, certifiers, { steps, intervalMs, minRequests, evidenceDeadlineMs, isCertifying });
}

/** More weights would not be read. */
const MOST_WEIGHTS = 5;

/** `at 40 requests/s: 100 requests at 5 % take 50s; a candidate that is no different is certified after about 24m at 25 %, 20m at 50 %`. */
export function sayForecast({ requestsPerSecond, weights, late }: Forecast, minRequests: number): string {
  if (requestsPerSecond <= 0) return 'no request was counted before the release, so no evidence is to be expected';
  const [slowest] = weights.toSorted((a, b) => b.requestsMs - a.requestsMs);
  const certified = weights
    .flatMap(({ weight, certifiedMs }) => (certifiedMs === undefined ? [] : [`${sayAbout(certifiedMs)} at ${weight} %`]))
    .slice(-MOST_WEIGHTS)
    .join(', ');
  const said = [
    ...(slowest && minRequests > 0 ? [`${minRequests} requests at ${slowest.weight} % take ${sayAbout(slowest.requestsMs)}`] : []),
    ...(certified === '' ? [] : [`a candidate that is no different is certified after about ${certified}`]),
    ...(late ? [sayLate(late, minRequests)] : []),
  ];
  const rate = `${sayRate(requestsPerSecond)} requests/s`;
  return said.length === 0 ? `there are ${rate}` : `at ${rate}: ${said.join('; ')}`;
}

function sayLate({ what, step, weight, takesMs, givenMs }: Late, minRequests: number): string {
  const needs = takesMs === undefined ? 'never comes' : `takes about ${sayAbout(takesMs)}`;
  const which = what === 'requests' ? `that step ${step + 1} has ${minRequests} requests` : `that step ${step + 1} is certified`;
  const wayOut = 'a larger weight, or a longer spec.rollout.evidenceDeadline, makes it possible';
  return `${which} at ${weight} % ${needs}, and its hold and the deadline give it ${sayAbout(givenMs)}: ${wayOut}`;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A duration that nobody takes for exact: seconds up to 2 minutes, minutes up to 2 hours, hours up to 2 days, then days. */
function sayAbout(ms: number): string {
  if (ms < 2 * MINUTE_MS) return sayDuration(Math.max(1000, Math.ceil(ms / 1000) * 1000));
  if (ms < 2 * HOUR_MS) return `${Math.ceil(ms / MINUTE_MS)}m`;
  return ms < 48 * HOUR_MS ? `${Math.ceil(ms / HOUR_MS)}h` : `${Math.ceil(ms / (24 * HOUR_MS))} days`;
}

function sayRate(requestsPerSecond: number): string {
  return requestsPerSecond >= 100 ? String(Math.round(requestsPerSecond)) : String(Number(requestsPerSecond.toPrecision(2)));
}
