// An operator in a simulated world: the real observe, plan and apply over caches that may lag behind, with a memory that dies with it.
import type { CheckSet } from '../../../src/api/generated/checkset.ts';
import type { ModelDeployment } from '../../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../../src/api/generated/modelrelease.ts';
import type { ModelVersion } from '../../../src/api/generated/modelversion.ts';
import { LABEL, MANAGED_BY_VALUE } from '../../../src/api/names.ts';
import { RESOURCE, type KubeObject, type ResourceType } from '../../../src/api/resources.ts';
import type { Prober } from '../../../src/apply/probe.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import type { Reflector } from '../../../src/controller/reflector.ts';
import type { FiringAlert } from '../../../src/core/analysis/alert.ts';
import type { CheckSamples, MeasureRequest, Tick } from '../../../src/core/analysis/measurement.ts';
import type { Observed, Plan, PlanEvent, ProbeResult, Settings } from '../../../src/core/observed.ts';
import { plan } from '../../../src/core/plan.ts';
import { hostKeys } from '../../../src/core/traffic/hostnames.ts';
import { BY_HOST, type Caches } from '../../../src/observe/caches.ts';
import { observeDeployment } from '../../../src/observe/deployment.ts';
import * as project from '../../../src/observe/projections.ts';
import { carryOut } from '../../../src/operator/carryOut.ts';
import type { StoredObject } from '../apiStore.ts';
import { Killed, type WorldApi, type Writer } from './api.ts';
import type { Gateway } from './gateway.ts';
import type { Images } from './images.ts';
import { NAME, NAMESPACE } from './objects.ts';
import type { Measuring } from './measuring.ts';
import type { Kubelet } from './pods.ts';

/** How far the caches of each kind (plural) are behind, in milliseconds. */
export type Lag = (plural: string) => number;

export interface OperatorOptions {
  readonly name: string;
  readonly api: WorldApi;
  readonly kubelet: Kubelet;
  readonly images: Images;
  readonly gateway: Gateway;
  readonly settings: Settings;
  readonly lag: Lag;
  /** What its clock is ahead of the world's. */
  readonly skewMs: () => number;
  /** From the beginning of one pass to that of the next, at the least. */
  readonly passMs: number;
  readonly alerts: () => readonly FiringAlert[];
  readonly alertsProblem: () => string | undefined;
  /** In the place of the simulated metrics store. */
  readonly measuring: Measuring | undefined;
  readonly probe: (revision: string) => ProbeResult['state'];
  readonly tell: (event: PlanEvent) => void;
}

/** One pass, as it went. */
export interface Pass {
  readonly atMs: number;
  readonly by: string;
  readonly number: number;
  readonly observed: Observed;
  readonly planned: Plan;
  /** Writes that were carried out, or at least tried. */
  readonly writes: number;
  readonly error: Error | undefined;
}

const PROBE_MS = 200;
/** From a look's time to its answer. */
const LOOK_LAG_MS = 500;
/** After a pass that failed. */
const RETRY_MS = 1000;
/** Looks without data are asked for again, for so long. */
const ASK_AGAIN_MS = 60_000;

/** What a pass looks at; nothing else of the world wakes an operator. */
const WATCHED: readonly ResourceType[] = [
  RESOURCE.modelVersion,
  RESOURCE.modelDeployment,
  RESOURCE.checkSet,
  RESOURCE.modelRelease,
  RESOURCE.deployment,
  RESOURCE.service,
  RESOURCE.podDisruptionBudget,
  RESOURCE.controllerRevision,
  RESOURCE.endpointSlice,
  RESOURCE.httpRoute,
  RESOURCE.job,
];

/** What one cache has come to. It never goes back, also when it begins to lag. */
interface Seen {
  readonly atMs: number;
  readonly version: number;
}

let passes = 0;

export class SimulatedOperator {
  readonly name: string;
  readonly #options: OperatorOptions;
  readonly #probes = new Map<string, { readonly result: ProbeResult; readonly fromMs: number }>();
  /** Looks that were answered, by question: they never change. */
  readonly #ticks = new Map<string, Tick[]>();
  readonly #seen = new Map<ResourceType, Seen>();
  #wanted: readonly MeasureRequest[] = [];
  #dueMs = -Infinity;
  #passedMs = -Infinity;

