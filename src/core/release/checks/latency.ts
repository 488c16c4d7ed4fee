import type { Totals } from '../../analysis/analyse.ts';
import { DEFAULT_ANALYSIS } from '../../analysis/config.ts';
import { slowerSeries, type Bins } from '../../analysis/distribution.ts';
import { growingFlatMap, type Memory } from '../../analysis/growing.ts';
import { catchableRatio } from '../../analysis/power.ts';
import type { Counts } from '../../analysis/row.ts';
import { durationMs } from '../../time.ts';
import type { CheckEvidence } from '../evidence.ts';
import { addBins, histogramRows, quantile, sumRows, total, type HistogramRows, type SumOfRows, type WindowedBins } from './bins.ts';
import type { CheckKind, CheckSpec, Finding, JudgeContext, Power, Settings } from './kind.ts';
import { marginSettings, readMargins, type Margins } from './settings.ts';
import { accusation, compareRates, holdAgainstBaseline, holdRate, judgeLimit, ratioPower, verdictOf, type WindowedRow, type WindowedRows } from './twoArms.ts';

interface LatencyOptions {
  readonly wish: LatencyWish;
}

/** What is slow: longer than a threshold, longer than stable's own quantile by a factor, than a fixed time for a quantile, or not said. */
type LatencyWish =
  | ({ readonly kind: 'Threshold'; readonly thresholdMs: number } & Margins)
  | { readonly kind: 'Factor'; readonly quantile: number; readonly factor: number }
  | { readonly kind: 'Fixed'; readonly quantile: number; readonly thresholdMs: number }
  | { readonly kind: 'Any' };

/** Latency is noisier than errors: a change of shares below this is not hunted. */
const TOLERANCE = 0.25;
const QUANTILES = { p50AtMost: 0.5, p95AtMost: 0.95, p99AtMost: 0.99 } as const;

/** How long requests take, compared with stable. */
export const LATENCY: CheckKind<NonNullable<CheckSpec['latency']>, LatencyOptions> = {
  reason: 'LatencyWorse',
  settings: ({ slowerThan, p50AtMost, p95AtMost, p99AtMost, ...margins }) => {
    if (slowerThan !== undefined) return { slowerThan, ...marginSettings(margins, '1%') };
    return Object.fromEntries(Object.entries({ p50AtMost, p95AtMost, p99AtMost }).flatMap(([name, wish]) => (wish === undefined ? [] : [[name, wish]])));
  },
  read: (settings) => ({ wish: readWish(settings) }),
  basis: () => 'Requests',
  measure: ({ wish }, { arms }) =>
    wish.kind === 'Threshold' || wish.kind === 'Fixed'
      ? { type: 'slowerThan', arms, thresholdMs: wish.thresholdMs }
      : { type: 'latencies', arms },
  accuses: () => true,
  certifies: ({ wish }) => wish.kind !== 'Any',
  judge: ({ wish }, evidence, context) => {
    switch (wish.kind) {
      case 'Threshold':
        return compareRates(evidence.rows(), wish, TOLERANCE, context);
      case 'Fixed':
        return judgeLimit(ownOf(evidence), 1 - wish.quantile, evidence.rows(), context, sayFixed(wish));
      case 'Factor':
        return compareQuantile(wish, histogramOf(evidence), context);
      case 'Any':
        return compareAll(histogramOf(evidence), context);
    }
  },
  watch: ({ wish }, evidence, last) => {
    switch (wish.kind) {
      case 'Threshold':
        return holdAgainstBaseline(evidence.rows(), wish, last);
      case 'Fixed':
        return holdRate(ownOf(evidence, last), 1 - wish.quantile, evidence.memory, sayFixed(wish));
      case 'Factor':
      case 'Any':
        return watchQuantile(wish.kind === 'Factor' ? wish : { quantile: 0.95, factor: 1 + TOLERANCE }, histogramOf(evidence), last);
    }
  },
};

