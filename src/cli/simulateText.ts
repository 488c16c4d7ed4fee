// A simulation for people.

import { sayDuration } from '../core/time.ts';
import { MOST_LOOKS, type Spread, type Summary } from '../core/simulation/summary.ts';
import type { Wish } from './simulateWish.ts';
import { amount, percent, table } from './table.ts';

/** How long it takes to certify a candidate that is no different, at a weight. */
export interface Certifying {
  readonly weight: number;
  readonly minutes: Spread;
}

export interface Simulation {
  readonly noDifference: Summary;
  readonly regression: Summary;
  readonly certifying: readonly Certifying[];
}

/** What was asked, a column for each kind of candidate, and how long certainty takes. */
export function renderSimulation(wish: Wish, { noDifference, regression, certifying }: Simulation): string {
  const { traffic, plan, config, runs, seed } = wish;
  const steps = plan.steps.map(({ weight, holdMs }) => `${weight}% for ${sayDuration(holdMs)}`).join(', ');
  const bursts = traffic.bursts > 1 ? `, bad ones in groups of ${traffic.bursts}` : '';
  const played = `${wish.requestsPerSecond} requests/s, ${share(traffic.stableRate)} of stable's bad${bursts}`;
  const limits = `margin ${share(config.margin)}, floor ${share(config.floor)}, ${plan.promoteWhen}`;
  return [
    `${runs} releases of each kind (seed ${seed}): ${played};\n`,
    `${steps}; a look every ${sayDuration(plan.intervalMs)}; ${limits}.\n\n`,
    table([
      ['', 'no difference', `${share(traffic.candidateRate)} bad`],
      row('promoted', noDifference, regression, ({ promoted }) => percent(promoted)),
      row('rolled back', noDifference, regression, ({ rolledBack }) => percent(rolledBack)),
      row('inconclusive', noDifference, regression, ({ inconclusive }) => percent(inconclusive)),
      row('looks until rolled back, p50 / p95', noDifference, regression, ({ looksToCatch: { p50, p95 } }) => pair(p50, p95, amount)),
      row('time until rolled back, p50 / p95', noDifference, regression, ({ msToCatch: { p50, p95 } }) => pair(p50, p95, sayDuration)),
      row('requests to the candidate, mean', noDifference, regression, ({ exposed }) => amount(exposed)),
      row('failures that stable would not have had', noDifference, regression, ({ exposedMore }) => amount(exposedMore)),
    ]),
    sayCertifying(certifying, plan.intervalMs),
  ].join('');
}

/** Nothing where no step shares the traffic between the two versions. */
function sayCertifying(certifying: readonly Certifying[], intervalMs: number): string {
  if (certifying.length === 0) return '';
  const rows = certifying.map((entry) => certifyingRow(entry, intervalMs));
  return `\nA candidate that is no different is certified after\n${table([['', 'p50', 'p95'], ...rows])}`;
}

function row(what: string, first: Summary, second: Summary, say: (summary: Summary) => string): readonly string[] {
  return [what, say(first), say(second)];
}

function pair(p50: number | null, p95: number | null, say: (value: number) => string): string {
  return p50 === null || p95 === null ? '-' : `${say(p50)} / ${say(p95)}`;
}

function certifyingRow({ weight, minutes }: Certifying, intervalMs: number): readonly string[] {
  const beyond = `more than ${sayDuration(MOST_LOOKS * intervalMs)}`;
  const say = (value: number | null): string => (value === null ? beyond : sayDuration(value * 60_000));
  return [`at ${weight}%`, say(minutes.p50), say(minutes.p95)];
}

/** A rate or margin as it was written, not rounded away. */
function share(value: number): string {
  return `${Number((100 * value).toPrecision(6))}%`;
}
