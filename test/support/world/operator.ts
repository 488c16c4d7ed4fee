// An operator in a simulated world: the real observe, plan and apply over caches that may lag behind, with a memory that dies with it.
import type { ModelDeployment } from '../../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../../src/api/generated/modelrelease.ts';
import type { ModelVersion } from '../../../src/api/generated/modelversion.ts';
import { LABEL, MANAGED_BY_VALUE } from '../../../src/api/names.ts';
import { RESOURCE, type KubeObject, type ResourceType } from '../../../src/api/resources.ts';
import { applyActions } from '../../../src/apply/actions.ts';
import type { Prober } from '../../../src/apply/probe.ts';
import type { Reflector } from '../../../src/controller/reflector.ts';
import type { FiringAlert } from '../../../src/core/analysis/alert.ts';
import type { CheckSamples, MeasureRequest, Tick } from '../../../src/core/analysis/measurement.ts';
import type { Observed, Plan, PlanEvent, ProbeResult, Settings } from '../../../src/core/observed.ts';
import { plan } from '../../../src/core/plan.ts';
import type { Caches } from '../../../src/observe/caches.ts';
import { observeDeployment } from '../../../src/observe/deployment.ts';
import * as project from '../../../src/observe/projections.ts';
import { Killed, type WorldApi } from './api.ts';
import type { Gateway } from './gateway.ts';
import { NAME, NAMESPACE } from './objects.ts';
import type { Kubelet } from './pods.ts';

/** How far the caches of each kind (plural) are behind, in milliseconds. */
export type Lag = (plural: string) => number;

export interface OperatorOptions {
  readonly name: string;
  readonly api: WorldApi;
  readonly kubelet: Kubelet;
  readonly gateway: Gateway;
  readonly settings: Settings;
  readonly lag: Lag;
  readonly alerts: () => readonly FiringAlert[];
  readonly probe: (revision: string) => ProbeResult['state'];
}

/** One pass, as it went. */
export interface Pass {
  readonly atMs: number;
  readonly by: string;
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

export class SimulatedOperator {
  readonly name: string;
  readonly events: PlanEvent[] = [];
  readonly #options: OperatorOptions;
  readonly #probes = new Map<string, { readonly result: ProbeResult; readonly fromMs: number }>();
  /** Looks that were answered, by question: they never change. */
  readonly #ticks = new Map<string, readonly Tick[]>();
  #wanted: readonly MeasureRequest[] = [];
  #dueMs = -Infinity;
  #passedMs = -Infinity;
  /** Number of the newest change of the world that it had seen when it last looked. */
  #seen = 0;

