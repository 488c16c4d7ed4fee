// Exact draws of counts. Small means by inversion, larger ones by transformed rejection with squeeze: W. Hoermann, "The transformed
// rejection method for generating Poisson random variables" (1993, PTRS) and "The generation of binomial random variates" (1993, BTRS).

import type { Random } from './random.ts';

const { abs, exp, floor, log, log1p, sqrt } = Math;

/** Below this mean inversion is quicker, and the rejection methods are not made for it. */
const SMALL_MEAN = 10;
const LN_SQRT_2PI = 0.5 * log(2 * Math.PI);
const SMALL_LOG_FACTORIALS = [1, 2, 6, 24, 120, 720, 5040, 40_320, 362_880].reduce<number[]>((logs, value) => [...logs, log(value)], [0]);

/** How many events happen in an interval in which `mean` are to be expected. */
export function poisson(random: Random, mean: number): number {
  if (mean <= 0) return 0;
  return mean < SMALL_MEAN ? invert(random, exp(-mean), (k) => mean / k, Infinity) : poissonByRejection(random, mean);
}

/** How many of `n` requests are bad when each is with probability `p`, for any p and n up to 2^31. */
export function binomial(random: Random, n: number, p: number): number {
  if (n <= 0 || p <= 0) return 0;
  if (p > 0.5) return n - binomial(random, n, 1 - p);
  const odds = p / (1 - p);
  return n * p < SMALL_MEAN
    ? invert(random, exp(n * log1p(-p)), (k) => (odds * (n - k + 1)) / k, n)
    : binomialByRejection(random, n, p);
}

/** Walks up the probabilities from k = 0; `ratio(k)` = P(k) / P(k - 1). */
function invert(random: Random, p0: number, ratio: (k: number) => number, most: number): number {
  let rest = random();
  let probability = p0;
  let k = 0;
  // What rounding leaves over at the far end is not a count: the walk ends where nothing more is to be had.
  while (rest > probability && k < most && probability > 0) {
    rest -= probability;
    k += 1;
    probability *= ratio(k);
  }
  return k;
}

function poissonByRejection(random: Random, mean: number): number {
  const b = 0.931 + 2.53 * sqrt(mean);
  const a = -0.059 + 0.02483 * b;
  const logAlpha = log(1.1239 + 1.1328 / (b - 3.4));
  const squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = random() - 0.5;
    const v = random();
    const us = 0.5 - abs(u);
    const k = floor(((2 * a) / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (log(v) + logAlpha - log(a / (us * us) + b) <= k * log(mean) - mean - logFactorial(k)) return k;
  }
}

function binomialByRejection(random: Random, n: number, p: number): number {
  const spread = sqrt(n * p * (1 - p));
  const b = 1.15 + 2.53 * spread;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const alpha = (2.83 + 5.1 / b) * spread;
  const squeeze = 0.92 - 4.2 / b;
  const mode = floor((n + 1) * p);
  const top = logFactorial(mode) + logFactorial(n - mode);
  for (;;) {
    const u = random() - 0.5;
    const v = random();
    const us = 0.5 - abs(u);
    const k = floor(((2 * a) / us + b) * u + n * p + 0.5);
    if (k < 0 || k > n) continue;
    if (us >= 0.07 && v <= squeeze) return k;
    const relative = top - logFactorial(k) - logFactorial(n - k) + (k - mode) * log(p / (1 - p));
    if (log((v * alpha) / (a / (us * us) + b)) <= relative) return k;
  }
}

/** ln k!, by Stirling's series from 10 on: exact to 1e-11. */
function logFactorial(k: number): number {
  const known = SMALL_LOG_FACTORIALS[k];
  if (known !== undefined) return known;
  const x = k + 1;
  const inverse = 1 / (x * x);
  return (x - 0.5) * log(x) - x + LN_SQRT_2PI + (1 / 12 - (1 / 360 - inverse / 1260) * inverse) / x;
}
