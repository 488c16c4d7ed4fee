// A gateway: takes a route over after a while, shares requests by its weights, and counts them as Envoy does, by place in the route.
import { RESOURCE } from '../../../src/api/resources.ts';
import type { ArmSample, Arms, ArmVectors, Columns, Measurand, MeasureRequest, Slot, Tick, Vectors } from '../../../src/core/analysis/measurement.ts';
import { readRoute } from '../../../src/core/traffic/route.ts';
import type { StoredObject } from '../apiStore.ts';
import type { WorldApi } from './api.ts';
import { NAME, NAMESPACE } from './objects.ts';

/** What a gateway makes of the newest route. */
export type GatewayMood = 'Accepts' | 'Refuses' | 'Silent';

/** What the metrics store answers about the looks of this time. `Empty`: no series; `NotANumber`: series of NaN; `Late`: after a while. */
export type MetricsMood = 'Works' | 'Down' | 'Empty' | 'NotANumber' | 'Late';

/** How late is late. */
export const LATE_MS = 25_000;

/** How a version answers requests: shares of them. */
export interface Answers {
  readonly errorRate: number;
  readonly slowRate: number;
}

export interface GatewayOptions {
  readonly api: WorldApi;
  readonly readyPods: (revision: string) => number;
  readonly answersOf: (revision: string) => Answers;
  /** A number in [0, 1); absent for shares that are met exactly. */
  readonly random: (() => number) | undefined;
}

export interface Count {
  requests: number;
  bad: number;
  slow: number;
}

interface Served {
  requests: number;
  bad: number;
}

/** Cumulative counters at one look. */
interface Look {
  readonly a: Readonly<Count>;
  readonly b: Readonly<Count>;
  /** What the pods count themselves, by revision. */
  readonly pods: ReadonlyMap<string, Readonly<Count>>;
  readonly metrics: MetricsMood;
}

