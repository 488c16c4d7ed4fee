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
import { readRoute } from '../../src/core/traffic/route.ts';
import type { StoredObject } from './apiStore.ts';
import { createSeededRandom } from './clocks.ts';
import { Killed, WorldApi } from './world/api.ts';
import { Gateway } from './world/gateway.ts';
import { createInvariants, type Invariants } from './world/invariants.ts';
import { deploymentObject, digestOf, NAME, NAMESPACE, versionObject, type DeploymentSpec } from './world/objects.ts';
import { SimulatedOperator, type Lag, type Pass } from './world/operator.ts';
import { Kubelet, type PodFate } from './world/pods.ts';

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
export const SETTINGS = { image: 'plimsoll:test', imagePullPolicy: 'IfNotPresent', settleMs: 10_000 };
const START_MS = Date.UTC(2026, 10, 24, 10, 0, 0);
/** The gateway's counters are kept at the multiples of this: `analysis.interval` must be one, too. */
const GRID_MS = 5000;
const RESTART_MS = 5000;
/** So many passes at one moment are no progress but a loop. */
const MOST_PASSES = 40;

export interface WorldOptions {
  readonly seed?: number;
  /** Requests scatter as real ones do; without it shares are met exactly. */
  readonly scattered?: boolean;
  /** For each operator how far its caches are behind. */
  readonly lags?: readonly Lag[];
}

export function createWorld(options: WorldOptions = {}): World {
  return new World(options);
}

export class World {
  readonly api: WorldApi;
  readonly kubelet: Kubelet;
  readonly gateway: Gateway;
  readonly random: () => number;
  /** Passes that wrote, failed or told something, oldest first. */
  readonly passes: Pass[] = [];
  readonly events: (PlanEvent & { readonly atMs: number })[] = [];
  alerts: readonly FiringAlert[] = [];
  /** Revisions that answered a probe. */
  readonly answered = new Set<string>();
  /** Passes so far. */
  steps = 0;
  settings = SETTINGS;
  readonly #behaviours = new Map<string, Behaviour>();
  readonly #lags: readonly Lag[];
  readonly #invariants: Invariants;
  #operators: SimulatedOperator[] = [];
  #restarts: { readonly index: number; readonly atMs: number }[] = [];
  #nowMs = START_MS;
  #lookMs = START_MS + GRID_MS;

  constructor({ seed = 1, scattered = false, lags = [() => 0] }: WorldOptions) {
    this.random = createSeededRandom(seed);
    this.#lags = lags;
    this.api = new WorldApi(() => this.#nowMs);
    this.kubelet = new Kubelet(this.api, (workload) => this.behaviour(this.versionOf(labelOf(workload, LABEL.revision) ?? '')));
    this.gateway = new Gateway({
      api: this.api,
      readyPods: (revision) => this.kubelet.ready(revision),
      answersOf: (revision) => this.behaviour(this.versionOf(revision)),
      random: scattered ? this.random : undefined,
    });
    this.#operators = lags.map((_, index) => this.#startOperator(index));
    this.#invariants = createInvariants(this);
    this.api.onWrite = (write) => this.#invariants.check(write);
  }

  get now(): number {
    return this.#nowMs;
  }

  #startOperator(index: number): SimulatedOperator {
    return new SimulatedOperator({
      name: `operator-${index}`,
      api: this.api,
      kubelet: this.kubelet,
      gateway: this.gateway,
      settings: this.settings,
      lag: this.#lags[index] ?? (() => 0),
      alerts: () => this.alerts,
      probe: (revision) => {
        const { probe } = this.behaviour(this.versionOf(revision));
        if (probe === 'Passed') this.answered.add(revision);
        return probe;
      },
    });
  }

  // What users do.

  /** Brings a version and a deployment that serves it into the world. */
  serve(version: string, spec: Partial<DeploymentSpec> = {}): void {
    this.addVersion(version);
    this.api.put(deploymentObject({ ...spec, version }) as unknown as StoredObject);
  }

