// What is to be simulated, from the command line.

import { DEFAULT_ERROR_FLOOR } from '../core/release/checks/errorRate.ts';
import { DEFAULT_MARGIN } from '../core/release/checks/settings.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../core/analysis/config.ts';
import {
  DEFAULT_EVIDENCE_DEADLINE, DEFAULT_INTERVAL, DEFAULT_MIN_REQUESTS, DEFAULT_SETTLE, DEFAULT_STEPS,
} from '../core/release/parameters.ts';
import type { SimulatedPlan } from '../core/simulation/run.ts';
import type { Traffic } from '../core/simulation/traffic.ts';
import { quote } from '../core/version/text.ts';
import { Refusal } from './command.ts';
import { parseOptions, readDuration, readNumber, readShare, readWhole, readWord, refuse, unsigned } from './options.ts';

/** The product's own where it has some. */
export const DEFAULTS = {
  base: '0.5%',
  regression: '2x',
  rps: '40',
  steps: DEFAULT_STEPS.map(({ weight, hold }) => `${weight}%:${hold}`).join(','),
  interval: DEFAULT_INTERVAL,
  settle: DEFAULT_SETTLE,
  margin: DEFAULT_MARGIN,
  floor: DEFAULT_ERROR_FLOOR,
  'min-requests': String(DEFAULT_MIN_REQUESTS),
  deadline: DEFAULT_EVIDENCE_DEADLINE,
  'promote-when': 'NotWorse',
  checks: '1',
  bursts: '1',
  runs: '1000',
  seed: '1',
};

/** Beyond these the answer would take minutes. */
const MOST_LOOKS_OF_A_PLAN = 2000;
const MOST_LOOKS_WITH_DEADLINES = 50_000;
const MOST_GROUPS_A_LOOK = 1000;
const MOST_WORK = 20_000_000;
/** So many groups of bad requests take as long to draw as a look takes to judge. */
const GROUPS_LIKE_A_LOOK = 50;

export interface Wish {
  readonly traffic: Traffic;
  readonly plan: SimulatedPlan;
  readonly config: AnalysisConfig;
  readonly requestsPerSecond: number;
  readonly runs: number;
  readonly seed: number;
  readonly json: boolean;
}

/** Reads the command line; throws a Refusal for what cannot be simulated. */
export function readWish(words: readonly string[]): Wish {
  const { values, json, files } = parseOptions(words, DEFAULTS);
  if (files.length > 0) throw new Refusal(`${quote(files[0] ?? '')} is no option: every value comes after its --name`);
  const intervalMs = readDuration('interval', values.interval, 1);
  const requestsPerSecond = readNumber('rps', values.rps, 0.001, 1_000_000);
  const stableRate = readShare('base', values.base);
  const plan: SimulatedPlan = {
    steps: readSteps(values.steps),
    intervalMs,
    settleMs: readDuration('settle', values.settle, 0),
    minRequests: readWhole('min-requests', values['min-requests'], 0, 1_000_000_000),
    evidenceDeadlineMs: readDuration('deadline', values.deadline, 0),
    promoteWhen: readWord('promote-when', values['promote-when'], ['NotWorse', 'Certified']),
    checks: readWhole('checks', values.checks, 1, 20),
  };
  const requestsPerLook = (requestsPerSecond * intervalMs) / 1000;
  if (requestsPerLook > 1_000_000)
    throw refuse('rps', values.rps, `at an interval of ${values.interval} that is more than a million requests a look; shorten --interval`);
  const bursts = readNumber('bursts', values.bursts, 1, 1000);
  const traffic: Traffic = { requestsPerLook, stableRate, candidateRate: readRegression(values, stableRate), bursts };
  const runs = readWhole('runs', values.runs, 1, 100_000);
  checkWork(plan, traffic, runs, values);
  const config: AnalysisConfig = {
    ...DEFAULT_ANALYSIS,
    margin: readShare('margin', values.margin, 100),
    floor: readShare('floor', values.floor),
  };
  return { traffic, plan, config, requestsPerSecond, runs, seed: readWhole('seed', values.seed, 0, 2 ** 32 - 1), json };
}

function checkWork(plan: SimulatedPlan, traffic: Traffic, runs: number, values: Readonly<typeof DEFAULTS>): void {
  const held = plan.steps.reduce((sum, { holdMs }) => sum + (holdMs + plan.settleMs) / plan.intervalMs, 0);
  if (held > MOST_LOOKS_OF_A_PLAN) {
    const many = `with an interval of ${values.interval} they are more than ${MOST_LOOKS_OF_A_PLAN} looks`;
    throw refuse('steps', values.steps, `${many}; lengthen --interval`);
  }
  const looks = held + (plan.steps.length * plan.evidenceDeadlineMs) / plan.intervalMs;
  if (looks > MOST_LOOKS_WITH_DEADLINES) {
    const many = `a release that waits so long at each step would take more than ${MOST_LOOKS_WITH_DEADLINES} looks`;
    throw refuse('deadline', values.deadline, `${many}; shorten it, or lengthen --interval`);
  }
  const { requestsPerLook, stableRate, candidateRate, bursts } = traffic;
  const groups = bursts > 1 ? (requestsPerLook * Math.max(stableRate, candidateRate)) / bursts : 0;
  if (groups > MOST_GROUPS_A_LOOK) {
    const many = `with this traffic they are more than ${MOST_GROUPS_A_LOOK} groups a look`;
    throw refuse('bursts', values.bursts, `${many}; shorten --interval, or lower --rps`);
  }
  const most = Math.floor(MOST_WORK / Math.max(1, looks) / plan.checks / (1 + groups / GROUPS_LIKE_A_LOOK));
  if (runs > most)
    throw refuse('runs', values.runs, `with these steps, checks and this deadline that would take minutes; write at most ${most}`);
}

/** `5%:5m,25%:10m`: as many steps as a ModelDeployment may have, and rising as its have to. */
function readSteps(text: string): SimulatedPlan['steps'] {
  const parts = text.split(',');
  if (parts.length > 20) throw refuse('steps', text.slice(0, 40), 'write at most 20 steps');
  const steps = parts.map((part) => {
    const [, weight = '', hold = ''] = /^([0-9]{1,3})%:(.+)$/.exec(part.trim()) ?? [];
    if (hold === '' || Number(weight) > 100)
      throw refuse('steps', text, 'write shares with their holds, such as 5%:5m,25%:10m,50%:10m');
    return { weight: Number(weight), holdMs: readDuration('steps', hold, 0) };
  });
  const isRising = steps.every(({ weight }, index) => index === 0 || weight > (steps[index - 1]?.weight ?? 0));
  if (!isRising) throw refuse('steps', text, 'each share must be higher than the one before, as in a ModelDeployment');
  return steps;
}

/** `2x` = so many times stable's rate; `50%` = that rate. */
function readRegression({ regression: text, base }: Readonly<typeof DEFAULTS>, stableRate: number): number {
  const rate = text.endsWith('x') ? unsigned(text.slice(0, -1)) * stableRate : text.endsWith('%') ? readShare('regression', text) : NaN;
  if (rate >= 0 && rate <= 1) return rate;
  const wayOut = 'write how many times as bad the candidate is, such as 2x, or its own share of bad requests, such as 50%';
  throw refuse('regression', text, rate > 1 ? `of a --base of ${base} that is more than all requests; ${wayOut}` : wayOut);
}
