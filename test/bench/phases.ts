// The phases of the bench, one function each: what is done, and the figures that come of it.
import { setTimeout as sleep } from 'node:timers/promises';
import { RESOURCE } from '../../src/api/resources.ts';
import type { Sample } from '../support/metricsText.ts';
import { isCounted, type Write } from './audit.ts';
import { histogramPercentiles, percentiles, releaseWrites, round, type Percentiles, type ReleaseWrites } from './figures.ts';
import { candidateCluster, FIRST, inParallel, SECOND, type Item } from './fleet.ts';
import type { OperatorProcess } from './operator.ts';
import type { Question } from './prometheus.ts';
import { quiet, until, writesSince, type BenchStage } from './stage.ts';

/** Every deployment gets its first version. Gives the seconds until the last one serves. */
export async function serveFirst({ fleet, options }: BenchStage): Promise<number> {
  const started = performance.now();
  await fleet.createDeployments();
  const serves = (item: Item): boolean => {
    const { status } = fleet.deployment(item) ?? {};
    return status?.phase === 'Serving' && status.stable?.version === FIRST;
  };
  let said = 0;
  const count = (): boolean => {
    const ready = fleet.items.filter(serves).length;
    if (ready - said >= 200) options.say(`${(said = ready)} of ${fleet.items.length} serve`);
    return ready === fleet.items.length;
  };
  await until('every deployment serves its first version', count, 1800, 500);
  return round((performance.now() - started) / 1000);
}

export interface Rest {
  readonly writes: number;
  readonly cpu: number;
  readonly rssMiB: number;
  readonly peakMiB: number;
  readonly heapMiB: number;
}

/** Nothing happens. */
export async function rest(stage: BenchStage, operator: OperatorProcess): Promise<Rest> {
  await quiet(stage);
  const { restSeconds } = stage.options;
  const cpuBefore = operator.cpuSeconds();
  const sinceMs = Date.now();
  await sleep(restSeconds * 1000);
  const cpu = (operator.cpuSeconds() - cpuBefore) / restSeconds;
  const { rssMiB, peakMiB } = operator.memory();
  const heap = valueOf(await operator.scrape(), 'nodejs_heap_size_used_bytes') / 2 ** 20;
  const writes = writesSince(stage, sinceMs).filter(isCounted).length;
  return { writes, cpu: round(cpu), rssMiB: round(rssMiB), peakMiB: round(peakMiB), heapMiB: round(heap) };
}

export interface Handover {
  readonly next: OperatorProcess;
  /** From the signal to stop until the one that stood by holds the Lease. */
  readonly leaseSeconds: number;
  readonly stopSeconds: number;
}

/** Another operator stands by, and the one that leads is asked to stop. */
export async function handOver(stage: BenchStage, operator: OperatorProcess, pod: string): Promise<Handover> {
  const next = await stage.startOperator(pod);
  await until('the other operator stands by', next.isReady, 60);
  await sleep(3000); // it has tried for the Lease by then
  const started = performance.now();
  const stopped = operator.stop();
  await until('the other operator leads', () => holdsLease(stage, pod), 60, 20);
  const leaseSeconds = round((performance.now() - started) / 1000);
  return { next, leaseSeconds, stopSeconds: round(await stopped) };
}

async function holdsLease({ cluster }: BenchStage, pod: string): Promise<boolean> {
  const lease = await cluster.admin.get({ resource: RESOURCE.lease, namespace: 'plimsoll-system', name: 'plimsoll' });
  const { holderIdentity = '' } = (lease?.spec ?? {}) as { readonly holderIdentity?: string };
  return holderIdentity.startsWith(`${pod}_`);
}

/** Starts an operator where none runs. Gives the seconds from the start of its process until it has had a pass over every deployment. */
export async function startCold(
  stage: BenchStage,
  pod: string,
): Promise<{ readonly operator: OperatorProcess; readonly syncedSeconds: number }> {
  const started = performance.now();
  const operator = await stage.startOperator(pod);
  await until('its caches are filled', operator.isReady, 60, 50);
  const shown = async (): Promise<boolean> =>
    (await operator.scrape()).filter(({ name }) => name === 'plimsoll_deployment_phase').length >= stage.fleet.items.length;
  await until('every deployment is reconciled', shown, 120, 250);
  return { operator, syncedSeconds: round((performance.now() - started) / 1000) };
}

export interface Alone {
  readonly writes: ReleaseWrites;
  readonly queriesPerTick: number;
}

/** One good release from its start to the removal of what served before. */
export async function releaseAlone(stage: BenchStage, item: Item): Promise<Alone> {
  const { fleet, responder } = stage;
  const sinceMs = Date.now();
  await fleet.release(item, SECOND);
  await until('the release is promoted', () => fleet.releaseOf(item, 2)?.status?.outcome === 'Promoted', 180);
  await quiet(stage);
  return { writes: releaseWrites(writesSince(stage, sinceMs)), queriesPerTick: usualPerTick(stage, responder.questions, sinceMs) };
}

export interface Rollback {
  readonly writes: ReleaseWrites;
  readonly breachToWriteMs: number;
  /** In the time after the weight-0 write. */
  readonly writesAfter: number;
}

