// Traffic where no gateway weighs: each Ready pod that takes requests gets as many as any other, and counts them itself.
import { LABEL } from '../../../src/api/names.ts';
import { RESOURCE, type KubeObject } from '../../../src/api/resources.ts';
import type { ArmSample, Columns, MeasureRequest, Tick } from '../../../src/core/analysis/measurement.ts';
import type { RouteState } from '../../../src/core/observed.ts';
import { newestCarried, readShareService } from '../../../src/core/traffic/carrier.ts';
import { readRoute } from '../../../src/core/traffic/route.ts';
import * as project from '../../../src/observe/projections.ts';
import type { StoredObject } from '../apiStore.ts';
import type { WorldApi } from './api.ts';
import { asHistogram, Gateway, LATE_MS, type Count, type GatewayOptions, type MetricsMood } from './gateway.ts';
import { NAME, NAMESPACE } from './objects.ts';

/** What an object says of the traffic: a route, a Service in its place, or a revision's Deployment in the place of both. */
export function carriedBy(object: StoredObject | undefined): RouteState | undefined {
  switch (object?.kind) {
    case 'HTTPRoute':
      return readRoute(object);
    case 'Service':
      return readShareService(object);
    case 'Deployment':
      return newestCarried([project.workload(object).state]);
    default:
      return undefined;
  }
}

/** What carries the traffic in this world, whichever kind of object that is. */
export function carrierIn(api: WorldApi): RouteState | undefined {
  const found = [api.get(RESOURCE.httpRoute, NAMESPACE, NAME), api.get(RESOURCE.service, NAMESPACE, NAME)].flatMap(
    (object) => carriedBy(object) ?? [],
  );
  const workloads = api.view(RESOURCE.deployment).map((object) => project.workload(object as KubeObject).state);
  return found[0] ?? newestCarried(workloads);
}

export class PodTraffic extends Gateway {
  readonly #options: GatewayOptions;
  readonly #counts = new Map<string, Count>();
  readonly #looks = new Map<number, { readonly counts: ReadonlyMap<string, Readonly<Count>>; readonly metrics: MetricsMood }>();

  constructor(options: GatewayOptions) {
    super(options);
    this.#options = options;
  }

  override act(): void {
    // A Service needs nobody to take it over.
  }

  override nextMs(): number {
    return Infinity;
  }

  /** Revisions that take requests: whoever the Service selects; without one, all that have pods. */
  #takers(): readonly string[] {
    const { api } = this.#options;
    const service = api.get(RESOURCE.service, NAMESPACE, NAME);
    const selector = (service?.['spec'] as { readonly selector?: Record<string, string> } | undefined)?.selector;
    const only = selector?.[LABEL.revision];
    if (only !== undefined) return [only];
    return api.view(RESOURCE.deployment).flatMap(({ metadata }) => (metadata['labels'] as Record<string, string>)[LABEL.revision] ?? []);
  }

  override weightOf(revision: string): number {
    const takers = this.#takers();
    const all = takers.reduce((sum, taker) => sum + this.#options.readyPods(taker), 0);
    return takers.includes(revision) && all > 0 ? (100 * this.#options.readyPods(revision)) / all : 0;
  }

  override pass(ms: number): void {
    const requests = (this.requestsPerSecond * ms) / 1000;
    const takers = this.#takers();
    for (const revision of takers) this.#serve(revision, (requests * this.weightOf(revision)) / 100);
    if (takers.length > 0 && takers.every((revision) => this.#options.readyPods(revision) === 0)) this.unserved += requests;
  }

  #serve(revision: string, requests: number): void {
    if (requests === 0) return;
    const { errorRate, slowRate } = this.#options.answersOf(revision);
    const known = this.#counts.get(revision) ?? { requests: 0, bad: 0, slow: 0 };
    const bad = known.bad + requests * errorRate;
    this.#counts.set(revision, { requests: known.requests + requests, bad, slow: known.slow + requests * slowRate });
    this.served.set(revision, { requests: known.requests + requests, bad });
  }

  override look(atMs: number): void {
    this.#looks.set(atMs, { counts: new Map(this.#counts), metrics: this.metrics });
  }

  override tick(request: MeasureRequest, atMs: number, now: number): Tick {
    const { measurand } = request;
    if (measurand.type === 'value') return { atMs, stable: null, candidate: null, value: this.values(measurand.promql, atMs) };
    if (measurand.type === 'counters') {
      const columns = Object.keys(measurand.candidate);
      const arm = (queries: Columns) => ({ series: columns.map((column) => this.values(queries[column] ?? '', atMs) ?? NaN) });
      return { atMs, stable: null, candidate: null, value: null, vectors: { columns, stable: arm(measurand.stable), candidate: arm(measurand.candidate) } };
    }
    const { arms } = measurand;
    if (!('deployment' in arms)) throw new Error('a gateway is asked for numbers that it does not have');
    const look = this.#looks.get(atMs);
    if (!look || look.metrics === 'Down' || (look.metrics === 'Late' && now < atMs + LATE_MS))
      return { atMs, stable: null, candidate: null, value: null };
    const arm = (revision: string): ArmSample => {
      const count = look.counts.get(revision);
      if (!count || look.metrics === 'Empty') return {};
      const { requests, bad, slow } = look.metrics === 'NotANumber' ? { requests: NaN, bad: NaN, slow: NaN } : count;
      return { [`${revision}-pod`]: { requests, bad: measurand.type === 'slowerThan' ? slow : bad } };
    };
    const both = { stable: arm(arms.stable), candidate: arm(arms.candidate) };
    return measurand.type === 'latencies'
      ? { atMs, value: null, stable: null, candidate: null, vectors: asHistogram(both) }
      : { atMs, value: null, ...both };
  }
}
