/** Half of the distance that is left between the two sides at the end. */
const PRECISION = 1e-13;

/** Far more than it ever takes: 50 halvings reach the precision on any range that is used here. */
const MOST_STEPS = 100;

/**
 * Where a continuous function that is below 0 at `low` and not below it at `high` comes to 0: a place at which it is not below 0. By
 * Chandrupatla's method: inverse quadratic interpolation where the function is tame enough for it, bisection elsewhere. It takes some 10
 * evaluations where bisection alone takes 50.
 */
export function crossing(f: (x: number) => number, low: number, high: number): number {
  let [a, b, c] = [high, low, high];
  let [fa, fb, fc] = [f(high), f(low), NaN];
  let part = 0.5;
  for (let step = 0; step < MOST_STEPS && Math.abs(b - a) > 2 * PRECISION; step += 1) {
    const x = a + part * (b - a);
    const fx = f(x);
    if (fx >= 0 === fa >= 0) [c, fc] = [a, fa];
    else [c, fc, b, fb] = [b, fb, a, fa];
    [a, fa] = [x, fx];
    part = nextPart(a, b, c, fa, fb, fc);
  }
  return fa >= 0 ? a : b;
}

/** Where between `a` and `b` to look next, as a part of the way. `c` is the place before: the three make a parabola. */
function nextPart(a: number, b: number, c: number, fa: number, fb: number, fc: number): number {
  const xi = (a - b) / (c - b);
  const phi = (fa - fb) / (fc - fb);
  const least = Math.min(0.5, PRECISION / Math.abs(b - a));
  if (!(phi * phi < xi && (1 - phi) * (1 - phi) < 1 - xi)) return 0.5;
  const part = (fa / (fb - fa)) * (fc / (fb - fc)) + ((c - a) / (b - a)) * (fa / (fc - fa)) * (fb / (fc - fb));
  return Math.min(1 - least, Math.max(least, part));
}