function readWish(settings: Settings): LatencyWish {
  const { slowerThan } = settings;
  if (slowerThan !== undefined) return { kind: 'Threshold', thresholdMs: durationMs(slowerThan, ''), ...readMargins(settings) };
  for (const [name, part] of Object.entries(QUANTILES)) {
    const text = settings[name];
    if (text?.endsWith('x') === true) return { kind: 'Factor', quantile: part, factor: Number(text.slice(0, -1)) };
    if (text !== undefined) return { kind: 'Fixed', quantile: part, thresholdMs: durationMs(text, '') };
  }
  return { kind: 'Any' };
}

type Histogram = HistogramRows & { readonly memory: Memory };

function histogramOf({ vectors, memory }: CheckEvidence): Histogram {
  return { ...histogramRows(vectors(), memory), memory };
}

function ownOf(evidence: CheckEvidence, window?: number): (Counts | null)[] {
  const { rows } = evidence.rows();
  return rows.filter((timed) => window === undefined || timed.window === window).map(({ row }) => row && row.candidate);
}

type Factor = Pick<Extract<LatencyWish, { kind: 'Factor' }>, 'quantile' | 'factor'>;

/** The boundary that stands for "so many times stable's quantile": of its intervals before the release, so that it stays what it is. */
function boundaryFor({ quantile: part, factor }: Factor, { history, edges }: HistogramRows): { readonly ms: number; readonly stableMs: number } | undefined {
  const stableMs = quantile(part, addBins(history), edges);
  if (stableMs === undefined) return undefined;
  const ms = edges.find((edge) => edge >= factor * stableMs);
  return ms === undefined ? undefined : { ms, stableMs };
}

/** Floor 1 - q and no margin: a pass says that the candidate's quantile is within the boundary, or no worse than stable beyond it. */
function compareQuantile(wish: Factor, histogram: Histogram, context: JudgeContext): Finding {
  const boundary = boundaryFor(wish, histogram);
  if (boundary === undefined) return noBoundary(wish, histogram);
  return compareRates(slowerThan(boundary.ms, histogram), { margin: 0, floor: 1 - wish.quantile }, TOLERANCE, context, sayFactor(wish, boundary));
}

function watchQuantile(wish: Factor, histogram: Histogram, last: number): Finding {
  const boundary = boundaryFor(wish, histogram);
  const rows = histogram.rows.filter(({ window }) => window === last);
  if (boundary === undefined) return { ...noBoundary(wish, { ...histogram, rows }), verdict: 'Inconclusive/Collecting' };
  return holdAgainstBaseline(slowerThan(boundary.ms, histogram), { margin: TOLERANCE, floor: 1 - wish.quantile }, last);
}

function noBoundary({ quantile: part, factor }: Factor, { history, edges, rows }: HistogramRows): Finding {
  const series = rows.map(() => 0);
  const why =
    history.length === 0
      ? `the stable version had no requests before the release, so its ${sayQuantile(part)} is not known`
      : `${factor}x of the stable version's ${sayQuantile(part)} is above ${edges.at(-1) ?? 0} ms, the last boundary of the histogram`;
  return {
    verdict: rows.length === 0 ? 'Inconclusive/Collecting' : 'Inconclusive/NoData',
    explain: () => `no data: ${why}`,
    figures: {},
    voice: { verdict: 'nodata', series, tolerated: false },
    certifier: { history: [], config: DEFAULT_ANALYSIS },
  };
}

