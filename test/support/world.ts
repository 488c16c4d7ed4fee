// A world on paper: an API server, pods, a gateway, a metrics store and one or more operators, in simulated time. Everything that an operator
// does goes through the real observe, plan and apply; everything else is played here, and can go wrong on demand.
//
//   const world = createWorld();
//   world.serve('1');                              // a ModelVersion and a ModelDeployment that names it
//   await world.run(60_000);                       // one simulated minute
//   world.behave('2', { errorRate: 0.25 });
//   world.release('2');
//   await world.until(() => world.newest().status?.outcome !== undefined);
//   world.assertSound();                           // every invariant held after every write
import type { ModelDeployment } from '../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { LABEL } from '../../src/api/names.ts';
import { RESOURCE } from '../../src/api/resources.ts';
import type { FiringAlert } from '../../src/core/analysis/alert.ts';
import type { PlanEvent, ProbeResult, RouteState } from '../../src/core/observed.ts';
import type { StoredObject } from './apiStore.ts';
import { createSeededRandom } from './clocks.ts';
import { WorldApi } from './world/api.ts';
import { Crew } from './world/crew.ts';
import { GarbageCollector } from './world/garbage.ts';
import { Gateway } from './world/gateway.ts';
import { Images } from './world/images.ts';
import { createInvariants, type Invariants } from './world/invariants.ts';
import { deploymentObject, digestOf, NAME, NAMESPACE, versionObject, type DeploymentSpec } from './world/objects.ts';
import { SimulatedOperator, type Lag, type Pass } from './world/operator.ts';
import type { Measuring } from './world/measuring.ts';
import { Kubelet, type PodFate } from './world/pods.ts';
import { carrierIn, PodTraffic } from './world/podTraffic.ts';

/** How a version's pods and answers are, and its probe. */
export interface Behaviour {
  readonly fate: PodFate;
  readonly readyAfterMs: number;
  readonly room: number;
  readonly probe: ProbeResult['state'];
  readonly errorRate: number;
  readonly slowRate: number;
}

const GOOD: Behaviour = { fate: 'Ready', readyAfterMs: 3000, room: Infinity, probe: 'Passed', errorRate: 0.002, slowRate: 0.01 };
export const SETTINGS = { image: 'plimsoll:test', imagePullPolicy: 'IfNotPresent', settleMs: 10_000, tagPrefix: 'plimsoll.dev' };
const START_MS = Date.UTC(2026, 10, 24, 10, 0, 0);
/** The gateway's counters are kept at the multiples of this: `analysis.interval` must be one, too. */
const GRID_MS = 5000;
/** So many passes at one moment are no progress but a loop. */
const MOST_PASSES = 60;
const PASS_MS = 20;

export interface WorldOptions {
  readonly seed?: number;
  /** Requests scatter as real ones do; without it shares are met exactly. */
  readonly scattered?: boolean;
  /** Whether requests are shared by pods, as a world's ModelDeployment without a gateway needs it. */
  readonly byPods?: boolean;
  /** For each operator how far its caches are behind. */
  readonly lags?: readonly Lag[];
  /** What measures for an operator that begins at this time, in the place of the simulated metrics store. */
  readonly measuring?: (nowMs: number) => Measuring;
}

export function createWorld(options: WorldOptions = {}): World {
  return new World(options);
}

export class World {
  readonly api: WorldApi;
  readonly kubelet: Kubelet;
  readonly images: Images;
  readonly gateway: Gateway;
  readonly random: () => number;
  /** Passes that wrote, failed or told something, oldest first. */
  readonly passes: Pass[] = [];
  readonly events: (PlanEvent & { readonly atMs: number })[] = [];
  #alerts: readonly FiringAlert[] = [];
  /** Why Prometheus does not say which alerts fire. */
  alertsProblem: string | undefined;
  /** Whether an alert ever fired: it speaks against whoever is being released. */
  wasAlerted = false;
  /** How often a version was made anew with other bytes. */
  readonly remade = new Map<string, number>();
  /** Revisions that answered a probe. */
  readonly answered = new Set<string>();
  /** Passes so far. */
  steps = 0;
  settings = SETTINGS;
  readonly #behaviours = new Map<string, Behaviour>();
  /** What the clock of each operator is ahead of the world's. */
  readonly skews: number[] = [];
  readonly lags: Lag[];
  readonly #garbage: GarbageCollector;
  readonly #crew: Crew;
  readonly #invariants: Invariants;
  readonly #guilty = new Set<string>();
  readonly #measuring: WorldOptions['measuring'];
  #nowMs = START_MS;
  #lookMs = START_MS + GRID_MS;

