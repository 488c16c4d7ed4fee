// The sentence that goes with a verdict: into status, Events and the terminal.

import type { Judgement } from './analyse.ts';
import type { Bounds } from './bounds.ts';
import type { AnalysisConfig } from './config.ts';

/** Bursts below this are not worth a reader's time. */
const WORTH_MENTIONING = 1.5;

/**
 * One sentence for people with the counts, the evidence or the bounds, and the limits that they are compared with. Counts are
 * whole numbers, everything else has three significant digits, lower bounds rounded down and upper bounds up.
 */
export function explain(judgement: Judgement, bounds: Bounds, config: AnalysisConfig): string {
  if (judgement.verdict === 'nodata') return 'no requests reached the candidate in any usable interval';
  const doubted = judgement.verdict === 'abort' || judgement.verdict === 'suspect';
  const findings = doubted ? against(judgement, bounds, config) : within(bounds, config);
  const bursts = `; bad events come in bursts of about ${roundDown(judgement.phi)}, evidence divided by it`;
  return `${counts(judgement)}: ${findings}${judgement.phi >= WORTH_MENTIONING ? bursts : ''}`;
}

/** e-value of which only the natural logarithm is known: `12.3`, `10^51` from 1e5 on, `<0.001` below that. */
export function formatEvidence(logE: number): string {
  const exponent = logE / Math.LN10;
  if (exponent >= 5) return `10^${Math.floor(exponent)}`;
  return exponent < -3 ? '<0.001' : roundDown(Math.exp(logE));
}

/** Three significant digits, rounded down, without exponent or trailing zeros. For numbers >= 0. */
export function roundDown(value: number): string {
  return threeDigits(value, (scaled) => Math.floor(scaled + SLACK));
}

/** Three significant digits, rounded up, without exponent or trailing zeros. For numbers >= 0. */
export function roundUp(value: number): string {
  return threeDigits(value, (scaled) => Math.ceil(scaled - SLACK));
}

/** So that a number that has three digits already (1.2 = 1.2000000000000002) is left alone. */
const SLACK = 1e-9;
/** Number.prototype.toFixed takes no more decimals. */
const MOST_DECIMALS = 100;

function threeDigits(value: number, round: (scaled: number) => number): string {
  if (value === 0) return '0';
  const decimals = Math.min(MOST_DECIMALS, Math.max(0, 2 - Math.floor(Math.log10(value))));
  const text = (round(value * 10 ** decimals) / 10 ** decimals).toFixed(decimals);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function counts({ totals }: Judgement): string {
  const { candidateBad, candidateRequests, stableBad, stableRequests } = totals;
  const [ec, nc, es, ns] = [candidateBad, candidateRequests, stableBad, stableRequests].map(Math.trunc);
  return `candidate ${ec}/${nc} vs stable ${es}/${ns}`;
}

function against({ verdict, logE }: Judgement, { ratioLower }: Bounds, { alpha }: AnalysisConfig): string {
  const enough = logE >= Math.log(1 / alpha);
  const comparison = `e=${formatEvidence(logE)} ${enough ? '>=' : '<'} ${roundDown(1 / alpha)}`;
  const waiting = verdict === 'suspect' && enough ? '; waiting for a second interval' : '';
  return `${comparison}, ratio >= ${roundDown(ratioLower)} with ${percent(1 - alpha)} confidence${waiting}`;
}

function within({ ratioUpper, rateUpper }: Bounds, { margin, floor, alphaPromote }: AnalysisConfig): string {
  const ratio = `ratio <= ${ratioUpper === null ? '?' : roundUp(ratioUpper)} (limit ${roundDown(1 + margin)})`;
  const rate = `rate <= ${roundUp(100 * rateUpper)}% (limit ${roundDown(100 * floor)}%)`;
  return `${ratio}, ${rate} with ${percent(1 - alphaPromote)} confidence`;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(10))}%`;
}
