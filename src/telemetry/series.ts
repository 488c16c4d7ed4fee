// Which series belong to which object, so that they go when it goes.
//
// A registry of prom-client keeps a label set for ever once it has been written. Here each object owns its label sets: writing an
// object's samples removes those that it had and has no more, and forgetting it removes all.
import type { Counter, Gauge } from 'prom-client';

type Labels = Readonly<Record<string, string>>;

/** One value of one gauge. */
export interface Sample {
  readonly gauge: Gauge;
  readonly labels: Labels;
  readonly value: number;
}

interface Owned {
  readonly metric: Gauge | Counter;
  readonly labels: Labels;
}

export interface SeriesOwner {
  /** Makes `samples` the only gauge series of the object: sets these and removes its others. Its counters stay. */
  readonly replaceGauges: (object: string, samples: readonly Sample[]) => void;
  /** Adds `by` to a counter and remembers that the series belongs to the object. 0 makes a series visible before it first happens. */
  readonly count: (object: string, counter: Counter, labels: Labels, by: number) => void;
  /** Removes every series of the object. Nothing happens if it has none. */
  readonly forget: (object: string) => void;
  /** How many series the object has. */
  readonly size: (object: string) => number;
}

/** Makes an empty record of who owns which series. Objects are told apart by a text that the caller chooses. */
export function createSeriesOwner(): SeriesOwner {
  const gauges = new Map<string, Map<string, Owned>>();
  const counters = new Map<string, Map<string, Owned>>();
  const drop = (owned: Owned): void => {
    owned.metric.remove(owned.labels);
  };
  return {
    replaceGauges: (object, samples) => {
      const next = new Map(samples.map(({ gauge, labels }) => [seriesKey(gauge, labels), { metric: gauge, labels }]));
      for (const [key, owned] of gauges.get(object) ?? []) if (!next.has(key)) drop(owned);
      for (const { gauge, labels, value } of samples) gauge.set(labels, value);
      gauges.set(object, next);
    },
    count: (object, counter, labels, by) => {
      counter.inc(labels, by);
      const owned = counters.get(object) ?? new Map<string, Owned>();
      counters.set(object, owned.set(seriesKey(counter, labels), { metric: counter, labels }));
    },
    forget: (object) => {
      for (const owners of [gauges, counters]) {
        owners.get(object)?.forEach(drop);
        owners.delete(object);
      }
    },
    size: (object) => (gauges.get(object)?.size ?? 0) + (counters.get(object)?.size ?? 0),
  };
}

function seriesKey(metric: Gauge | Counter, labels: Labels): string {
  const { name } = metric as unknown as { readonly name: string };
  return JSON.stringify([name, ...Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