export class Gateway {
  readonly #options: GatewayOptions;
  /** From the write of a route to its effect. */
  acceptAfterMs = 1000;
  mood: GatewayMood = 'Accepts';
  /** False: it says that it accepts a route, but goes on by the one before. */
  takesOver = true;
  metrics: MetricsMood = 'Works';
  requestsPerSecond = 100;
  /** True: it asks again what a pod could not answer, so that callers meet no failures, and it counts none. */
  retries = false;
  /** Percent that a slot without a share gets all the same. */
  idleShare = 0;
  /** Answers of users' own queries, by the text of the query. */
  values: (promql: string, atMs: number) => number | null = () => null;
  readonly served = new Map<string, Served>();
  /** Requests that found nobody behind their backend: they count for no version. */
  unserved = 0;
  readonly #counters: Readonly<Record<Slot, Count>> = { a: { requests: 0, bad: 0, slow: 0 }, b: { requests: 0, bad: 0, slow: 0 } };
  readonly #pods = new Map<string, Count>();
  readonly #looks = new Map<number, Look>();
  readonly #seenValues = new Map<string, number | null>();
  #effective: Readonly<Record<Slot, { readonly revision: string; readonly weight: number }>> | undefined;
  #seen: { readonly generation: number; readonly sinceMs: number; taken: boolean } | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** Takes a new route over when its time has come, and says so in the route's status. */
  act(now: number): void {
    const { api } = this.#options;
    const route = api.get(RESOURCE.httpRoute, NAMESPACE, NAME);
    const { parentRefs = [] } = (route?.['spec'] ?? {}) as { readonly parentRefs?: readonly object[] };
    if (!route || parentRefs.length === 0) {
      this.#effective = undefined;
      this.#seen = undefined;
      return;
    }
    const generation = route.metadata.generation ?? 0;
    if (this.#seen?.generation !== generation) this.#seen = { generation, sinceMs: now, taken: false };
    if (this.mood === 'Silent' || now < this.#seen.sinceMs + this.acceptAfterMs) return;
    if (this.mood === 'Accepts' && !this.#seen.taken) {
      this.#seen.taken = true;
      if (this.takesOver) this.#effective = readRoute(route)?.slots;
    }
    const status = {
      parents: parentRefs.map((parentRef) => ({
        parentRef,
        controllerName: 'example.com/gateway',
        conditions: this.#conditions(route, generation),
      })),
    };
    if (JSON.stringify(route['status']) !== JSON.stringify(status)) api.put({ ...route, status });
  }

  nextMs(now: number): number {
    if (!this.#seen || this.mood === 'Silent') return Infinity;
    const atMs = this.#seen.sinceMs + this.acceptAfterMs;
    return atMs > now ? atMs : Infinity;
  }

  #conditions(route: StoredObject, observedGeneration: number): readonly object[] {
    const refs = (route['spec'] as { rules: { backendRefs: { name: string }[] }[] }).rules[0]!.backendRefs;
    const missing = refs.find(({ name }) => !this.#options.api.get(RESOURCE.service, NAMESPACE, name));
    const refused = this.mood === 'Refuses';
    return [
      {
        type: 'Accepted',
        status: refused ? 'False' : 'True',
        reason: refused ? 'NotAllowedByListeners' : 'Accepted',
        message: refused ? 'no listener allows this host' : 'ok',
        observedGeneration,
      },
      {
        type: 'ResolvedRefs',
        status: missing ? 'False' : 'True',
        reason: missing ? 'BackendNotFound' : 'ResolvedRefs',
        message: missing ? `Service ${missing.name} not found` : 'ok',
        observedGeneration,
      },
    ];
  }

  /** Percent that the traffic really has, as the gateway shares it. */
  weightOf(revision: string): number {
    const slots = this.#effective;
    return slots ? (['a', 'b'] as const).reduce((sum, slot) => sum + (slots[slot].revision === revision ? slots[slot].weight : 0), 0) : 0;
  }

  /** Requests of the next `ms`. */
  pass(ms: number): void {
    const slots = this.#effective;
    if (!slots) return;
    for (const slot of ['a', 'b'] as const) {
      const { revision, weight } = slots[slot];
      const requests = this.#draw((this.requestsPerSecond * ms * (weight === 0 ? this.idleShare : weight)) / 100_000);
      if (requests === 0) continue;
      if (this.#options.readyPods(revision) === 0) this.unserved += requests;
      else this.#serve(slot, revision, requests);
    }
  }

  #serve(slot: Slot, revision: string, requests: number): void {
    const { errorRate, slowRate } = this.#options.answersOf(revision);
    const bad = Math.min(requests, this.#draw(requests * errorRate));
    const slow = Math.min(requests, this.#draw(requests * slowRate));
    const count = this.#counters[slot];
    count.requests += requests;
    count.bad += this.retries ? 0 : bad;
    count.slow += slow;
    const counted = this.#pods.get(revision) ?? { requests: 0, bad: 0, slow: 0 };
    this.#pods.set(revision, { requests: counted.requests + requests, bad: counted.bad + bad, slow: counted.slow + slow });
    const known = this.served.get(revision) ?? { requests: 0, bad: 0 };
    this.served.set(revision, { requests: known.requests + requests, bad: known.bad + bad });
  }

  /** A number of this mean: exactly it, or with chance, whole and about as scattered as requests are (variance = mean). */
  #draw(mean: number): number {
    const { random } = this.#options;
    if (!random) return mean;
    let sum = 0;
    for (let i = 0; i < 12; i += 1) sum += random();
    return Math.max(0, Math.floor(mean + Math.sqrt(mean) * (sum - 6) + random()));
  }

  /** Keeps the counters of this moment, which is one of the grid. */
  look(atMs: number): void {
    const { a, b } = this.#counters;
    this.#looks.set(atMs, { a: { ...a }, b: { ...b }, pods: new Map(this.#pods), metrics: this.metrics });
  }

  /** What is answered at `now` about the look at `atMs` for this wish. */
  tick(request: MeasureRequest, atMs: number, now: number): Tick {
    const nothing: Tick = { atMs, stable: null, candidate: null, value: null };
    const found = this.#looks.get(atMs);
    if (!found || found.metrics === 'Down' || (found.metrics === 'Late' && now < atMs + LATE_MS)) return nothing;
    const { measurand } = request;
    if (measurand.type === 'value') {
      const value = found.metrics === 'Empty' ? null : found.metrics === 'NotANumber' ? NaN : this.#value(measurand.promql, atMs);
      return { ...nothing, value };
    }
    if (measurand.type === 'counters') return { ...nothing, vectors: this.#columns(measurand, found, atMs) };
    const arms = this.#arms(found, measurand.arms, measurand.type === 'slowerThan' || measurand.type === 'latencies' ? 'slow' : 'bad');
    return measurand.type === 'latencies' ? { ...nothing, vectors: asHistogram(arms) } : { ...nothing, ...arms };
  }

  /** The user's own counters: one series for each arm. */
  #columns({ stable, candidate }: Extract<Measurand, { type: 'counters' }>, { metrics }: Look, atMs: number): Vectors {
    const columns = [...new Set([...Object.keys(stable), ...Object.keys(candidate)])];
    const read = (promql: string | undefined): number => (promql === undefined ? NaN : (this.#value(promql, atMs) ?? NaN));
    const arm = (queries: Columns): ArmVectors =>
      metrics === 'Empty' ? {} : { series: columns.map((column) => (metrics === 'NotANumber' ? NaN : read(queries[column]))) };
    return { columns, stable: arm(stable), candidate: arm(candidate) };
  }

  /** What was once seen stays so. */
  #value(promql: string, atMs: number): number | null {
    const key = `${atMs} ${promql}`;
    if (!this.#seenValues.has(key)) this.#seenValues.set(key, this.values(promql, atMs));
    return this.#seenValues.get(key) ?? null;
  }

  /** Envoy makes the counters of a backend at its first request. */
  #arms(look: Look, arms: Arms, what: 'bad' | 'slow'): { readonly stable: ArmSample; readonly candidate: ArmSample } {
    const arm = (instance: string, count: Readonly<Count> | undefined): ArmSample => {
      if (look.metrics === 'Empty' || count === undefined || count.requests === 0) return {};
      return { [instance]: look.metrics === 'NotANumber' ? { requests: NaN, bad: NaN } : { requests: count.requests, bad: count[what] } };
    };
    return 'deployment' in arms
      ? { stable: arm('pod', look.pods.get(arms.stable)), candidate: arm('pod', look.pods.get(arms.candidate)) }
      : { stable: arm('envoy', look[arms.stable]), candidate: arm('envoy', look[arms.candidate]) };
  }
}

/** Two buckets: what is not slow, and all. */
export function asHistogram({ stable, candidate }: { readonly stable: ArmSample; readonly candidate: ArmSample }): Vectors {
  const arm = (sample: ArmSample): ArmVectors =>
    Object.fromEntries(Object.entries(sample).map(([instance, { requests, bad }]) => [instance, [requests - bad, requests]]));
  return { columns: ['50', 'Infinity'], stable: arm(stable), candidate: arm(candidate) };
}
