// How far apart two distributions are, for people: no verdict rests on these alone.

const { log } = Math;

/** Half a request in every bin, so that an empty one has a logarithm. */
const SMOOTHING = 0.5;

/**
 * Population stability index of two vectors of counts of the same length, with 0.5 added to every bin:
 *
 *     PSI = sum_i (a_i - b_i) ln(a_i / b_i)            a_i, b_i = smoothed shares
 *
 * By custom 0.1 is a change worth a look and 0.25 a big one. With few requests it is mostly noise: without any change its 99th percentile is
 * about chi2_{bins-1}(0.99) / n.
 */
export function psi(a: readonly number[], b: readonly number[]): number {
  const shares = (counts: readonly number[]): number[] => {
    const whole = counts.reduce((total, count) => total + count + SMOOTHING, 0);
    return counts.map((count) => (count + SMOOTHING) / whole);
  };
  const other = shares(b);
  return shares(a).reduce((total, share, bin) => total + (share - (other[bin] ?? share)) * log(share / (other[bin] ?? share)), 0);
}

/**
 * ln e of multinomial counts against fixed probabilities, all > 0, by a Dirichlet(strength x probs) mixture (its mean is exactly 1 under the
 * null). For information only: no live traffic equals a reference, so with enough of it every reference is rejected.
 */
export function dirichletLogE(counts: readonly number[], probabilities: readonly number[], strength = 100): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return probabilities.reduce((sum, p, bin) => {
    const k = counts[bin] ?? 0;
    return sum + lnGamma(strength * p + k) - lnGamma(strength * p) - k * log(p);
  }, lnGamma(strength) - lnGamma(strength + total));
}

/** Coefficients B_{2n} / (2n (2n - 1)) of Stirling's series (NIST Digital Library of Mathematical Functions, 5.11.1). */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156] as const;

/** ln of the gamma function for z > 0: Stirling's series after moving z to 10 or more by the recurrence; relative error about 1e-13. */
function lnGamma(z: number): number {
  let shift = 0;
  let x = z;
  for (; x < 10; x += 1) shift += log(x);
  const series = STIRLING.reduce((sum, coefficient, n) => sum + coefficient / x ** (2 * n + 1), 0);
  return (x - 0.5) * log(x) - x + 0.5 * log(2 * Math.PI) + series - shift;
}
