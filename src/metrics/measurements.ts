// The measurement service: keeps the looks of every running release. Looks lie on a fixed grid of times and are asked for at exactly
// these times, so that what was seen live, what is read again after a restart and what anybody replays later are the same numbers.
import type { CheckSamples, MeasureRequest } from '../core/analysis/measurement.ts';
import { readBuiltIn } from './builtin.ts';
import type { BuiltInReading } from './builtin.ts';
import { createGate } from './gate.ts';
import type { Clock } from './gate.ts';
import { gridBefore } from './looks.ts';
import type { Prometheus } from './prometheus.ts';
import type { Span } from './span.ts';
import { inPrometheus, type SeriesStore } from './store.ts';
import { builtInWish, ownOf, problemOf, readOwn, readPast, remember, sameQuestion, storeOf, subscribe, toSamples } from './subscription.ts';
import type { Stores, Subscription } from './subscription.ts';

export interface MeasurementsOptions {
  readonly prometheus: Prometheus;
  /** What servers show, for requests that ask for it. */
  readonly servers: SeriesStore;
  readonly clock: Clock;
  /** Called for a key when a look of its checks is in, with or without data, and when older looks were caught up. */
  readonly onData: (key: string) => void;
  /** From a look's time to the question, so that the scrape before it is stored. Default 500. */
  readonly lagMs?: number;
  /** Questions at the same time, of users' queries and of catching up. Default 4. */
  readonly concurrency?: number;
}

export interface Measurements {
  /** What `key` wants measured from now on, in place of what it wanted before. Cheap when nothing changed. */
  want(key: string, requests: readonly MeasureRequest[]): void;
  drop(key: string): void;
  /** In the order of the requests. A check has no ticks until the looks before its wish were asked for once. */
  samples(key: string): readonly CheckSamples[];
  /** Looks until the signal aborts. */
  start(signal: AbortSignal): void;
}

export function createMeasurements(options: MeasurementsOptions): Measurements {
  return new MeasurementService(options);
}

const LONGEST_RETRY_MS = 300_000;

class MeasurementService implements Measurements {
  readonly #stores: Stores;
  readonly #clock: Clock;
  readonly #onData: (key: string) => void;
  readonly #lagMs: number;
  readonly #gate: ReturnType<typeof createGate>;
  readonly #byKey = new Map<string, ReadonlyMap<string, Subscription>>();
  #cancel: (() => void) | undefined;
  #running = false;

  constructor(options: MeasurementsOptions) {
    const { prometheus, servers } = options;
    this.#stores = { prometheus, series: inPrometheus(prometheus), servers };
    this.#clock = options.clock;
    this.#onData = options.onData;
    this.#lagMs = options.lagMs ?? 500;
    this.#gate = createGate(options.concurrency ?? 4);
  }