/** At every boundary at once. */
function compareAll({ edges, rows: timed, history, memory }: Histogram, context: JudgeContext): Finding {
  const rows = timed.map(({ row }) => row);
  const series = slowerSeries(rows, history, TOLERANCE, DEFAULT_ANALYSIS.phiMax, memory);
  const counted = sumRows(rows, memory);
  const word = accusation(series, counted, DEFAULT_ANALYSIS.alpha, memory);
  const worst = (): { readonly edge: number; readonly finding: Finding } | undefined =>
    edges
      .map((edge) => ({ edge, finding: compareRates(slowerThan(edge, { edges, rows: timed, history, memory: {} }), AT_EDGE, TOLERANCE, context) }))
      .reduce<{ edge: number; finding: Finding } | undefined>(
        (most, one) => (most === undefined || (one.finding.figures.logE ?? 0) > (most.finding.figures.logE ?? 0) ? one : most),
        undefined,
      );
  return {
    verdict: verdictOf(word, series.length),
    explain: () => {
      const most = worst();
      if (word === 'nodata' || most === undefined) return 'no requests reached the candidate in any usable interval';
      const said = `slower than ${most.edge} ms: ${most.finding.explain()}`;
      return word === 'abort' || word === 'suspect' ? said : `at no boundary of the histogram is it clearly slower; most at ${said}`;
    },
    figures: { logE: series.at(-1) ?? 0, looks: series.length, totals: totalsOf(counted) },
    voice: { verdict: word, series, tolerated: false },
    power: () => tailPower({ edges, rows: timed, history, memory: {} }, context),
  };
}

/** A slow tail is what goes beyond the last boundary that so many of stable's requests pass. */
const TAIL = 0.01;

/**
 * What would have been caught of a longer tail, by the comparison at the boundary where stable's begins. The mean over all boundaries reaches
 * its level when one of them alone reaches so many times that, so the others can only help.
 */
function tailPower(histogram: Histogram, { alpha }: JudgeContext): Power {
  const { edges, rows, history } = histogram;
  const stable = addBins([...history, ...rows.flatMap(({ row }) => (row ? [row.stable] : []))]);
  const whole = total(stable);
  const edge = edges.findLast((_, place) => whole > 0 && total(stable.slice(place + 1)) >= TAIL * whole);
  if (edge === undefined) return ratioPower(undefined);
  const slow = slowerThan(edge, histogram);
  const config = { ...DEFAULT_ANALYSIS, tolerance: TOLERANCE, margin: 0, floor: 0, alpha: alpha / edges.length };
  return ratioPower(catchableRatio(slow.rows.map(({ row }) => row), slow.history, config), ` beyond ${edge} ms`);
}

/** What is compared at one boundary, for the sentence. */
const AT_EDGE: Margins = { margin: TOLERANCE, floor: 0 };

function totalsOf({ stable, candidate }: SumOfRows): Totals {
  return { stableRequests: total(stable), stableBad: 0, candidateRequests: total(candidate), candidateBad: 0 };
}

/** Requests beyond a boundary as the bad ones. */
function slowerThan(boundaryMs: number, { edges, rows, history, memory }: Histogram): WindowedRows {
  const slow = (bins: Bins): Counts => slowCounts(bins, boundaryMs, edges);
  return {
    rows: growSlow(memory, [boundaryMs, ...edges], rows, ({ window, row }) => [
      { window, row: row && { stable: slow(row.stable), candidate: slow(row.candidate) } },
    ]),
    history: growSlowHistory(memory, [boundaryMs, ...edges], history, (bins) => [slow(bins)]),
    memory,
  };
}

const growSlow = growingFlatMap<WindowedBins, WindowedRow>();
const growSlowHistory = growingFlatMap<Bins, Counts>();

function slowCounts(bins: Bins, boundaryMs: number, edges: readonly number[]): Counts {
  const first = edges.indexOf(boundaryMs) + 1;
  return { requests: total(bins), bad: total(bins.slice(first)) };
}

function sayQuantile(part: number): string {
  return part === 0.5 ? 'median' : `p${Math.round(100 * part)}`;
}

function sayFactor({ quantile: part, factor }: Factor, { ms, stableMs }: { readonly ms: number; readonly stableMs: number }): string {
  return `slower than ${ms} ms, which is ${factor}x of stable's ${sayQuantile(part)} of ${Math.round(stableMs * 10) / 10} ms: `;
}

function sayFixed({ quantile: part, thresholdMs }: Extract<LatencyWish, { kind: 'Fixed' }>): string {
  return `${sayQuantile(part)} within ${thresholdMs} ms: `;
}
