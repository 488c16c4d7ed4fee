import { NOTHING_SEEN, rejects, stepEvidence } from '../../analysis/rejection.ts';
import { SPLIT_ALPHA, splitSeries } from '../../analysis/split.ts';
import { formatEvidence, roundDown } from '../../analysis/words.ts';
import type { CheckKind, CheckSpec } from './kind.ts';
import { readPercent } from './settings.ts';
import { verdictOf } from './twoArms.ts';

interface SplitOptions {
  /** Of the odds of a request to reach the candidate. */
  readonly tolerance: number;
}

/** Whether the traffic is split as the weight says. It holds and reports; nothing is rolled back for it. */
export const SPLIT: CheckKind<NonNullable<CheckSpec['split']>, SplitOptions> = {
  reason: 'ChecksFailed',
  settings: ({ tolerance = '50%' }) => ({ tolerance }),
  read: (settings) => ({ tolerance: readPercent(settings['tolerance']) }),
  basis: () => 'Requests',
  measure: (_, { arms }) => ({ type: 'requests', arms }),
  accuses: () => false,
  certifies: () => false,
  judge: ({ tolerance }, evidence, { weights }) => {
    // A new weight may mend what the one before showed: each is judged by itself.
    const { rows: all } = evidence.rows();
    const rows = all.filter(({ window }) => window === weights.length - 1).map(({ row }) => row);
    const weight = (weights.at(-1) ?? 0) / 100;
    const series = splitSeries(rows, rows.map(() => weight), tolerance, evidence.memory);
    const found = series.reduce(stepEvidence, NOTHING_SEEN);
    const counted = rows.flatMap((row) => row ?? []);
    const candidate = counted.reduce((sum, row) => sum + row.candidate.requests, 0);
    const whole = counted.reduce((sum, row) => sum + row.candidate.requests + row.stable.requests, 0);
    const isWrong = rejects(found, SPLIT_ALPHA);
    const hasTraffic = whole > 0 && weight > 0 && weight < 1;
    return {
      verdict: isWrong ? 'Inconclusive/SplitMismatch' : verdictOf(hasTraffic ? 'pass' : 'continue', rows.length),
      explain: () => {
        const share = whole === 0 ? 'no requests yet' : `${Math.trunc(candidate)} of ${Math.trunc(whole)} requests`;
        const said = `candidate got ${share} at a weight of ${roundDown(100 * weight)}%: e=${formatEvidence(found.logE)}`;
        return isWrong ? `${said} >= ${1 / SPLIT_ALPHA}, the traffic is not split as the weight says` : said;
      },
      figures: { logE: found.logE, looks: rows.length },
    };
  },
};