  want(key: string, requests: readonly MeasureRequest[]): void {
    const before = this.#byKey.get(key);
    const after = new Map<string, Subscription>();
    for (const request of requests) {
      const known = before?.get(request.check);
      const keep = known !== undefined && sameQuestion(known.request, request);
      const sub = keep ? known : subscribe(key, request, this.#dueMs(request.intervalMs));
      sub.request = request;
      sub.looks.setFirst(request.fromMs);
      after.set(request.check, sub);
    }
    this.#byKey.set(key, after);
    for (const sub of after.values()) this.#catchUp(sub);
    this.#schedule();
  }

  drop(key: string): void {
    this.#byKey.delete(key);
  }

  samples(key: string): readonly CheckSamples[] {
    return [...(this.#byKey.get(key)?.values() ?? [])].map(toSamples);
  }

  start(signal: AbortSignal): void {
    this.#running = !signal.aborted;
    signal.addEventListener('abort', () => {
      this.#running = false;
      this.#schedule();
    });
    for (const sub of this.#all()) this.#catchUp(sub);
    this.#schedule();
  }

  #all(): Subscription[] {
    return [...this.#byKey.values()].flatMap((checks) => [...checks.values()]);
  }

  /** The newest look of a grid that may be asked for now. */
  #dueMs(intervalMs: number): number {
    return gridBefore(this.#clock.now() - this.#lagMs, intervalMs);
  }

  #schedule(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const intervals = [...new Set(this.#all().map((sub) => sub.request.intervalMs))];
    if (!this.#running || intervals.length === 0) return;
    const nextMs = Math.min(...intervals.map((interval) => this.#dueMs(interval) + interval)) + this.#lagMs;
    this.#cancel = this.#clock.after(Math.max(0, nextMs - this.#clock.now()), () => {
      this.#lookAtDue();
      this.#schedule();
    });
  }

  #lookAtDue(): void {
    const due = this.#all().filter((sub) => this.#dueMs(sub.request.intervalMs) > sub.askedMs);
    for (const [atMs, subs] of Map.groupBy(due, (sub) => this.#dueMs(sub.request.intervalMs))) {
      for (const sub of subs) sub.askedMs = atMs;
      this.#look(atMs, subs);
    }
  }

  /** One look for everybody whose grid has this time. Users' queries do not hold up the others. */
  #look(atMs: number, subs: readonly Subscription[]): void {
    const span: Span = { fromMs: atMs, toMs: atMs, stepMs: 0 };
    const builtIn = subs.filter((sub) => builtInWish(sub) !== undefined);
    for (const [store, same] of Map.groupBy(builtIn, (sub) => storeOf(this.#stores, sub))) {
      void readBuiltIn(store, span, same.flatMap((sub) => builtInWish(sub) ?? [])).then((readings) => this.#settle(atMs, same, readings));
    }
    for (const same of Map.groupBy(subs, (sub) => JSON.stringify(ownOf(sub))).values()) {
      const own = same[0] && ownOf(same[0]);
      if (own === undefined) continue;
      void this.#gate(() => readOwn(this.#stores.prometheus, span, own)).then((reading) => this.#settle(atMs, same, same.map(() => reading)));
    }
  }

  #settle(atMs: number, subs: readonly Subscription[], readings: readonly BuiltInReading[]): void {
    subs.forEach((sub, index) => {
      const reading = readings[index] ?? { ticks: [] };
      const works = reading.ticks.length > 0;
      if (works && sub.live !== 'works') sub.retryMs = 0;
      sub.live = works ? 'works' : 'fails';
      sub.looks.reach(atMs);
      sub.problem = problemOf(reading, sub);
      remember(sub, reading);
      if (works) this.#catchUp(sub);
    });
    this.#notify(subs);
  }

  /** Asks for the missing looks with one question: those before a new wish or a restart, those that failed or were overslept. */
  #catchUp(sub: Subscription): void {
    if (!this.#running || sub.catchingUp || this.#clock.now() < sub.retryMs) return;
    const gap = sub.looks.missing();
    if (gap === undefined) {
      sub.ready = true;
      return;
    }
    sub.catchingUp = true;
    const span: Span = { ...gap, stepMs: sub.request.intervalMs };
    void this.#gate(() => readPast(this.#stores, span, sub)).then((reading) => this.#settlePast(sub, reading));
  }

  #settlePast(sub: Subscription, reading: BuiltInReading): void {
    const failed = reading.ticks.length === 0;
    const news = !failed || !sub.ready;
    sub.catchingUp = false;
    sub.failures = failed ? sub.failures + 1 : 0;
    sub.retryMs = failed ? this.#clock.now() + Math.min(LONGEST_RETRY_MS, sub.request.intervalMs * 2 ** (sub.failures - 1)) : 0;
    if (sub.live === 'unknown') sub.problem = problemOf(reading, sub);
    sub.ready = true;
    remember(sub, reading);
    if (news) this.#notify([sub]);
  }

  #notify(subs: readonly Subscription[]): void {
    const wanted = subs.filter((sub) => sub.ready && this.#byKey.get(sub.key)?.get(sub.request.check) === sub);
    for (const key of new Set(wanted.map((sub) => sub.key))) this.#onData(key);
  }
}
