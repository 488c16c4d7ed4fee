// Leader election on a Lease. Nobody's wall clock is trusted: a candidate takes over only after it has itself watched the record
// stand still for the whole lease duration, and a leader stops by its own monotonic clock well before that can be.

import type { KubeObject } from '../api/resources.ts';
import { RESOURCE } from '../api/resources.ts';
import type { CallOptions, KubeClient } from './client.ts';
import type { Clock, Random } from './clock.ts';
import { sleep } from './clock.ts';
import { isKubeError, toError } from './errors.ts';
import { microTime } from './times.ts';

export type LeaseOptions = {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Different for each process, a restart of the same pod included (pod name and something random). */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Called once, when this process becomes the leader. */
  readonly onAcquired: () => void;
  /** Called once, when leadership is lost without having been released: the process must end at once. */
  readonly onLost: (reason: string) => void;
  /** A try failed; the next one follows by itself. */
  readonly onError?: (error: Error) => void;
  /** How long others wait for us; 15,000 when absent. */
  readonly durationMs?: number;
  /** We give up when no renewal has worked for this long; 10,000 when absent. The rest of the duration is for writes in flight. */
  readonly renewDeadlineMs?: number;
  /** Between two renewals, 2,000 when absent; a candidate looks four times as often. */
  readonly retryMs?: number;
};

export type LeaderElector = {
  /** Competes, leads, and on abort releases the lease if it holds it. Resolves after that, or after a loss. To be called once. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly isLeader: () => boolean;
  /**
   * To be called before each write: throws when this process may no longer lead (also when its event loop stood still for too long).
   * Returns for how many milliseconds from now nobody else can lead: the longest deadline that a write may have.
   */
  readonly mustStillLead: () => number;
};

type LeaseSpec = {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
};

/** An elector that does not compete yet. */
export function createLeaderElector(options: LeaseOptions): LeaderElector {
  return new Elector(options);
}

