// How long evidence will take, from the traffic and the failures that there were before a release: everything goes on as it did, the
// candidate is no different, and nothing scatters. No bound: some releases take longer.

import { burstFactor, startBurst } from './burst.ts';
import type { AnalysisConfig } from './config.ts';
import { certificate, NO_CERTIFICATE, rateTerm, ratioTerm, stepCertificate, type CertificateState, type Term } from './eprocess.ts';
import { cleanCounts, type RawCounts, type Row } from './row.ts';

/** A comparison that can certify a candidate: stable's intervals before the release, and what is acceptable. */
export interface Certifier {
  readonly history: readonly RawCounts[];
  readonly config: AnalysisConfig;
}

/** What a release asks of the evidence. Weights in per cent. */
export interface EvidencePlan {
  readonly steps: readonly { readonly weight: number; readonly holdMs: number }[];
  readonly intervalMs: number;
  readonly minRequests: number;
  readonly evidenceDeadlineMs: number;
  /** Whether the last step waits for certificates. */
  readonly isCertifying: boolean;
}

export interface Forecast {
  /** Of both versions together. */
  readonly requestsPerSecond: number;
  /** Each weight of the plan that gives the candidate requests, once, in the order of the steps. */
  readonly weights: readonly WeightForecast[];
  /** What cannot come before the deadline of its step; undefined when all can. */
  readonly late: Late | undefined;
}

export interface WeightForecast {
  readonly weight: number;
  /** Until the candidate has answered the least number of requests; Infinity without traffic. */
  readonly requestsMs: number;
  /** Until all that certify have, at this weight alone; undefined when they never do or nothing can be said. */
  readonly certifiedMs: number | undefined;
}

export interface Late {
  readonly what: 'requests' | 'certificates';
  /** Index of the step. */
  readonly step: number;
  readonly weight: number;
  /** Undefined when it never comes. */
  readonly takesMs: number | undefined;
  readonly givenMs: number;
}

/** Looks beyond which nobody waits. */
const MOST_LOOKS = 2 ** 20;

export function forecast(requestsPerSecond: number, certifiers: readonly Certifier[], plan: EvidencePlan): Forecast {
  const requestsMs = (weight: number): number => (plan.minRequests === 0 ? 0 : plan.minRequests / ((requestsPerSecond * weight) / 100_000));
  const paces = certifiers.map(paceOf);
  const weights = [...new Set(plan.steps.map(({ weight }) => weight))].filter((weight) => weight > 0);
  const found = weights.map((weight): WeightForecast => {
    const looks = paces.map((pace) => looksUntilCertified(pace, requestsPerSecond * (plan.intervalMs / 1000), weight));
    const most = looks.length === 0 ? Infinity : Math.max(...looks);
    return { weight, requestsMs: requestsMs(weight), certifiedMs: most > MOST_LOOKS ? undefined : most * plan.intervalMs };
  });
  return { requestsPerSecond, weights: found, late: lateIn(plan, found, paces, requestsPerSecond) };
}

/** A certifier with stable's rate, undefined where stable had no requests, and the burst factor that divides the first row. */
interface Pace {
  readonly rate: number | undefined;
  readonly phi: number;
  readonly config: AnalysisConfig;
}

function paceOf({ history, config }: Certifier): Pace {
  const counted = history.flatMap((counts) => cleanCounts(counts) ?? []);
  const requests = counted.reduce((sum, counts) => sum + counts.requests, 0);
  const bad = counted.reduce((sum, counts) => sum + counts.bad, 0);
  return { rate: requests > 0 ? bad / requests : undefined, phi: burstFactor(startBurst(history), config.phiMax), config };
}

/** Looks that give a pass at one weight; Infinity when it does not come. */
function looksUntilCertified(pace: Pace, requestsPerLook: number, weight: number): number {
  const candidate = (requestsPerLook * weight) / 100;
  const { rate, config } = pace;
  if (rate === undefined || candidate <= 0 || rate > config.ceiling) return Infinity;
  const isCertified = (looks: number): boolean => reaches(after(pace, UNCERTIFIED, requestsPerLook, weight, looks), config);
  let high = Math.max(1, config.minIntervals, Math.ceil(config.minRequests / candidate));
  if (isCertified(high)) return high;
  while (!isCertified(high)) {
    if (high > MOST_LOOKS) return Infinity;
    high *= 2;
  }
  let low = high / 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isCertified(middle)) high = middle;
    else low = middle;
  }
  return high;
}

interface Certificates {
  readonly ratio: CertificateState;
  readonly rate: CertificateState;
}

const UNCERTIFIED: Certificates = { ratio: NO_CERTIFICATE, rate: NO_CERTIFICATE };

/** Certificates after so many looks more at a weight. They are linear in the counts, so that all looks at one weight are one row. */
function after(pace: Pace, before: Certificates, requestsPerLook: number, weight: number, looks: number): Certificates {
  const { rate = 0, phi, config } = pace;
  const arm = (share: number) => ({ requests: looks * requestsPerLook * share, bad: looks * requestsPerLook * share * rate });
  const row: Row = { stable: arm(1 - weight / 100), candidate: arm(weight / 100) };
  const step = (state: CertificateState, term: Term): CertificateState => stepCertificate(state, term);
  return { ratio: step(before.ratio, ratioTerm(row, phi, 1 + config.margin)), rate: step(before.rate, rateTerm(row, phi, config.floor)) };
}

function reaches({ ratio, rate }: Certificates, { alphaPromote, floor }: AnalysisConfig): boolean {
  const need = Math.log(2 / alphaPromote);
  return certificate(ratio) >= need || certificate(rate) >= need || floor >= 1;
}

function lateIn(
  plan: EvidencePlan,
  weights: readonly WeightForecast[],
  paces: readonly Pace[],
  requestsPerSecond: number,
): Late | undefined {
  const { steps, intervalMs, evidenceDeadlineMs, isCertifying } = plan;
  const of = (weight: number): WeightForecast | undefined => weights.find((one) => one.weight === weight);
  for (const [step, { weight, holdMs }] of steps.entries()) {
    const [takesMs, givenMs] = [of(weight)?.requestsMs ?? 0, holdMs + evidenceDeadlineMs];
    if (takesMs > givenMs) return { what: 'requests', step, weight, takesMs, givenMs };
  }
  const last = steps.at(-1);
  if (!isCertifying || !last || paces.some(({ rate }) => rate === undefined)) return undefined;
  const requestsPerLook = (requestsPerSecond * intervalMs) / 1000;
  const spent = steps.map(({ weight, holdMs }, step) =>
    step < steps.length - 1 ? Math.max(holdMs, of(weight)?.requestsMs ?? 0) : holdMs + evidenceDeadlineMs,
  );
  const isInTime = paces.every((pace) => {
    const certificates = steps.reduce(
      (state, { weight }, step) => after(pace, state, requestsPerLook, weight, Math.floor((spent[step] ?? 0) / intervalMs)),
      UNCERTIFIED,
    );
    return reaches(certificates, pace.config);
  });
  if (isInTime) return undefined;
  const { weight, holdMs } = last;
  return { what: 'certificates', step: steps.length - 1, weight, takesMs: of(weight)?.certifiedMs, givenMs: holdMs + evidenceDeadlineMs };
}
