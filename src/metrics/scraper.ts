// What servers show, read by the operator itself: for whoever has no Prometheus. Nothing is kept but the newest look, so what was missed is
// missed, and after a restart of the operator the evidence begins anew.
import type { Arms } from '../core/analysis/measurement.ts';
import { readExposition } from './exposition.ts';
import { createGate } from './gate.ts';
import type { Clock } from './gate.ts';
import type { Series } from './prometheusAnswer.ts';
import { select, type Sample } from './selection.ts';
import type { SeriesQuery } from './series.ts';
import { armNames } from './sources.ts';
import type { Answers, SeriesStore } from './store.ts';

/** A server that shows counters of both versions (a gateway's) or of one (a pod). */
export interface Target {
  readonly url: string;
  /** Whose counters it has; absent where it has those of both. */
  readonly arm?: 'stable' | 'candidate';
  /** Labels of its series: `namespace` and `pod` of a pod, `instance` of a gateway's Envoy. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface ScraperOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Who has counters of these versions now. Rejects with a sentence when that cannot be known. */
  readonly targetsOf: (arms: Arms) => Promise<readonly Target[]>;
  /** The text at this address. Rejects with a sentence. */
  readonly read: (url: string) => Promise<string>;
  /** Addresses read at the same time. Default 16. */
  readonly concurrency?: number;
}

/** A page and when it was there, or why there is none. */
type Page = { readonly text: string; readonly readMs: number } | { readonly problem: string };

interface Look {
  readonly atMs: number;
  readonly page: Promise<Page>;
}

/** What was read later does not say what there was at the look: several looks could show one moment, and a window the time after it. */
const LATE_MS = 2_000;
/** Pages that nobody asked for again for so long are forgotten. */
const FORGET_MS = 120_000;

export function createScraper({ clock, targetsOf, read, concurrency = 16 }: ScraperOptions): SeriesStore {
  const gate = createGate(concurrency);
  const looks = new Map<string, Look>();

  /** Once for all who look at the same time: both versions, and all checks, see the same instant. */
  function pageOf(url: string, atMs: number): Promise<Page> {
    const known = looks.get(url);
    if (known !== undefined && known.atMs >= atMs) return known.page;
    const page = gate(() => read(url)).then(
      (text): Page => ({ text, readMs: clock.now() }),
      (error: unknown): Page => ({ problem: sentenceOf(error) }),
    );
    looks.set(url, { atMs, page });
    return page;
  }

  function forget(): void {
    for (const [url, { atMs }] of looks) if (atMs < clock.now() - FORGET_MS) looks.delete(url);
  }

  async function whoShows(arms: Arms): Promise<Shown> {
    try {
      return { arms, targets: await targetsOf(arms) };
    } catch (error) {
      return { arms, targets: [], problem: sentenceOf(error) };
    }
  }

  return {
    keeper: 'Servers',
    async ask({ toMs, stepMs }, queries, arms): Promise<Answers> {
      forget();
      // Of earlier looks nothing is known.
      if (stepMs > 0) return { series: [], failures: new Map() };
      const shown = await Promise.all(distinct(arms).map(whoShows));
      const targets = new Map(shown.flatMap((one) => one.targets.map((target) => [target.url, target] as const)));
      const metrics = new Set(queries.flatMap(({ selection }) => selection.metrics));
      const found = await Promise.all([...targets].map(async ([url, target]) => [url, samplesOf(await pageOf(url, toMs), toMs, metrics, target)] as const));
      const pages = new Map(found);
      const samples = found.flatMap(([, page]) => ('samples' in page ? page.samples : []));
      return {
        series: queries.flatMap((query) => toSeries(query, samples, toMs)),
        failures: new Map(shown.flatMap((one) => failuresOf(one, pages))),
      };
    },
  };
}

type Read = { readonly samples: readonly Sample[] } | { readonly problem: string };

function samplesOf(page: Page, atMs: number, metrics: ReadonlySet<string>, { url, labels }: Target): Read {
  if ('problem' in page) return page;
  const lateMs = page.readMs - atMs;
  if (lateMs > LATE_MS)
    return { problem: `The metrics of ${new URL(url).host} were read ${(lateMs / 1000).toFixed(1)} s after the look, and more than ${LATE_MS / 1000} s is too late.` };
  try {
    return { samples: readExposition(page.text, metrics, labels) };
  } catch (error) {
    return { problem: `${new URL(url).host}: ${sentenceOf(error)}` };
  }
}

/** Who shows counters of these versions, or why that is not known. */
interface Shown {
  readonly arms: Arms;
  readonly targets: readonly Target[];
  readonly problem?: string;
}

/** An arm of which nobody could be read is unknown; of which some could, is known as far as they know it. */
function failuresOf({ arms, targets, problem }: Shown, pages: ReadonlyMap<string, Read>): readonly (readonly [name: string, problem: string])[] {
  return Object.entries(armNames(arms)).flatMap(([arm, name]) => {
    if (problem !== undefined) return [[name, problem] as const];
    const its = targets.filter((target) => target.arm === undefined || target.arm === arm).map(({ url }) => pages.get(url));
    const problems = its.flatMap((page) => (page && 'problem' in page ? [page.problem] : []));
    const [first] = problems;
    return first !== undefined && problems.length === its.length ? [[name, first] as const] : [];
  });
}

function toSeries({ selection }: SeriesQuery, samples: readonly Sample[], atMs: number): readonly Series[] {
  return select(selection, samples).map(({ labels, value }) => ({ labels, points: [{ atMs, value }] }));
}

function distinct(arms: readonly Arms[]): readonly Arms[] {
  return [...new Map(arms.map((one) => [JSON.stringify(one), one])).values()];
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
