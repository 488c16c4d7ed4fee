// Chance that can be had again: the same seed gives the same numbers on every machine.

/** A number in [0, 1), another one at each call. */
export type Random = () => number;

/** Draws thrown away at the start, until a small seed has reached all bits. */
const WARM_UP = 16;
const TWO_32 = 2 ** 32;

/** The generator sfc32 (PractRand; period at least 2^32, passes BigCrush), 53 bits to a number. `seed` is any whole number. */
export function createRandom(seed: number): Random {
  let [a, b, c, counter] = [Math.floor(seed / TWO_32) | 0, seed | 0, 0x9e3779b9 | 0, 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < WARM_UP; i += 1) next();
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}
