// The classifier of Kayenta's judge: `High` when the lower bound of the Mann-Whitney interval for the shift between the two samples (level
// 0.98) is above a quarter of the Hodges-Lehmann estimate of that shift.

/** 0.99 quantile of the normal distribution: an interval of level 0.98 has 1 % on each side. */
const Z = 2.326;
const TOLERANCE = 0.25;

/**
 * Bounds are order statistics of all differences, their ranks by the normal approximation (Hollander and Wolfe, "Nonparametric Statistical
 * Methods", section 4.3), ties as they come.
 */
export function isClearlyHigher(control: readonly number[], experiment: readonly number[]): boolean {
  const [m, n] = [control.length, experiment.length];
  const rank = Math.floor((m * n) / 2 - Z * Math.sqrt((m * n * (m + n + 1)) / 12));
  if (rank < 1) return false;
  // The bound is above 0 only where fewer differences than its rank are not: most samples need no sorting.
  let notAbove = 0;
  for (const x of experiment) for (const y of control) if (x <= y) notAbove += 1;
  if (notAbove >= rank) return false;
  const differences = new Float64Array(m * n);
  let at = 0;
  for (const x of experiment) for (const y of control) differences[at++] = x - y;
  differences.sort();
  const middle = ((differences[Math.floor((m * n - 1) / 2)] ?? 0) + (differences[Math.ceil((m * n - 1) / 2)] ?? 0)) / 2;
  return (differences[rank - 1] ?? 0) > TOLERANCE * Math.abs(middle);
}