  addVersion(version: string, state?: 'Ready' | 'Resolving' | 'Refused'): void {
    this.api.put(versionObject(version, state) as unknown as StoredObject);
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

  behave(version: string, change: Partial<Behaviour>): void {
    this.#behaviours.set(version, { ...this.behaviour(version), ...change });
    this.kubelet.wake();
  }

  behaviour(version: string): Behaviour {
    return this.#behaviours.get(version) ?? GOOD;
  }

  /** All operators die and begin anew, without anything that they remembered. */
  restart(): void {
    this.#operators = this.#operators.map((_, index) => this.#startOperator(index));
  }

  // What there is.

  get deployment(): ModelDeployment {
    const found = this.api.get<ModelDeployment>(RESOURCE.modelDeployment, NAMESPACE, NAME);
    if (!found) throw new Error('there is no ModelDeployment');
    return found;
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
    const found = this.api.get(RESOURCE.httpRoute, NAMESPACE, NAME);
    return found && readRoute(found);
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

  readonly #versions = new Map<string, string>();

  condition(type: string): string | undefined {
    const found = this.deployment.status?.conditions?.find((condition) => condition.type === type);
    return found && `${found.status}/${found.reason}`;
  }

  digest(version: string): string {
    return digestOf(version);
  }

  /** Throws when anything that must always hold did not. */
  assertSound(): void {
    if (this.#invariants.violations.length > 0)
      throw new Error(`what must always hold did not:\n${this.#invariants.violations.join('\n')}`);
  }

  /** Whether this operator's caches are never behind. */
  isFresh(index: number): boolean {
    const lag = this.#lags[index] ?? (() => 0);
    return Object.values(RESOURCE).every(({ plural }) => lag(plural) === 0);
  }

  /** Ready pods of a revision, now or when this operator's caches were made, whichever are more, and replicas as it knows them. */
  asSeenBy(by: string, revision: string): { readonly ready: number; readonly replicas: number } {
    const lag = this.#lags[this.#operators.findIndex(({ name }) => name === by)] ?? (() => 0);
    const [deployment] = this.api.view(
      RESOURCE.modelDeployment,
      this.#nowMs - lag(RESOURCE.modelDeployment.plural),
    ) as unknown as readonly ModelDeployment[];
    const earlier = this.kubelet.ready(revision, this.#nowMs - lag(RESOURCE.endpointSlice.plural));
    return { ready: Math.max(this.kubelet.ready(revision), earlier), replicas: deployment?.spec.replicas ?? 1 };
  }

  /** Whether in the last `ms` an operator was down, far behind or failed at a write: then nothing can be asked of its promptness. */
  isDisturbed(ms: number): boolean {
    const sinceMs = this.#nowMs - ms;
    const isBehind = this.#lags.some((lag) => lag(RESOURCE.endpointSlice.plural) > 2000);
    return (
      isBehind || this.#restarts.length > 0 || this.api.writes.slice(-20).some(({ atMs, error }) => atMs >= sinceMs && error !== undefined)
    );
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
    this.#restarts = this.#restarts.filter(({ index, atMs }) => {
      if (atMs > next) return true;
      this.#operators[index] = this.#startOperator(index);
      return false;
    });
    await this.#settle();
    this.#invariants.afterMoment();
    return true;
  }

  #nextMs(): number {
    const now = this.#nowMs;
    const operators = this.#operators.filter((_, index) => !this.#isDown(index)).map((operator) => operator.nextMs(now));
    return Math.max(
      now + 1,
      Math.min(this.#lookMs, this.kubelet.nextMs(now), this.gateway.nextMs(now), ...operators, ...this.#restarts.map(({ atMs }) => atMs)),
    );
  }

  #isDown(index: number): boolean {
    return this.#restarts.some((restart) => restart.index === index);
  }

  /** Everything that is due now: pods, the gateway, and passes until no operator has anything to do. */
  async #settle(): Promise<void> {
    for (let round = 0; ; round += 1) {
      this.kubelet.act(this.#nowMs);
      this.gateway.act(this.#nowMs);
      const due = this.#operators
        .map((operator, index) => ({ operator, index }))
        .filter(({ operator, index }) => !this.#isDown(index) && operator.nextMs(this.#nowMs) <= this.#nowMs);
      if (due.length === 0) return;
      if (round > MOST_PASSES)
        throw new Error(
          `passes go on without end: ${JSON.stringify(this.passes.slice(-2).map(({ planned, error }) => ({ actions: planned.actions.map(({ type }) => type), again: planned.requeueAfterMs, error: error?.message })))}`,
        );
      const { operator, index } = due[Math.floor(this.random() * due.length)]!;
      await this.#pass(operator, index);
    }
  }

  async #pass(operator: SimulatedOperator, index: number): Promise<void> {
    this.steps += 1;
    try {
      const pass = await operator.pass(this.#nowMs);
      if (pass.writes > 0 || pass.error || pass.planned.events.length > 0) this.passes.push(pass);
      if (!pass.error) this.events.push(...pass.planned.events.map((event) => ({ ...event, atMs: this.#nowMs })));
      this.#invariants.afterPass(pass);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      this.#restarts.push({ index, atMs: this.#nowMs + RESTART_MS });
    }
  }
}

function labelOf({ metadata }: StoredObject, label: string): string | undefined {
  return (metadata['labels'] as Record<string, string> | undefined)?.[label];
}
