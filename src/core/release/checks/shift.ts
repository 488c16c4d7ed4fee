import { DEFAULT_ANALYSIS } from '../../analysis/config.ts';
import { shiftSeries } from '../../analysis/distribution.ts';
import { psi } from '../../analysis/divergence.ts';
import { formatEvidence, roundDown } from '../../analysis/words.ts';
import { histogramRows, sumRows, total } from './bins.ts';
import type { CheckKind, CheckSpec } from './kind.ts';
import { columnsFor, given } from './settings.ts';
import { accusation, verdictOf } from './twoArms.ts';

interface ShiftOptions {
  readonly counts: string;
  readonly bin: string;
  readonly rollsBack: boolean;
}

/** Shares of bins that differ by less than this are not a shift. */
const TOLERANCE = 0.1;
/** A shift that is certain can be too small to matter: below this index it is not acted upon. */
const LEAST_PSI = 0.1;

/** Whether a distribution of the candidate's differs from stable's. */
export const SHIFT: CheckKind<NonNullable<CheckSpec['shift']>, ShiftOptions> = {
  reason: 'DistributionShifted',
  settings: ({ counts, bin = 'le', whenShifted = 'Hold' }) => given({ counts, bin, whenShifted }),
  read: (settings) => ({
    counts: settings['counts'] ?? '',
    bin: settings['bin'] ?? 'le',
    rollsBack: settings['whenShifted'] === 'Rollback',
  }),
  basis: () => 'Counters',
  queries: ({ counts }) => [counts],
  measure: ({ counts, bin }, { stable, candidate }) => ({
    type: 'counters',
    stable: columnsFor({ counts }, stable),
    candidate: columnsFor({ counts }, candidate),
    bin,
  }),
  accuses: ({ rollsBack }) => rollsBack,
  certifies: () => false,
  judge: ({ bin, rollsBack }, evidence) => {
    const vectors = evidence.vectors();
    const { rows: timed, history } = bin === 'le' ? histogramRows(vectors, evidence.memory) : vectors;
    const rows = timed.map(({ row }) => row);
    const series = shiftSeries(rows, history, TOLERANCE, DEFAULT_ANALYSIS.phiMax, evidence.memory);
    const counted = sumRows(rows, evidence.memory);
    const { stable, candidate } = counted;
    const index = psi(stable, candidate);
    const isSmall = index < LEAST_PSI;
    const found = accusation(series, counted, DEFAULT_ANALYSIS.alpha, evidence.memory);
    const word = isSmall && (found === 'abort' || found === 'suspect') ? 'continue' : found;
    const logE = series.at(-1) ?? 0;
    return {
      verdict: verdictOf(word, series.length),
      explain: () =>
        word === 'nodata'
          ? 'no events of the candidate were counted'
          : `PSI ${roundDown(index)} of ${Math.trunc(total(candidate))} against ${Math.trunc(total(stable))} of stable in ${stable.length} bins: ` +
            `e=${formatEvidence(logE)}${word === 'abort' ? ', the distribution has shifted' : ''}${isSmall ? `, less than ${LEAST_PSI} is no shift to act upon` : ''}`,
      counted: () => timed.map(({ window, row }) => ({ window, count: row ? total(row.candidate) : 0 })),
      figures: { logE, looks: series.length, others: { psi: roundDown(index) } },
      ...(rollsBack ? { voice: { verdict: word, series, tolerated: isSmall } } : {}),
    };
  },
};