/** One release whose version turns bad in its first step. */
export async function rollBackAlone(stage: BenchStage, item: Item): Promise<Rollback> {
  const sinceMs = Date.now();
  await beginBadReleases(stage, [item]);
  await breakAll(stage, [item]);
  const [write] = rollbackWrites(stage, sinceMs);
  await sleep(stage.options.restSeconds * 1000);
  const decidedMs = write?.receivedMs ?? NaN;
  const after = writesSince(stage, decidedMs + 0.001, decidedMs + stage.options.restSeconds * 1000).filter(isCounted).length;
  const [breachToWriteMs = NaN] = breachToWrite(stage, sinceMs);
  return { writes: releaseWrites(writesSince(stage, sinceMs)), breachToWriteMs: round(breachToWriteMs), writesAfter: after };
}

export interface Rollbacks {
  readonly breachToWriteMs: Percentiles;
  readonly firstStepMs: Percentiles;
  readonly reconcileMs: Percentiles;
  readonly queriesPerTick: number;
  readonly writesPerRelease: number;
  readonly refused: number;
  readonly writesAfter: number;
  readonly peakMiB: number;
}

/** Many releases at the same time, all of which turn bad at the same moment. */
export async function rollBackMany(stage: BenchStage, operator: OperatorProcess, items: readonly Item[]): Promise<Rollbacks> {
  const sinceMs = Date.now();
  const before = await operator.scrape();
  await beginBadReleases(stage, items);
  const holdingMs = Date.now();
  await sleep(3 * stage.options.pace.intervalSeconds * 1000);
  const queriesPerTick = usualPerTick(stage, stage.responder.questions, holdingMs);
  await breakAll(stage, items);
  const decidedMs = Math.max(...rollbackWrites(stage, sinceMs).map(({ receivedMs }) => receivedMs));
  await sleep(stage.options.restSeconds * 1000);
  const counted = writesSince(stage, sinceMs).filter(isCounted);
  const steps = counted.filter(({ decision }) => decision?.endsWith('/Shift/0') === true);
  return {
    breachToWriteMs: percentiles(breachToWrite(stage, sinceMs)),
    firstStepMs: percentiles(steps.map(({ receivedMs }) => receivedMs - sinceMs)),
    reconcileMs: histogramPercentiles(before, await operator.scrape(), 'plimsoll_reconcile_duration_seconds', { kind: 'ModelDeployment' }),
    queriesPerTick,
    writesPerRelease: round(counted.length / items.length),
    refused: counted.filter(({ code }) => code >= 400).length,
    writesAfter: counted.filter(({ receivedMs }) => receivedMs > decidedMs).length,
    peakMiB: round(operator.memory().peakMiB),
  };
}

/** Holds so long that no step ends before everybody is in the first one. */
const LONG_HOLD_SECONDS = 600;

async function beginBadReleases({ fleet }: BenchStage, items: readonly Item[]): Promise<void> {
  await inParallel(items, (item) => fleet.release(item, SECOND, LONG_HOLD_SECONDS));
  const holds = (item: Item): boolean => {
    const window = fleet.releaseOf(item, 2)?.status?.windows?.[0];
    return window !== undefined && Date.parse(window.from) < Date.now();
  };
  await until('every release holds its first step', () => items.every(holds), 240);
}

/** From the next look on every candidate is bad. Waits until all are taken off. */
async function breakAll({ fleet, responder, options }: BenchStage, items: readonly Item[]): Promise<void> {
  const intervalMs = options.pace.intervalSeconds * 1000;
  const atMs = Math.ceil(Date.now() / intervalMs) * intervalMs;
  for (const item of items) responder.breakAt(candidateCluster(item), atMs);
  await until('every release is rolled back', () => items.every((item) => fleet.releaseOf(item, 2)?.status?.outcome === 'RolledBack'), 240);
}

function rollbackWrites(stage: BenchStage, sinceMs: number): readonly Write[] {
  return writesSince(stage, sinceMs).filter(({ decision, code }) => code < 400 && decision?.includes('/RollBack/') === true);
}

/**
 * Milliseconds from the answer that made the verdict to each weight-0 write. All series are alike, so one look condemns all: the newest one
 * that was answered before the first of these writes came in.
 */
function breachToWrite(stage: BenchStage, sinceMs: number): readonly number[] {
  const writes = rollbackWrites(stage, sinceMs);
  const firstMs = Math.min(...writes.map(({ receivedMs }) => receivedMs));
  const looks = stage.responder.questions.filter(({ about, isLive }) => about === 'errors' && isLive);
  const verdict = looks.findLast(({ answeredMs }) => answeredMs <= firstMs);
  return writes.map(({ receivedMs }) => receivedMs - (verdict?.answeredMs ?? NaN));
}

/**
 * Questions about the checks at one look, as most looks had it. Those that catch up or search for boundaries come once a release; the one
 * about alerts comes at its own times.
 */
function usualPerTick({ options }: BenchStage, questions: readonly Question[], sinceMs: number): number {
  const intervalMs = options.pace.intervalSeconds * 1000;
  const regular = questions.filter(
    ({ isLive, about, atMs }) => isLive && (about === 'errors' || about === 'latency') && atMs >= sinceMs && atMs % intervalMs === 0,
  );
  const counts = [...Map.groupBy(regular, ({ atMs }) => atMs).values()].map(({ length }) => length).sort((a, b) => a - b);
  return counts[Math.floor(counts.length / 2)] ?? 0;
}

function valueOf(samples: readonly Sample[], name: string): number {
  return samples.find((sample) => sample.name === name)?.value ?? NaN;
}
