// Ways to decide after every look whether a candidate is to be rolled back: ours, and those of others as their code and pages have them.
import { judgeState, startMetric, stepMetric } from '../../../src/core/analysis/analyse.ts';
import type { AnalysisConfig } from '../../../src/core/analysis/config.ts';
import { decide } from '../../../src/core/analysis/decide.ts';
import type { Counts } from '../../../src/core/analysis/row.ts';
import { isClearlyHigher } from './mannWhitney.ts';

export interface TwoArms {
  readonly stable: Counts;
  readonly candidate: Counts;
}

/** What is known before a release: stable's past, and the rate that its owner takes for normal when writing thresholds. */
export interface Past {
  readonly history: readonly Counts[];
  readonly base: number;
}

/** Told of one look after the other; true once it rolls back. */
export type Decider = (row: TwoArms) => boolean;

export interface Rule {
  readonly name: string;
  readonly start: (past: Past) => Decider;
}

/** One-sided level of 1 % for a single look. */
const Z = 2.326;
/** Looks between two judgements of the Mann-Whitney judge. */
const JUDGE_EVERY = 10;

export function ours(config: AnalysisConfig): Rule {
  return {
    name: 'Plimsoll',
    start: ({ history }) => {
      let state = startMetric(history);
      const series: number[] = [];
      return (row) => {
        state = stepMetric(state, row, config);
        series.push(state.evidence.logE);
        return decide([judgeState(state, series, config)], config.alpha).verdict === 'abort';
      };
    },
  };
}

/** Two proportions over the totals so far, as if each look were the only one. */
const zTest: Rule = {
  name: 'z test at each look',
  start: () => {
    const total = { ns: 0, es: 0, nc: 0, ec: 0 };
    return ({ stable, candidate }) => {
      total.ns += stable.requests;
      total.es += stable.bad;
      total.nc += candidate.requests;
      total.ec += candidate.bad;
      const pooled = (total.es + total.ec) / (total.ns + total.nc);
      const error = Math.sqrt(pooled * (1 - pooled) * (1 / total.ns + 1 / total.nc));
      return (total.ec / total.nc - total.es / total.ns) / error > Z;
    };
  },
};

/**
 * Argo Rollouts: `failureCondition: result[0] > 2 x base` on the error rate of the interval. The metric fails when more than `failureLimit`
 * measurements failed, in a row or not. Without requests the rate is NaN and the condition is not met. `count` ends the measuring.
 */
function argo(failureLimit: number, count = Infinity): Rule {
  return {
    name: `Argo Rollouts, failureLimit ${failureLimit}${count === Infinity ? '' : `, count ${count}`}`,
    start: ({ base }) => {
      let [failed, measured] = [0, 0];
      return ({ candidate }) => {
        if (measured >= count) return false;
        measured += 1;
        if (candidate.bad / candidate.requests > 2 * base) failed += 1;
        return failed > failureLimit;
      };
    },
  };
}

/** Flagger's check of one interval: `request-success-rate` with 99 % at least. Built in: no series yet fails, NaN passes. */
export function flaggerCheck(): (candidate: Counts) => boolean {
  let hasSeries = false;
  return ({ requests, bad }) => {
    hasSeries ||= requests > 0;
    return hasSeries && !(100 * (1 - bad / requests) < 99);
  };
}

/** Flagger: `threshold` failed checks in all, acted upon at the next look. Here its weight stays where it is. */
const flagger: Rule = {
  name: 'Flagger, threshold 5, 99 %',
  start: () => {
    const passes = flaggerCheck();
    let failed = 0;
    return ({ candidate }) => {
      if (failed >= 5) return true;
      if (!passes(candidate)) failed += 1;
      return false;
    };
  },
};

/** Kayenta's classifier on the rates of the intervals so far (those with requests), every ten looks. */
const kayenta: Rule = {
  name: 'Mann-Whitney judge',
  start: () => {
    const rates = { stable: [] as number[], candidate: [] as number[] };
    let looks = 0;
    return (row) => {
      looks += 1;
      for (const arm of ['stable', 'candidate'] as const) {
        if (row[arm].requests > 0) rates[arm].push(row[arm].bad / row[arm].requests);
      }
      return looks % JUDGE_EVERY === 0 && isClearlyHigher(rates.stable, rates.candidate);
    };
  },
};

/** Everybody else's. */
export const OTHERS: readonly Rule[] = [zTest, argo(0), argo(3), argo(4), argo(1, 10), flagger, kayenta];
