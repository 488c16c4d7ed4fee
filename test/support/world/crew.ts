// The operators of a simulated world: who is due, who stands still in the middle of a pass, who is down.
import { Killed, type WorldApi } from './api.ts';
import type { Pass, SimulatedOperator } from './operator.ts';

const RESTART_MS = 5000;

interface Standing {
  readonly untilMs: number;
  readonly goOn: () => void;
  readonly pass: Promise<Pass>;
}

export interface CrewOptions {
  readonly api: WorldApi;
  readonly size: number;
  readonly start: (index: number) => SimulatedOperator;
  readonly now: () => number;
  readonly onPass: (pass: Pass) => void;
}

export class Crew {
  readonly #options: CrewOptions;
  readonly #operators: SimulatedOperator[];
  readonly #standing = new Map<number, Standing>();
  readonly #down = new Map<number, number>();
  #onStall: (ms: number, goOn: () => void) => void = () => undefined;
  #disturbedMs = -Infinity;

  constructor(options: CrewOptions) {
    this.#options = options;
    this.#operators = Array.from({ length: options.size }, (_, index) => options.start(index));
    options.api.stall = (_, ms) => new Promise((resolve) => this.#onStall(ms, resolve));
  }

  /** All end, whatever they are doing, and begin anew after `ms` without anything that they remembered. */
  restart(ms = 0): void {
    this.#standing.clear();
    this.#operators.forEach((_, index) => this.#fall(index, ms));
  }

  #fall(index: number, ms: number): void {
    const { now, start } = this.#options;
    if (ms === 0) this.#operators[index] = start(index);
    else this.#down.set(index, now() + ms);
  }

  /** Whoever is down or stands still comes back now. */
  wake(): void {
    for (const index of this.#down.keys()) this.#down.set(index, this.#options.now());
    for (const [index, standing] of this.#standing) this.#standing.set(index, { ...standing, untilMs: this.#options.now() });
  }

  /** When somebody has something to do. */
  nextMs(now: number): number {
    const free = this.#operators.filter((_, index) => this.#isFree(index)).map((operator) => operator.nextMs(now));
    return Math.min(Infinity, ...free, ...this.#down.values(), ...[...this.#standing.values()].map(({ untilMs }) => untilMs));
  }

  /** What can be done at `now`, each in its own turn. */
  due(now: number): readonly (() => Promise<void>)[] {
    for (const [index, atMs] of this.#down) {
      if (atMs > now) continue;
      this.#down.delete(index);
      this.#operators[index] = this.#options.start(index);
    }
    if (this.#down.size > 0 || this.#standing.size > 0) this.#disturbedMs = now;
    return this.#operators.flatMap((operator, index) => {
      const standing = this.#standing.get(index);
      if (standing) return standing.untilMs > now ? [] : [() => this.#goOn(index, standing)];
      return this.#isFree(index) && operator.nextMs(now) <= now ? [() => this.#attend(index, () => operator.pass(now))] : [];
    });
  }

  /** Whether at or after `sinceMs` somebody was down or stood still. */
  isDisturbed(sinceMs: number): boolean {
    return this.#disturbedMs >= sinceMs || this.#down.size > 0 || this.#standing.size > 0;
  }

  #isFree(index: number): boolean {
    return !this.#down.has(index) && !this.#standing.has(index);
  }

  #goOn(index: number, { goOn, pass }: Standing): Promise<void> {
    this.#standing.delete(index);
    return this.#attend(index, () => {
      goOn();
      return pass;
    });
  }

  /** Until the pass has ended, or stands still. */
  async #attend(index: number, begin: () => Promise<Pass>): Promise<void> {
    const { now, onPass } = this.#options;
    let stop: () => void = () => undefined;
    const stopped = new Promise<undefined>((resolve) => {
      stop = () => resolve(undefined);
    });
    let stood: { readonly ms: number; readonly goOn: () => void } | undefined;
    this.#onStall = (ms, goOn) => {
      stood = { ms, goOn };
      stop();
    };
    const pass = begin();
    try {
      const ended = await Promise.race([pass, stopped]);
      if (ended) onPass(ended);
      else if (stood) this.#standing.set(index, { untilMs: now() + stood.ms, goOn: stood.goOn, pass });
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      this.#fall(index, RESTART_MS);
    }
  }
}