  constructor(options: OperatorOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** When it wants to look again, at the earliest after `now`; `now` itself when something is due. */
  nextMs(now: number): number {
    const { api, lag } = this.#options;
    let next = this.#dueMs === -Infinity ? now : this.#dueMs;
    for (const type of WATCHED) {
      const changedMs = api.changedMs(type, this.#seen.get(type)?.version ?? 0);
      if (changedMs !== undefined) next = Math.min(next, changedMs + lag(type.plural));
    }
    for (const { fromMs } of this.#probes.values()) if (fromMs > this.#passedMs) next = Math.min(next, fromMs);
    for (const { intervalMs } of this.#wanted) {
      const look = Math.floor((this.#passedMs - LOOK_LAG_MS) / intervalMs) * intervalMs + intervalMs;
      next = Math.min(next, look + LOOK_LAG_MS);
    }
    return Math.max(now, next, this.#passedMs + this.#options.passMs);
  }

  #catchUp(now: number): void {
    const { api, lag } = this.#options;
    for (const type of WATCHED) {
      const atMs = Math.max(this.#seen.get(type)?.atMs ?? -Infinity, now - lag(type.plural));
      this.#seen.set(type, { atMs, version: api.shown(type, atMs).version });
    }
  }

  /** One pass that begins at `now`. Rethrows only `Killed`. */
  async pass(now: number): Promise<Pass> {
    const { api, kubelet, images, skewMs } = this.#options;
    const writer: Writer = { by: this.name, pass: (passes += 1) };
    this.#passedMs = now;
    this.#catchUp(now);
    const client = api.client(writer, (selector) => images.list(selector, now) ?? kubelet.list(selector, now));
    const signal = new AbortController().signal;
    const samples = await (this.#options.measuring?.samples(now) ?? this.#samples(now));
    const observed = await this.#observe(client, now, samples, signal);
    if (!observed) {
      this.#wanted = [];
      this.#dueMs = Infinity;
      return { atMs: now, by: this.name, number: writer.pass, observed: undefined as never, planned: NO_PLAN, writes: 0, error: undefined };
    }
    writer.observed = observed;
    const clock = now + skewMs();
    const planned = plan(observed, clock);
    let error: Error | undefined;
    try {
      // Nothing is learned from answers: caches that lag behind are the harder case.
      const deaf = { onWritten: () => undefined, onRemoved: () => undefined };
      const applier = { client, prober: this.#prober(clock), findQueryProblem, mustStillLead: () => 10_000, ...deaf };
      await carryOut({ applier, events: { record: this.#options.tell }, now: () => clock }, observed, planned.actions, signal);
      this.#wanted = planned.measure;
      await this.#options.measuring?.want(planned.measure);
      this.#dueMs = planned.requeueAfterMs === undefined ? Infinity : now + planned.requeueAfterMs;
      planned.events.forEach(this.#options.tell);
    } catch (thrown) {
      if (thrown instanceof Killed) throw thrown;
      error = thrown as Error;
      this.#dueMs = now + RETRY_MS;
    }
    const writes = api.writes.reduce((sum, write) => sum + (write.writer === writer ? 1 : 0), 0);
    return { atMs: now, by: this.name, number: writer.pass, observed, planned, writes, error };
  }

  #observe(client: KubeClient, now: number, samples: readonly CheckSamples[], signal: AbortSignal): Promise<Observed | undefined> {
    const { api, settings, alerts, alertsProblem } = this.#options;
    const probes = (): ReadonlyMap<string, ProbeResult> =>
      new Map([...this.#probes].filter(([, { fromMs }]) => fromMs <= now).map(([release, { result }]) => [release, result]));
    return observeDeployment(
      {
        client,
        caches: cachesAt(api, (type) => this.#seen.get(type)?.atMs ?? now),
        settings,
        probes,
        samples: () => samples,
        alerts,
        alertsProblem,
      },
      NAMESPACE,
      NAME,
      signal,
    );
  }

  #prober(clock: number): Prober {
    return {
      start: ({ revision, release }) => {
        const running = this.#probes.get(release);
        if (running && running.fromMs > this.#passedMs) return;
        const state = this.#options.probe(revision);
        const message = {
          Passed: '1 inference request answered',
          Failed: 'request zeros was answered with HTTP 500',
          Unreachable: 'connection refused',
        }[state];
        const result = state === 'Unreachable' ? { state, message, atMs: clock + PROBE_MS } : { state, message };
        this.#probes.set(release, { result, fromMs: this.#passedMs + PROBE_MS });
      },
      results: () => new Map(),
      forget: () => undefined,
    };
  }

  #samples(now: number): readonly CheckSamples[] {
    return this.#wanted.map((request) => {
      const { intervalMs, fromMs, check, measurand } = request;
      const { gateway } = this.#options;
      const question = JSON.stringify(request);
      const known = this.#ticks.get(question) ?? [];
      const ticks = known.map((tick) => (isEmpty(tick) && tick.atMs > now - ASK_AGAIN_MS ? gateway.tick(request, tick.atMs, now) : tick));
      const newestMs = Math.floor((now - LOOK_LAG_MS) / intervalMs) * intervalMs;
      const firstMs = ticks.length === 0 ? Math.ceil(fromMs / intervalMs) * intervalMs : ticks.at(-1)!.atMs + intervalMs;
      for (let atMs = firstMs; atMs <= newestMs; atMs += intervalMs) ticks.push(gateway.tick(request, atMs, now));
      this.#ticks.set(question, ticks);
      const newest = ticks.at(-1);
      return {
        check,
        ticks,
        ...(measurand.type === 'slowerThan' ? { boundaryMs: measurand.thresholdMs } : {}),
        ...(newest && !isEmpty(newest) ? {} : { problem: 'Prometheus does not answer.' }),
      };
    });
  }
}

/** Prometheus as far as a trial sees it: where parentheses do not match there is no query. */
function findQueryProblem(promql: string): Promise<string | undefined> {
  const isQuery = promql.split('(').length === promql.split(')').length;
  return Promise.resolve(isQuery ? undefined : 'Prometheus answered 400: parse error: unclosed left parenthesis.');
}

const NO_PLAN: Plan = { actions: [], events: [], requeueAfterMs: undefined, measure: [], view: undefined };

function isEmpty({ stable, value }: Tick): boolean {
  return stable === null && value === null;
}

/** Caches that hold what the world was like at a time that may differ by kind. */
function cachesAt(api: WorldApi, atMs: (type: ResourceType) => number): Caches {
  const cache = <T>(type: ResourceType, projection: (object: KubeObject) => T, managed = true): Reflector<T> => {
    const { objects } = api.shown(type, atMs(type));
    const shown = listed(objects, projection, managed);
    return {
      run: () => Promise.resolve(),
      hasSynced: () => true,
      learn: () => undefined,
      forget: () => undefined,
      secondsSinceActivity: () => 0,
      get: (namespace, name) => shown.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)?.projected,
      list: () => shown.map(({ projected }) => projected),
      byIndex: (name, key) =>
        (name === BY_HOST
          ? shown.filter(({ projected }) => hostKeysOf(projected as project.RouteChild).includes(key))
          : shown.filter(({ index }) => index === key)
        ).map(({ projected }) => projected),
    };
  };
  return {
    versions: cache(RESOURCE.modelVersion, (object) => project.own(object) as unknown as ModelVersion, false),
    deployments: cache(RESOURCE.modelDeployment, (object) => project.own(object) as unknown as ModelDeployment, false),
    checkSets: cache(RESOURCE.checkSet, (object) => project.own(object) as unknown as CheckSet, false),
    releases: cache(RESOURCE.modelRelease, (object) => project.own(object) as unknown as ModelRelease),
    workloads: cache(RESOURCE.deployment, project.workload),
    services: cache(RESOURCE.service, project.service),
    budgets: cache(RESOURCE.podDisruptionBudget, project.child),
    snapshots: cache(RESOURCE.controllerRevision, project.snapshot),
    endpoints: cache(RESOURCE.endpointSlice, project.endpoints),
    routes: cache(RESOURCE.httpRoute, project.route),
    jobs: cache(RESOURCE.job, project.job),
  };
}

function hostKeysOf({ holder }: project.RouteChild): readonly string[] {
  return hostKeys(holder.namespace, holder.gateway);
}

interface Listed<T> {
  readonly metadata: KubeObject['metadata'];
  readonly index: string;
  readonly projected: T;
}

const lists = new WeakMap<readonly StoredObject[], readonly Listed<unknown>[]>();
const projections = new WeakMap<StoredObject, Listed<unknown>>();

/** Stored objects never change, and each kind is projected in one way: so each is projected once, and each list made once. */
function listed<T>(objects: readonly StoredObject[], projection: (object: KubeObject) => T, managed: boolean): readonly Listed<T>[] {
  const known = lists.get(objects);
  if (known) return known as readonly Listed<T>[];
  const made = objects
    .filter(({ metadata }) => !managed || labelsOf(metadata)[LABEL.managedBy] === MANAGED_BY_VALUE)
    .map((object) => {
      const before = projections.get(object);
      if (before) return before as Listed<T>;
      const metadata = object.metadata as KubeObject['metadata'];
      const index = `${metadata.namespace ?? ''}/${labelsOf(metadata)[LABEL.deployment] ?? ''}`;
      const entry = { metadata, index, projected: projection(object) };
      projections.set(object, entry);
      return entry;
    });
  lists.set(objects, made);
  return made;
}

function labelsOf(metadata: object): Readonly<Record<string, string>> {
  return (metadata as { readonly labels?: Readonly<Record<string, string>> }).labels ?? {};
}
