// Made-up traffic: what one look at two versions counts.

import type { Counts } from '../analysis/row.ts';
import { binomial, poisson } from './draws.ts';
import type { Random } from './random.ts';

/** Requests of both versions together, and how they fail. */
export interface Traffic {
  /** Mean of the requests between two looks, both versions together; they come independently of each other (Poisson). */
  readonly requestsPerLook: number;
  /** Share of stable's requests that are bad. */
  readonly stableRate: number;
  readonly candidateRate: number;
  /** Bad events come in groups; this many in one on average, 1 = each by itself. The length of a group is geometric. */
  readonly bursts: number;
}

/** Requests of both versions in one interval, stable's first. `weight` = the candidate's share in percent. */
export function drawRequests(random: Random, { requestsPerLook }: Traffic, weight: number): readonly [number, number] {
  const share = weight / 100;
  return [poisson(random, requestsPerLook * (1 - share)), poisson(random, requestsPerLook * share)];
}

/** The same requests as counts of one metric. */
export function drawCounts(random: Random, requests: number, rate: number, bursts: number): Counts {
  return { requests, bad: drawBad(random, requests, rate, bursts) };
}

/** The stable version's intervals before a release, when it has all the traffic. */
export function drawHistory(random: Random, traffic: Traffic, length: number): readonly Counts[] {
  return Array.from({ length }, () => drawCounts(random, drawRequests(random, traffic, 0)[0], traffic.stableRate, traffic.bursts));
}

/** Groups begin independently, so that the mean is `requests` x `rate` whatever their length is (less where more is bad than there is). */
function drawBad(random: Random, requests: number, rate: number, bursts: number): number {
  if (bursts <= 1) return binomial(random, requests, rate);
  const groups = binomial(random, requests, rate / bursts);
  let bad = 0;
  for (let group = 0; group < groups && bad < requests; group += 1) bad += lengthOfGroup(random, bursts);
  return Math.min(bad, requests);
}

/** Geometric from 1 on, with this mean, by inversion. */
function lengthOfGroup(random: Random, mean: number): number {
  return 1 + Math.floor(Math.log1p(-random()) / Math.log1p(-1 / mean));
}
