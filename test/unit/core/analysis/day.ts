// A day of traffic as a Prometheus would have recorded it of two arms that are equally good: counters with all that happens to counters.
import type { ArmSample, Counter, Tick } from '../../../../src/core/analysis/measurement.ts';
import { createSeededRandom } from '../../../support/clocks.ts';

export const STEP_MS = 15_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export interface DayOptions {
  readonly seed: number;
  /** The candidate's share of the traffic. */
  readonly weight: (atMs: number) => number;
  /** How often as bad the candidate is as stable. */
  readonly ratio?: (atMs: number) => number;
}

/** The looks of a metric each: failed requests, and slow ones. */
export interface Day {
  readonly errors: readonly Tick[];
  readonly latency: readonly Tick[];
}

/** Two gateways; each restarts some times in a day, and its counters begin again. */
const INSTANCES = ['east', 'west'] as const;
const RESTARTS_A_DAY = 6;
const DEPLOYS_A_DAY = 8;
const LOST_SCRAPES = 0.02;
const OUTAGES_OF_METRICS_A_DAY = 4;

export function recordDay({ seed, weight, ratio = () => 1 }: DayOptions): Day {
  const random = createSeededRandom(seed);
  // The first numbers of neighbouring seeds are much alike.
  for (let i = 0; i < 20; i += 1) random();
  const times = (howMany: number): readonly number[] => Array.from({ length: howMany }, () => random() * DAY_MS);
  const deploys = times(DEPLOYS_A_DAY);
  const outages = times(OUTAGES_OF_METRICS_A_DAY);
  const counters = INSTANCES.map(() => ({ stable: empty(), candidate: empty() }));
  const errors: Tick[] = [];
  const latency: Tick[] = [];
  for (let atMs = 0; atMs <= DAY_MS; atMs += STEP_MS) {
    const load = loadAt(atMs);
    const spike = deploys.some((deployMs) => atMs >= deployMs && atMs < deployMs + 180_000);
    const failing = (0.002 + 0.006 * load) * (spike ? 8 : 1);
    const slow = (0.01 + 0.03 * load) * (spike ? 3 : 1);
    for (const counter of counters) {
      if (random() < (RESTARTS_A_DAY * STEP_MS) / DAY_MS) Object.assign(counter, { stable: empty(), candidate: empty() });
      const requests = poisson(random, ((2 + 298 * load) * STEP_MS) / 1000 / INSTANCES.length);
      const candidate = binomial(random, requests, weight(atMs));
      serve(random, counter.stable, requests - candidate, failing, slow);
      serve(random, counter.candidate, candidate, failing * ratio(atMs), slow * ratio(atMs));
    }
    const isLost = random() < LOST_SCRAPES || outages.some((outageMs) => atMs >= outageMs && atMs < outageMs + 240_000);
    const arm = (name: 'stable' | 'candidate', bad: 'failed' | 'slow'): ArmSample =>
      Object.fromEntries(INSTANCES.map((instance, i) => [instance, counterOf(counters[i]![name], bad)]));
    const look = (bad: 'failed' | 'slow'): Tick => ({
      atMs,
      stable: isLost ? null : arm('stable', bad),
      candidate: isLost ? null : arm('candidate', bad),
      value: null,
    });
    errors.push(look('failed'));
    latency.push(look('slow'));
  }
  return { errors, latency };
}

/** From 0 at four in the morning to 1 at four in the afternoon, with a broad night. */
function loadAt(atMs: number): number {
  return (0.5 - 0.5 * Math.cos((2 * Math.PI * (atMs - 4 * HOUR_MS)) / DAY_MS)) ** 2;
}

interface Counts {
  requests: number;
  failed: number;
  slow: number;
}

function empty(): Counts {
  return { requests: 0, failed: 0, slow: 0 };
}

function counterOf({ requests, failed, slow }: Counts, bad: 'failed' | 'slow'): Counter {
  return { requests, bad: bad === 'failed' ? failed : slow };
}

/** Failures come in bursts of one to five: a client that tries again fails again, at the version that it is at. */
function serve(random: () => number, counts: Counts, requests: number, failing: number, slow: number): void {
  let failed = 0;
  for (let bursts = poisson(random, (requests * failing) / 3); bursts > 0; bursts -= 1) failed += 1 + Math.floor(random() * 5);
  counts.requests += requests;
  counts.failed += Math.min(requests, failed);
  counts.slow += binomial(random, requests, slow);
}

function poisson(random: () => number, mean: number): number {
  if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const end = Math.exp(-mean);
  let [count, product] = [0, random()];
  for (; product > end; count += 1) product *= random();
  return count;
}

function binomial(random: () => number, n: number, p: number): number {
  if (n * p > 30 && n * (1 - p) > 30) return Math.min(n, Math.max(0, Math.round(n * p + Math.sqrt(n * p * (1 - p)) * normal(random))));
  if (n * p <= 30 && n > 100 && p < 0.2) return Math.min(n, poisson(random, n * p));
  let hits = 0;
  for (let i = 0; i < n; i += 1) if (random() < p) hits += 1;
  return hits;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
