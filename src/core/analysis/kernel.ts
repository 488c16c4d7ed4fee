// Arithmetic of evidence. All logarithms are natural; an e-value itself is never formed, as it can exceed 1e300.

const { exp, log, log1p, max, min } = Math;

/** ln(e^a + e^b) with the larger exponent taken out; -Infinity stands for a weight of 0. */
export function logAdd(a: number, b: number): number {
  const larger = max(a, b);
  return larger === -Infinity ? larger : larger + log1p(exp(min(a, b) - larger));
}

/** ln of the mean of e^v over `values`, with the largest exponent taken out. At least one value. */
export function logMean(values: readonly number[]): number {
  let largest = -Infinity;
  for (const value of values) largest = max(largest, value);
  if (largest === -Infinity) return largest;
  let sum = 0;
  for (const value of values) sum += exp(value - largest);
  return largest + log(sum / values.length);
}

/**
 * Log likelihood ratio of k bad events among m, when each is bad with probability q under the null hypothesis and the
 * alternative's odds are x times the null's odds:
 *
 *     l(x; k, m, q) = k ln x - m ln(1 + q (x - 1))
 *
 * Why e^l is fair evidence: for independent requests with any individual error probabilities p, each factor obeys
 * 1 - p + p e^a <= exp(p (e^a - 1)), and for x > 1 the exponents add up to a non-positive number whenever the null holds.
 * So the mean of e^l is at most 1, without any large-sample approximation. The same holds for x < 1 and the reversed null.
 */
export function kernel(x: number, k: number, m: number, q: number): number {
  return k * log(x) - m * log1p(q * (x - 1));
}

/**
 * Probability that a bad event of an interval is the candidate's when its rate is `ratio` times stable's rate:
 *
 *     q = ratio nc / (ratio nc + ns)
 *
 * It uses the observed requests of both arms, never the configured weight.
 */
export function candidateShare(ratio: number, candidateRequests: number, stableRequests: number): number {
  return (ratio * candidateRequests) / (ratio * candidateRequests + stableRequests);
}
