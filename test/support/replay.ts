// An independent reading of the evidence: everything is asked of Prometheus afterwards, with one range query for each check, and judged
// by the same pure functions. What the operator did can be held against it.
import { PORTS } from '../../deploy/local/cluster/index.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import type { CheckSamples, MeasureRequest, Slot, Tick } from '../../src/core/analysis/measurement.ts';
import { hasData } from '../../src/core/analysis/rows.ts';
import { evaluate } from '../../src/core/release/evaluation.ts';
import { measuresOf } from '../../src/core/release/measures.ts';
import { parametersOf } from '../../src/core/release/parameters.ts';
import { readBuiltIn } from '../../src/metrics/builtin.ts';
import { REQUESTS } from '../../src/metrics/envoyGateway.ts';
import { readSamples } from '../../src/metrics/past.ts';
import { createPrometheus, type Prometheus } from '../../src/metrics/prometheus.ts';
import type { Span } from '../../src/metrics/span.ts';
import { inPrometheus } from '../../src/metrics/store.ts';

/** Who sat in which slot, and since when stable has served from its own. */
export interface Places {
  readonly stable: Slot;
  readonly candidate: Slot;
  readonly stableSinceMs: number;
}

/** Times in milliseconds since 1970. */
export interface FirstFailure {
  /** The first look of the grid at which the evidence says Fail. */
  readonly lookMs: number;
  /** The scrape that brought the datum that was missing until then: at most one interval before the look. */
  readonly scrapeMs: number;
  readonly reason: string;
}

/** When the evidence of this release said Fail for the first time; undefined when it never did until `untilMs`. */
export async function findFirstFailure(release: ModelRelease, places: Places, untilMs: number): Promise<FirstFailure | undefined> {
  const prometheus = createPrometheus({ url: `http://127.0.0.1:${PORTS.prometheus}`, now: () => performance.now() });
  try {
    const replay = await readAll(prometheus, release, places, untilMs);
    const looks = replay[0]?.ticks.map(({ atMs }) => atMs) ?? [];
    const lookMs = looks.find((atMs) => judge(release, until(replay, atMs), atMs).verdict === 'Fail');
    if (lookMs === undefined) return undefined;
    const scrapeMs = await findScrape(prometheus, release, places, replay, lookMs);
    return { lookMs, scrapeMs, reason: judge(release, until(replay, lookMs), lookMs).reason };
  } finally {
    prometheus.close();
  }
}

/** The windows as they were while the release ran: the last one was still open. */
function judge(release: ModelRelease, samples: readonly CheckSamples[], nowMs: number): ReturnType<typeof evaluate> {
  const windows = (release.status?.windows ?? []).map(({ to, ...window }, index, all) =>
    index === all.length - 1 || to === undefined ? window : { ...window, to },
  );
  return evaluate(parametersOf(release), samples, windows, nowMs);
}

function wishesOf(release: ModelRelease, places: Places): readonly MeasureRequest[] {
  return measuresOf(release, parametersOf(release), places, places.stableSinceMs);
}

async function readAll(prometheus: Prometheus, release: ModelRelease, places: Places, untilMs: number): Promise<readonly CheckSamples[]> {
  const samples = await readSamples(prometheus, wishesOf(release, places), untilMs);
  const silent = samples.find(({ ticks }) => !ticks.some(hasData));
  if (silent) throw new Error(`Prometheus has no data to replay: ${silent.problem ?? 'no answer'}`);
  return samples;
}

async function read(prometheus: Prometheus, span: Span, measurand: MeasureRequest['measurand']): Promise<readonly Tick[]> {
  if (measurand.type === 'value' || measurand.type === 'counters') throw new Error('Only the built-in checks are replayed.');
  const [reading] = await readBuiltIn(inPrometheus(prometheus), span, [{ measurand }]);
  if (reading === undefined || reading.ticks.length === 0)
    throw new Error(`Prometheus has no data to replay: ${reading?.problem ?? 'no answer'}`);
  return reading.ticks;
}

function until(samples: readonly CheckSamples[], atMs: number): readonly CheckSamples[] {
  return samples.map((sample) => ({ ...sample, ticks: sample.ticks.filter((tick) => tick.atMs <= atMs) }));
}

/** The first scrape after the look before, with whose data in place of the look's own the evidence says Fail. */
async function findScrape(
  prometheus: Prometheus,
  release: ModelRelease,
  places: Places,
  replay: readonly CheckSamples[],
  lookMs: number,
): Promise<number> {
  const { intervalMs } = parametersOf(release);
  const namespace = release.metadata.namespace ?? '';
  const raw = await prometheus.instant(
    `${REQUESTS}{envoy_cluster_name=~"httproute/${namespace}/.*"}[${Math.ceil(intervalMs / 1000)}s]`,
    lookMs,
  );
  if (!raw.ok) throw new Error(raw.sentence);
  const scrapes = [...new Set(raw.series.flatMap(({ points }) => points.map(({ atMs }) => atMs)))].sort((a, b) => a - b);
  for (const scrapeMs of scrapes) {
    const moved = await Promise.all(
      wishesOf(release, places).map(async ({ check, measurand }, index): Promise<CheckSamples> => {
        const [tick] = await read(prometheus, { fromMs: scrapeMs, toMs: scrapeMs, stepMs: 0 }, measurand);
        const before = (replay[index]?.ticks ?? []).filter(({ atMs }) => atMs < lookMs);
        return { check, ticks: [...before, ...(tick === undefined ? [] : [{ ...tick, atMs: lookMs }])] };
      }),
    );
    if (judge(release, moved, lookMs).verdict === 'Fail') return scrapeMs;
  }
  return lookMs;
}
