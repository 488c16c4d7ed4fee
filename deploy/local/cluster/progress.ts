// Progress, one line each, with the seconds since the command began.
import type { Say } from '../images/cache.ts';

/** Writes lines to standard output as `   3.51 s  apiserver ready`. */
export function progress(): Say {
  const started = performance.now();
  return (line) => void process.stdout.write(`${((performance.now() - started) / 1000).toFixed(2).padStart(7)} s  ${line}\n`);
}
