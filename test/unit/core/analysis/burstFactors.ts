import { burstFactor, startBurst, stepBurst } from '../../../../src/core/analysis/burst.ts';
import { cleanRow, type RawCounts, type RawRow } from '../../../../src/core/analysis/row.ts';

/** Burst factor of every row, from the rows before it and the history: the fold that a verdict makes, written out. */
export function burstFactors(rows: readonly RawRow[], history: readonly RawCounts[], phiMax: number): number[] {
  let burst = startBurst(history);
  return rows.map((raw) => {
    const phi = burstFactor(burst, phiMax);
    burst = stepBurst(burst, cleanRow(raw)?.stable ?? null);
    return phi;
  });
}