class Elector implements LeaderElector {
  readonly #options: LeaseOptions;
  readonly #durationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  #leading = false;
  /** When the last renewal that worked was SENT: nobody can have seen it earlier than that. */
  #renewedAt = -Infinity;
  #seen: { readonly resourceVersion: string | undefined; readonly at: number } | undefined;
  #held: KubeObject | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#durationMs = options.durationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryMs = options.retryMs ?? 2000;
  }

  isLeader(): boolean {
    return this.#leading && this.#sinceRenewal() < this.#renewDeadlineMs;
  }

  mustStillLead(): number {
    if (!this.isLeader()) throw new Error(`This process does not lead (any more): lease ${this.#options.namespace}/${this.#options.name}.`);
    return this.#durationMs - this.#sinceRenewal();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    while (!signal.aborted) {
      const took = await this.#try(signal);
      if (took && !this.#leading) {
        this.#leading = true;
        this.#options.onAcquired();
      }
      if (this.#leading && !took && this.#lost()) return;
      await sleep(clock, this.#pause(took, random()), signal);
      if (this.#leading && this.#lost()) return;
    }
    if (this.#leading) await this.#release();
  }

  #sinceRenewal(): number {
    return this.#options.clock.monotonic() - this.#renewedAt;
  }

  /**
   * A leader that failed tries again sooner, since its time runs out. Candidates look as often, so that a Lease that is given back is taken
   * at once, and spread their tries.
   */
  #pause(took: boolean, chance: number): number {
    if (!this.#leading) return (this.#retryMs / 4) * (1 + 0.2 * chance);
    return took ? this.#retryMs : this.#retryMs / 4;
  }

  #lost(): boolean {
    const heldByOther = this.#held !== undefined && !this.#isOurs(this.#held);
    if (!heldByOther && this.#sinceRenewal() < this.#renewDeadlineMs) return false;
    this.#leading = false;
    const reason = heldByOther
      ? `the lease is held by ${specOf(this.#held).holderIdentity ?? 'nobody'} now`
      : `the lease could not be renewed for ${this.#renewDeadlineMs} ms`;
    this.#options.onLost(reason);
    return true;
  }

  /** One try to get or renew the lease. */
  async #try(signal: AbortSignal): Promise<boolean> {
    const sentAt = this.#options.clock.monotonic();
    try {
      const took = await this.#write(signal);
      if (took) this.#renewedAt = sentAt;
      return took;
    } catch (error) {
      // After a conflict, and after a write whose outcome is unknown, the version that we remember may be old: read it next time.
      this.#held = undefined;
      if (!signal.aborted && !isKubeError(error, 'Conflict', 'AlreadyExists')) this.#options.onError?.(toError(error));
      return false;
    }
  }

  async #write(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name } = this.#options;
    const call = this.#call(signal);
    const current =
      this.#leading && this.#held !== undefined ? this.#held : await client.get({ resource: RESOURCE.lease, namespace, name }, call);
    if (current === undefined) {
      this.#held = await client.create(this.#record(undefined, this.#options.identity), call);
      return true;
    }
    this.#observe(current);
    // A leader that finds another's name, or none, has been overtaken meanwhile: taking the lease again would hide that.
    if (this.#leading ? !this.#isOurs(current) : !this.#isFree(current)) {
      this.#held = current;
      return false;
    }
    this.#held = await client.replace(this.#record(current, this.#options.identity), call);
    return true;
  }

  /** A renewal may hang no longer than leaves time for another one. Never behind the rate limit. */
  #call(signal: AbortSignal | undefined): CallOptions {
    const left = this.#leading ? Math.max(1, this.#renewDeadlineMs - this.#sinceRenewal()) : Infinity;
    return { signal, priority: true, deadlineMs: Math.min(this.#renewDeadlineMs / 2, left) };
  }

  #observe(lease: KubeObject): void {
    const { resourceVersion } = lease.metadata;
    if (this.#seen?.resourceVersion !== resourceVersion) this.#seen = { resourceVersion, at: this.#options.clock.monotonic() };
  }

  #isOurs(lease: KubeObject): boolean {
    return specOf(lease).holderIdentity === this.#options.identity;
  }

  #isFree(lease: KubeObject): boolean {
    const { holderIdentity, leaseDurationSeconds } = specOf(lease);
    if (this.#isOurs(lease) || holderIdentity === undefined || holderIdentity === '') return true;
    const durationMs = leaseDurationSeconds === undefined ? this.#durationMs : leaseDurationSeconds * 1000;
    return this.#seen !== undefined && this.#options.clock.monotonic() - this.#seen.at > durationMs;
  }

  #record(current: KubeObject | undefined, holder: string): KubeObject {
    const { namespace, name, clock } = this.#options;
    const before = specOf(current);
    const now = microTime(clock.now());
    const same = before.holderIdentity === holder;
    const spec: LeaseSpec = {
      holderIdentity: holder,
      leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
      acquireTime: same ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before.leaseTransitions ?? 0) + (same || current === undefined || holder === '' ? 0 : 1),
    };
    const { apiVersion, kind } = RESOURCE.lease;
    return { apiVersion, kind, metadata: current?.metadata ?? { name, namespace }, spec };
  }

  /** An empty holder lets the next candidate take over at its next try instead of after the whole duration. */
  async #release(): Promise<void> {
    this.#leading = false;
    const { client, namespace, name, onError } = this.#options;
    const call = this.#call(undefined);
    let current = this.#held;
    for (let tries = 0; tries < 2; tries += 1) {
      try {
        current ??= await client.get({ resource: RESOURCE.lease, namespace, name }, call);
        if (current !== undefined && this.#isOurs(current)) await client.replace(this.#record(current, ''), call);
        return;
      } catch (error) {
        current = undefined; // a renewal that was in flight at the stop may have come through after all
        if (tries === 1) onError?.(toError(error)); // the others wait for the whole duration, then
      }
    }
  }
}

function specOf(lease: KubeObject | undefined): LeaseSpec {
  return lease?.spec ?? {};
}
