// How long evidence will take, from the traffic and the failures that there were before a release: everything goes on as it did, the
// candidate is no different, and nothing scatters. No bound: some releases take longer.

import { burstFactor, startBurst } from './burst.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from './config.ts';
import { certificate, NO_CERTIFICATE, rateTerm, ratioTerm, stepCertificate, type CertificateState, type Term } from './eprocess.ts';
import { cleanCounts, type RawCounts, type Row } from './row.ts';
import { divide, NO_SCORE, scoreBurstFactor, startScoreBurst, stepScore, type Scores } from './score.ts';

/** What can certify a candidate: stable's intervals before the release, and what is acceptable. */
export type Certifier = ShareCertifier | ScoreCertifier;

/** A share of bad events, compared with stable's or, where there is a `limit`, held against that alone. */
export interface ShareCertifier {
  readonly history: readonly RawCounts[];
  readonly config: AnalysisConfig;
  readonly limit?: number;
}

/** A mean score between 0 and 1 that may be lower than stable's by `margin`. */
export interface ScoreCertifier {
  readonly scores: readonly Scores[];
  readonly margin: number;
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
  const requestsPerLook = requestsPerSecond * (plan.intervalMs / 1000);
  const paces = certifiers.map((certifier) => ('scores' in certifier ? scorePace(certifier) : sharePace(certifier, requestsPerLook)));
  const weights = [...new Set(plan.steps.map(({ weight }) => weight))].filter((weight) => weight > 0);
  const found = weights.map((weight): WeightForecast => {
    const looks = paces.map((pace) => pace?.looksAt(weight) ?? Infinity);
    const most = looks.length === 0 ? Infinity : Math.max(...looks);
    return { weight, requestsMs: requestsMs(weight), certifiedMs: most > MOST_LOOKS ? undefined : most * plan.intervalMs };
  });
  return { requestsPerSecond, weights: found, late: lateIn(plan, found, paces) };
}

/** Looks at one weight. */
interface Stage {
  readonly weight: number;
  readonly looks: number;
}

/** How a certifier gets on; undefined where nothing is known of stable. */
interface Pace {
  /** Looks that give a pass at one weight; Infinity when it does not come. */
  readonly looksAt: (weight: number) => number;
  readonly isCertifiedAfter: (stages: readonly Stage[]) => boolean;
}

/** Of a score: stable's mean interval, look after look, as what one look adds depends on those before. */
function scorePace({ scores, margin }: ScoreCertifier): Pace | undefined {
  const { alphaPromote, minIntervals, minRequests, phiMax } = DEFAULT_ANALYSIS;
  const counted = scores.filter(({ count }) => count > 0);
  if (counted.length === 0) return undefined;
  const phi = scoreBurstFactor(startScoreBurst(scores), phiMax);
  const mean = (member: keyof Scores): number => counted.reduce((sum, one) => sum + one[member], 0) / counted.length;
  const whole: Scores = { count: mean('count'), sum: mean('sum'), squares: mean('squares') };
  /** The look at which it is certified, of those of the stages. */
  const play = (stages: readonly Stage[]): number => {
    let [stable, candidate, look, seen] = [NO_SCORE, NO_SCORE, 0, 0];
    for (const { weight, looks } of stages) {
      for (let end = look + Math.min(looks, MOST_SCORE_LOOKS); look < end; ) {
        stable = stepScore(stable, divide(whole, phi / (1 - weight / 100)), alphaPromote / 2);
        candidate = stepScore(candidate, divide(whole, phi / (weight / 100)), alphaPromote / 2);
        look += 1;
        seen += (whole.count * weight) / 100;
        const behind = stable.interval.upper - candidate.interval.lower;
        if (behind <= margin && look >= minIntervals && seen >= minRequests) return look;
      }
    }
    return Infinity;
  };
  return {
    looksAt: (weight) => play([{ weight, looks: MOST_SCORE_LOOKS }]),
    isCertifiedAfter: (stages) => play(stages.filter(({ weight }) => weight > 0)) < Infinity,
  };
}

/** Beyond so many looks, 17 hours of 15 s, nothing is said of a score. */
const MOST_SCORE_LOOKS = 4096;

