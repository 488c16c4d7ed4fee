// plimsoll simulate: what a plan would do with the traffic that one has, before anybody's requests are at stake.

import { looksUntilCertified, simulate, type Spread } from '../core/simulation/summary.ts';
import type { Command, Output } from './command.ts';
import { renderSimulation, type Simulation } from './simulateText.ts';
import { DEFAULTS, readWish } from './simulateWish.ts';

const USAGE = `usage: plimsoll simulate [--OPTION VALUE ...] [--json]

Plays releases with made-up traffic through the operator's own statistics: how often a version that is no different would be rolled back,
how often and how soon one that is worse, and how long evidence takes.

  --base 0.5%              share of stable's requests that are bad
  --regression 2x          the worse candidate: so many times as bad, or the share of its requests that is bad (50%)
  --rps 40                 requests a second, both versions together
  --steps ${DEFAULTS.steps}   the candidate's shares of the traffic, each with its hold
  --interval 15s           time between two looks
  --settle 20s             time after each change of weight that does not count
  --margin 50%             relativeMargin of the check
  --floor 0.5%             absoluteFloor of the check
  --min-requests 100       candidate requests that each step needs
  --deadline 1h            evidenceDeadline
  --promote-when NotWorse  or Certified
  --checks 1               checks of the release; all but one see no difference
  --bursts 1               bad events come in groups of so many
  --runs 1000              releases to play, of each kind
  --seed 1                 the same seed gives the same releases
`;

/** Enough to show the middle; a run in which nothing is ever certified is a long one. */
const MOST_CERTIFYING_RUNS = 100;

export const SIMULATE: Command = { usage: USAGE, run: (words) => runSimulate(words) };

function runSimulate(words: readonly string[]): Output {
  const wish = readWish(words);
  const { traffic, plan, config, seed, runs } = wish;
  const minutes = ({ p50, p95 }: Spread): Spread => {
    const of = (looks: number | null): number | null => (looks === null ? null : (looks * plan.intervalMs) / 60_000);
    return { p50: of(p50), p95: of(p95) };
  };
  const weights = [...new Set(plan.steps.map(({ weight }) => weight))].filter((weight) => weight > 0 && weight < 100);
  const simulation: Simulation = {
    noDifference: simulate(seed, runs, { ...traffic, candidateRate: traffic.stableRate }, plan, config),
    regression: simulate(seed, runs, traffic, plan, config),
    certifying: weights.map((weight) => ({
      weight,
      minutes: minutes(looksUntilCertified(seed, Math.min(runs, MOST_CERTIFYING_RUNS), traffic, weight, config)),
    })),
  };
  const json = (): string => `${JSON.stringify({ asked: { ...wish, json: undefined }, ...simulation }, undefined, 2)}\n`;
  return { text: wish.json ? json() : renderSimulation(wish, simulation), code: 0 };
}