  constructor(options: OperatorOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** When it wants to look again, at the earliest after `now`; `now` itself when something is due. */
  nextMs(now: number): number {
    const { api } = this.#options;
    const lag = this.#longestLag();
    const change = api.changedMs(this.#seen);
    const probes = [...this.#probes.values()].map(({ fromMs }) => fromMs).filter((fromMs) => fromMs > this.#passedMs);
    const intervals = this.#wanted.map(
      ({ intervalMs }) => Math.floor((this.#passedMs - LOOK_LAG_MS) / intervalMs) * intervalMs + intervalMs + LOOK_LAG_MS,
    );
    const atMs = Math.min(
      this.#dueMs === -Infinity ? now : this.#dueMs,
      change === undefined ? Infinity : change + lag,
      ...probes,
      ...intervals,
    );
    return Math.max(now, atMs);
  }

  #longestLag(): number {
    return Math.max(...Object.values(RESOURCE).map(({ plural }) => this.#options.lag(plural)));
  }

  /** One pass at `now`. Rethrows only `Killed`. */
  async pass(now: number): Promise<Pass> {
    const { api, kubelet } = this.#options;
    const before = api.writes.length;
    this.#passedMs = now;
    this.#seen = api.versionAt(now - this.#longestLag());
    const client = api.client(this.name, (selector) => kubelet.list(selector, now));
    const signal = new AbortController().signal;
    const observed = await observeDeployment(
      {
        client,
        caches: cachesAt(api, (type) => now - this.#options.lag(type.plural)),
        settings: this.#options.settings,
        probes: () =>
          new Map([...this.#probes].filter(([, { fromMs }]) => fromMs <= now).map(([revision, { result }]) => [revision, result])),
        samples: () => this.#samples(now),
        alerts: () => this.#options.alerts(),
      },
      NAMESPACE,
      NAME,
      signal,
    );
    if (!observed) {
      this.#wanted = [];
      this.#dueMs = Infinity;
      return {
        atMs: now,
        by: this.name,
        observed: undefined as never,
        planned: { actions: [], events: [], requeueAfterMs: undefined, measure: [], view: undefined },
        writes: 0,
        error: undefined,
      };
    }
    const planned = plan(observed, now);
    let error: Error | undefined;
    try {
      await applyActions({ client, prober: this.#prober(now), mustStillLead: () => 10_000 }, planned.actions, signal);
      this.#wanted = planned.measure;
      this.#dueMs = planned.requeueAfterMs === undefined ? Infinity : now + planned.requeueAfterMs;
      this.events.push(...planned.events);
    } catch (thrown) {
      if (thrown instanceof Killed) throw thrown;
      error = thrown as Error;
      this.#dueMs = now + RETRY_MS;
    }
    return { atMs: now, by: this.name, observed, planned, writes: api.writes.length - before, error };
  }

  #prober(now: number): Prober {
    return {
      start: ({ revision }) => {
        const running = this.#probes.get(revision);
        if (running && running.fromMs > now) return;
        const state = this.#options.probe(revision);
        const message = {
          Passed: '1 inference request answered',
          Failed: 'request zeros was answered with HTTP 500',
          Unreachable: 'connection refused',
        }[state];
        const atMs = now + PROBE_MS;
        this.#probes.set(revision, { result: state === 'Unreachable' ? { state, message, atMs } : { state, message }, fromMs: atMs });
      },
      results: () => new Map(),
      forget: () => undefined,
    };
  }

  #samples(now: number): readonly CheckSamples[] {
    return this.#wanted.map((request) => {
      const { intervalMs, fromMs, check, measurand } = request;
      const question = JSON.stringify(request);
      const ticks = [...(this.#ticks.get(question) ?? [])];
      const newestMs = Math.floor((now - LOOK_LAG_MS) / intervalMs) * intervalMs;
      const firstMs = ticks.length === 0 ? Math.ceil(fromMs / intervalMs) * intervalMs : ticks.at(-1)!.atMs + intervalMs;
      for (let atMs = firstMs; atMs <= newestMs; atMs += intervalMs) ticks.push(this.#options.gateway.tick(request, atMs));
      this.#ticks.set(question, ticks);
      const newest = ticks.at(-1);
      const works = newest && (newest.stable !== null || newest.value !== null);
      return {
        check,
        ticks,
        ...(measurand.type === 'slowerThan' ? { boundaryMs: measurand.thresholdMs } : {}),
        ...(works === true ? {} : { problem: 'Prometheus does not answer.' }),
      };
    });
  }
}

/** Caches that hold what the world was like at a time that may differ by kind. */
function cachesAt(api: WorldApi, atMs: (type: ResourceType) => number): Caches {
  const cache = <T>(type: ResourceType, projection: (object: KubeObject) => T, managed = true): Reflector<T> => {
    const objects = api
      .view(type, atMs(type))
      .filter(({ metadata }) => !managed || labelsOf(metadata)[LABEL.managedBy] === MANAGED_BY_VALUE) as readonly KubeObject[];
    const find = (wanted: (object: KubeObject) => boolean): readonly T[] =>
      objects.filter(wanted).map((object) => remembered(projection, object));
    return {
      run: () => Promise.resolve(),
      hasSynced: () => true,
      secondsSinceActivity: () => 0,
      get: (namespace, name) => find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)[0],
      list: () => find(() => true),
      byIndex: (_, key) => find(({ metadata }) => `${metadata.namespace ?? ''}/${labelsOf(metadata)[LABEL.deployment] ?? ''}` === key),
    };
  };
  return {
    versions: cache(RESOURCE.modelVersion, (object) => project.own(object) as unknown as ModelVersion, false),
    deployments: cache(RESOURCE.modelDeployment, (object) => project.own(object) as unknown as ModelDeployment, false),
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

function labelsOf(metadata: object): Readonly<Record<string, string>> {
  return (metadata as { readonly labels?: Readonly<Record<string, string>> }).labels ?? {};
}

const known = new WeakMap<object, Map<unknown, unknown>>();

/** Stored objects never change, so each is projected once. */
function remembered<T>(projection: (object: KubeObject) => T, object: KubeObject): T {
  const values = known.get(object) ?? new Map<unknown, unknown>();
  known.set(object, values);
  if (!values.has(projection)) values.set(projection, projection(object));
  return values.get(projection) as T;
}