/** Of a share, with stable's rate and the burst factor that divides the first row. */
interface SharePace {
  readonly rate: number;
  readonly phi: number;
  readonly config: AnalysisConfig;
  /** The rate that is certified, and what certainty takes; the ratio is certified too, unless there is a limit. */
  readonly most: number;
  readonly need: number;
  readonly comparesRatio: boolean;
  readonly requestsPerLook: number;
}

function sharePace({ history, config, limit }: ShareCertifier, requestsPerLook: number): Pace | undefined {
  const counted = history.flatMap((counts) => cleanCounts(counts) ?? []);
  const requests = counted.reduce((sum, counts) => sum + counts.requests, 0);
  const bad = counted.reduce((sum, counts) => sum + counts.bad, 0);
  if (requests <= 0) return undefined;
  const phi = burstFactor(startBurst(history), config.phiMax);
  const isLimited = limit !== undefined;
  const need = Math.log((isLimited ? 1 : 2) / config.alphaPromote);
  const pace = { rate: bad / requests, phi, config, most: limit ?? config.floor, need, comparesRatio: !isLimited, requestsPerLook };
  return {
    looksAt: (weight) => looksUntilCertified(pace, weight),
    isCertifiedAfter: (stages) => reaches(stages.reduce((state, { weight, looks }) => after(pace, state, weight, looks), UNCERTIFIED), pace),
  };
}

/** Looks that give a pass at one weight; Infinity when it does not come. */
function looksUntilCertified(pace: SharePace, weight: number): number {
  const candidate = (pace.requestsPerLook * weight) / 100;
  const { rate, config } = pace;
  if (candidate <= 0 || (pace.comparesRatio && rate > config.ceiling)) return Infinity;
  const isCertified = (looks: number): boolean => reaches(after(pace, UNCERTIFIED, weight, looks), pace);
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
function after(pace: SharePace, before: Certificates, weight: number, looks: number): Certificates {
  const { rate, phi, config, requestsPerLook } = pace;
  const arm = (share: number) => ({ requests: looks * requestsPerLook * share, bad: looks * requestsPerLook * share * rate });
  const row: Row = { stable: arm(1 - weight / 100), candidate: arm(weight / 100) };
  const step = (state: CertificateState, term: Term): CertificateState => stepCertificate(state, term);
  return { ratio: step(before.ratio, ratioTerm(row, phi, 1 + config.margin)), rate: step(before.rate, rateTerm(row, phi, pace.most)) };
}

function reaches({ ratio, rate }: Certificates, { need, most, comparesRatio }: SharePace): boolean {
  return (comparesRatio && certificate(ratio) >= need) || certificate(rate) >= need || most >= 1;
}

function lateIn(
  plan: EvidencePlan,
  weights: readonly WeightForecast[],
  paces: readonly (Pace | undefined)[],
): Late | undefined {
  const { steps, intervalMs, evidenceDeadlineMs, isCertifying } = plan;
  const of = (weight: number): WeightForecast | undefined => weights.find((one) => one.weight === weight);
  for (const [step, { weight, holdMs }] of steps.entries()) {
    const [takesMs, givenMs] = [of(weight)?.requestsMs ?? 0, holdMs + evidenceDeadlineMs];
    if (takesMs > givenMs) return { what: 'requests', step, weight, takesMs, givenMs };
  }
  const last = steps.at(-1);
  if (!isCertifying || !last || paces.includes(undefined)) return undefined;
  const spent = steps.map(({ weight, holdMs }, step) =>
    step < steps.length - 1 ? Math.max(holdMs, of(weight)?.requestsMs ?? 0) : holdMs + evidenceDeadlineMs,
  );
  const stages = steps.map(({ weight }, step): Stage => ({ weight, looks: Math.floor((spent[step] ?? 0) / intervalMs) }));
  const isInTime = paces.every((pace) => pace?.isCertifiedAfter(stages));
  if (isInTime) return undefined;
  const { weight, holdMs } = last;
  return { what: 'certificates', step: steps.length - 1, weight, takesMs: of(weight)?.certifiedMs, givenMs: holdMs + evidenceDeadlineMs };
}
