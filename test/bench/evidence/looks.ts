// Looks at made-up counters, as the measurement service keeps them.
import type { Tick } from '../../../src/core/analysis/measurement.ts';
import { createRandom } from '../../../src/core/simulation/random.ts';

/** Boundaries of Envoy's histogram, in milliseconds. */
const EDGES = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000, Infinity];
/** Gateways that count. */
const INSTANCES = ['e', 'f'];

interface Plan {
  readonly looks: number;
  /** Looks before the candidate has any traffic; then it has a tenth. */
  readonly before: number;
  readonly startMs: number;
  readonly intervalMs: number;
}

/** 600 requests a look, 0.5 % of them bad. */
export function counterTicks(plan: Plan): Tick[] {
  return ticks(plan, 2, (random, requests) => [requests, Array.from({ length: requests }, random).filter((one) => one < 0.005).length]).map(
    ({ atMs, stable, candidate }) => {
      const counters = (arm: ReadonlyMap<string, readonly number[]>) =>
        Object.fromEntries([...arm].map(([name, [requests = 0, bad = 0]]) => [name, { requests, bad }]));
      return { atMs, stable: counters(stable), candidate: counters(candidate), value: null };
    },
  );
}

/** The same traffic by latency: most of it between 5 and 100 ms. */
export function histogramTicks(plan: Plan): Tick[] {
  const columns = EDGES.map(String);
  const draw = (random: () => number, requests: number): number[] => {
    const latencies = Array.from({ length: requests }, () => Math.exp(3 + 0.8 * (random() + random() + random() + random() - 2)));
    return EDGES.map((edge) => latencies.filter((latency) => latency <= edge).length);
  };
  return ticks(plan, EDGES.length, draw).map(({ atMs, stable, candidate }) => ({
    atMs,
    stable: null,
    candidate: null,
    value: null,
    vectors: { columns, stable: Object.fromEntries(stable), candidate: Object.fromEntries(candidate) },
  }));
}

interface Look {
  readonly atMs: number;
  readonly stable: ReadonlyMap<string, readonly number[]>;
  readonly candidate: ReadonlyMap<string, readonly number[]>;
}

function ticks({ looks, before, startMs, intervalMs }: Plan, width: number, draw: (random: () => number, requests: number) => number[]): Look[] {
  const random = createRandom(1);
  const zeros = (): Map<string, number[]> => new Map(INSTANCES.map((name) => [name, new Array<number>(width).fill(0)]));
  let [stable, candidate] = [zeros(), new Map<string, number[]>()];
  return Array.from({ length: looks }, (_, look): Look => {
    const add = (arm: Map<string, number[]>, requests: number): Map<string, number[]> =>
      new Map([...arm].map(([name, sums]) => {
        const more = draw(random, requests);
        return [name, sums.map((sum, column) => sum + (more[column] ?? 0))];
      }));
    stable = add(stable, look < before ? 300 : 270);
    if (look >= before) candidate = add(look === before ? zeros() : candidate, 30);
    return { atMs: startMs + look * intervalMs, stable, candidate };
  });
}