  constructor({ seed = 1, scattered = false, byPods = false, lags = [() => 0], measuring }: WorldOptions) {
    this.random = createSeededRandom(seed);
    this.#measuring = measuring;
    this.lags = [...lags];
    this.api = new WorldApi(() => this.#nowMs);
    this.kubelet = new Kubelet(this.api, (workload) => this.behaviour(this.versionOf(labelOf(workload, LABEL.revision) ?? '')));
    this.images = new Images(this.api);
    this.gateway = new (byPods ? PodTraffic : Gateway)({
      api: this.api,
      readyPods: (revision) => this.kubelet.ready(revision),
      answersOf: (revision) => this.behaviour(this.versionOf(revision)),
      random: scattered ? this.random : undefined,
    });
    this.#garbage = new GarbageCollector(this.api);
    this.#crew = new Crew({
      api: this.api,
      size: lags.length,
      start: (index) => this.#startOperator(index),
      now: () => this.#nowMs,
      onPass: (pass) => this.#onPass(pass),
    });
    this.#invariants = createInvariants(this);
    this.api.onWrite = (write) => this.#invariants.onWrite(write);
  }

  get now(): number {
    return this.#nowMs;
  }

  #startOperator(index: number): SimulatedOperator {
    return new SimulatedOperator({
      name: `operator-${index}`,
      api: this.api,
      kubelet: this.kubelet,
      images: this.images,
      gateway: this.gateway,
      settings: this.settings,
      lag: (plural) => this.lags[index]!(plural),
      skewMs: () => this.skews[index] ?? 0,
      // Passes take no time, but two operators that see different worlds would contradict each other for ever in one moment.
      passMs: this.lags.length > 1 ? PASS_MS : 0,
      alerts: () => this.alerts,
      alertsProblem: () => this.alertsProblem,
      measuring: this.#measuring?.(this.#nowMs),
      probe: (revision) => {
        const { probe } = this.behaviour(this.versionOf(revision));
        if (probe === 'Passed') this.answered.add(revision);
        return probe;
      },
      tell: (event) => this.events.push({ ...event, atMs: this.#nowMs }),
    });
  }

  // What users do.

  /** Brings a version and a deployment that serves it into the world. */
  serve(version: string, spec: Partial<DeploymentSpec> = {}): void {
    this.addVersion(version);
    this.api.put(deploymentObject({ ...spec, version }) as unknown as StoredObject);
  }

  addVersion(version: string, state?: 'Ready' | 'Resolving' | 'Refused'): void {
    this.api.put(versionObject(version, state, this.remade.get(version)) as unknown as StoredObject);
  }

  /** A version is deleted and brought in anew under its name, with other bytes. */
  remakeVersion(version: string): void {
    this.api.remove(RESOURCE.modelVersion, NAMESPACE, `${NAME}-${version}`);
    this.remade.set(version, (this.remade.get(version) ?? 0) + 1);
    this.addVersion(version);
  }

  /** Names another version in the spec. */
  release(version: string): void {
    if (!this.api.get(RESOURCE.modelVersion, NAMESPACE, `${NAME}-${version}`)) this.addVersion(version);
    this.edit({ version });
  }

  edit(spec: Partial<DeploymentSpec>): void {
    const { deployment } = this;
    this.api.put({ ...deployment, spec: { ...deployment.spec, ...spec } });
  }

  // What happens to the world.

  get alerts(): readonly FiringAlert[] {
    return this.#alerts;
  }

  set alerts(alerts: readonly FiringAlert[]) {
    this.#alerts = alerts;
    this.wasAlerted ||= alerts.length > 0;
  }

  behave(version: string, change: Partial<Behaviour>): void {
    const behaviour = { ...this.behaviour(version), ...change };
    this.#behaviours.set(version, behaviour);
    if (isBad(behaviour)) this.#guilty.add(version);
    this.kubelet.wake();
  }

  behaviour(version: string): Behaviour {
    return this.#behaviours.get(version) ?? GOOD;
  }

  /** All operators die and begin anew, at once or after `ms`, without anything that they remembered. */
  restart(ms = 0): void {
    this.#crew.restart(ms);
  }

  /** Whoever is down or stands still goes on. */
  wake(): void {
    this.#crew.wake();
  }

  /** The past is undone, as by a backup of the whole API server: what was promised about it no longer counts. */
  forget(): void {
    this.#invariants.forget();
  }

  // What there is.

  get deployment(): ModelDeployment {
    const { existing } = this;
    if (!existing) throw new Error('there is no ModelDeployment');
    return existing;
  }

  /** Undefined when its user has deleted it. */
  get existing(): ModelDeployment | undefined {
    return this.api.get<ModelDeployment>(RESOURCE.modelDeployment, NAMESPACE, NAME);
  }

  get releases(): readonly ModelRelease[] {
    return (this.api.view(RESOURCE.modelRelease) as unknown as ModelRelease[]).toSorted((a, b) => a.spec.number - b.spec.number);
  }

  /** The newest release. */
  newest(): ModelRelease {
    const found = this.releases.at(-1);
    if (!found) throw new Error('there is no ModelRelease');
    return found;
  }

  get route(): RouteState | undefined {
    return carrierIn(this.api);
  }

  /** Percent that the stored route gives to a version. */
  weight(version: string): number {
    const slots = this.route?.slots;
    return slots ? [slots.a, slots.b].reduce((sum, slot) => sum + (this.versionOf(slot.revision) === version ? slot.weight : 0), 0) : 0;
  }

  /** Requests that a version answered, and how many of them badly. */
  served(version: string): { readonly requests: number; readonly bad: number } {
    const found = [...this.gateway.served].filter(([revision]) => this.versionOf(revision) === version).map(([, counts]) => counts);
    return { requests: found.reduce((sum, { requests }) => sum + requests, 0), bad: found.reduce((sum, { bad }) => sum + bad, 0) };
  }

  /** The version that a revision is of: its record says so. */
  versionOf(revision: string): string {
    const known = this.#versions.get(revision);
    if (known !== undefined) return known;
    const record = this.api.get<{ readonly data: { readonly version: string } }>(
      RESOURCE.controllerRevision,
      NAMESPACE,
      `${NAME}-${revision}`,
    );
    if (record) this.#versions.set(revision, record.data.version);
    return record?.data.version ?? '';
  }

  /** Whether a version ever gave cause to be called bad. */
  isGuilty(version: string): boolean {
    return this.#guilty.has(version) || this.wasAlerted;
  }

  readonly #versions = new Map<string, string>();

  condition(type: string): string | undefined {
    const found = this.deployment.status?.conditions?.find((condition) => condition.type === type);
    return found && `${found.status}/${found.reason}`;
  }

  /** Digests that a version has had. */
  digests(version: string): readonly string[] {
    return Array.from({ length: 1 + (this.remade.get(version) ?? 0) }, (_, times) => digestOf(version, times));
  }

  /** Throws when anything that must always hold did not. */
  assertSound(): void {
    if (this.violations.length > 0) throw new Error(`what must always hold did not:\n${this.violations.join('\n')}`);
  }

  /** Lets time go by until nothing has been written for `quietMs`, and throws when anything does not hold that must hold then. */
  async rest(quietMs: number, mostMs: number): Promise<void> {
    const endMs = this.#nowMs + mostMs;
    let from: number;
    do {
      from = this.api.writes.length;
      await this.run(quietMs);
    } while (this.api.writes.length > from && this.#nowMs < endMs);
    this.#invariants.atRest(from);
    this.assertSound();
  }

  /** Whether this operator's caches are never behind. */
  isFresh(by: string): boolean {
    const lag = this.lags[Number(by.split('-')[1])];
    return lag !== undefined && Object.values(RESOURCE).every(({ plural }) => lag(plural) === 0);
  }

  /** Whether in the last `ms` an operator was down, far behind or failed at a write: then nothing can be asked of its promptness. */
  isDisturbed(ms: number): boolean {
    const sinceMs = this.#nowMs - ms;
    const isBehind = this.lags.some((lag) => Object.values(RESOURCE).some(({ plural }) => lag(plural) > 2000));
    const hasFailed = this.api.writes.slice(-20).some(({ atMs, error }) => atMs >= sinceMs && error !== undefined);
    return isBehind || this.#crew.isDisturbed(sinceMs) || hasFailed;
  }

  get violations(): readonly string[] {
    return this.#invariants.violations;
  }

  // Time.

  /** Lets `ms` go by. */
  async run(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    while (await this.#step(endMs));
  }

  /** Lets time go by until `isDone`, asked after every moment; throws after `mostMs`. */
  async until(isDone: () => boolean, mostMs = 1_800_000): Promise<void> {
    const endMs = this.#nowMs + mostMs;
    while (!isDone()) {
      if (!(await this.#step(endMs)))
        throw new Error(
          `it did not come to that within ${mostMs / 1000} s; the release says: ${JSON.stringify(this.releases.at(-1)?.status)}`,
        );
    }
  }

  /** The next moment at which something happens, and all that happens in it. False when that would be after `endMs`. */
  async #step(endMs: number): Promise<boolean> {
    await this.#settle();
    this.api.remember();
    const next = Math.min(endMs, this.#nextMs());
    if (this.#nowMs >= endMs) return false;
    this.gateway.pass(next - this.#nowMs);
    this.#nowMs = next;
    if (next === this.#lookMs) {
      this.gateway.look(next);
      this.#lookMs += GRID_MS;
    }
    await this.#settle();
    this.#invariants.afterMoment();
    return true;
  }

  #nextMs(): number {
    const now = this.#nowMs;
    const parts = [this.kubelet, this.images, this.gateway, this.#garbage, this.#crew].map((part) => part.nextMs(now));
    return Math.max(now + 1, Math.min(this.#lookMs, ...parts, ...this.api.late.map(({ atMs }) => atMs)));
  }

  /** Everything that is due now: pods, the gateway, late writes, and passes until no operator has anything to do. */
  async #settle(): Promise<void> {
    for (let round = 0; ; round += 1) {
      this.kubelet.act(this.#nowMs);
      this.images.act(this.#nowMs);
      this.gateway.act(this.#nowMs);
      this.#garbage.act(this.#nowMs);
      this.#deliver();
      const due = this.#crew.due(this.#nowMs);
      if (due.length === 0) return;
      if (round > MOST_PASSES)
        throw new Error(
          `passes go on without end: ${JSON.stringify(this.passes.slice(-2).map(({ planned, error }) => ({ actions: planned.actions.map(({ type }) => type), again: planned.requeueAfterMs, error: error?.message })))}`,
        );
      await due[Math.floor(this.random() * due.length)]!();
    }
  }

  #deliver(): void {
    const { late } = this.api;
    this.api.late = late.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { atMs, arrive } of late) if (atMs <= this.#nowMs) arrive();
  }

  #onPass(pass: Pass): void {
    this.steps += 1;
    if (pass.writes > 0 || pass.error || pass.planned.events.length > 0) this.passes.push(pass);
    this.#invariants.afterPass(pass);
  }
}

/** Whether this speaks against a version, and not against its surroundings. */
function isBad({ fate, probe, errorRate, slowRate }: Behaviour): boolean {
  return ['Crash', 'OutOfMemory', 'NeverReady', 'BadArchive'].includes(fate) || probe === 'Failed' || errorRate > 0.01 || slowRate > 0.05;
}

function labelOf({ metadata }: StoredObject, label: string): string | undefined {
  return (metadata['labels'] as Record<string, string> | undefined)?.[label];
}
